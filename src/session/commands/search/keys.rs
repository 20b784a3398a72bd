//! The keys of one SEARCH, evaluated on what is known of a message so far.

use crate::message::{Finder, Layout, header, sent};
use crate::protocol::{DateOf, SearchKey, When};
use crate::store::{MessageRef, MessageStat, Store, View};
use crate::types::{Day, Keyword, MessageSet};

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

/// The keys, and the strings among them.
pub(super) struct Program {
    keys: SearchKey,
    wanted: Vec<Wanted>,
    /// For the sets among the keys: how many messages there are, and the greatest UID.
    last: (u32, u32),
}

/// The only thing that can be wrong with keys that were parsed.
pub(super) const TOO_LONG: &str = "That string is too long to search for";

impl Program {
    /// For a view as it is now.
    pub(super) fn new(keys: Vec<SearchKey>, view: &View) -> Result<Self, &'static str> {
        let keys = SearchKey::And(keys);
        let mut wanted = Vec::new();
        collect(&keys, &mut wanted)?;
        Ok(Self {
            keys,
            wanted,
            last: (view.exists(), view.last_uid()),
        })
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
        .one(&self.keys, &mut 0)
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

/// Lists the strings in the order in which [`Judge`] comes to them.
fn collect(key: &SearchKey, wanted: &mut Vec<Wanted>) -> Result<(), &'static str> {
    let (string, body_only) = match key {
        SearchKey::Body(string) => (string, true),
        SearchKey::Text(string) => (string, false),
        SearchKey::Header { text, .. } => return Finder::new(text).map(|_| ()).ok_or(TOO_LONG),
        SearchKey::Not(key) => return collect(key, wanted),
        SearchKey::And(keys) | SearchKey::Or(keys) => {
            return keys.iter().try_for_each(|key| collect(key, wanted));
        }
        _ => return Ok(()),
    };
    wanted.push(Wanted {
        finder: Finder::new(string).ok_or(TOO_LONG)?,
        body_only,
    });
    Ok(())
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
    /// `text` counts the strings passed so far: it is the index of the next one in `wanted`. That is why
    /// every key is come to, even when the others have decided.
    fn one(&self, key: &SearchKey, text: &mut usize) -> Result<bool, Missing> {
        match key {
            SearchKey::And(keys) => self.many(keys, false, text),
            SearchKey::Or(keys) => self.many(keys, true, text),
            SearchKey::Not(key) => self.one(key, text).map(|verdict| !verdict),
            SearchKey::Body(_) | SearchKey::Text(_) => {
                let wanted = &self.program.wanted[*text];
                *text += 1;
                if self.facts.text_read {
                    Ok(wanted.finder.is_found())
                } else {
                    Err(Missing::Text)
                }
            }
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
            SearchKey::Smaller(size) => Ok(self.size()? < u64::from(*size)),
            _ => Ok(self.in_memory(key)),
        }
    }

    /// One key that comes out as `decisive` decides, whatever is missing for the others; else the
    /// cheapest missing thing is asked for.
    fn many(&self, keys: &[SearchKey], decisive: bool, text: &mut usize) -> Result<bool, Missing> {
        let mut decided = false;
        let mut missing: Option<Missing> = None;
        for key in keys {
            match self.one(key, text) {
                Ok(verdict) => decided |= verdict == decisive,
                Err(what) => missing = Some(missing.map_or(what, |other| other.min(what))),
            }
        }
        match missing {
            Some(what) if !decided => Err(what),
            _ => Ok(decided == decisive),
        }
    }

    /// The keys that need nothing from the file.
    fn in_memory(&self, key: &SearchKey) -> bool {
        let among = |set: &MessageSet, last, number| set.resolve(last).contains(number);
        let (exists, last_uid) = self.program.last;
        match key {
            SearchKey::Flag { flag, set } => {
                self.store.flags(self.view, self.message).0.contains(*flag) == *set
            }
            SearchKey::Keyword { keyword, set } => self.has_keyword(keyword) == *set,
            SearchKey::Numbers(set) => among(set, exists, self.message.number),
            SearchKey::Uids(set) => among(set, last_uid, self.message.uid.get()),
            _ => true,
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
