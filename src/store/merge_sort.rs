//! Sorting in steps: 100 000 names in the order of a directory, which is none, take 20 ms.

use std::cmp::Ordering;

use crate::budget::{Budget, Step, Why};
use crate::types::memory;

/// Items that the standard library sorts at once, to begin with.
const RUN: usize = 512;
/// Items that are merged between two checks of the budget.
const BATCH: usize = 256;
/// Comparing and moving an item takes as long as visiting this many records.
const RECORDS_PER_ITEM: usize = 2;
/// What sorting the items of a run takes, each.
const RECORDS_PER_ITEM_OF_RUN: usize = 16;

/// Sorts by merging: runs of [`RUN`] items first, then runs of twice the length, and so on.
#[derive(Debug)]
pub(crate) struct MergeSort<T> {
    items: Vec<T>,
    /// What has been merged in the current pass.
    merged: Vec<T>,
    /// How many items the runs have that are merged, two by two; 0 while the first runs are sorted.
    width: usize,
    /// The next item to sort, or the starts of what is left of both runs.
    at: (usize, usize),
}

impl<T: Copy> MergeSort<T> {
    /// Returns the octets of memory that the items take.
    pub(crate) fn memory(&self) -> usize {
        memory::of_list(&self.items) + memory::of_list(&self.merged)
    }

    pub(crate) fn new(items: Vec<T>) -> Self {
        Self {
            merged: Vec::with_capacity(items.len()),
            items,
            width: 0,
            at: (0, 0),
        }
    }

    /// Sorts on, by the same order in each step; done with the sorted items.
    pub(crate) fn step(
        &mut self,
        compare: impl Fn(&T, &T) -> Ordering,
        budget: &mut Budget<'_>,
    ) -> Step<Vec<T>> {
        loop {
            if self.width == 0 {
                self.sort_run(&compare, budget);
            } else if self.width < self.items.len() {
                self.merge_batch(&compare, budget);
            } else {
                return Step::Done(std::mem::take(&mut self.items));
            }
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
    }

    fn sort_run(&mut self, compare: &impl Fn(&T, &T) -> Ordering, budget: &mut Budget<'_>) {
        let start = self.at.0;
        let end = self.items.len().min(start + RUN);
        self.items[start..end].sort_unstable_by(compare);
        budget.spend_records((end - start) * RECORDS_PER_ITEM_OF_RUN);
        self.at.0 = end;
        if end == self.items.len() {
            self.begin_pass(RUN);
        }
    }

    fn begin_pass(&mut self, width: usize) {
        self.width = width;
        self.at = (0, width.min(self.items.len()));
        self.merged.clear();
    }

    /// Merges some items, and begins the next pass after the last ones.
    fn merge_batch(&mut self, compare: &impl Fn(&T, &T) -> Ordering, budget: &mut Budget<'_>) {
        let count = self.items.len();
        for _ in 0..BATCH {
            if self.merged.len() == count {
                std::mem::swap(&mut self.items, &mut self.merged);
                self.begin_pass(2 * self.width);
                break;
            }
            // The pair of runs that the next item belongs to.
            let start = self.merged.len() / (2 * self.width) * (2 * self.width);
            let middle = count.min(start + self.width);
            let end = count.min(start + 2 * self.width);
            if self.merged.len() == start {
                self.at = (start, middle);
            }
            let (left, right) = self.at;
            let is_left = right == end
                || left < middle && compare(&self.items[left], &self.items[right]).is_le();
            if is_left {
                self.merged.push(self.items[left]);
                self.at.0 += 1;
            } else {
                self.merged.push(self.items[right]);
                self.at.1 += 1;
            }
        }
        budget.spend_records(BATCH * RECORDS_PER_ITEM);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use proptest::prelude::*;

    use super::*;
    use crate::budget::FakeClock;

    /// Sorts in steps of so many units. Returns how many steps it took.
    fn sort(items: &[u16], units: u32) -> (Vec<u16>, usize) {
        let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
        let mut sort = MergeSort::new(items.to_vec());
        for steps in 1.. {
            let mut budget = Budget::new(&clock, units, Duration::from_secs(1));
            if let Step::Done(sorted) = sort.step(u16::cmp, &mut budget) {
                return (sorted, steps);
            }
        }
        unreachable!("the steps have no end")
    }

    proptest! {
        #[test]
        fn sorts_as_the_standard_library_does(
            items in prop::collection::vec(any::<u16>(), 0..3_000),
            units in 1u32..400,
        ) {
            let mut want = items.clone();
            want.sort_unstable();
            prop_assert_eq!(sort(&items, units).0, want);
        }
    }

    #[test]
    fn lengths_at_the_limits_are_sorted() {
        for count in [0, 1, RUN - 1, RUN, RUN + 1, 2 * RUN, 2 * RUN + 1, 5 * RUN] {
            let items: Vec<u16> = (0..count as u16).rev().collect();
            let (sorted, steps) = sort(&items, 1);
            assert!(sorted.is_sorted() && sorted.len() == count, "{count}");
            assert!(steps >= count / BATCH, "{steps} steps for {count}");
        }
    }
}
