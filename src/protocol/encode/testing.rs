//! What the tests of the encoder share.

use crate::protocol::dialect::{Dialect, Level};

use super::encoder::Encoder;

/// Returns what `write` writes in the dialect of that level.
pub(super) fn encoded(level: Level, write: impl FnOnce(&mut Encoder<'_>)) -> String {
    let mut out = Vec::new();
    write(&mut Encoder::new(&mut out, Dialect::pinned(level)));
    String::from_utf8(out).expect("UTF-8")
}
