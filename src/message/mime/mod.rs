//! MIME parts and what their Content-* fields say (RFC 2045, 2183, 3282, 2557, 1864).
//!
//! | file | what it contains |
//! | --- | --- |
//! | [`content`] | [`Content`]: all that BODYSTRUCTURE shows of one part (RFC 3501 §7.4.2) |
//! | [`content_fields`] | the cursor that reads it from a header, with the defaults of RFC 2045 |
//! | [`media_type`] | [`MediaType`](media_type::MediaType): a type and its subtype |
//! | [`part`] | [`Part`]: where a part lies, and what the server needs of its type |

mod content;
mod content_fields;
mod media_type;
mod part;

#[cfg(test)]
mod tests;

pub(crate) use self::content::{Content, Param};
pub(crate) use self::content_fields::ContentReader;
pub(crate) use self::part::Part;
