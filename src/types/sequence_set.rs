//! Sets of sequence numbers or UIDs as a client writes them, such as `2,4:7,*`.

use super::memory;
use super::number_set::NumberSet;

/// An end of an element of a sequence set (RFC 3501 §9 `seq-number`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SetEnd {
    /// A number, not 0.
    Number(u32),
    /// `*`: the greatest number in use.
    Last,
    /// `$`: the saved result of the last search (RFC 5182). It is the only element of its set, as
    /// both ends.
    Saved,
}

impl SetEnd {
    fn resolve(self, last: u32) -> u32 {
        match self {
            Self::Number(number) => number,
            Self::Last => last,
            Self::Saved => 0,
        }
    }
}

/// A sequence set as the client wrote it (RFC 1064 p. 8 SEQUENCE, RFC 3501 §9 `sequence-set`): its
/// elements in their order, each with both ends, either of which may be the greater. Elements may
/// overlap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SequenceSet(pub(crate) Vec<(SetEnd, SetEnd)>);

impl SequenceSet {
    /// Returns the octets of memory that the elements take.
    pub(crate) fn memory(&self) -> usize {
        memory::of_list(&self.0)
    }

    /// Returns the numbers that the set stands for if `last` is the greatest number in use. If
    /// `last` is 0, no number is in use and `*` stands for none. `$` also stands for none, because
    /// only the session knows the saved result: see [`Self::is_saved`].
    pub(crate) fn resolve(&self, last: u32) -> NumberSet {
        let ends = self
            .0
            .iter()
            .map(|&(a, b)| (a.resolve(last), b.resolve(last)));
        let ranges = ends
            .map(|(a, b)| (a.min(b), a.max(b)))
            .filter(|&(low, _)| low > 0);
        ranges.collect()
    }

    /// Returns the greatest number that the client wrote, or 0 if it wrote only `*` or `$`.
    pub(crate) fn greatest_number(&self) -> u32 {
        self.0
            .iter()
            .flat_map(|&(a, b)| [a.resolve(0), b.resolve(0)])
            .max()
            .unwrap_or(0)
    }

    /// Returns the set `$`.
    pub(crate) fn saved() -> Self {
        Self(vec![(SetEnd::Saved, SetEnd::Saved)])
    }

    /// True if the set is `$`.
    pub(crate) fn is_saved(&self) -> bool {
        self.0.iter().any(|&(a, _)| a == SetEnd::Saved)
    }

    /// True if the set contains `*`, which RFC 1064 does not have.
    pub(crate) fn has_last(&self) -> bool {
        self.0
            .iter()
            .any(|&(a, b)| a == SetEnd::Last || b == SetEnd::Last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SetEnd::{Last, Number};

    #[test]
    fn resolves_the_example_of_rfc_1064() {
        // RFC 1064 p. 8: 2,4:7,9,12:15
        let n = |a, b| (Number(a), Number(b));
        let set = SequenceSet(vec![n(2, 2), n(4, 7), n(9, 9), n(12, 15)]).resolve(20);
        assert_eq!(
            set.iter().collect::<Vec<_>>(),
            [2, 4, 5, 6, 7, 9, 12, 13, 14, 15]
        );
    }

    #[test]
    fn resolves_reversed_and_overlapping_ranges_and_last() {
        let set = SequenceSet(vec![
            (Last, Number(8)),
            (Number(3), Number(1)),
            (Number(2), Number(4)),
        ]);
        assert_eq!(set.resolve(10).ranges(), [(1, 4), (8, 10)]);
        assert_eq!(set.greatest_number(), 8);
        assert_eq!(SequenceSet(vec![(Last, Last)]).resolve(0), NumberSet::new());
    }
}
