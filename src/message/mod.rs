//! Messages: RFC 822 and MIME over octets, and nothing else. No file, no protocol, no clock.
//!
//! A message may be a gigabyte and is never held whole, so nothing here asks for a whole message. The
//! session's reader feeds chunks to a [`Scanner`], which answers with a [`Layout`]: where in the file the
//! header, the text and every MIME part lie, and how many octets and lines each of them has. What is
//! sent to a client is then a range of the file, passed through [`Crlf`] on its way out.
//!
//! Two sizes stand side by side everywhere, and must not be mixed up. *Offsets* (`start`, `end`) count
//! the octets of the file as they lie there. *Sizes* count octets as a client sees them, where each line
//! ends in CRLF: an LF that has no CR before it counts as two (RFC 3501 §2.3.4; a lone CR counts one).
//!
//! | file | what it knows |
//! | --- | --- |
//! | [`extent`] | offsets and sizes side by side: a stretch of a message |
//! | [`crlf`] | LF seen as CRLF: converting it on its way out |
//! | [`scan`] | one pass over the chunks of a message, to its layout |
//! | `tree` | which parts are open while the pass goes on; boundaries |
//! | [`mime`] | one part, and what its Content-* fields say |
//! | [`section`] | from `BODY[2.1.MIME]` to a stretch of the message |
//! | `lex` | the words, comments and specials of structured fields |
//! | [`header`] | the fields of a header: walking, unfolding, selecting |
//! | [`address`] | lists of addresses |
//! | [`envelope`] | the ten fields of an envelope |
//! | [`sent`] | the day in a Date field |
//! | [`transfer`] | base64 and quoted-printable, decoded |
//! | [`find`] | searching for a string in chunks |
//!
//! Mail is hostile and, more often, just broken. Nothing here fails: every sequence of octets is *some*
//! message, and what cannot be understood is passed on as plain text or as octets.

pub mod address;
pub mod crlf;
pub mod envelope;
pub mod extent;
pub mod find;
pub mod header;
mod lex;
pub mod mime;
pub mod scan;
pub mod section;
pub mod sent;
pub mod transfer;
mod tree;

pub use address::Address;
pub use crlf::Crlf;
pub use envelope::Envelope;
pub use extent::Extent;
pub use find::Finder;
pub use mime::{Disposition, EmbeddedMessage, Param, Part};
pub use scan::{Depth, Layout, Scanner};
pub use section::{What, resolve};
