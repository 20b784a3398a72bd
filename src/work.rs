//! The counting clock of the tests: it ticks where work is done, and knows nothing of what is paid
//! for it.
//!
//! A [`Budget`](crate::budget::Budget) holds what a job *says* that it has done. So a loop that
//! pays for one field and compares it with a thousand names goes unnoticed there. This clock ticks
//! inside the loops that no client can make shorter: those that go over octets, fields, tokens,
//! lines, names, ranges and directory entries, and before each system call on a path. A test takes
//! the ticks of a step and compares them with the units that were paid.
//!
//! A tick is the time in which one octet is scanned. In builds that are no tests the functions do
//! nothing.

/// Ticks of looking at a thing, besides the octets that it has.
#[cfg(test)]
const THING: u64 = 64;
/// Ticks of a system call on a path: 5 us.
#[cfg(test)]
const CALL: u64 = 4096;

#[cfg(test)]
thread_local! {
    static TICKS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Ticks for octets that are scanned, decoded, compared or copied.
#[inline]
pub(crate) fn octets(_count: usize) {
    #[cfg(test)]
    tick(_count as u64);
}

/// Ticks for things that are looked at, such as fields, tokens, names, records and directory
/// entries.
#[inline]
pub(crate) fn things(_count: usize) {
    #[cfg(test)]
    tick(THING * _count as u64);
}

/// Ticks for a system call on a path.
#[inline]
pub(crate) fn call() {
    #[cfg(test)]
    tick(CALL);
}

#[cfg(test)]
fn tick(ticks: u64) {
    TICKS.with(|all| all.set(all.get() + ticks));
}

/// Returns the ticks of this thread since the last call.
#[cfg(test)]
pub(crate) fn take() -> u64 {
    TICKS.with(|all| all.replace(0))
}
