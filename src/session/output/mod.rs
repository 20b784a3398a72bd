//! What a session has yet to send: a queue of octets, file ranges and number lists.
//!
//! A response is written as octets. What may be large is queued as a description and becomes octets
//! 16 KiB at a time, when the socket has room: a message text as a range of its file, SEARCH hits
//! as ranges of numbers. What cannot be described, such as a BODYSTRUCTURE, its job writes piece by
//! piece as long as the queue is below its high-water mark. So the memory of a session does not
//! depend on what it fetches, and a client that does not read costs the high-water mark and one
//! chunk of 64 KiB ([crate], invariant 3).
//!
//! A literal's octet count is announced before its octets are read. If the file turns out shorter
//! or unreadable, the announced octets cannot be sent and the client would misread all that
//! follows: the queue is then broken, nothing more is sent, and the session ends.
//!
//! | file | what it contains |
//! | --- | --- |
//! | `queue` | the output queue |
//! | `file_range` | part of a message file, with every line end as CRLF |
//! | `decoded_text` | part of a message file with its transfer encoding undone |
//! | `number_list` | sets and lists of numbers |
//! | `window` | the octets of a text that a client wants |

mod decoded_text;
mod file_range;
mod number_list;
mod queue;
mod window;

pub(super) use self::decoded_text::{DecodedRange, DecodedText};
pub(super) use self::file_range::{FileRange, PIECE, replace_nul};
pub(super) use self::queue::{HIGH_WATER, LOW_WATER, Output};
pub(super) use self::window::Window;
