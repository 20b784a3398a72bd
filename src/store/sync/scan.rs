//! Reading the directories of a mailbox: first `new/`, then `cur/`.
//!
//! A file only ever moves from `new/` to `cur/`, so in this order it is met at least once. But
//! while a directory is read, files that are renamed in it may be skipped or met twice; what a scan
//! did not meet is therefore only unseen, not gone ([`super::reconcile`] judges), and what it met
//! twice is looked at again.
//!
//! A scan may stop between any two entries. It keeps its directory open, and finds its place there
//! when it goes on; what the process itself renames in between is marked, because the rest of a
//! block of entries that was read before shows it under its old name.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use rustix::fs::{Dir, FileType};

use crate::budget::{
    Budget, COST_OPEN, COST_SYSCALL, ENTRIES_PER_UNIT, RECORDS_PER_UNIT, Step, Why,
};
use crate::store::StoreError;
use crate::store::index::mailbox::Mailbox;
use crate::store::index::records::{NewRecord, RecordState};
use crate::store::maildir::directory::{
    DirectoryStamp, DirectoryStamps, Subdir, rename_onto_nothing,
};
use crate::store::maildir::filename;
use crate::store::maildir::filename::UniqueNames;
use crate::types::{Flags, KeywordSet};

/// Names met twice that are looked into after one scan; more wait for the next one.
const MOST_DUPLICATES: usize = 256;
/// Two links to one message are let be for that long: somebody may be about to remove one.
const LINK_GRACE: Duration = Duration::from_secs(30);

/// One scan of both directories.
#[derive(Debug)]
pub(crate) struct Scan {
    stage: ScanStage,
    /// Files may move from `new/` to `cur/`.
    moves: bool,
    /// The next record to look at for that.
    to_move: usize,
    scanned: ScanResult,
}

#[derive(Debug)]
enum ScanStage {
    Open(Subdir),
    Read(Subdir, Dir),
    Move,
}

/// What a scan found, besides what it noted in the records.
#[derive(Debug)]
pub(crate) struct ScanResult {
    /// The stamps of the directories before they were read.
    pub(crate) before: DirectoryStamps,
    /// They were the same afterwards.
    pub(crate) is_steady: bool,
    /// Keywords that occur.
    pub(crate) letters: KeywordSet,
    /// Files with a base that another file has.
    pub(crate) duplicates: Vec<(Subdir, Vec<u8>)>,
}

impl Scan {
    /// Begins a scan: no record is seen yet.
    pub(crate) fn new(mailbox: &mut Mailbox, moves: bool) -> io::Result<Self> {
        for index in 0..mailbox.records.len() {
            let state = &mut mailbox.records.record_mut(index).state;
            state.set(RecordState::FOUND, false);
            state.set(RecordState::RENAMED_BY_US, false);
        }
        mailbox.sync_state.moving_failed = false;
        Ok(Self {
            stage: ScanStage::Open(Subdir::New),
            moves: moves && mailbox.is_writable(),
            to_move: 0,
            scanned: ScanResult {
                before: DirectoryStamps::of(mailbox.dir())?,
                is_steady: false,
                letters: KeywordSet::NONE,
                duplicates: Vec::new(),
            },
        })
    }

    /// The stamps of the directories when it began.
    pub(crate) fn before(&self) -> DirectoryStamps {
        self.scanned.before
    }

    /// Ends with what was found.
    pub(crate) fn step(
        &mut self,
        mailbox: &mut Mailbox,
        budget: &mut Budget<'_>,
    ) -> Step<Result<ScanResult, StoreError>> {
        loop {
            let ended = match &mut self.stage {
                ScanStage::Open(subdir) => {
                    budget.spend(COST_OPEN);
                    let subdir = *subdir;
                    self.open(mailbox, subdir)
                }
                ScanStage::Read(..) => self.read_some(mailbox, budget),
                ScanStage::Move => Ok(self.move_some(mailbox, budget)),
            };
            match ended {
                Ok(true) => return Step::Done(self.end(mailbox)),
                Err(error) => {
                    return Step::Done(Err(StoreError::from_io("reading the mailbox", error)));
                }
                Ok(false) if budget.is_spent() => return Step::Yield(Why::Budget),
                Ok(false) => {}
            }
        }
    }

    /// The stamp is taken before the first entry is read: a change after that must show.
    fn open(&mut self, mailbox: &Mailbox, subdir: Subdir) -> io::Result<bool> {
        let path = subdir.within(mailbox.dir());
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !mailbox.is_writable() => {
                return Ok(self.leave(subdir));
            }
            opened => opened?,
        };
        let stamp = DirectoryStamp::of(&file.metadata()?);
        match subdir {
            Subdir::New => self.scanned.before.new = stamp,
            Subdir::Cur => self.scanned.before.cur = stamp,
        }
        self.stage = ScanStage::Read(subdir, Dir::new(OwnedFd::from(file))?);
        Ok(false)
    }

    /// Goes on to what comes after a directory; true at the end.
    fn leave(&mut self, subdir: Subdir) -> bool {
        self.stage = match (subdir, self.moves) {
            (Subdir::New, true) => ScanStage::Move,
            _ => ScanStage::Open(Subdir::Cur),
        };
        subdir == Subdir::Cur
    }

    fn read_some(&mut self, mailbox: &mut Mailbox, budget: &mut Budget<'_>) -> io::Result<bool> {
        for _ in 0..ENTRIES_PER_UNIT {
            let ScanStage::Read(subdir, dir) = &mut self.stage else {
                return Ok(false);
            };
            let subdir = *subdir;
            let Some(entry) = dir.read() else {
                return Ok(self.leave(subdir));
            };
            let entry = entry?;
            let may_be_mail = matches!(
                entry.file_type(),
                FileType::RegularFile | FileType::Symlink | FileType::Unknown
            );
            let name = entry.file_name().to_bytes();
            if may_be_mail && is_mail_name(name) {
                self.found(mailbox, subdir, name);
            }
        }
        budget.spend(1);
        Ok(false)
    }

    fn found(&mut self, mailbox: &mut Mailbox, subdir: Subdir, name: &[u8]) {
        let (flags, keywords) = filename::flags(name);
        self.scanned.letters = self.scanned.letters.with(keywords);
        let base = filename::base(name);
        let Some(index) = mailbox.records.find(base) else {
            add_unassigned(mailbox, subdir, name, (flags, keywords));
            return;
        };
        let state = mailbox.records.record(index).state;
        if state.has(RecordState::RENAMED_BY_US) {
            return;
        }
        if !state.has(RecordState::FOUND) {
            note_found_file(mailbox, index, subdir, name);
        } else if (mailbox.subdir(index), mailbox.records.name(index)) != (subdir, name)
            && self.scanned.duplicates.len() < MOST_DUPLICATES
        {
            self.scanned.duplicates.push((subdir, name.to_vec()));
        }
    }

    /// Moves files that were met in `new/` to `cur/`. Always false: `cur/` is still to be read.
    fn move_some(&mut self, mailbox: &mut Mailbox, budget: &mut Budget<'_>) -> bool {
        let end = mailbox
            .records
            .len()
            .min(self.to_move + RECORDS_PER_UNIT as usize);
        for index in self.to_move..end {
            let record = mailbox.records.record(index);
            if record.state.has(RecordState::IN_NEW) && record.state.has(RecordState::FOUND) {
                move_to_cur(mailbox, index);
                budget.spend(COST_SYSCALL);
            }
        }
        self.to_move = end;
        budget.spend(1);
        if end == mailbox.records.len() {
            self.stage = ScanStage::Open(Subdir::Cur);
        }
        false
    }

    fn end(&mut self, mailbox: &Mailbox) -> Result<ScanResult, StoreError> {
        let failed = StoreError::io("reading the mailbox");
        let after = DirectoryStamps::of(mailbox.dir()).map_err(failed)?;
        Ok(ScanResult {
            before: self.scanned.before,
            is_steady: self.scanned.before == after,
            letters: self.scanned.letters,
            duplicates: std::mem::take(&mut self.scanned.duplicates),
        })
    }
}

/// Names that begin with a dot are somebody's notes, `:` makes an empty base, and a line end could
/// not be written into the uid list.
fn is_mail_name(name: &[u8]) -> bool {
    !matches!(name.first(), None | Some(b'.' | b':'))
        && memchr::memchr2(b'\r', b'\n', name).is_none()
}

/// A file that no list has a number for yet.
fn add_unassigned(
    mailbox: &mut Mailbox,
    subdir: Subdir,
    name: &[u8],
    (flags, keywords): (Flags, KeywordSet),
) {
    let state = RecordState::FOUND
        .with(RecordState::IN_NEW, subdir == Subdir::New)
        .with(RecordState::RECENT, is_arrival(mailbox, subdir));
    let base_length = filename::base(name).len();
    let unassigned = NewRecord {
        uid: 0,
        name,
        base_length,
        flags,
        keywords,
        state,
    };
    if mailbox.records.push(&unassigned).is_err() {
        log::warn!("{}: too many messages", mailbox.dir().display());
    }
}

/// Recent is what lies in `new/`, and what turned up while a session was looking.
fn is_arrival(mailbox: &Mailbox, subdir: Subdir) -> bool {
    subdir == Subdir::New || mailbox.sync_state.loaded && mailbox.has_viewer()
}

/// A file whose base is known was met.
pub(crate) fn note_found_file(mailbox: &mut Mailbox, index: usize, subdir: Subdir, name: &[u8]) {
    let is_published = index < mailbox.records.published().len();
    let is_recent = !is_published && is_arrival(mailbox, subdir);
    if mailbox.records.name(index) != name {
        // The arena is bounded far beyond what a directory can hold.
        let _ = mailbox.records.rename(index, name);
    }
    let (flags, keywords) = filename::flags(name);
    let record = mailbox.records.record_mut(index);
    record.state.set(RecordState::FOUND, true);
    record.state.set(RecordState::MISSING, false);
    record.state.set(RecordState::IN_NEW, subdir == Subdir::New);
    if is_published {
        mailbox.note_flags(index, flags, keywords, None);
    } else {
        (record.flags, record.keywords) = (flags, keywords);
        let recent = record.state.has(RecordState::RECENT) || is_recent;
        record.state.set(RecordState::RECENT, recent);
    }
}

/// Moves one file. If somebody else has moved it already, `cur/` will show.
fn move_to_cur(mailbox: &mut Mailbox, index: usize) {
    let mut name = mailbox.records.name(index).to_vec();
    let from = Subdir::New.file(mailbox.dir(), &name);
    if memchr::memchr(b':', &name).is_none() {
        name.extend_from_slice(b":2,");
    }
    match rename_onto_nothing(&from, &Subdir::Cur.file(mailbox.dir(), &name)) {
        Ok(()) => mailbox.renamed(index, Subdir::Cur, &name),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            mailbox
                .records
                .record_mut(index)
                .state
                .set(RecordState::FOUND, false);
        }
        Err(error) => {
            log::debug!("{}: cannot move to cur: {error}", from.display());
            mailbox.sync_state.moving_failed = true;
        }
    }
}

/// Looks into a base name that was met twice. True if another scan is needed to see what came of
/// it.
///
/// Most often the file was renamed while the directory was read, and only one of the two names is
/// there. If both are: two links to one file are one message, of which the older name is removed
/// after a while; two files are two messages, and the second gets a name of its own.
pub(crate) fn resolve_duplicate(
    mailbox: &mut Mailbox,
    (subdir, name): &(Subdir, Vec<u8>),
    names: &mut UniqueNames,
    wall: SystemTime,
) -> io::Result<bool> {
    let Some(index) = mailbox.records.find(filename::base(name)) else {
        return Ok(true);
    };
    let other = subdir.file(mailbox.dir(), name);
    let Some(second) = status(&other)? else {
        return Ok(false);
    };
    let Some(first) = status(&mailbox.path(index))? else {
        note_found_file(mailbox, index, *subdir, name);
        return Ok(false);
    };
    if mailbox.path(index) == other || !mailbox.is_writable() {
        return Ok(false);
    }
    if (first.dev(), first.ino()) == (second.dev(), second.ino()) {
        let changed =
            SystemTime::UNIX_EPOCH + Duration::from_secs(first.ctime().try_into().unwrap_or(0));
        let is_old = wall
            .duration_since(changed)
            .is_ok_and(|age| age > LINK_GRACE);
        if is_old && first.nlink() > 1 {
            fs::remove_file(other)?;
        }
        return Ok(false);
    }
    let base = filename::base(name);
    let mut fresh = fresh_base(names, base, wall);
    fresh.extend_from_slice(&name[base.len()..]);
    rename_onto_nothing(&other, &subdir.file(mailbox.dir(), &fresh))?;
    Ok(true)
}

fn status(path: &std::path::Path) -> io::Result<Option<fs::Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(status) => Ok(Some(status)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A base that no file has, with the sizes that `base` tells.
pub(crate) fn fresh_base(names: &mut UniqueNames, base: &[u8], wall: SystemTime) -> Vec<u8> {
    let unique = names.next(wall);
    match filename::sizes(base) {
        (Some(stored), Some(wire)) => filename::with_sizes(&unique, stored, wire).into_bytes(),
        _ => unique.into_bytes(),
    }
}
