//! What is known of a message during a search.

use std::cell::OnceCell;
use std::fs::File;
use std::rc::Rc;

use super::known_fields::{KnownField, KnownFields};
use crate::message::{Layout, date_field};
use crate::store::MessageStat;
use crate::types::Day;

/// What has to be fetched before the keys can be decided, the cheapest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::session::commands) enum Missing {
    /// The status of the file: the size on disk and the internal date.
    Status,
    /// The header: where its known fields lie, and which of the strings occur in its fields.
    Fields,
    /// The size as RFC822.SIZE counts it.
    Size,
    /// Which of the strings occur in the texts.
    Text,
}

/// What is known of one message, besides what the mailbox has in memory.
#[derive(Default)]
pub(in crate::session::commands) struct MessageFacts {
    /// When the search began, in seconds since 1970.
    pub(super) now: i64,
    pub(super) status: Option<MessageStat>,
    pub(super) header: Option<Vec<u8>>,
    /// Where the known fields of the header lie. Once that is known, it is also known which of the
    /// strings occur in fields.
    pub(super) fields: Option<KnownFields>,
    /// The day in the Date field, once a key has asked for it.
    sent_day: OnceCell<Option<Day>>,
    /// Offset at which the text starts, once the header is known.
    pub(super) header_end: u64,
    /// The size as RFC822.SIZE counts it.
    pub(super) size: Option<u64>,
    /// Whether it is known which of the strings occur in the texts.
    pub(super) is_text_read: bool,
    /// The file, once it was opened.
    pub(super) file: Option<Rc<File>>,
}

impl MessageFacts {
    /// Begins with nothing known of a message, in a search that began at `now`.
    pub(super) fn at(now: i64) -> Self {
        Self {
            now,
            ..Self::default()
        }
    }

    /// Returns the octets of memory that the header takes.
    pub(super) fn memory(&self) -> usize {
        self.header.as_ref().map_or(0, Vec::capacity)
    }

    /// Keeps what a scan of the header has found.
    pub(super) fn take_header(&mut self, layout: Layout) {
        self.header_end = layout.header.end;
        self.header = Some(layout.header_bytes);
    }

    /// Returns RFC822.SIZE. What the file name says of it is good enough to compare with.
    pub(in crate::session::commands) fn size(&self) -> Result<u64, Missing> {
        if let Some(size) = self.size {
            return Ok(size);
        }
        let status = self.status.as_ref().ok_or(Missing::Status)?;
        status.size_hint.ok_or(Missing::Size)
    }

    /// Returns the value of a header field, folded and encoded as it is.
    pub(in crate::session::commands) fn field(
        &self,
        field: KnownField,
    ) -> Result<Option<&[u8]>, Missing> {
        let fields = self.fields.as_ref().ok_or(Missing::Fields)?;
        Ok(fields.value(field, self.header.as_deref().unwrap_or_default()))
    }

    /// Returns the day in the Date field.
    pub(super) fn sent_day(&self) -> Result<Option<Day>, Missing> {
        let value = self.field(KnownField::Date)?;
        let day = || value.and_then(date_field::parse_day);
        Ok(*self.sent_day.get_or_init(day))
    }

    /// Returns the internal date, in seconds since 1970.
    pub(in crate::session::commands) fn arrival(&self) -> Result<i64, Missing> {
        let status = self.status.as_ref().ok_or(Missing::Status)?;
        Ok(status.date.unix)
    }

    /// Returns when the message was sent, in seconds since 1970; when it arrived if that is unknown
    /// (RFC 5256 §2.2).
    pub(in crate::session::commands) fn sent(&self) -> Result<i64, Missing> {
        let value = self.field(KnownField::Date)?;
        match value.and_then(date_field::parse_time) {
            Some(time) => Ok(time.unix),
            None => self.arrival(),
        }
    }
}
