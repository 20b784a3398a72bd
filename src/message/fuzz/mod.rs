//! What the fuzzers do with this room: each function takes arbitrary octets and panics if something
//! does not hold.

mod structure;
mod text;

pub(crate) use self::structure::structure;
#[cfg(test)]
pub(super) use self::structure::{check_chunks, check_line_ends};
pub(crate) use self::text::{addresses_and_dates, decoding, header_text, string_search};
