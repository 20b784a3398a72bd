//! Messages: RFC 822 and MIME over octets. This room knows no file, no protocol and no clock.
//!
//! A message may have a gigabyte and is never held whole in memory, so nothing here takes a whole
//! message. The session reads the file chunk by chunk and feeds the chunks to a [`Scanner`]. The
//! scanner returns a [`Layout`]: where in the file the header, the text and every MIME part lie,
//! and how many octets and lines each of them has. To answer a FETCH, the session sends a range of
//! the file through a [`CrlfConverter`].
//!
//! Two kinds of numbers stand side by side everywhere and must not be mixed up. *Offsets* (`start`,
//! `end`) count the octets of the file. *Sizes* count octets as the client receives them, with CRLF
//! at the end of each line: an LF without a CR before it counts as two octets (RFC 3501 §2.3.4), a
//! lone CR as one.
//!
//! | file | what it contains |
//! | --- | --- |
//! | [`extent`] | a stretch of a message, in offsets and in sizes |
//! | [`crlf`] | the conversion of LF to CRLF |
//! | [`layout`] | where the pieces of a message lie |
//! | [`scanner`] | the pass over the chunks of a message that finds its layout |
//! | [`mime`] | MIME parts and their Content-* fields |
//! | [`section`] | from a section such as `BODY[2.1.MIME]` to a stretch of the message |
//! | [`header`] | the fields of a header: iterating, unfolding |
//! | [`field_selection`] | the fields of a header that a section selects by name |
//! | [`tokens`] | the words, comments and specials of structured fields |
//! | [`address`] | lists of addresses |
//! | [`envelope`] | the ten fields of an envelope |
//! | [`date_field`] | the day and the time in a Date field |
//! | [`message_id`] | Message-ID, In-Reply-To and References |
//! | [`subject`] | the base subject, without `Re:` and the like |
//! | [`encoded_word`] | encoded words |
//! | [`header_value`] | the values of header fields, in UTF-8 |
//! | [`header_text`] | the text of a header that SEARCH looks at, decoded |
//! | [`transfer_encoding`] | decoders of base64 and quoted-printable |
//! | [`charset`] | decoders of character sets |
//! | [`casefold`] | case folding, and keys for sorting |
//! | [`search_text`] | the passages of a message that SEARCH looks at, decoded |
//! | [`string_search`] | the search for strings in a text that arrives in chunks |
//! | [`thread`] | which message answers which |
//!
//! Mail is sometimes hostile and often broken. No function here fails on it: any sequence of octets
//! is *some* message, and a piece that cannot be parsed counts as plain text or as octets.

pub(crate) mod address;
mod casefold;
pub(crate) mod charset;
mod crlf;
pub(crate) mod date_field;
mod encoded_word;
mod envelope;
mod extent;
mod field_selection;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
pub(crate) mod header;
mod header_text;
mod header_value;
mod layout;
pub(crate) mod message_id;
mod mime;
mod scanner;
mod search_text;
mod section;
mod string_search;
pub(crate) mod subject;
pub(crate) mod thread;
mod tokens;
mod transfer_encoding;

pub(crate) use self::address::Address;
pub(crate) use self::casefold::{CaseFolder, collation_key, fold_case};
pub(crate) use self::charset::Charset;
pub(crate) use self::crlf::CrlfConverter;
#[cfg(test)]
pub(crate) use self::crlf::to_crlf;
pub(crate) use self::envelope::{AddressList, EnvelopeFields, EnvelopeList, EnvelopeString};
pub(crate) use self::extent::Extent;
pub(crate) use self::field_selection::{FieldNames, FieldSelection};
pub(crate) use self::header_text::HeaderDecoder;
pub(crate) use self::header_value::{ValueDecoder, ValueForm, decode_beginning};
pub(crate) use self::layout::{Layout, MAX_KEPT_HEADER, ScanDepth};
pub(crate) use self::mime::{Content, ContentReader, Param, Part};
pub(crate) use self::scanner::Scanner;
pub(crate) use self::search_text::{
    Passage, PassageDecoder, PassageKind, list_passages, list_passages_without_parts,
};
pub(crate) use self::section::{SectionKind, find_part, find_section};
pub(crate) use self::string_search::{FoundStrings, StringSet};
pub(crate) use self::transfer_encoding::{TransferDecoder, TransferEncoding};
