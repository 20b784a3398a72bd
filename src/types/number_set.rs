//! Sets of sequence numbers or UIDs, ascending and merged.

use super::memory;
use crate::work;

/// A set of numbers as ranges that are ascending, disjoint and not adjacent, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct NumberSet {
    ranges: Vec<(u32, u32)>,
}

impl NumberSet {
    /// Returns the octets of memory that the ranges take.
    pub(crate) fn memory(&self) -> usize {
        memory::of_list(&self.ranges)
    }

    /// Returns the empty set.
    pub(crate) const fn new() -> Self {
        Self { ranges: Vec::new() }
    }

    /// Returns the numbers from `low` to `high`; none if `low > high`.
    pub(crate) fn range(low: u32, high: u32) -> Self {
        Self {
            ranges: if low <= high {
                vec![(low, high)]
            } else {
                Vec::new()
            },
        }
    }

    /// Adds a number. Takes constant time if the number is above all others, otherwise time that
    /// grows with the number of ranges.
    pub(crate) fn insert(&mut self, number: u32) {
        match self.ranges.last_mut() {
            Some((_, high)) if number == high.saturating_add(1) => *high = number,
            Some(&mut (_, high)) if number <= high => self.insert_within(number),
            _ => self.ranges.push((number, number)),
        }
    }

    /// Adds a number that is not above all others.
    fn insert_within(&mut self, number: u32) {
        if self.contains(number) {
            return;
        }
        work::octets(size_of::<(u32, u32)>() * self.ranges.len());
        let mut ranges = std::mem::take(&mut self.ranges);
        ranges.push((number, number));
        *self = ranges.into_iter().collect();
    }

    /// True if the number is in the set.
    pub(crate) fn contains(&self, number: u32) -> bool {
        let at = self.ranges.partition_point(|&(_, high)| high < number);
        self.ranges.get(at).is_some_and(|&(low, _)| low <= number)
    }

    /// Returns the least number in the set that is not below `number`.
    pub(crate) fn next_from(&self, number: u32) -> Option<u32> {
        let at = self.ranges.partition_point(|&(_, high)| high < number);
        self.ranges.get(at).map(|&(low, _)| low.max(number))
    }

    /// Returns the ranges, ascending.
    pub(crate) fn ranges(&self) -> &[(u32, u32)] {
        &self.ranges
    }

    /// Returns all numbers, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        self.ranges.iter().flat_map(|&(low, high)| low..=high)
    }

    /// Returns the greatest number.
    pub(crate) fn last(&self) -> Option<u32> {
        self.ranges.last().map(|&(_, high)| high)
    }

    /// Returns how many numbers are in the set.
    pub(crate) fn len(&self) -> u64 {
        let lengths = self.ranges.iter().map(|&(low, high)| high - low);
        lengths.map(|length| u64::from(length) + 1).sum()
    }

    /// Returns the union of both sets.
    pub(crate) fn with(&self, other: &Self) -> Self {
        self.ranges.iter().chain(&other.ranges).copied().collect()
    }

    /// Returns the numbers that `other` lacks.
    pub(crate) fn without(&self, other: &Self) -> Self {
        work::octets(size_of::<(u32, u32)>() * (self.ranges.len() + other.ranges.len()));
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

    /// Returns the numbers that `other` has too.
    pub(crate) fn intersection(&self, other: &Self) -> Self {
        self.without(&self.without(other))
    }

    /// True if the set is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

impl FromIterator<(u32, u32)> for NumberSet {
    /// Collects ranges in any order, overlapping or not, each with its lesser end first.
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

    #[test]
    fn union_difference_and_intersection() {
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
