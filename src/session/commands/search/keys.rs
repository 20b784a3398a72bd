//! The keys of one SEARCH, evaluated on what is known of a message so far.

use crate::message::{Finder, Layout, header, sent};
use crate::protocol::{DateOf, SearchKey, When};
use crate::store::{MessageRef, MessageStat, Store, View};
use crate::types::{Day, Keyword, NumberSet};

/// What has to be fetched before the keys can be decided, cheapest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Missing {
    /// Size on disk and internal date.
    Status,
    /// The header.
    Header,
    /// The size as RFC822.SIZE counts it.
    Size,
    /// Which of the strings occur in the text.
    Text,
}

/// What is known of one message beyond its flags.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) status: Option<MessageStat>,
    pub(super) header: Option<Vec<u8>>,
    pub(super) header_end: Option<u64>,
    pub(super) size: Option<u64>,
    pub(super) text_read: bool,
}

impl Facts {
    /// Keeps what a pass over the header has found out.
    pub(super) fn take_header(&mut self, layout: Layout) {
        self.header_end = Some(layout.header.end);
        self.header = Some(layout.header_bytes);
    }
}

/// A string that is looked for in the text of each message.
struct Wanted {
    finder: Finder,
    /// BODY leaves the header out, TEXT does not.
    body_only: bool,
}

/// The keys of the client, made ready to be held against one message after the other.
enum Test {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    /// The string with that index among those wanted.
    Text(usize),
    /// Sets may be long, so they are resolved once.
    Numbers(NumberSet),
    Uids(NumberSet),
    Key(SearchKey),
}

/// The keys, and the strings among them.
pub(super) struct Program {
    test: Test,
    wanted: Vec<Wanted>,
    /// How many keys there are.
    keys: u32,
    /// MODSEQ is among them.
    asks_for_modseq: bool,
}

/// The only thing that can be wrong with keys that were parsed.
pub(super) const TOO_LONG: &str = "That string is too long to search for";

impl Program {
    /// For a view as it is now.
    pub(super) fn new(keys: Vec<SearchKey>, view: &View) -> Result<Self, &'static str> {
        let mut compiler = Compiler {
            last: (view.exists(), view.last_uid()),
            wanted: Vec::new(),
            keys: 0,
            asks_for_modseq: false,
        };
        let test = compiler.test(SearchKey::And(keys))?;
        Ok(Self {
            test,
            wanted: compiler.wanted,
            keys: compiler.keys,
            asks_for_modseq: compiler.asks_for_modseq,
        })
    }

    /// True if the answer has to tell a mod-sequence (RFC 7162 §3.1.5).
    pub(super) fn asks_for_modseq(&self) -> bool {
        self.asks_for_modseq
    }

    /// How many keys are held against each message.
    pub(super) fn keys(&self) -> u32 {
        self.keys
    }

    /// Whether the message matches all keys, or what is missing to say so.
    pub(super) fn matches(
        &self,
        facts: &Facts,
        message: &MessageRef,
        store: &Store,
        view: &View,
    ) -> Result<bool, Missing> {
        Judge {
            program: self,
            facts,
            message,
            store,
            view,
        }
        .one(&self.test)
    }

    /// Before the text of a message is looked at.
    pub(super) fn begin_text(&mut self) {
        self.wanted
            .iter_mut()
            .for_each(|wanted| wanted.finder.reset());
    }

    /// Looks at a piece of the file that starts at that offset. False when there is nothing left to look
    /// for.
    pub(super) fn look_at(&mut self, piece: &[u8], position: u64, header_end: u64) -> bool {
        let skip = usize::try_from(header_end.saturating_sub(position)).unwrap_or(usize::MAX);
        let body = piece.get(skip..).unwrap_or(&[]);
        let mut open = false;
        for wanted in &mut self.wanted {
            open |= !wanted
                .finder
                .feed(if wanted.body_only { body } else { piece });
        }
        open
    }
}

/// Makes tests of keys.
struct Compiler {
    /// For the sets: how many messages there are, and the greatest UID.
    last: (u32, u32),
    wanted: Vec<Wanted>,
    keys: u32,
    asks_for_modseq: bool,
}

impl Compiler {
    fn test(&mut self, key: SearchKey) -> Result<Test, &'static str> {
        self.keys += 1;
        self.asks_for_modseq |= matches!(key, SearchKey::ModSeq(_));
        Ok(match key {
            SearchKey::And(keys) => Test::All(self.tests(keys)?),
            SearchKey::Or(keys) => Test::Any(self.tests(keys)?),
            SearchKey::Not(key) => Test::Not(Box::new(self.test(*key)?)),
            SearchKey::Body(string) => self.text(&string, true)?,
            SearchKey::Text(string) => self.text(&string, false)?,
            SearchKey::Numbers(set) => Test::Numbers(set.resolve(self.last.0)),
            SearchKey::Uids(set) => Test::Uids(set.resolve(self.last.1)),
            SearchKey::Header { ref text, .. } if Finder::new(text).is_none() => {
                return Err(TOO_LONG);
            }
            key => Test::Key(key),
        })
    }

    fn tests(&mut self, keys: Vec<SearchKey>) -> Result<Vec<Test>, &'static str> {
        keys.into_iter().map(|key| self.test(key)).collect()
    }

    fn text(&mut self, string: &[u8], body_only: bool) -> Result<Test, &'static str> {
        let finder = Finder::new(string).ok_or(TOO_LONG)?;
        self.wanted.push(Wanted { finder, body_only });
        Ok(Test::Text(self.wanted.len() - 1))
    }
}

/// The evaluation of the keys for one message.
struct Judge<'a> {
    program: &'a Program,
    facts: &'a Facts,
    message: &'a MessageRef,
    store: &'a Store,
    view: &'a View,
}

impl Judge<'_> {
    fn one(&self, test: &Test) -> Result<bool, Missing> {
        match test {
            Test::All(tests) => self.many(tests, false),
            Test::Any(tests) => self.many(tests, true),
            Test::Not(test) => self.one(test).map(|verdict| !verdict),
            Test::Text(index) if self.facts.text_read => {
                Ok(self.program.wanted[*index].finder.is_found())
            }
            Test::Text(_) => Err(Missing::Text),
            Test::Numbers(set) => Ok(set.contains(self.message.number)),
            Test::Uids(set) => Ok(set.contains(self.message.uid.get())),
            Test::Key(key) => self.key(key),
        }
    }

    /// One test that comes out as `decisive` decides, whatever is missing for the others; else the
    /// cheapest missing thing is asked for.
    fn many(&self, tests: &[Test], decisive: bool) -> Result<bool, Missing> {
        let mut missing: Option<Missing> = None;
        for test in tests {
            match self.one(test) {
                Ok(verdict) if verdict == decisive => return Ok(decisive),
                Ok(_) => {}
                Err(what) => missing = Some(missing.map_or(what, |other| other.min(what))),
            }
        }
        missing.map_or(Ok(!decisive), Err)
    }

    fn key(&self, key: &SearchKey) -> Result<bool, Missing> {
        match key {
            SearchKey::Flag { flag, set } => {
                let (flags, _) = self.store.flags(self.view, self.message);
                Ok(flags.contains(*flag) == *set)
            }
            SearchKey::Keyword { keyword, set } => Ok(self.has_keyword(keyword) == *set),
            SearchKey::Date {
                of: DateOf::Internal,
                when,
                day,
            } => self.internal_date(*when, *day),
            SearchKey::Date {
                of: DateOf::Sent,
                when,
                day,
            } => self.sent_date(*when, *day),
            SearchKey::Header { field, text } => self.header(field, text),
            SearchKey::Larger(size) => Ok(self.size()? > u64::from(*size)),
            SearchKey::ModSeq(least) => Ok(self.store.modseq(self.view, self.message) >= *least),
            SearchKey::Smaller(size) => Ok(self.size()? < u64::from(*size)),
            // ALL; the others are tests of their own.
            _ => Ok(true),
        }
    }

    fn has_keyword(&self, name: &Keyword) -> bool {
        let names = self.store.mailbox(self.view.handle()).keywords();
        let (_, keywords) = self.store.flags(self.view, self.message);
        names
            .index_of(name)
            .is_some_and(|index| keywords.has(index))
    }

    /// The internal date, time and zone left out (RFC 3501 §6.4.4).
    fn internal_date(&self, when: When, day: Day) -> Result<bool, Missing> {
        let status = self.facts.status.as_ref().ok_or(Missing::Status)?;
        Ok(lies(when, status.date.day(), day))
    }

    /// The day in the Date field, as it is written there, whatever the zone. None there: no match.
    fn sent_date(&self, when: When, day: Day) -> Result<bool, Missing> {
        let block = self.facts.header.as_ref().ok_or(Missing::Header)?;
        Ok(sent::day(block).is_some_and(|sent| lies(when, sent, day)))
    }

    /// A field of that name that contains the string, whatever its case; the empty string asks whether
    /// there is such a field (RFC 3501 §6.4.4).
    fn header(&self, name: &[u8], string: &[u8]) -> Result<bool, Missing> {
        let block = self.facts.header.as_ref().ok_or(Missing::Header)?;
        let Some(mut finder) = Finder::new(string) else {
            return Ok(false);
        };
        let mut named = header::fields(block).filter(|field| field.name.eq_ignore_ascii_case(name));
        Ok(named.any(|field| finder.is_in(&header::unfolded(field.value))))
    }

    /// RFC822.SIZE. What the file name says of it is good enough to compare with.
    fn size(&self) -> Result<u64, Missing> {
        if let Some(size) = self.facts.size {
            return Ok(size);
        }
        let status = self.facts.status.as_ref().ok_or(Missing::Status)?;
        status.size_hint.ok_or(Missing::Size)
    }
}

fn lies(when: When, date: Day, day: Day) -> bool {
    match when {
        When::Before => date < day,
        When::On => date == day,
        When::Since => date >= day,
    }
}
