//! Sets of message numbers or unique identifiers.
//!
//! A [`MessageSet`] is what a client writes (`2,4:7,*`): it may be reversed, overlap, and mean "the
//! last one". Resolved against a mailbox it becomes a [`NumberSet`]: ascending, disjoint, merged.

/// One end of an element of a sequence set (RFC 3501 §9 `seq-number`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SetEnd {
    /// A number, not 0.
    Number(u32),
    /// `*`: the greatest number in use.
    Last,
    /// `$`: what the last search has saved (RFC 5182). It stands for a whole set, alone and as both ends.
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
/// elements in their order, each with both ends, either of which may be the greater.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct MessageSet(pub Vec<(SetEnd, SetEnd)>);

impl MessageSet {
    /// The numbers it means when `last` is the greatest one in use (0: there is none, and `*` means
    /// nothing then). What was saved is known to the session only: see [`Self::is_saved`].
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

    /// The greatest number that is written out in it, 0 if there is only `*`.
    pub(crate) fn greatest_number(&self) -> u32 {
        self.0
            .iter()
            .flat_map(|&(a, b)| [a.resolve(0), b.resolve(0)])
            .max()
            .unwrap_or(0)
    }

    /// `$`: what the last search has saved.
    pub(crate) fn saved() -> Self {
        Self(vec![(SetEnd::Saved, SetEnd::Saved)])
    }

    /// True if it is `$`.
    pub(crate) fn is_saved(&self) -> bool {
        self.0.iter().any(|&(a, _)| a == SetEnd::Saved)
    }

    /// True if `*` occurs, which RFC 1064 does not have.
    pub(crate) fn has_last(&self) -> bool {
        self.0
            .iter()
            .any(|&(a, b)| a == SetEnd::Last || b == SetEnd::Last)
    }
}

/// A set of numbers as ascending, disjoint, non-adjacent ranges (both ends included).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NumberSet {
    ranges: Vec<(u32, u32)>,
}

impl NumberSet {
    /// The empty set.
    pub const fn new() -> Self {
        Self { ranges: Vec::new() }
    }

    /// All numbers from `low` to `high`; empty if `low > high`.
    pub fn range(low: u32, high: u32) -> Self {
        Self {
            ranges: if low <= high {
                vec![(low, high)]
            } else {
                Vec::new()
            },
        }
    }

    /// Adds a number. Cheap if it is beyond the last one, else it costs a search and a shift.
    pub fn insert(&mut self, number: u32) {
        match self.ranges.last_mut() {
            Some((_, high)) if number == high.saturating_add(1) => *high = number,
            Some(&mut (_, high)) if number <= high => self.insert_within(number),
            _ => self.ranges.push((number, number)),
        }
    }

    fn insert_within(&mut self, number: u32) {
        if self.contains(number) {
            return;
        }
        let mut ranges = std::mem::take(&mut self.ranges);
        ranges.push((number, number));
        *self = ranges.into_iter().collect();
    }

    /// True if the number is in the set.
    pub fn contains(&self, number: u32) -> bool {
        let at = self.ranges.partition_point(|&(_, high)| high < number);
        self.ranges.get(at).is_some_and(|&(low, _)| low <= number)
    }

    /// The least number in the set that is not below `number`.
    pub fn next_from(&self, number: u32) -> Option<u32> {
        let at = self.ranges.partition_point(|&(_, high)| high < number);
        self.ranges.get(at).map(|&(low, _)| low.max(number))
    }

    /// The ranges, ascending.
    pub fn ranges(&self) -> &[(u32, u32)] {
        &self.ranges
    }

    /// All numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.ranges.iter().flat_map(|&(low, high)| low..=high)
    }

    /// The greatest number.
    pub fn last(&self) -> Option<u32> {
        self.ranges.last().map(|&(_, high)| high)
    }

    /// How many numbers there are.
    pub fn len(&self) -> u64 {
        let lengths = self.ranges.iter().map(|&(low, high)| high - low);
        lengths.map(|length| u64::from(length) + 1).sum()
    }

    /// The numbers of both.
    pub fn with(&self, other: &Self) -> Self {
        self.ranges.iter().chain(&other.ranges).copied().collect()
    }

    /// The numbers that `other` lacks.
    pub fn without(&self, other: &Self) -> Self {
        let mut ranges = Vec::new();
        let mut taken = other.ranges.iter().copied().peekable();
        for &(mut low, high) in &self.ranges {
            while taken.next_if(|&(_, end)| end < low).is_some() {}
            let mut is_left = true;
            while let Some(&(from, to)) = taken.peek().filter(|&&(from, _)| from <= high) {
                if low < from {
                    ranges.push((low, from - 1));
                }
                if to >= high {
                    is_left = false;
                    break;
                }
                low = to + 1;
                taken.next();
            }
            if is_left {
                ranges.push((low, high));
            }
        }
        Self { ranges }
    }

    /// The numbers that `other` has too.
    pub fn intersection(&self, other: &Self) -> Self {
        self.without(&self.without(other))
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

impl FromIterator<(u32, u32)> for NumberSet {
    /// Takes ranges in any order, overlapping or not, each with its lesser end first.
    fn from_iter<I: IntoIterator<Item = (u32, u32)>>(ranges: I) -> Self {
        let mut sorted: Vec<(u32, u32)> = ranges.into_iter().collect();
        sorted.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(sorted.len());
        for (low, high) in sorted {
            match merged.last_mut() {
                Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
                _ => merged.push((low, high)),
            }
        }
        Self { ranges: merged }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SetEnd::{Last, Number};

    #[test]
    fn rfc_1064_example() {
        // RFC 1064 p. 8: 2,4:7,9,12:15
        let n = |a, b| (Number(a), Number(b));
        let set = MessageSet(vec![n(2, 2), n(4, 7), n(9, 9), n(12, 15)]).resolve(20);
        assert_eq!(
            set.iter().collect::<Vec<_>>(),
            [2, 4, 5, 6, 7, 9, 12, 13, 14, 15]
        );
    }

    #[test]
    fn reversed_overlapping_and_last() {
        let set = MessageSet(vec![
            (Last, Number(8)),
            (Number(3), Number(1)),
            (Number(2), Number(4)),
        ]);
        assert_eq!(set.resolve(10).ranges(), [(1, 4), (8, 10)]);
        assert_eq!(set.greatest_number(), 8);
        assert_eq!(MessageSet(vec![(Last, Last)]).resolve(0), NumberSet::new());
    }

    #[test]
    fn sets_are_added_and_taken_away() {
        let set = |ranges: &[(u32, u32)]| ranges.iter().copied().collect::<NumberSet>();
        let a = set(&[(1, 10), (20, 30), (40, 40), (50, u32::MAX)]);
        for (b, without, both) in [
            (set(&[]), a.clone(), set(&[])),
            (a.clone(), set(&[]), a.clone()),
            (
                set(&[(0, 1), (5, 22), (24, 24), (30, 45)]),
                set(&[(2, 4), (23, 23), (25, 29), (50, u32::MAX)]),
                set(&[(1, 1), (5, 10), (20, 22), (24, 24), (30, 30), (40, 40)]),
            ),
            (
                set(&[(11, 19), (60, u32::MAX)]),
                set(&[(1, 10), (20, 30), (40, 40), (50, 59)]),
                set(&[(60, u32::MAX)]),
            ),
        ] {
            assert_eq!(a.without(&b), without);
            assert_eq!(a.intersection(&b), both);
            assert_eq!(without.with(&both), a);
        }
    }

    #[test]
    fn inserts_anywhere() {
        let mut set = NumberSet::new();
        for number in [5, 6, 9, 1, 7, 7, u32::MAX, 0] {
            set.insert(number);
        }
        assert_eq!(set.ranges(), [(0, 1), (5, 7), (9, 9), (u32::MAX, u32::MAX)]);
        assert!(set.contains(6) && !set.contains(8));
        assert_eq!(
            (set.next_from(2), set.next_from(6), set.next_from(10)),
            (Some(5), Some(6), Some(u32::MAX))
        );
    }
}
