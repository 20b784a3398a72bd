//! What writes the value of an item piece by piece.

use std::io;

use crate::budget::Budget;
use crate::protocol::{Dialect, Encoder};
use crate::session::output::PIECE;

/// The value of an item that is encoded piece by piece, because it may be long or take long.
pub(super) trait ItemWriter {
    /// Encodes on until [`Sink::must_stop`]. Returns true at the end of the value. Does at least
    /// one unit of work, which is one field, one token, one address or one string: so one call
    /// takes little longer than the budget, and stages little more than a piece.
    ///
    /// # Errors
    /// If the message file cannot be read.
    fn write(&mut self, sink: &mut Sink<'_, '_>) -> io::Result<bool>;

    /// Returns the octets of memory that the writer holds, besides the source of the message.
    fn memory(&self) -> usize;
}

/// Where a value is encoded to, and what pays for that.
pub(super) struct Sink<'s, 'c> {
    /// Octets that are not in the output queue yet.
    pub(super) staged: &'s mut Vec<u8>,
    pub(super) dialect: Dialect,
    pub(super) budget: &'s mut Budget<'c>,
}

impl Sink<'_, '_> {
    /// Returns the encoder of the value.
    pub(super) fn encoder(&mut self) -> Encoder<'_> {
        Encoder::new(self.staged, self.dialect)
    }

    /// True if the writer has to stop: the budget is spent, or a piece is staged.
    pub(super) fn must_stop(&self) -> bool {
        self.budget.is_spent() || self.staged.len() >= PIECE
    }

    /// Pays for a field, a token or a string in memory that has so many octets.
    pub(super) fn pay(&mut self, octets: usize) {
        self.budget.spend_records(1);
        self.budget.spend_octets(octets);
    }
}
