//! The envelope of a message: sender, recipients, subject, date and identifiers.
//!
//! A header of 256 KiB may have 87 000 fields and tens of thousands of addresses. So an envelope is
//! never a value in memory: [`EnvelopeFields`] finds the fields, one at a time, and an
//! [`AddressList`] parses the addresses of one list, a token at a time. Their caller stops in
//! between when the budget is spent or the output is full.

use std::ops::Range;

use super::address::{self, Address, AddressParser};
use super::header::{self, unfold};
use crate::types::memory;

/// A string of an envelope (RFC 1064 p. 16, RFC 3501 §7.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EnvelopeString {
    /// Date.
    Date,
    /// Subject.
    Subject,
    /// In-Reply-To.
    InReplyTo,
    /// Message-ID.
    MessageId,
}

/// The names of the strings, in the order of [`EnvelopeString`].
const STRINGS: [&str; 4] = ["Date", "Subject", "In-Reply-To", "Message-ID"];

/// A list of addresses of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EnvelopeList {
    /// From.
    From,
    /// Sender; the same as From if the header has none.
    Sender,
    /// Reply-To; the same as From if the header has none.
    ReplyTo,
    /// To.
    To,
    /// Cc.
    Cc,
    /// Bcc.
    Bcc,
}

/// The names of the lists, in the order of [`EnvelopeList`].
const LISTS: [&str; 6] = ["From", "Sender", "Reply-To", "To", "Cc", "Bcc"];

/// Where in a header the fields of the envelope are. Of two string fields with the same name the
/// first counts; the lists of two address fields with the same name become one.
#[derive(Debug, Default)]
pub(crate) struct EnvelopeFields {
    /// Index of the next field to look at.
    at: usize,
    /// Indexes of the fields of [`STRINGS`].
    strings: [Option<usize>; STRINGS.len()],
    /// Indexes of the fields of [`LISTS`]. The header that the scanner keeps is short enough for 32
    /// bits.
    lists: [Vec<u32>; LISTS.len()],
}

impl EnvelopeFields {
    /// Returns the octets of memory that the lists take.
    pub(crate) fn memory(&self) -> usize {
        self.lists.iter().map(memory::of_list).sum()
    }

    /// Looks at the next field of the header, the same header in each call, and returns its length;
    /// `None` after the last one.
    pub(crate) fn pass(&mut self, header: &[u8]) -> Option<usize> {
        let field = header::fields_from(header, self.at).next()?;
        let start = field.range.start;
        if let Some(index) = STRINGS.iter().position(|name| field.is(name)) {
            self.strings[index].get_or_insert(start);
        } else if let Some(index) = LISTS.iter().position(|name| field.is(name)) {
            self.lists[index].extend(u32::try_from(start));
        }
        self.at = field.range.end;
        Some(field.range.len())
    }

    /// Returns a string, as written: `None` if the header has no such field, and empty if the field
    /// is empty.
    pub(crate) fn string(&self, header: &[u8], string: EnvelopeString) -> Option<Vec<u8>> {
        let field = header::fields_from(header, self.strings[string as usize]?).next()?;
        Some(unfold(field.value))
    }

    /// Returns where in the header the value of the field number `index` of a list is.
    fn list_value(&self, header: &[u8], list: EnvelopeList, index: usize) -> Option<Range<usize>> {
        let start = usize::try_from(*self.lists[list as usize].get(index)?).ok()?;
        Some(header::fields_from(header, start).next()?.value_range())
    }
}

/// A cursor over the addresses of one list. The list is empty if the header has no such field or
/// the field is empty; the session sends an empty list as NIL.
#[derive(Debug)]
pub(crate) struct AddressList {
    list: EnvelopeList,
    /// Index of the next field among those of the list.
    next_field: usize,
    /// The field that is being parsed: where in the header its value is, and its parser.
    field: Option<(Range<usize>, AddressParser)>,
    /// Addresses that were found.
    count: usize,
}

impl AddressList {
    /// Begins with a list.
    pub(crate) fn new(list: EnvelopeList) -> Self {
        Self {
            list,
            next_field: 0,
            field: None,
            count: 0,
        }
    }

    /// Reads the next token of the list in the header, the same header in each call, passes the
    /// addresses that are complete to `take`, and returns how many octets it has read; `None` at
    /// the end.
    pub(crate) fn step(
        &mut self,
        header: &[u8],
        fields: &EnvelopeFields,
        mut take: impl FnMut(Address),
    ) -> Option<usize> {
        let Some((value, parser)) = &mut self.field else {
            return self.begin_field(header, fields);
        };
        let before = parser.octets();
        let is_at_end = !parser.step(&header[value.clone()]);
        let octets = parser.octets() - before;
        for address in parser.take() {
            self.count += 1;
            take(address);
        }
        if is_at_end {
            self.field = None;
        }
        Some(octets)
    }

    /// Begins with the next field, and returns its length; `None` if there is none, or if the list
    /// is long enough.
    fn begin_field(&mut self, header: &[u8], fields: &EnvelopeFields) -> Option<usize> {
        if self.count >= address::MAX_ADDRESSES {
            return None;
        }
        let Some(value) = fields.list_value(header, self.list, self.next_field) else {
            let defaults_to_from =
                matches!(self.list, EnvelopeList::Sender | EnvelopeList::ReplyTo);
            if self.count > 0 || !defaults_to_from {
                return None;
            }
            *self = Self::new(EnvelopeList::From);
            return Some(0);
        };
        let length = value.len();
        self.field = Some((value, AddressParser::default()));
        self.next_field += 1;
        Some(length)
    }
}

/// The whole envelope, as tests compare it.
#[cfg(any(test, feature = "fuzzing"))]
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Envelope {
    pub(crate) date: Option<Vec<u8>>,
    pub(crate) subject: Option<Vec<u8>>,
    pub(crate) from: Vec<Address>,
    pub(crate) sender: Vec<Address>,
    pub(crate) reply_to: Vec<Address>,
    pub(crate) to: Vec<Address>,
    pub(crate) cc: Vec<Address>,
    pub(crate) bcc: Vec<Address>,
    pub(crate) in_reply_to: Option<Vec<u8>>,
    pub(crate) message_id: Option<Vec<u8>>,
}

#[cfg(any(test, feature = "fuzzing"))]
impl Envelope {
    /// Parses the envelope of a header.
    pub(crate) fn parse(header: &[u8]) -> Self {
        let mut fields = EnvelopeFields::default();
        while fields.pass(header).is_some() {}
        let string = |string| fields.string(header, string);
        let list = |list| {
            let mut addresses = Vec::new();
            let mut cursor = AddressList::new(list);
            while cursor
                .step(header, &fields, |address| addresses.push(address))
                .is_some()
            {}
            addresses
        };
        Self {
            date: string(EnvelopeString::Date),
            subject: string(EnvelopeString::Subject),
            from: list(EnvelopeList::From),
            sender: list(EnvelopeList::Sender),
            reply_to: list(EnvelopeList::ReplyTo),
            to: list(EnvelopeList::To),
            cc: list(EnvelopeList::Cc),
            bcc: list(EnvelopeList::Bcc),
            in_reply_to: string(EnvelopeString::InReplyTo),
            message_id: string(EnvelopeString::MessageId),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Option<Vec<u8>> {
        Some(text.as_bytes().to_vec())
    }

    fn mailboxes(list: &[Address]) -> Vec<String> {
        let mailbox = |address: &Address| address.mailbox.clone().unwrap_or_default();
        let text = |bytes| String::from_utf8(bytes).expect("ASCII");
        list.iter().map(mailbox).map(text).collect()
    }

    #[test]
    fn all_ten_fields_are_read() {
        let envelope = Envelope::parse(
            b"From: f@x\r\nSender: s@x\r\nReply-To: r@x\r\nTo: t@x,\r\n u@x\r\nCC: c@x\r\nbcc: b@x\r\n\
              Date: Mon, 7 Feb 1994 21:52:25 -0800\r\nSUBJECT: a\r\n  b\r\nIn-Reply-To: <1@x>\r\n\
              Message-Id: <2@x>\r\n\r\nFrom: not@this\r\n",
        );
        assert_eq!(envelope.date, bytes("Mon, 7 Feb 1994 21:52:25 -0800"));
        assert_eq!(envelope.subject, bytes("a  b"));
        assert_eq!(envelope.in_reply_to, bytes("<1@x>"));
        assert_eq!(envelope.message_id, bytes("<2@x>"));
        assert_eq!(mailboxes(&envelope.from), ["f"]);
        assert_eq!(mailboxes(&envelope.sender), ["s"]);
        assert_eq!(mailboxes(&envelope.reply_to), ["r"]);
        assert_eq!(mailboxes(&envelope.to), ["t", "u"]);
        assert_eq!(mailboxes(&envelope.cc), ["c"]);
        assert_eq!(mailboxes(&envelope.bcc), ["b"]);
    }

    #[test]
    fn an_absent_string_is_none_and_an_empty_one_is_empty() {
        let envelope = Envelope::parse(b"Subject:\nTo: \nSender:\nFrom: f@x\n\n");
        assert_eq!((envelope.subject, envelope.date), (bytes(""), None));
        assert_eq!(envelope.to, []);
        assert_eq!(
            mailboxes(&envelope.sender),
            ["f"],
            "an empty list defaults to From"
        );
        assert_eq!(mailboxes(&envelope.reply_to), ["f"]);
        assert_eq!(Envelope::parse(b""), Envelope::default());
    }

    #[test]
    fn of_two_fields_the_first_string_counts_and_the_lists_are_joined() {
        let envelope = Envelope::parse(b"To: a@x\nSubject: 1\nSubject: 2\nTo: b@x\n");
        assert_eq!(mailboxes(&envelope.to), ["a", "b"]);
        assert_eq!(envelope.subject, bytes("1"));
    }

    #[test]
    fn the_from_line_of_an_mbox_is_not_a_from_field() {
        let envelope = Envelope::parse(b"From jo Thu Jan  1 00:00:00 1970\nMail-From: x\n");
        assert_eq!(envelope, Envelope::default());
    }
}
