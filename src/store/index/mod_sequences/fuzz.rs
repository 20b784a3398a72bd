//! What the fuzzers do with the saved mod-sequences.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::SystemTime;

use super::file::{FILE, Snapshot, SnapshotReader, with_checksum};
use crate::budget::{Budget, FakeClock, Step};
use crate::store::maildir::fuzz::with_scratch;

/// Reads octets as the content of the file, behind a checksum that is right.
///
/// What is read consists of UIDs that ascend, can be asked for, and is read back after it was
/// written.
pub(crate) fn mod_sequences(content: &[u8]) {
    with_scratch(|dir| check(dir, content));
}

fn check(dir: &Path, content: &[u8]) {
    let Some(snapshot) = read(dir, |inode| with_checksum(inode, content)) else {
        return;
    };
    let mut last = 0;
    for run in &snapshot.runs {
        assert!(last < run.first && run.first <= run.last);
        assert!(run.mod_sequence <= snapshot.highest);
        let found = snapshot.mod_sequence(run.last, run.flags, run.keywords);
        assert_eq!(found, Some(run.mod_sequence));
        last = run.last;
    }
    let counts = snapshot.runs.iter();
    let count: u64 = counts.map(|run| u64::from(run.last - run.first) + 1).sum();
    assert_eq!(snapshot.uids().len(), count);
    let vanished = &snapshot.vanished;
    let _ = vanished.between(vanished.forgotten(), snapshot.highest);
    let written = read(dir, |inode| snapshot.encode(inode));
    assert_eq!(written.as_ref(), Some(&snapshot));
}

/// Reads a file with these octets, whose inode they name.
fn read(dir: &Path, octets: impl FnOnce(u64) -> Vec<u8>) -> Option<Snapshot> {
    let path = dir.join(FILE);
    let file = File::options().create(true).append(true).open(&path);
    let status = file.and_then(|file| file.metadata());
    let inode = status.expect("a file").ino();
    fs::write(&path, octets(inode)).expect("written");
    let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
    let mut budget = Budget::unlimited(&clock);
    match SnapshotReader::open(dir)?.step(&mut budget) {
        Step::Done(snapshot) => snapshot,
        Step::Yield(why) => panic!("an unlimited budget is spent: {why:?}"),
    }
}
