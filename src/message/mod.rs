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
pub(crate) mod casefold;
pub(crate) mod charset;
pub(crate) mod crlf;
pub(crate) mod date_field;
pub(crate) mod encoded_word;
pub(crate) mod envelope;
pub(crate) mod extent;
pub(crate) mod header;
pub(crate) mod message_id;
pub(crate) mod mime;
pub(crate) mod scanner;
pub(crate) mod search_text;
pub(crate) mod section;
pub(crate) mod subject;
pub(crate) mod substring;
pub(crate) mod thread;
mod tokens;
pub(crate) mod transfer_encoding;

pub(crate) use address::Address;
pub(crate) use charset::Charset;
pub(crate) use crlf::CrlfConverter;
pub(crate) use envelope::Envelope;
pub(crate) use extent::Extent;
pub(crate) use mime::{Param, Part};
pub(crate) use scanner::{Layout, ScanDepth, Scanner};
pub(crate) use section::{SectionKind, find_section};
pub(crate) use substring::SubstringFinder;
