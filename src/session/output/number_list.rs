//! Sets and lists of numbers, written piece by piece.

use std::io::Write as _;
use std::rc::Rc;

use super::file_range::PIECE;
use crate::types::NumberSet;

/// Numbers that are written piece by piece.
#[derive(Debug)]
pub(super) enum NumberList {
    /// The numbers of a set, each with a space before it. `next` is where to go on.
    Set { set: Rc<NumberSet>, next: u32 },
    /// A set as a client would write it: `2,4:7`. `next` is the index of the next range.
    Ranges { set: Rc<NumberSet>, next: usize },
    /// Numbers in the order that they have, each with a space before it. `next` is the index of the
    /// next.
    Ordered { numbers: Vec<u32>, next: usize },
}

impl NumberList {
    /// Returns the octets of memory that the numbers take. Of a set that a saved result shares,
    /// both count all.
    pub(super) fn memory(&self) -> usize {
        match self {
            Self::Set { set, .. } | Self::Ranges { set, .. } => set.memory(),
            Self::Ordered { numbers, .. } => numbers.capacity() * size_of::<u32>(),
        }
    }

    /// Writes up to a piece of numbers; true if there are no more.
    pub(super) fn write(&mut self, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Set { set, next } => write_set(set, next, out),
            Self::Ranges { set, next } => write_ranges(set, next, out),
            Self::Ordered { numbers, next } => write_ordered(numbers, next, out),
        }
    }
}

fn write_set(set: &NumberSet, next: &mut u32, out: &mut Vec<u8>) -> bool {
    let mut wanted = Some(*next);
    while out.len() < PIECE {
        let Some(number) = wanted.and_then(|from| set.next_from(from)) else {
            return true;
        };
        // Writing to memory does not fail.
        let _ = write!(out, " {number}");
        wanted = number.checked_add(1);
    }
    match wanted {
        Some(number) => *next = number,
        None => return true,
    }
    false
}

fn write_ranges(set: &NumberSet, next: &mut usize, out: &mut Vec<u8>) -> bool {
    while let Some(&(low, high)) = set.ranges().get(*next).filter(|_| out.len() < PIECE) {
        let comma = if *next > 0 { "," } else { "" };
        // Writing to memory does not fail.
        let _ = match low == high {
            true => write!(out, "{comma}{low}"),
            false => write!(out, "{comma}{low}:{high}"),
        };
        *next += 1;
    }
    *next == set.ranges().len()
}

fn write_ordered(numbers: &[u32], next: &mut usize, out: &mut Vec<u8>) -> bool {
    while let Some(number) = numbers.get(*next).filter(|_| out.len() < PIECE) {
        // Writing to memory does not fail.
        let _ = write!(out, " {number}");
        *next += 1;
    }
    *next == numbers.len()
}
