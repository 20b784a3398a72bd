//! The fields of a header that keys and sort criteria are read from.

use std::ops::Range;

use crate::message::header::Field;

/// A field that keys, sort criteria or threads are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session::commands) enum KnownField {
    Date,
    From,
    To,
    Cc,
    Subject,
    MessageId,
    InReplyTo,
    References,
    ContentType,
    ContentTransferEncoding,
}

const NAMES: [(KnownField, &str); 10] = [
    (KnownField::Date, "Date"),
    (KnownField::From, "From"),
    (KnownField::To, "To"),
    (KnownField::Cc, "Cc"),
    (KnownField::Subject, "Subject"),
    (KnownField::MessageId, "Message-ID"),
    (KnownField::InReplyTo, "In-Reply-To"),
    (KnownField::References, "References"),
    (KnownField::ContentType, "Content-Type"),
    (
        KnownField::ContentTransferEncoding,
        "Content-Transfer-Encoding",
    ),
];

/// Most octets of a Content-* field that are looked at.
const MAX_CONTENT_FIELD: usize = 16 * 1024;

/// Where the known fields of a header lie: of several with the same name the first.
#[derive(Debug, Default)]
pub(super) struct KnownFields([Option<FieldPlace>; NAMES.len()]);

#[derive(Debug, Clone)]
struct FieldPlace {
    field: Range<usize>,
    value: Range<usize>,
}

impl KnownFields {
    /// Notes a field, if it is the first of a known name.
    pub(super) fn note(&mut self, field: &Field<'_>) {
        let known = NAMES.iter().position(|(_, name)| field.is(name));
        if let Some(known) = known {
            self.0[known].get_or_insert_with(|| FieldPlace {
                field: field.range.clone(),
                value: field.value_range(),
            });
        }
    }

    /// Returns the value of a field of the header, folded and encoded as it is.
    pub(super) fn value<'h>(&self, field: KnownField, header: &'h [u8]) -> Option<&'h [u8]> {
        let place = self.0[field as usize].as_ref()?;
        header.get(place.value.clone())
    }

    /// Returns a header of those fields that say how the body is encoded, as long as such fields
    /// ever are.
    pub(super) fn content_header(&self, header: &[u8]) -> Vec<u8> {
        let mut block = Vec::new();
        for field in [KnownField::ContentType, KnownField::ContentTransferEncoding] {
            let place = self.0[field as usize].as_ref();
            if let Some(octets) = place.and_then(|place| header.get(place.field.clone())) {
                block.extend_from_slice(&octets[..octets.len().min(MAX_CONTENT_FIELD)]);
                block.push(b'\n');
            }
        }
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::header;

    #[test]
    fn the_first_field_of_a_name_counts() {
        let block = b"SUBJECT: one\n two\nSubject: three\nContent-type: text/plain\nx: y\n\n";
        let mut known = KnownFields::default();
        header::fields(block).for_each(|field| known.note(&field));
        assert_eq!(
            known.value(KnownField::Subject, block),
            Some(&b" one\n two\n"[..])
        );
        assert_eq!(known.value(KnownField::Date, block), None);
        assert_eq!(known.content_header(block), b"Content-type: text/plain\n\n");
        for (index, (field, _)) in NAMES.iter().enumerate() {
            assert_eq!(*field as usize, index);
        }
    }
}
