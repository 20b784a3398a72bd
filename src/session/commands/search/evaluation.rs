//! The keys of a command, evaluated on what is known of a message so far.

use super::message_facts::{MessageFacts, Missing};
use super::program::{KeyTest, SearchProgram};
use crate::protocol::{DateComparison, DateField, SearchKey};
use crate::store::{MessageRef, Store, View};
use crate::types::{Day, Keyword};

/// The evaluation of the keys on one message.
pub(super) struct Evaluation<'a> {
    pub(super) program: &'a SearchProgram,
    pub(super) facts: &'a MessageFacts,
    pub(super) message: &'a MessageRef,
    pub(super) store: &'a Store,
    pub(super) view: &'a View,
}

impl Evaluation<'_> {
    /// Returns whether the message matches all keys, or what is missing to decide.
    pub(super) fn matches(&self) -> Result<bool, Missing> {
        self.one(&self.program.test)
    }

    fn one(&self, test: &KeyTest) -> Result<bool, Missing> {
        match test {
            KeyTest::All(tests) => self.many(tests, false),
            KeyTest::Any(tests) => self.many(tests, true),
            KeyTest::Not(test) => self.one(test).map(|matches| !matches),
            KeyTest::Text(string) if self.facts.is_text_read => {
                Ok(self.program.texts.is_found(*string))
            }
            KeyTest::Text(_) => Err(Missing::Text),
            KeyTest::Header(string) if self.facts.fields.is_some() => {
                Ok(self.program.headers.is_found(*string))
            }
            KeyTest::Header(_) => Err(Missing::Fields),
            KeyTest::Numbers(set) => Ok(set.contains(self.message.number)),
            KeyTest::Uids(set) => Ok(set.contains(self.message.uid.get())),
            KeyTest::Key(key) => self.key(key),
        }
    }

    /// Evaluates several tests. One that comes out as `decisive` decides, whatever is missing for
    /// the others; else the cheapest missing thing is asked for.
    fn many(&self, tests: &[KeyTest], decisive: bool) -> Result<bool, Missing> {
        let mut missing: Option<Missing> = None;
        for test in tests {
            match self.one(test) {
                Ok(matches) if matches == decisive => return Ok(decisive),
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
            // ALL; the other keys have tests of their own.
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

    /// Compares the internal date, without time and zone (RFC 3501 §6.4.4).
    fn internal_date(&self, when: DateComparison, day: Day) -> Result<bool, Missing> {
        let status = self.facts.status.as_ref().ok_or(Missing::Status)?;
        Ok(lies(when, status.date.day(), day))
    }

    /// Returns the seconds since the internal date (RFC 5032 §2).
    fn age(&self) -> Result<i64, Missing> {
        Ok(self.facts.now.saturating_sub(self.facts.arrival()?))
    }

    /// Compares the day in the Date field as it is written there, without time and zone. A message
    /// without a date does not match.
    fn sent_date(&self, when: DateComparison, day: Day) -> Result<bool, Missing> {
        Ok(self
            .facts
            .sent_day()?
            .is_some_and(|sent| lies(when, sent, day)))
    }
}

fn lies(when: DateComparison, date: Day, day: Day) -> bool {
    match when {
        DateComparison::Before => date < day,
        DateComparison::On => date == day,
        DateComparison::Since => date >= day,
    }
}
