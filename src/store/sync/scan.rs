//! Reading the directories of a mailbox: first `new/`, then `cur/`.
//!
//! A file only ever moves from `new/` to `cur/`, so in this order a scan meets it at least once.
//! But while a directory is read, files that are renamed in it may be skipped or met twice. So a
//! file that a scan did not find is only missing, not gone ([`super::reconcile`] decides that), and
//! a file that it met twice is looked at again.
//!
//! A scan may pause between any two entries. It keeps its directory open and goes on where it
//! stopped. Files that this process renames in the meantime are marked, because the block of
//! entries that was read before still shows them under their old names.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Dir, FileType};

use crate::budget::{
    Budget, COST_OPEN, COST_SYSCALL, ENTRIES_PER_UNIT, RECORDS_PER_UNIT, Step, Why,
};
use crate::store::StoreError;
use crate::store::index::mailbox::Mailbox;
use crate::store::index::records::{NewRecord, RecordState};
use crate::store::maildir::directory_stamp::{DirectoryStamp, DirectoryStamps};
use crate::store::maildir::filename;
use crate::store::maildir::files::rename_without_replacing;
use crate::store::maildir::subdir::Subdir;
use crate::types::KeywordSet;
use crate::work;

/// How many duplicates are looked into after one scan. More of them wait for the next one.
const MOST_DUPLICATES: usize = 64;

/// One scan of both directories.
#[derive(Debug)]
pub(crate) struct Scan {
    stage: ScanStage,
    /// True if files may move from `new/` to `cur/`.
    moves: bool,
    /// The next record whose file may have to move.
    to_move: usize,
    found: ScanResult,
}

#[derive(Debug)]
enum ScanStage {
    /// Lets no record count as found, from this one on.
    Forget(usize),
    Open(Subdir),
    Read(Subdir, Dir),
    Move,
}

/// What a scan found, besides what it noted in the records.
#[derive(Debug)]
pub(crate) struct ScanResult {
    /// The stamps of the directories before they were read.
    pub(crate) before: DirectoryStamps,
    /// True if the stamps were the same afterwards.
    pub(crate) is_steady: bool,
    /// The keyword letters that occur in file names.
    pub(crate) letters: KeywordSet,
    /// Files with the base name of another file.
    pub(crate) duplicates: Vec<(Subdir, Vec<u8>)>,
}

impl Scan {
    /// Begins a scan.
    pub(crate) fn new(mailbox: &mut Mailbox, moves: bool) -> io::Result<Self> {
        mailbox.sync_state.moving_failed = false;
        Ok(Self {
            stage: ScanStage::Forget(0),
            moves: moves && mailbox.is_writable(),
            to_move: 0,
            found: ScanResult {
                before: DirectoryStamps::of(mailbox.dir())?,
                is_steady: false,
                letters: KeywordSet::NONE,
                duplicates: Vec::new(),
            },
        })
    }

    /// Returns the stamps of the directories when the scan began.
    pub(crate) fn before(&self) -> DirectoryStamps {
        self.found.before
    }

    /// Steps the scan. Ends with what it found.
    pub(crate) fn step(
        &mut self,
        mailbox: &mut Mailbox,
        budget: &mut Budget<'_>,
    ) -> Step<Result<ScanResult, StoreError>> {
        loop {
            let ended = match &mut self.stage {
                ScanStage::Forget(from) => {
                    let from = *from;
                    self.stage = forget_batch(mailbox, from, budget);
                    Ok(false)
                }
                ScanStage::Open(subdir) => {
                    budget.spend(COST_OPEN);
                    let subdir = *subdir;
                    self.open(mailbox, subdir)
                }
                ScanStage::Read(..) => self.read_batch(mailbox, budget),
                ScanStage::Move => Ok(self.move_batch(mailbox, budget)),
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

    /// Opens a directory. Takes its stamp before the first entry is read, so that any later change
    /// shows in the stamp.
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
            Subdir::New => self.found.before.new = stamp,
            Subdir::Cur => self.found.before.cur = stamp,
        }
        self.stage = ScanStage::Read(subdir, Dir::new(OwnedFd::from(file))?);
        Ok(false)
    }

    /// Goes on to what comes after a directory. Returns true at the end.
    fn leave(&mut self, subdir: Subdir) -> bool {
        self.stage = match (subdir, self.moves) {
            (Subdir::New, true) => ScanStage::Move,
            _ => ScanStage::Open(Subdir::Cur),
        };
        subdir == Subdir::Cur
    }

    fn read_batch(&mut self, mailbox: &mut Mailbox, budget: &mut Budget<'_>) -> io::Result<bool> {
        for _ in 0..ENTRIES_PER_UNIT {
            let ScanStage::Read(subdir, dir) = &mut self.stage else {
                return Ok(false);
            };
            let subdir = *subdir;
            work::things(1);
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
                self.note_entry(mailbox, subdir, name);
            }
        }
        budget.spend(1);
        Ok(false)
    }

    fn note_entry(&mut self, mailbox: &mut Mailbox, subdir: Subdir, name: &[u8]) {
        let (_, keywords) = filename::flags(name);
        self.found.letters = self.found.letters.with(keywords);
        let Some(index) = mailbox.records.find(filename::base(name)) else {
            add_unassigned(mailbox, subdir, name);
            return;
        };
        let state = mailbox.records.record(index).state;
        if state.has(RecordState::RENAMED_BY_US) {
            return;
        }
        if !state.has(RecordState::FOUND) {
            note_found_file(mailbox, index, subdir, name);
        } else if (mailbox.subdir(index), mailbox.records.name(index)) != (subdir, name)
            && self.found.duplicates.len() < MOST_DUPLICATES
        {
            self.found.duplicates.push((subdir, name.to_vec()));
        }
    }

    /// Moves files that were found in `new/` to `cur/`. Returns false, because `cur/` has not been
    /// read yet.
    fn move_batch(&mut self, mailbox: &mut Mailbox, budget: &mut Budget<'_>) -> bool {
        let end = mailbox
            .records
            .len()
            .min(self.to_move + RECORDS_PER_UNIT as usize);
        for index in self.to_move..end {
            let state = mailbox.records.record(index).state;
            if state.has(RecordState::IN_NEW) && state.has(RecordState::FOUND) {
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
            before: self.found.before,
            is_steady: self.found.before == after,
            letters: self.found.letters,
            duplicates: std::mem::take(&mut self.found.duplicates),
        })
    }
}

/// Notes that some records were not found yet. What another session does to its files before the
/// directories are opened is seen there.
fn forget_batch(mailbox: &mut Mailbox, from: usize, budget: &mut Budget<'_>) -> ScanStage {
    let end = mailbox.records.len().min(from + RECORDS_PER_UNIT as usize);
    for index in from..end {
        let state = &mut mailbox.records.record_mut(index).state;
        state.set(RecordState::FOUND, false);
        state.set(RecordState::RENAMED_BY_US, false);
    }
    budget.spend_records(end - from);
    match end == mailbox.records.len() {
        true => ScanStage::Open(Subdir::New),
        false => ScanStage::Forget(end),
    }
}

/// True unless the name cannot be a message's. A name that begins with a dot is another program's
/// private file, one that begins with `:` has an empty base, and a line end cannot be written into
/// the uid list.
fn is_mail_name(name: &[u8]) -> bool {
    !matches!(name.first(), None | Some(b'.' | b':'))
        && memchr::memchr2(b'\r', b'\n', name).is_none()
}

/// Adds a file that has no UID in the uid list yet.
fn add_unassigned(mailbox: &mut Mailbox, subdir: Subdir, name: &[u8]) {
    let (flags, keywords) = filename::flags(name);
    let state = RecordState::FOUND
        .with(RecordState::IN_NEW, subdir == Subdir::New)
        .with(RecordState::RECENT, is_arrival(mailbox, subdir));
    let record = NewRecord {
        uid: 0,
        name,
        base_length: filename::base(name).len(),
        flags,
        keywords,
        state,
    };
    if mailbox.records.push(&record).is_err() {
        log::warn!(
            "{}: the mailbox has too many messages, some are not shown",
            mailbox.dir().display()
        );
    }
}

/// True if a new file is recent: if it is in `new/`, or turned up while a session had the mailbox
/// open.
fn is_arrival(mailbox: &Mailbox, subdir: Subdir) -> bool {
    subdir == Subdir::New || mailbox.sync_state.loaded && mailbox.has_viewer()
}

/// Updates a record whose file was found under that name.
pub(super) fn note_found_file(mailbox: &mut Mailbox, index: usize, subdir: Subdir, name: &[u8]) {
    let is_published = index < mailbox.records.published().len();
    let is_recent = !is_published && is_arrival(mailbox, subdir);
    if mailbox.records.name(index) != name {
        // The name arena holds far more than a directory can.
        let _ = mailbox.records.rename(index, name);
    }
    let (flags, keywords) = filename::flags(name);
    let record = mailbox.records.record_mut(index);
    record.state.set(RecordState::FOUND, true);
    record.state.set(RecordState::MISSING, false);
    record.state.set(RecordState::IN_NEW, subdir == Subdir::New);
    if is_published {
        if mailbox.note_flags(index, flags, keywords, None) {
            mailbox.discard_saved_mod_sequences();
        }
    } else {
        (record.flags, record.keywords) = (flags, keywords);
        let recent = record.state.has(RecordState::RECENT) || is_recent;
        record.state.set(RecordState::RECENT, recent);
    }
}

/// Moves one file. If another program has moved it already, reading `cur/` will show that.
fn move_to_cur(mailbox: &mut Mailbox, index: usize) {
    let mut name = mailbox.records.name(index).to_vec();
    let from = Subdir::New.file(mailbox.dir(), &name);
    if memchr::memchr(b':', &name).is_none() {
        name.extend_from_slice(b":2,");
    }
    match rename_without_replacing(&from, &Subdir::Cur.file(mailbox.dir(), &name)) {
        Ok(()) => mailbox.renamed(index, Subdir::Cur, &name),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let state = &mut mailbox.records.record_mut(index).state;
            state.set(RecordState::FOUND, false);
        }
        Err(error) => {
            log::debug!("{}: cannot move the file to cur/: {error}", from.display());
            mailbox.sync_state.moving_failed = true;
        }
    }
}
