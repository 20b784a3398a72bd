//! Counts what is done in this room, so that tests can compare it with what was paid.

use std::cell::Cell;

thread_local! {
    static WORK: Cell<u64> = const { Cell::new(0) };
}

/// Octets that take about as long to scan as one record takes to visit.
const OCTETS_PER_RECORD: u64 = 64;

/// Notes that a field or a token of so many octets was looked at.
pub(super) fn note(octets: usize) {
    WORK.with(|work| work.set(work.get() + OCTETS_PER_RECORD + octets as u64));
}

/// Returns the work since the last call, in octets.
pub(crate) fn take() -> u64 {
    WORK.with(|work| work.replace(0))
}
