//! The envelope of a message: sender, recipients, subject, date and identifiers.

use super::address::{self, Address};
use super::header::{self, Field, unfold};

/// The ten fields of an envelope, in the order of the response (RFC 1064 p. 16, RFC 3501 §7.4.2).
///
/// A string is `None` if the header has no such field, and empty if the field is empty. A list is
/// empty if the header has no such field or the field is empty. The session sends an empty list as
/// NIL.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Envelope {
    /// Date, as written.
    pub(crate) date: Option<Vec<u8>>,
    /// Subject, as written.
    pub(crate) subject: Option<Vec<u8>>,
    /// From.
    pub(crate) from: Vec<Address>,
    /// Sender; the same as From if the header has none.
    pub(crate) sender: Vec<Address>,
    /// Reply-To; the same as From if the header has none.
    pub(crate) reply_to: Vec<Address>,
    /// To.
    pub(crate) to: Vec<Address>,
    /// Cc.
    pub(crate) cc: Vec<Address>,
    /// Bcc.
    pub(crate) bcc: Vec<Address>,
    /// In-Reply-To, as written.
    pub(crate) in_reply_to: Option<Vec<u8>>,
    /// Message-ID, as written.
    pub(crate) message_id: Option<Vec<u8>>,
}

impl Envelope {
    /// Parses the envelope of a header. Of two string fields with the same name the first counts;
    /// the lists of two address fields with the same name become one.
    pub(crate) fn parse(header: &[u8]) -> Self {
        let mut envelope = Self::default();
        for field in header::fields(header) {
            envelope.read_field(&field);
        }
        for list in [&mut envelope.sender, &mut envelope.reply_to] {
            if list.is_empty() {
                list.clone_from(&envelope.from);
            }
        }
        envelope
    }

    fn read_field(&mut self, field: &Field<'_>) {
        if let Some(string) = self.string_for(field) {
            string.get_or_insert_with(|| unfold(field.value));
        } else if let Some(list) = self.list_for(field) {
            if list.len() < address::MAX_ADDRESSES {
                list.append(&mut address::parse(field.value));
            }
        }
    }

    fn string_for(&mut self, field: &Field<'_>) -> Option<&mut Option<Vec<u8>>> {
        Some(match field {
            _ if field.is("Date") => &mut self.date,
            _ if field.is("Subject") => &mut self.subject,
            _ if field.is("In-Reply-To") => &mut self.in_reply_to,
            _ if field.is("Message-ID") => &mut self.message_id,
            _ => return None,
        })
    }

    fn list_for(&mut self, field: &Field<'_>) -> Option<&mut Vec<Address>> {
        Some(match field {
            _ if field.is("From") => &mut self.from,
            _ if field.is("Sender") => &mut self.sender,
            _ if field.is("Reply-To") => &mut self.reply_to,
            _ if field.is("To") => &mut self.to,
            _ if field.is("Cc") => &mut self.cc,
            _ if field.is("Bcc") => &mut self.bcc,
            _ => return None,
        })
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
