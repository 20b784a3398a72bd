//! MIME parts and what their Content-* fields say (RFC 2045, 2183, 3282, 2557, 1864).
//!
//! [`part`] contains the nouns: a [`Part`] has what a BODYSTRUCTURE shows (RFC 3501 §7.4.2), as
//! plain values. [`content_fields`] reads a part from its header, and fills in the defaults of RFC
//! 2045 §5.2 and §6.1 for what the header leaves open, so that no other file has to know them.

mod content_fields;
mod part;

#[cfg(test)]
mod tests;

pub(super) use self::content_fields::parse_part;
pub(crate) use self::part::{EmbeddedMessage, Param, Part};
