//! Tests of both locks, and of the schedule of attempts.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use super::dot_lock::{DOTLOCK, DotLock, LockHolder, holder};
use super::*;
use crate::file_stamp::FileStamp;
use crate::store::maildir::uid_list;

const PID: u32 = 4242;

struct Rig {
    dir: tempfile::TempDir,
    owner: LockOwner,
    waiting: ForeignLockAge,
    now: Instant,
    wall: SystemTime,
}

impl Rig {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a directory"),
            owner: LockOwner {
                pid: PID,
                host: "vm".into(),
            },
            waiting: ForeignLockAge::default(),
            now: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    fn advance(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.wall += Duration::from_secs(seconds);
    }

    fn acquire(&mut self) -> Option<MailboxLock> {
        let times = (self.now, self.wall);
        let dir = self.dir.path();
        MailboxLock::try_acquire(dir, &self.owner, &mut self.waiting, times).expect("no error")
    }

    fn dotlock(&self) -> PathBuf {
        self.dir.path().join(DOTLOCK)
    }

    /// Creates the lock of another program, as old as the clock of the rig was moved.
    fn foreign(&self, text: &str) {
        fs::write(self.dotlock(), text).expect("written");
    }
}

/// Returns the number of a process that has just ended.
fn dead_pid() -> u32 {
    let mut child = std::process::Command::new("true").spawn().expect("a child");
    let pid = child.id();
    child.wait().expect("its end");
    pid
}

/// A process that is started while the lock is held has such a descriptor.
#[test]
fn is_released_although_another_process_has_its_file_open() {
    let mut rig = Rig::new();
    let lock = rig.acquire().expect("free");
    let copy = lock._advisory.file.try_clone().expect("a descriptor");
    drop(lock);
    assert!(rig.acquire().is_some());
    drop(copy);
}

#[test]
fn names_its_owner_and_is_removed() {
    let mut rig = Rig::new();
    let lock = rig.acquire().expect("the lock");
    let text = fs::read_to_string(rig.dotlock()).expect("a lock file");
    assert_eq!(text, "4242:vm");
    assert!(
        rig.acquire().is_none(),
        "not even the same process gets it twice"
    );
    drop(lock);
    assert!(!rig.dotlock().exists());
    assert!(rig.acquire().is_some());
}

#[test]
fn is_held_on_a_full_disk_without_naming_its_owner() {
    let mut rig = Rig::new();
    let full = fs::File::options().write(true).open("/dev/full");
    let held = DotLock::fill(
        &rig.dotlock(),
        full.expect("always full"),
        &rig.owner,
        rig.now,
    );
    held.expect("a lock all the same");
    rig.foreign("");
    rig.advance(60);
    assert!(rig.acquire().is_none(), "an empty one is a lock");
    assert_eq!(holder("", &rig.owner), LockHolder::Unknown);
}

#[test]
fn keeps_the_outer_lock_only_with_the_inner_one() {
    let mut rig = Rig::new();
    rig.foreign("1:elsewhere");
    assert!(rig.acquire().is_none());
    fs::remove_file(rig.dotlock()).expect("removed");
    assert!(rig.acquire().is_some());
}

#[test]
fn removes_the_lock_of_a_dead_process_of_this_host() {
    for pid in [dead_pid(), PID] {
        let mut rig = Rig::new();
        rig.foreign(&format!("{pid}:vm"));
        rig.advance(1);
        assert!(rig.acquire().is_none());
        assert!(rig.dotlock().exists(), "it may be just being written");
        rig.advance(2);
        assert!(
            rig.acquire().is_none(),
            "removed now, taken at the next try"
        );
        assert!(rig.acquire().is_some());
    }
}

#[test]
fn never_removes_the_lock_of_a_living_process() {
    let mut rig = Rig::new();
    rig.foreign(&format!("{}:vm", std::process::id()));
    for _ in 0..100 {
        rig.advance(100);
        assert!(rig.acquire().is_none());
    }
    assert!(rig.dotlock().exists());
}

#[test]
fn removes_an_idle_foreign_lock_after_two_minutes() {
    for text in [
        "77:elsewhere",
        "",
        "nonsense",
        "0:vm",
        "-1:vm",
        "99999999999:vm",
    ] {
        let mut rig = Rig::new();
        rig.foreign(text);
        rig.advance(3);
        assert!(rig.acquire().is_none());
        rig.advance(120);
        assert!(
            rig.acquire().is_none() && rig.dotlock().exists(),
            "{text:?}"
        );
        rig.advance(1);
        assert!(
            rig.acquire().is_none() && !rig.dotlock().exists(),
            "{text:?}"
        );
    }
}

#[test]
fn a_foreign_lock_that_changes_stays() {
    let mut rig = Rig::new();
    rig.foreign("77:elsewhere");
    rig.advance(3);
    assert!(rig.acquire().is_none());
    rig.advance(100);
    fs::write(rig.dir.path().join(uid_list::FILE), "3 V1 N1\n").expect("written");
    assert!(rig.acquire().is_none());
    rig.advance(100);
    assert!(rig.acquire().is_none() && rig.dotlock().exists());
    rig.advance(21);
    assert!(rig.acquire().is_none() && !rig.dotlock().exists());
}

#[test]
fn does_not_remove_a_lock_that_was_replaced() {
    let mut rig = Rig::new();
    let lock = rig.acquire().expect("the lock");
    let other = rig.dir.path().join("other");
    fs::write(&other, "1:elsewhere").expect("written");
    fs::rename(&other, rig.dotlock()).expect("renamed");
    drop(lock);
    assert!(rig.dotlock().exists());
}

#[test]
fn touches_every_ten_seconds() {
    let mut rig = Rig::new();
    let mut lock = rig.acquire().expect("the lock");
    let modified = |rig: &Rig| {
        FileStamp::at(&rig.dotlock())
            .expect("ok")
            .expect("it")
            .modified()
    };
    let first = modified(&rig);
    rig.advance(9);
    lock.touch((rig.now, rig.wall)).expect("ok");
    assert_eq!(modified(&rig), first);
    rig.advance(1);
    lock.touch((rig.now, rig.wall)).expect("ok");
    assert!(modified(&rig) > first);
}

#[test]
fn attempts_become_rarer_and_end() {
    let start = Instant::now();
    let mut retry = LockRetry::new(start);
    let (mut now, mut pauses) = (start, Vec::new());
    while let Some(next) = retry.next(now) {
        pauses.push((next - now).as_micros());
        now = next;
    }
    assert_eq!(pauses[..4], [5000, 7500, 11_250, 16_875]);
    assert_eq!(pauses.last(), Some(&250_000));
    let waited = now - start;
    assert!(waited >= Duration::from_secs(30) && waited < Duration::from_secs(31));
}
