//! The file `imap2d-modseq`: the mod-sequences of a mailbox when it was closed.
//!
//! ```text
//! file    = "imap2d-modseq 1" LF checksum content
//! content = inode validity uid-next highest forgotten count *vanished count *run
//! vanished = (highest - modseq) uid
//! run     = (first - last of the run before) (last - first) (highest - modseq) flags keywords
//! ```
//!
//! All but the checksum (FNV-1a over the content, 8 octets, least significant first) are numbers of
//! 7 bits an octet, least significant first, with the high bit set in all octets but the last. A
//! run stands for messages with consecutive UIDs, all of which exist.
//!
//! The inode is the file's own. A copy, for example from a backup, may be from a time before
//! greater mod-sequences were announced to clients. It has another inode, and is ignored.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::vanished::{REMEMBERED, Vanished};
use crate::budget::{Budget, Step, Why};
use crate::store::maildir::atomic_replace::{AtomicReplace, IfExists, WrittenReplacement};
use crate::store::maildir::files;
use crate::types::{Flags, KeywordSet, NumberSet};

/// Name of the file in the mailbox directory.
pub(super) const FILE: &str = "imap2d-modseq";
/// Name of the file while it is being written.
const TEMPORARY: &str = "imap2d-modseq.tmp";
const MAGIC: &[u8] = b"imap2d-modseq 1\n";
/// A longer file is not read. A million messages that all differ fit into it.
const MAX_SIZE: u64 = 32 << 20;
/// Where the content begins, behind the checksum.
const CONTENT_AT: usize = MAGIC.len() + size_of::<u64>();
/// Octets read between two checks of the budget.
const PIECE: u64 = 16 * 1024;
/// Adding an octet to the checksum takes as long as scanning this many.
const CHECKSUM_WORK: usize = 2;
/// Runs decoded between two checks of the budget.
const BATCH: u64 = 64;
/// Decoding a run takes as long as visiting this many records.
const RECORDS_PER_RUN: usize = 4;

/// The state of a mailbox when the file was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Snapshot {
    pub(super) validity: u32,
    pub(super) uid_next: u32,
    pub(super) highest: u64,
    pub(super) vanished: Vanished,
    /// In ascending order of UIDs.
    pub(super) runs: Vec<Run>,
}

/// Messages with consecutive UIDs, the same mod-sequence and the same flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) mod_sequence: u64,
    pub(super) flags: Flags,
    pub(super) keywords: KeywordSet,
}

impl Snapshot {
    /// Adds a message with a greater UID than all before.
    pub(super) fn push(&mut self, message: Run) {
        match self.runs.last_mut() {
            Some(run)
                if run.last.checked_add(1) == Some(message.first)
                    && (run.mod_sequence, run.flags, run.keywords)
                        == (message.mod_sequence, message.flags, message.keywords) =>
            {
                run.last = message.last;
            }
            _ => self.runs.push(message),
        }
    }

    /// Returns the mod-sequence of a message, if it has the same flags as then.
    pub(super) fn mod_sequence(&self, uid: u32, flags: Flags, keywords: KeywordSet) -> Option<u64> {
        let run = self
            .runs
            .get(self.runs.partition_point(|run| run.last < uid))?;
        let holds = run.first <= uid && (run.flags, run.keywords) == (flags, keywords);
        holds.then_some(run.mod_sequence)
    }

    /// Returns the UIDs of the messages that existed.
    pub(super) fn uids(&self) -> NumberSet {
        self.runs.iter().map(|run| (run.first, run.last)).collect()
    }

    /// Writes the head of the content: everything before the first run.
    fn encode_head(&self, inode: u64, runs: usize, out: &mut Vec<u8>) {
        for number in [
            inode,
            self.validity.into(),
            self.uid_next.into(),
            self.highest,
        ] {
            write_number(out, number);
        }
        write_number(out, self.vanished.forgotten());
        write_number(out, self.vanished.entries().len() as u64);
        for (change, uid) in self.vanished.entries() {
            write_number(out, self.highest - change);
            write_number(out, uid.into());
        }
        write_number(out, runs as u64);
    }

    /// Writes a run. `before` is the last UID of the run before.
    fn encode_run(&self, run: &Run, before: u32, out: &mut Vec<u8>) {
        write_number(out, (run.first - before).into());
        write_number(out, (run.last - run.first).into());
        write_number(out, self.highest - run.mod_sequence);
        write_number(out, run.flags.bits().into());
        write_number(out, run.keywords.0.into());
    }

    fn decode_head(numbers: &mut Numbers<'_>, inode: u64) -> Option<Self> {
        if numbers.next()? != inode {
            return None;
        }
        let mut snapshot = Self {
            validity: numbers.next_u32()?,
            uid_next: numbers.next_u32()?,
            highest: numbers.next()?,
            ..Self::default()
        };
        snapshot.vanished = Vanished::since(numbers.next()?);
        let vanished = numbers.next()?;
        if vanished > REMEMBERED as u64 {
            return None;
        }
        let mut last_change = 0;
        for _ in 0..vanished {
            let change = snapshot.highest.checked_sub(numbers.next()?)?;
            if change < last_change {
                return None;
            }
            last_change = change;
            snapshot.vanished.push(change, numbers.next_u32()?);
        }
        Some(snapshot)
    }

    fn decode_run(&self, numbers: &mut Numbers<'_>) -> Option<Run> {
        let before = self.runs.last().map_or(0, |run| run.last);
        let first = before.checked_add(numbers.next_u32()?)?;
        if first == before {
            return None;
        }
        Some(Run {
            first,
            last: first.checked_add(numbers.next_u32()?)?,
            mod_sequence: self.highest.checked_sub(numbers.next()?)?,
            flags: Flags::from_bits(u8::try_from(numbers.next()?).ok()?),
            keywords: KeywordSet(numbers.next_u32()?),
        })
    }
}

/// Reads the file of a mailbox, in steps: it may have [`MAX_SIZE`] octets.
#[derive(Debug)]
pub(crate) struct SnapshotReader {
    file: File,
    path: PathBuf,
    inode: u64,
    octets: Vec<u8>,
    checksum: u64,
    /// What is decoded, once all octets are read and their checksum is right.
    decoded: Option<Decoded>,
}

#[derive(Debug)]
struct Decoded {
    snapshot: Snapshot,
    /// Offset behind the last run that is decoded.
    at: usize,
    /// Runs that are not decoded.
    left: u64,
}

impl SnapshotReader {
    /// Opens the file of a mailbox. Returns `None` if there is none, or if it cannot be read, which
    /// is logged.
    pub(super) fn open(dir: &Path) -> Option<Self> {
        let path = dir.join(FILE);
        let opened = files::open(&path, OpenOptions::new().read(true));
        let opened = opened.and_then(|file| match file {
            Some(file) => {
                let status = file.metadata()?;
                Ok(Some((file, status.ino(), status.len())))
            }
            None => Ok(None),
        });
        let (file, inode, size) = opened.unwrap_or_else(|error| {
            warn_unreadable(&path, &error);
            None
        })?;
        if size > MAX_SIZE {
            warn_unreadable(&path, &"it is too long");
            return None;
        }
        Some(Self {
            file,
            path,
            inode,
            octets: Vec::with_capacity(size as usize),
            checksum: EMPTY_CHECKSUM,
            decoded: None,
        })
    }

    /// Reads on; done with the content, or `None` if the file is damaged or a copy, or cannot be
    /// read, which is logged.
    pub(crate) fn step(&mut self, budget: &mut Budget<'_>) -> Step<Option<Snapshot>> {
        loop {
            let advanced = match &self.decoded {
                None => match self.read_piece(budget) {
                    Err(error) => {
                        warn_unreadable(&self.path, &error);
                        return Step::Done(None);
                    }
                    Ok(false) => Some(()),
                    Ok(true) => self.begin_to_decode(),
                },
                Some(decoded) if decoded.left == 0 => {
                    let decoded = self.decoded.take();
                    let whole = decoded.filter(|decoded| decoded.at == self.octets.len());
                    match whole {
                        Some(decoded) => return Step::Done(Some(decoded.snapshot)),
                        None => None,
                    }
                }
                Some(_) => self.decode_runs(budget),
            };
            if advanced.is_none() {
                log::info!(
                    "{}: ignoring the saved mod-sequences, because the file is damaged or a copy",
                    self.path.display()
                );
                return Step::Done(None);
            }
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
    }

    /// Reads the next octets, and adds them to the checksum. Returns true at the end.
    fn read_piece(&mut self, budget: &mut Budget<'_>) -> io::Result<bool> {
        let before = self.octets.len();
        let most = (MAX_SIZE + 1).saturating_sub(before as u64).min(PIECE);
        let read = (&self.file).take(most).read_to_end(&mut self.octets)?;
        // The checksum is not part of itself.
        let counted = &self.octets[before.max(CONTENT_AT).min(self.octets.len())..];
        self.checksum = checksum(self.checksum, counted);
        budget.spend_octets(read + CHECKSUM_WORK * counted.len());
        if self.octets.len() as u64 > MAX_SIZE {
            return Err(io::Error::other("the file is too long"));
        }
        Ok(read == 0)
    }

    fn begin_to_decode(&mut self) -> Option<()> {
        let rest = self.octets.strip_prefix(MAGIC)?;
        let (sum, content) = rest.split_first_chunk::<8>()?;
        if self.checksum != u64::from_le_bytes(*sum) {
            return None;
        }
        let mut numbers = Numbers(content);
        let snapshot = Snapshot::decode_head(&mut numbers, self.inode)?;
        let left = numbers.next()?;
        self.decoded = Some(Decoded {
            snapshot,
            at: self.octets.len() - numbers.0.len(),
            left,
        });
        Some(())
    }

    fn decode_runs(&mut self, budget: &mut Budget<'_>) -> Option<()> {
        let decoded = self.decoded.as_mut()?;
        let mut numbers = Numbers(self.octets.get(decoded.at..)?);
        let count = decoded.left.min(BATCH);
        for _ in 0..count {
            let run = decoded.snapshot.decode_run(&mut numbers)?;
            decoded.snapshot.runs.push(run);
        }
        budget.spend_records(count as usize * RECORDS_PER_RUN);
        decoded.left -= count;
        decoded.at = self.octets.len() - numbers.0.len();
        Some(())
    }
}

fn warn_unreadable(path: &Path, error: &dyn std::fmt::Display) {
    log::warn!(
        "{}: cannot read the saved mod-sequences: {error}",
        path.display()
    );
}

/// A file that is being written, run by run. If it is dropped before [`Self::end`], the old file
/// stays.
#[derive(Debug)]
pub(super) struct SnapshotWriter {
    file: AtomicReplace,
    snapshot: Snapshot,
    /// How many of the runs are written.
    written: usize,
    /// The last UID of the run before.
    before: u32,
    checksum: u64,
}

impl SnapshotWriter {
    /// Creates the new file. The mailbox is locked until [`Self::end`].
    pub(super) fn begin(dir: &Path, snapshot: Snapshot) -> io::Result<Self> {
        let mut file = AtomicReplace::create(dir, TEMPORARY, FILE, IfExists::Overwrite)?;
        let inode = std::fs::symlink_metadata(dir.join(TEMPORARY))?.ino();
        file.write_all(MAGIC)?;
        file.write_all(&[0; size_of::<u64>()])?;
        let mut head = Vec::new();
        snapshot.encode_head(inode, snapshot.runs.len(), &mut head);
        file.write_all(&head)?;
        Ok(Self {
            file,
            snapshot,
            written: 0,
            before: 0,
            checksum: checksum(EMPTY_CHECKSUM, &head),
        })
    }

    /// Writes at most `most` runs. Returns true when all are written.
    pub(super) fn write_runs(&mut self, most: usize) -> io::Result<bool> {
        let runs = &self.snapshot.runs[self.written..];
        let runs = &runs[..runs.len().min(most)];
        let mut octets = Vec::new();
        for run in runs {
            self.snapshot.encode_run(run, self.before, &mut octets);
            self.before = run.last;
        }
        self.written += runs.len();
        self.checksum = checksum(self.checksum, &octets);
        self.file.write_all(&octets)?;
        Ok(self.written == self.snapshot.runs.len())
    }

    /// Ends the file, which is to be flushed and renamed.
    pub(super) fn end(self) -> io::Result<WrittenReplacement> {
        let checksum = self.checksum;
        self.file.end(|file| write_checksum(file, checksum))
    }
}

fn write_checksum(file: &File, checksum: u64) -> io::Result<()> {
    file.write_all_at(&checksum.to_le_bytes(), MAGIC.len() as u64)
}

/// The checksum of no octets.
const EMPTY_CHECKSUM: u64 = 0xcbf2_9ce4_8422_2325;

/// Returns the 64-bit FNV-1a checksum of octets behind those whose checksum is `sum`. It protects
/// against damage, not against malice, which could as well rename the messages.
fn checksum(sum: u64, octets: &[u8]) -> u64 {
    octets.iter().fold(sum, |sum, &octet| {
        (sum ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn write_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The octets of the numbers that were not read yet.
struct Numbers<'o>(&'o [u8]);

impl Numbers<'_> {
    fn next(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&octet, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(octet & 0x7f).checked_shl(shift)?;
            if octet & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn next_u32(&mut self) -> Option<u32> {
        self.next().and_then(|number| u32::try_from(number).ok())
    }
}

/// Returns a file with content that follows the inode.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn with_checksum(inode: u64, content: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    write_number(&mut all, inode);
    all.extend_from_slice(content);
    [MAGIC, &checksum(EMPTY_CHECKSUM, &all).to_le_bytes(), &all].concat()
}

#[cfg(any(test, feature = "fuzzing"))]
impl Snapshot {
    /// Returns the whole file.
    pub(super) fn encode(&self, inode: u64) -> Vec<u8> {
        let mut content = Vec::new();
        self.encode_head(inode, self.runs.len(), &mut content);
        let mut before = 0;
        for run in &self.runs {
            self.encode_run(run, before, &mut content);
            before = run.last;
        }
        let sum = checksum(EMPTY_CHECKSUM, &content);
        [MAGIC, &sum.to_le_bytes(), &content].concat()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::budget::FakeClock;

    /// Reads the file of a mailbox in steps of one unit.
    fn read(dir: &Path) -> Option<Snapshot> {
        let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
        let mut reader = SnapshotReader::open(dir)?;
        loop {
            let mut budget = Budget::new(&clock, 1, Duration::from_secs(1));
            match reader.step(&mut budget) {
                Step::Done(snapshot) => return snapshot,
                Step::Yield(why) => assert_eq!(why, Why::Budget),
            }
        }
    }

    /// Decodes a file with these octets, whose inode they may name: `inode` is added to its own.
    fn decode(octets: impl FnOnce(u64) -> Vec<u8>) -> Option<Snapshot> {
        let dir = tempfile::tempdir().expect("a directory");
        let file = File::create(dir.path().join(FILE)).expect("created");
        let inode = file.metadata().expect("a status").ino();
        (&file).write_all(&octets(inode)).expect("written");
        read(dir.path())
    }

    fn run(first: u32, last: u32, mod_sequence: u64, flags: Flags) -> Run {
        Run {
            first,
            last,
            mod_sequence,
            flags,
            keywords: KeywordSet(5),
        }
    }

    fn snapshot() -> Snapshot {
        let mut vanished = Vanished::since(3);
        vanished.push(90, 4);
        vanished.push(100, u32::MAX - 1);
        let mut snapshot = Snapshot {
            validity: u32::MAX,
            uid_next: 300,
            highest: 1 << 62,
            vanished,
            runs: Vec::new(),
        };
        for message in [
            run(1, 1, 7, Flags::SEEN),
            run(2, 2, 7, Flags::SEEN),
            run(4, 4, 7, Flags::SEEN),
            run(5, 5, 8, Flags::SEEN),
            run(6, 6, 8, Flags::NONE),
        ] {
            snapshot.push(message);
        }
        snapshot
    }

    #[test]
    fn a_snapshot_is_read_back() {
        let snapshot = snapshot();
        assert_eq!(snapshot.runs.len(), 4, "1 and 2 are alike");
        assert_eq!(decode(|inode| snapshot.encode(inode)), Some(snapshot));
        let empty = Snapshot::default();
        assert_eq!(decode(|inode| empty.encode(inode)), Some(empty));
    }

    /// Returns the least length of a file with that content.
    fn decode_length(snapshot: &Snapshot) -> usize {
        snapshot.encode(0x80).len()
    }

    #[test]
    fn rejects_damage_and_copies() {
        let snapshot = snapshot();
        assert_eq!(decode(|inode| snapshot.encode(inode + 1)), None);
        let length = decode_length(&snapshot);
        for at in 0..length {
            assert_eq!(decode(|inode| snapshot.encode(inode)[..at].to_vec()), None);
            let damaged = decode(|inode| {
                let mut octets = snapshot.encode(inode);
                octets[at] ^= 1;
                octets
            });
            assert_eq!(damaged, None);
        }
    }

    #[test]
    fn no_content_makes_it_panic() {
        for content in [
            &b""[..],
            b"\xff",
            &[0xff; 40],
            &[1; 40],
            b"\x01\x01\x00\x00\x00\x01\xff\x7f",
        ] {
            for has_inode in [false, true] {
                let _ = decode(|inode| {
                    let mut whole = Vec::new();
                    if has_inode {
                        write_number(&mut whole, inode);
                    }
                    whole.extend_from_slice(content);
                    let sum = checksum(EMPTY_CHECKSUM, &whole);
                    [MAGIC, &sum.to_le_bytes(), &whole].concat()
                });
            }
        }
    }

    #[test]
    fn a_step_reads_few_of_many_runs() {
        let mut snapshot = Snapshot {
            highest: 1 << 50,
            ..Snapshot::default()
        };
        for uid in 1..=20_000 {
            snapshot.push(run(uid, uid, uid.into(), Flags::NONE));
        }
        let dir = tempfile::tempdir().expect("a directory");
        let mut writer = SnapshotWriter::begin(dir.path(), snapshot.clone()).expect("begun");
        assert!(writer.write_runs(usize::MAX).expect("written"));
        writer.end().expect("ended").rename().expect("renamed");
        let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
        let mut reader = SnapshotReader::open(dir.path()).expect("a file");
        for step in 1.. {
            let mut budget = Budget::new(&clock, 10, Duration::from_secs(1));
            if let Step::Done(found) = reader.step(&mut budget) {
                assert_eq!(found, Some(snapshot));
                assert!(step > 20_000 * RECORDS_PER_RUN / 64 / 20, "{step} steps");
                break;
            }
        }
    }

    #[test]
    fn runs_that_overlap_and_expunges_out_of_order_are_damage() {
        let mut twice = snapshot();
        twice.runs.insert(1, run(2, 2, 7, Flags::SEEN));
        assert_eq!(decode(|inode| twice.encode(inode)), None);
        let mut zero = snapshot();
        zero.runs[0].first = 0;
        assert_eq!(decode(|inode| zero.encode(inode)), None);
        let mut late = snapshot();
        late.vanished.push(89, 5);
        assert_eq!(decode(|inode| late.encode(inode)), None);
    }

    #[test]
    fn a_mod_sequence_holds_for_the_same_flags_only() {
        let snapshot = snapshot();
        let mod_sequence = |uid, flags| snapshot.mod_sequence(uid, flags, KeywordSet(5));
        assert_eq!(mod_sequence(2, Flags::SEEN), Some(7));
        assert_eq!(mod_sequence(2, Flags::NONE), None);
        assert_eq!(mod_sequence(3, Flags::SEEN), None, "there was none");
        assert_eq!(mod_sequence(6, Flags::NONE), Some(8));
        assert_eq!(mod_sequence(7, Flags::NONE), None);
        assert_eq!(
            snapshot.mod_sequence(6, Flags::NONE, KeywordSet::NONE),
            None
        );
        assert_eq!(snapshot.uids().ranges(), [(1, 2), (4, 6)]);
    }

    #[test]
    fn a_moved_file_is_used_and_a_copy_is_not() {
        let (a, b) = (tempfile::tempdir(), tempfile::tempdir());
        let (a, b) = (a.expect("a directory"), b.expect("a directory"));
        let snapshot = snapshot();
        let mut writer = SnapshotWriter::begin(a.path(), snapshot.clone()).expect("begun");
        let mut steps = 1;
        while !writer.write_runs(1).expect("written") {
            steps += 1;
        }
        assert_eq!(steps, snapshot.runs.len());
        writer.end().expect("ended").rename().expect("renamed");
        assert_eq!(read(a.path()), Some(snapshot));
        assert_eq!(read(b.path()), None);
        std::fs::copy(a.path().join(FILE), b.path().join(FILE)).expect("copied");
        assert_eq!(read(b.path()), None);
    }
}
