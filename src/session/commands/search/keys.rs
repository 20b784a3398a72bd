//! The keys of one SEARCH, evaluated on what is known of a message so far.

use crate::message::{
    Charset, Layout, PassageDecoder, PassageKind, SubstringFinder, date_field, encoded_word,
    fold_case, header,
};
use std::fs::File;
use std::rc::Rc;

use crate::protocol::{DateComparison, DateField, SearchKey};
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
    /// DateComparison the search began, in seconds since 1970.
    pub(super) now: i64,
    pub(super) status: Option<MessageStat>,
    pub(super) header: Option<Vec<u8>>,
    /// Where the text starts, once the header is known.
    pub(super) header_end: u64,
    pub(super) size: Option<u64>,
    pub(super) text_read: bool,
    /// Its file, once it was opened.
    pub(super) file: Option<Rc<File>>,
}

impl Facts {
    /// Nothing is known of the message; the search began at that time.
    pub(super) fn at(now: i64) -> Self {
        Self {
            now,
            ..Self::default()
        }
    }

    /// Keeps what a pass over the header has found out.
    pub(super) fn take_header(&mut self, layout: Layout) {
        self.header_end = layout.header.end;
        self.header = Some(layout.header_bytes);
    }

    /// RFC822.SIZE. What the file name says of it is good enough to compare with.
    pub(super) fn size(&self) -> Result<u64, Missing> {
        if let Some(size) = self.size {
            return Ok(size);
        }
        let status = self.status.as_ref().ok_or(Missing::Status)?;
        status.size_hint.ok_or(Missing::Size)
    }

    /// The header.
    pub(super) fn header(&self) -> Result<&[u8], Missing> {
        self.header.as_deref().ok_or(Missing::Header)
    }

    /// The internal date, in seconds since 1970.
    pub(super) fn arrival(&self) -> Result<i64, Missing> {
        let status = self.status.as_ref().ok_or(Missing::Status)?;
        Ok(status.date.unix)
    }
}

/// A string that is looked for in the text of each message.
struct Wanted {
    finder: SubstringFinder,
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
    /// A field of that name contains the string.
    Header(Vec<u8>, Box<SubstringFinder>),
    /// Sets may be long, so they are resolved once.
    Numbers(NumberSet),
    Uids(NumberSet),
    Key(SearchKey),
}

/// The keys, and the strings among them.
pub(super) struct Program {
    test: Test,
    wanted: Vec<Wanted>,
    /// What they are looked for in.
    reading: PassageDecoder,
    /// BODY looks there too.
    in_body: bool,
    /// How many keys there are.
    keys: u32,
    /// MODSEQ is among them.
    asks_for_modseq: bool,
    /// Message numbers are among them.
    names_numbers: bool,
}

/// The only thing that can be wrong with keys that were parsed.
pub(super) const TOO_LONG: &str = "That string is too long to search for";

impl Program {
    /// For a view as it is now.
    pub(super) fn new(
        keys: Vec<SearchKey>,
        charset: Charset,
        view: &View,
        saved: NumberSet,
    ) -> Result<Self, &'static str> {
        let mut compiler = Compiler {
            charset,
            saved,
            last: (view.exists(), view.last_uid()),
            wanted: Vec::new(),
            keys: 0,
            asks_for_modseq: false,
            names_numbers: false,
        };
        let test = compiler.test(SearchKey::And(keys))?;
        Ok(Self {
            test,
            wanted: compiler.wanted,
            reading: PassageDecoder::new(),
            in_body: false,
            keys: compiler.keys,
            asks_for_modseq: compiler.asks_for_modseq,
            names_numbers: compiler.names_numbers,
        })
    }

    /// True if messages are named by their numbers.
    pub(super) fn names_numbers(&self) -> bool {
        self.names_numbers
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

    /// Begins the text of a message with its header. Like the others that look, false when there is
    /// nothing left to look for.
    pub(super) fn begin_text(&mut self, header: &[u8]) -> bool {
        let mut in_header = false;
        for wanted in &mut self.wanted {
            wanted.finder.reset();
            in_header |= !wanted.body_only && !wanted.finder.is_found();
        }
        if in_header {
            look_at(
                &mut self.wanted,
                &fold_case(&encoded_word::decode_header(header)),
                false,
            )
        } else {
            look_at(&mut self.wanted, b"", false)
        }
    }

    /// True if something is looked for in such passages.
    pub(super) fn looks_at(&self, kind: PassageKind) -> bool {
        kind != PassageKind::MimeHeader || self.wanted.iter().any(|wanted| !wanted.body_only)
    }

    /// Begins a passage: no match goes on from the one before.
    pub(super) fn begin_passage(&mut self, kind: PassageKind) {
        self.in_body = kind != PassageKind::MimeHeader;
        self.reading.begin(kind);
        for wanted in &mut self.wanted {
            wanted.finder.begin_text();
        }
    }

    /// Looks at the next octets of a passage.
    pub(super) fn look_at(&mut self, octets: &[u8]) -> bool {
        look_at(&mut self.wanted, self.reading.feed(octets), self.in_body)
    }

    /// Ends a passage.
    pub(super) fn end_passage(&mut self) -> bool {
        look_at(&mut self.wanted, self.reading.end(), self.in_body)
    }
}

/// Looks at text, decoded and folded. False when there is nothing left to look for.
fn look_at(wanted: &mut [Wanted], text: &[u8], in_body: bool) -> bool {
    let mut open = false;
    for wanted in wanted {
        open |= !match in_body || !wanted.body_only {
            true => wanted.finder.feed(text),
            false => wanted.finder.is_found(),
        };
    }
    open
}

/// Makes tests of keys.
struct Compiler {
    /// Of the strings.
    charset: Charset,
    /// The unique identifiers that `$` stands for.
    saved: NumberSet,
    /// For the sets: how many messages there are, and the greatest UID.
    last: (u32, u32),
    wanted: Vec<Wanted>,
    keys: u32,
    asks_for_modseq: bool,
    names_numbers: bool,
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
            SearchKey::Numbers(set) | SearchKey::Uids(set) if set.is_saved() => {
                Test::Uids(self.saved.clone())
            }
            SearchKey::Numbers(set) => {
                self.names_numbers = true;
                Test::Numbers(set.resolve(self.last.0))
            }
            SearchKey::Uids(set) => Test::Uids(set.resolve(self.last.1)),
            SearchKey::Header { field, text } => Test::Header(field, Box::new(self.finder(&text)?)),
            key => Test::Key(key),
        })
    }

    fn tests(&mut self, keys: Vec<SearchKey>) -> Result<Vec<Test>, &'static str> {
        keys.into_iter().map(|key| self.test(key)).collect()
    }

    fn text(&mut self, string: &[u8], body_only: bool) -> Result<Test, &'static str> {
        let finder = self.finder(string)?;
        self.wanted.push(Wanted { finder, body_only });
        Ok(Test::Text(self.wanted.len() - 1))
    }

    fn finder(&self, string: &[u8]) -> Result<SubstringFinder, &'static str> {
        SubstringFinder::new(&self.charset.decode(string)).ok_or(TOO_LONG)
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
            Test::Header(field, finder) => self.header(field, finder),
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
                of: DateField::Internal,
                when,
                day,
            } => self.internal_date(*when, *day),
            SearchKey::Date {
                of: DateField::Sent,
                when,
                day,
            } => self.sent_date(*when, *day),
            SearchKey::Older(seconds) => Ok(self.age()? >= i64::from(*seconds)),
            SearchKey::Younger(seconds) => Ok(self.age()? <= i64::from(*seconds)),
            SearchKey::ModSeq(least) => {
                Ok(self.store.mod_sequence(self.view, self.message) >= *least)
            }
            SearchKey::Larger(size) => Ok(self.facts.size()? > u64::from(*size)),
            SearchKey::Smaller(size) => Ok(self.facts.size()? < u64::from(*size)),
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
    fn internal_date(&self, when: DateComparison, day: Day) -> Result<bool, Missing> {
        let status = self.facts.status.as_ref().ok_or(Missing::Status)?;
        Ok(lies(when, status.date.day(), day))
    }

    /// Seconds since the internal date (RFC 5032 §2).
    fn age(&self) -> Result<i64, Missing> {
        Ok(self.facts.now.saturating_sub(self.facts.arrival()?))
    }

    /// The day in the Date field, as it is written there, whatever the zone. None there: no match.
    fn sent_date(&self, when: DateComparison, day: Day) -> Result<bool, Missing> {
        let block = self.facts.header()?;
        Ok(date_field::parse_day(block).is_some_and(|sent| lies(when, sent, day)))
    }

    /// A field of that name that contains the string, as its reader sees it and whatever its case; the
    /// empty string asks whether there is such a field (RFC 3501 §6.4.4). A name in an address may be sought
    /// as it is written, or as the envelope has it.
    fn header(&self, name: &[u8], finder: &SubstringFinder) -> Result<bool, Missing> {
        let block = self.facts.header()?;
        let has_addresses = is_one_of(name, ADDRESS_FIELDS);
        let contains = |text: &[u8]| finder.is_in(&fold_case(text));
        let is_unquoted_in = |value| {
            let text = encoded_word::decode_unquoted(value);
            has_addresses && text.is_some_and(|text| contains(&text))
        };
        let mut named = header::fields(block).filter(|field| field.name.eq_ignore_ascii_case(name));
        Ok(named.any(|field| {
            contains(&encoded_word::decode_value(field.value)) || is_unquoted_in(field.value)
        }))
    }
}

/// Those of the envelope that are lists of addresses (RFC 3501 §7.4.2).
const ADDRESS_FIELDS: &[&str] = &["From", "Sender", "Reply-To", "To", "Cc", "Bcc"];

fn is_one_of(name: &[u8], fields: &[&str]) -> bool {
    let mut fields = fields.iter();
    fields.any(|field| field.as_bytes().eq_ignore_ascii_case(name))
}

fn lies(when: DateComparison, date: Day, day: Day) -> bool {
    match when {
        DateComparison::Before => date < day,
        DateComparison::On => date == day,
        DateComparison::Since => date >= day,
    }
}
