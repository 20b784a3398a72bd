//! Reads a message file piece by piece into the scanner that finds its parts: the only place where a
//! session reads messages, other than the output queue that sends them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use super::job::Cx;
use super::output::FileRange;
use crate::budget::{Budget, COST_READ_16K, Step, Why};
use crate::message::{Depth, Extent, Layout, Scanner};
use crate::types::Uid;

/// How much is read at once.
pub(super) const PIECE: usize = 16 * 1024;

/// A message file that is being looked through.
pub(super) struct Reader {
    file: Rc<File>,
    position: u64,
    scanner: Option<Scanner>,
}

impl Reader {
    pub(super) fn new(file: Rc<File>, depth: Depth) -> Self {
        Self {
            file,
            position: 0,
            scanner: Some(Scanner::new(depth)),
        }
    }

    /// Reads on; done when the scanner has what it was made for, or the file ends.
    pub(super) fn step(&mut self, budget: &mut Budget<'_>) -> Step<io::Result<Layout>> {
        let mut piece = [0; PIECE];
        while let Some(scanner) = &mut self.scanner {
            let count = match self.file.read_at(&mut piece, self.position) {
                Ok(count) => count,
                Err(error) => return Step::Done(Err(error)),
            };
            self.position += count as u64;
            scanner.feed(&piece[..count]);
            budget.spend(COST_READ_16K);
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

/// A place inside an extent: so many octets of what goes over the wire come before this offset.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resume {
    pub(super) uid: Uid,
    pub(super) extent_start: u64,
    pub(super) octets: u64,
    pub(super) offset: u64,
}

/// Finds where the octet number `first` of an extent lies in the file. A partial FETCH counts octets as
/// they go over the wire, with CRLF for every line end, so the file has to be counted through; a client
/// that fetches piece after piece goes on where its last piece ended.
pub(super) struct Locate {
    at: Resume,
    first: u64,
}

impl Locate {
    pub(super) fn new(uid: Uid, extent: &Extent, first: u64, resume: Option<Resume>) -> Self {
        let start = Resume {
            uid,
            extent_start: extent.start,
            octets: 0,
            offset: extent.start,
        };
        let fits =
            |at: &Resume| at.uid == uid && at.extent_start == extent.start && at.octets <= first;
        Self {
            at: resume.filter(fits).unwrap_or(start),
            first,
        }
    }

    /// The range of the file for `octets` octets from there on.
    pub(super) fn step(
        &mut self,
        file: &Rc<File>,
        extent: &Extent,
        octets: u64,
        cx: &mut Cx<'_, '_>,
    ) -> Step<io::Result<FileRange>> {
        let mut piece = [0; PIECE];
        while self.at.octets < self.first {
            let wanted = usize::try_from(extent.end - self.at.offset)
                .unwrap_or(PIECE)
                .min(PIECE);
            let count = match file.read_at(&mut piece[..wanted], self.at.offset) {
                Ok(0) => return Step::Done(Err(io::ErrorKind::UnexpectedEof.into())),
                Ok(count) => count,
                Err(error) => return Step::Done(Err(error)),
            };
            if !self.pass(&piece[..count]) {
                break;
            }
            cx.budget.spend(COST_READ_16K);
            if cx.budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
        cx.core.resume = Some(self.at);
        let skip = self.first - self.at.octets;
        Step::Done(Ok(FileRange {
            file: Rc::clone(file),
            start: self.at.offset,
            end: extent.end,
            skip,
            octets,
        }))
    }

    /// Moves over whole lines of the piece as long as the wanted octet lies behind them, and over a
    /// whole piece without a line end if it can. False when the rest has to be skipped by the reader.
    fn pass(&mut self, piece: &[u8]) -> bool {
        let (mut octets, mut taken) = (0, 0);
        let room = self.first - self.at.octets;
        for end in memchr::memchr_iter(b'\n', piece) {
            let bare = end == 0 || piece[end - 1] != b'\r';
            let line = (end + 1 - taken) as u64 + u64::from(bare);
            if octets + line > room {
                break;
            }
            octets += line;
            taken = end + 1;
        }
        if taken == 0 && (piece.len() as u64) < room && piece.len() > 1 {
            // One long line: stop before its last octet, which may be the CR of a CRLF.
            octets = piece.len() as u64 - 1;
            taken = piece.len() - 1;
        }
        self.at.octets += octets;
        self.at.offset += taken as u64;
        taken > 0
    }
}
