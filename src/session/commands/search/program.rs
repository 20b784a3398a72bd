//! The keys of a command, compiled.
//!
//! The strings of all keys are joined into one [`TextSearch`] and one [`HeaderSearch`], which look
//! at each text and field once for all of them. Equal keys that stand side by side are one.

use std::rc::Rc;

use super::header_search::{HeaderSearch, HeaderString};
use super::text_search::{TextSearch, TextString};
use crate::message::Charset;
use crate::protocol::SearchKey;
use crate::store::View;
use crate::types::{NumberSet, SequenceSet, memory};

/// A key, in a form that can be tested on one message after the other.
#[derive(PartialEq, Eq)]
pub(super) enum KeyTest {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    /// The string occurs in the text.
    Text(TextString),
    /// A header field contains the string.
    Header(HeaderString),
    /// The message sequence number is in the set, which is resolved once because it may be long.
    Numbers(Rc<NumberSet>),
    /// The UID is in the set.
    Uids(Rc<NumberSet>),
    Key(SearchKey),
}

impl KeyTest {
    /// Returns how many keys there are in it. Recursion is as deep as keys may be nested.
    fn count(&self) -> usize {
        match self {
            Self::All(tests) | Self::Any(tests) => 1 + tests.iter().map(Self::count).sum::<usize>(),
            Self::Not(test) => 1 + test.count(),
            _ => 1,
        }
    }

    /// Returns the octets of memory that it takes outside itself, without sets of numbers.
    fn memory(&self) -> usize {
        match self {
            Self::All(tests) | Self::Any(tests) => {
                memory::of_list(tests) + tests.iter().map(Self::memory).sum::<usize>()
            }
            Self::Not(test) => size_of::<Self>() + test.memory(),
            _ => 0,
        }
    }
}

/// The keys of a command, and the strings among them.
pub(super) struct SearchProgram {
    pub(super) test: KeyTest,
    pub(super) texts: TextSearch,
    pub(super) headers: HeaderSearch,
    /// How many keys are tested on each message.
    pub(super) keys: usize,
    /// Octets of memory that the keys take, without the strings.
    tests: usize,
    /// Whether MODSEQ is among the keys, so that the answer has a mod-sequence (RFC 7162 §3.1.5).
    pub(super) asks_for_modseq: bool,
    /// Whether message sequence numbers are among the keys.
    pub(super) names_numbers: bool,
}

/// The only error in keys that were parsed.
const TOO_LONG: &str = "That string is too long to search for";

impl SearchProgram {
    /// Compiles the keys, for a view as it is now. `saved` are the UIDs that `$` stands for.
    pub(super) fn new(
        keys: Vec<SearchKey>,
        charset: Charset,
        view: &View,
        saved: Rc<NumberSet>,
    ) -> Result<Self, &'static str> {
        let mut compiler = Compiler {
            charset,
            saved,
            exists: view.exists(),
            last_uid: view.last_uid(),
            sets: 0,
            texts: TextSearch::default(),
            headers: HeaderSearch::default(),
            asks_for_modseq: false,
            names_numbers: false,
        };
        let test = compiler.test(SearchKey::And(keys))?;
        Ok(Self {
            keys: test.count(),
            tests: test.memory() + compiler.sets + compiler.saved.memory(),
            test,
            texts: compiler.texts,
            headers: compiler.headers,
            asks_for_modseq: compiler.asks_for_modseq,
            names_numbers: compiler.names_numbers,
        })
    }
}

impl SearchProgram {
    /// Returns the octets of memory that the keys and the strings take.
    pub(super) fn memory(&self) -> usize {
        self.tests + self.texts.memory() + self.headers.memory()
    }

    /// Prepares the search for strings a little further. Returns the work that it took, in octets,
    /// or `None` if everything is prepared.
    pub(super) fn build(&mut self) -> Option<usize> {
        self.texts.build().or_else(|| self.headers.build())
    }
}

/// The compilation in progress.
struct Compiler {
    /// The charset of the strings.
    charset: Charset,
    /// The UIDs that `$` stands for.
    saved: Rc<NumberSet>,
    /// The message sequence number that `*` stands for.
    exists: u32,
    /// The UID that `*` stands for.
    last_uid: u32,
    /// Octets that the sets of numbers take which the keys name.
    sets: usize,
    texts: TextSearch,
    headers: HeaderSearch,
    asks_for_modseq: bool,
    names_numbers: bool,
}

impl Compiler {
    fn test(&mut self, key: SearchKey) -> Result<KeyTest, &'static str> {
        self.asks_for_modseq |= matches!(key, SearchKey::ModSeq(_));
        Ok(match key {
            SearchKey::And(keys) => KeyTest::All(self.tests(keys)?),
            SearchKey::Or(keys) => KeyTest::Any(self.tests(keys)?),
            SearchKey::Not(key) => KeyTest::Not(Box::new(self.test(*key)?)),
            SearchKey::Body(string) => self.text(&string, true)?,
            SearchKey::Text(string) => self.text(&string, false)?,
            SearchKey::Numbers(set) | SearchKey::Uids(set) if set.is_saved() => {
                KeyTest::Uids(Rc::clone(&self.saved))
            }
            SearchKey::Numbers(set) => {
                self.names_numbers = true;
                KeyTest::Numbers(self.resolve(&set, self.exists))
            }
            SearchKey::Uids(set) => KeyTest::Uids(self.resolve(&set, self.last_uid)),
            SearchKey::Header { field, text } => {
                let text = self.charset.decode(&text);
                KeyTest::Header(self.headers.add(&field, &text).ok_or(TOO_LONG)?)
            }
            key => KeyTest::Key(key),
        })
    }

    fn resolve(&mut self, set: &SequenceSet, last: u32) -> Rc<NumberSet> {
        let set = set.resolve(last);
        self.sets += set.memory();
        Rc::new(set)
    }

    fn tests(&mut self, keys: Vec<SearchKey>) -> Result<Vec<KeyTest>, &'static str> {
        let mut tests: Vec<KeyTest> = Vec::with_capacity(keys.len());
        for key in keys {
            tests.push(self.test(key)?);
        }
        tests.dedup();
        Ok(tests)
    }

    fn text(&mut self, string: &[u8], body_only: bool) -> Result<KeyTest, &'static str> {
        let string = self.charset.decode(string);
        let string = self.texts.add(&string, body_only).ok_or(TOO_LONG)?;
        Ok(KeyTest::Text(string))
    }
}
