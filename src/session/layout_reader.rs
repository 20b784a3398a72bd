//! Reading a message file piece by piece into the scanner that finds its parts. Besides this and
//! the search for texts, only the output queue reads message files.

use std::fs::File;
use std::io;
use std::rc::Rc;

use super::disk_wait::DiskWait;
use super::output::PIECE;
use crate::budget::{Budget, COST_READ_16K, Step, Why};
use crate::message::{Layout, ScanDepth, Scanner};
use crate::store::StoreError;
use crate::try_ready;

/// Octets that are read first where the header will do: most headers end in them, and what comes
/// behind one need not be copied.
const HEADER_PIECE: usize = 4 * 1024;

/// Reads a message file until the scanner has found what it was made for.
pub(super) struct LayoutReader {
    file: Rc<File>,
    /// Offset of the next octet to read.
    position: u64,
    /// Octets to read next.
    piece: usize,
    disk: DiskWait,
    /// `None` once it is done.
    scanner: Option<Scanner>,
}

impl LayoutReader {
    /// Begins at the start of the file.
    pub(super) fn new(file: Rc<File>, depth: ScanDepth) -> Self {
        Self {
            file,
            position: 0,
            piece: match depth {
                ScanDepth::Header => HEADER_PIECE,
                ScanDepth::Sizes | ScanDepth::Structure => PIECE,
            },
            disk: DiskWait::default(),
            scanner: Some(Scanner::new(depth)),
        }
    }

    /// Returns the octets of memory that the scanner takes.
    pub(super) fn memory(&self) -> usize {
        let scanner = self.scanner.as_ref();
        scanner.map_or(0, |scanner| size_of::<Scanner>() + scanner.memory())
    }

    /// Returns the file that is read.
    pub(super) fn file(&self) -> Rc<File> {
        Rc::clone(&self.file)
    }

    /// Reads on; done when the scanner has what it was made for, or the file ends.
    pub(super) fn step(&mut self, budget: &mut Budget<'_>) -> Step<io::Result<Layout>> {
        let mut piece = [0; PIECE];
        while let Some(scanner) = &mut self.scanner {
            let piece = &mut piece[..self.piece];
            let read = self.disk.read(&self.file, piece, self.position, budget);
            let count = try_ready!(read);
            self.piece = PIECE;
            self.position += count as u64;
            scanner.feed(&piece[..count]);
            budget.spend(COST_READ_16K);
            budget.spend_octets(scanner.take_work());
            if count == 0 || scanner.is_done() {
                break;
            }
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
        match self.scanner.take() {
            Some(scanner) => Step::Done(Ok(scanner.finish())),
            None => Step::Done(Err(io::Error::other("the message was read already"))),
        }
    }
}

/// Makes the error for a message file that could be opened but not read.
pub(super) fn unreadable(source: io::Error) -> StoreError {
    StoreError::Io {
        context: "reading a message",
        source: source.into(),
    }
}
