//! Messages: RFC 822 and MIME over octets, and nothing else. No file, no protocol, no clock.
//!
//! A message may be a gigabyte and is never held whole, so nothing here asks for a whole message. The
//! session's reader feeds chunks to a [`Scanner`], which answers with a [`Layout`]: where in the file the
//! header, the text and every MIME part lie, and how many octets and lines each of them has. What is
//! sent to a client is then a range of the file, passed through [`CrlfConverter`] on its way out.
//!
//! Two sizes stand side by side everywhere, and must not be mixed up. *Offsets* (`start`, `end`) count
//! the octets of the file as they lie there. *Sizes* count octets as a client sees them, where each line
//! ends in CRLF: an LF that has no CR before it counts as two (RFC 3501 §2.3.4; a lone CR counts one).
//!
//! | file | what it knows |
//! | --- | --- |
//! | [`extent`] | offsets and sizes side by side: a stretch of a message |
//! | [`crlf`] | LF seen as CRLF: converting it on its way out |
//! | [`scanner`] | one pass over the chunks of a message, to its layout |
//! //! | [`mime`] | one part, and what its Content-* fields say |
//! | [`section`] | from `BODY[2.1.MIME]` to a stretch of the message |
//! | `tokens` | the words, comments and specials of structured fields |
//! | [`header`] | the fields of a header: walking, unfolding, selecting |
//! | [`address`] | lists of addresses |
//! | [`envelope`] | the ten fields of an envelope |
//! | [`date_field`] | the day and the moment in a Date field |
//! | [`subject`] | the base subject, without `Re:` and its like |
//! | [`message_id`] | message identifiers and references |
//! | [`thread`] | which message answers which |
//! | [`transfer_encoding`] | base64 and quoted-printable, decoded |
//! | [`charset`] | character sets, decoded |
//! | [`encoded_word`] | encoded words: headers as their readers see them |
//! | [`search_text`] | the passages of a message that can be searched, decoded |
//! | [`casefold`] | upper and lower case made one |
//! | [`substring`] | searching for a string in chunks |
//!
//! Mail is hostile and, more often, just broken. Nothing here fails: every sequence of octets is *some*
//! message, and what cannot be understood is passed on as plain text or as octets.

pub(crate) mod address;
mod casefold;
pub(crate) mod charset;
mod crlf;
pub(crate) mod date_field;
pub(crate) mod encoded_word;
mod envelope;
mod extent;
pub(crate) mod header;
mod layout;
pub(crate) mod message_id;
mod mime;
mod scanner;
mod search_text;
mod section;
pub(crate) mod subject;
mod substring;
pub(crate) mod thread;
mod tokens;
mod transfer_encoding;

pub(crate) use self::address::Address;
pub(crate) use self::casefold::{collation_key, fold_case};
pub(crate) use self::charset::Charset;
pub(crate) use self::crlf::{CrlfConverter, to_crlf};
pub(crate) use self::envelope::Envelope;
pub(crate) use self::extent::Extent;
pub(crate) use self::layout::{Layout, MAX_KEPT_HEADER, ScanDepth};
pub(crate) use self::mime::{Param, Part};
pub(crate) use self::scanner::Scanner;
pub(crate) use self::search_text::{
    Passage, PassageDecoder, PassageKind, list_passages, list_passages_without_parts,
};
pub(crate) use self::section::{SectionKind, find_part, find_section};
pub(crate) use self::substring::SubstringFinder;
pub(crate) use self::transfer_encoding::{TransferDecoder, TransferEncoding};
