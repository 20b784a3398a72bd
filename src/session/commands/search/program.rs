//! The keys of a command, compiled.

use std::rc::Rc;

use super::text_search::TextSearch;
use crate::message::{Charset, SubstringFinder};
use crate::protocol::SearchKey;
use crate::store::View;
use crate::types::NumberSet;

/// A key, in a form that can be tested on one message after the other.
pub(super) enum KeyTest {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    /// The string with that index in the [`TextSearch`] occurs.
    Text(usize),
    /// A field of that name contains the string.
    Header(Vec<u8>, Box<SubstringFinder>),
    /// The message sequence number is in the set, which is resolved once because it may be long.
    Numbers(Rc<NumberSet>),
    /// The UID is in the set.
    Uids(Rc<NumberSet>),
    Key(SearchKey),
}

/// The keys of a command, and the strings among them.
pub(super) struct SearchProgram {
    pub(super) test: KeyTest,
    pub(super) texts: TextSearch,
    /// How many keys are tested on each message.
    pub(super) keys: u32,
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
            texts: TextSearch::new(),
            keys: 0,
            asks_for_modseq: false,
            names_numbers: false,
        };
        let test = compiler.test(SearchKey::And(keys))?;
        Ok(Self {
            test,
            texts: compiler.texts,
            keys: compiler.keys,
            asks_for_modseq: compiler.asks_for_modseq,
            names_numbers: compiler.names_numbers,
        })
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
    texts: TextSearch,
    keys: u32,
    asks_for_modseq: bool,
    names_numbers: bool,
}

impl Compiler {
    fn test(&mut self, key: SearchKey) -> Result<KeyTest, &'static str> {
        self.keys += 1;
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
                KeyTest::Numbers(Rc::new(set.resolve(self.exists)))
            }
            SearchKey::Uids(set) => KeyTest::Uids(Rc::new(set.resolve(self.last_uid))),
            SearchKey::Header { field, text } => {
                KeyTest::Header(field, Box::new(self.finder(&text)?))
            }
            key => KeyTest::Key(key),
        })
    }

    fn tests(&mut self, keys: Vec<SearchKey>) -> Result<Vec<KeyTest>, &'static str> {
        keys.into_iter().map(|key| self.test(key)).collect()
    }

    fn text(&mut self, string: &[u8], body_only: bool) -> Result<KeyTest, &'static str> {
        let finder = self.finder(string)?;
        Ok(KeyTest::Text(self.texts.add(finder, body_only)))
    }

    fn finder(&self, string: &[u8]) -> Result<SubstringFinder, &'static str> {
        SubstringFinder::new(&self.charset.decode(string)).ok_or(TOO_LONG)
    }
}
