//! The octets of a text that a client wants, of a text that is produced piece by piece.

/// A stretch of octets in a text that is produced piece by piece.
#[derive(Debug, Clone, Copy)]
pub(in crate::session) struct Window {
    /// Octets to leave out before the first one wanted.
    pub(in crate::session) skip: u64,
    /// Octets wanted after those.
    pub(in crate::session) octets: u64,
}

impl Window {
    /// Cuts the piece that `out` has from `before` on, which is the next piece of the text, down to
    /// the octets that are wanted, and moves the window behind it.
    pub(in crate::session) fn cut(&mut self, out: &mut Vec<u8>, before: usize) {
        let fresh = out.len() - before;
        let skipped = usize::try_from(self.skip).map_or(fresh, |skip| skip.min(fresh));
        out.drain(before..before + skipped);
        self.skip -= skipped as u64;
        let wanted = usize::try_from(self.octets).unwrap_or(usize::MAX);
        out.truncate(out.len().min(before.saturating_add(wanted)));
        self.octets -= (out.len() - before) as u64;
    }
}
