//! Tests of both locks, and of the schedule of attempts.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use super::dot_lock::{DOTLOCK, OwnFile};
use super::mailbox_lock::ADVISORY;
use super::*;
use crate::file_stamp::FileStamp;
use crate::store::maildir::{files, uid_list};

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
                booted: std::time::SystemTime::UNIX_EPOCH,
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

    /// Creates the lock of another program, at the time of the rig.
    fn foreign(&self, text: &str) {
        fs::write(self.dotlock(), text).expect("written");
        let file = fs::File::open(self.dotlock()).expect("opened");
        file.set_modified(self.wall).expect("set");
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
    let rig = Rig::new();
    let full = fs::File::options().read(true).write(true).open("/dev/full");
    let lock = rig.dir.path().join(ADVISORY);
    fs::write(&lock, "").expect("written");
    let own = OwnFile {
        path: &lock,
        file: &full.expect("always full"),
        owner: &rig.owner,
    };
    own.appear_as(&rig.dotlock()).expect("a lock all the same");
    assert_eq!(fs::read(rig.dotlock()).expect("it"), b"");
}

#[test]
fn shortens_the_text_of_the_owner_before() {
    let mut rig = Rig::new();
    fs::write(rig.dir.path().join(ADVISORY), "1234567:another").expect("written");
    let _lock = rig.acquire().expect("the lock");
    let text = fs::read_to_string(rig.dotlock()).expect("a lock file");
    assert_eq!(text, "4242:vm");
}

/// As on a file system without links: the file is complete when it gets the name.
#[test]
fn a_copy_of_the_lock_never_replaces_a_lock() {
    let rig = Rig::new();
    let lock = rig.dir.path().join(ADVISORY);
    let file = files::open_or_create(&lock).expect("created");
    let own = OwnFile {
        path: &lock,
        file: &file,
        owner: &rig.owner,
    };
    rig.foreign("1:elsewhere");
    let error = own.copy_to(&rig.dotlock()).expect_err("taken");
    assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
    fs::remove_file(rig.dotlock()).expect("removed");
    own.copy_to(&rig.dotlock()).expect("made");
    assert_eq!(fs::read(rig.dotlock()).expect("it"), b"4242:vm");
    let names = fs::read_dir(rig.dir.path()).expect("listed").count();
    assert_eq!(names, 2);
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
fn removes_the_lock_of_a_dead_process_of_this_host_at_once() {
    for pid in [dead_pid(), PID] {
        let mut rig = Rig::new();
        rig.foreign(&format!("{pid}:vm"));
        assert!(
            rig.acquire().is_none(),
            "removed now, taken at the next try"
        );
        assert!(rig.acquire().is_some());
    }
}

/// After kill -9 the number may be that of another process, after a power cut the text may be lost,
/// and the next container may have another name.
#[test]
fn removes_at_once_a_lock_that_imap2d_left_behind() {
    let alive = format!("{}:vm", std::process::id());
    for text in [&alive, "", "4242:v", "7:elsewhere"] {
        let mut rig = Rig::new();
        let own = rig.dir.path().join(ADVISORY);
        fs::write(&own, text).expect("written");
        fs::hard_link(&own, rig.dotlock()).expect("linked");
        assert!(rig.acquire().is_none());
        assert!(rig.acquire().is_some(), "{text:?}");
    }
}

#[test]
fn removes_an_empty_or_torn_lock_after_two_seconds() {
    for text in [
        "",
        "nonsense",
        "0:vm",
        "-1:vm",
        "99999999999:vm",
        "1:v",
        "1",
    ] {
        let mut rig = Rig::new();
        rig.foreign(text);
        rig.advance(1);
        assert!(
            rig.acquire().is_none() && rig.dotlock().exists(),
            "{text:?}"
        );
        rig.advance(1);
        assert!(rig.acquire().is_none(), "{text:?}");
        assert!(rig.acquire().is_some(), "{text:?}");
    }
}

#[test]
fn removes_a_lock_from_before_this_host_started() {
    let mut rig = Rig::new();
    rig.foreign(&format!("{}:vm", std::process::id()));
    rig.owner.booted = rig.wall + Duration::from_secs(60);
    assert!(rig.acquire().is_none());
    assert!(rig.acquire().is_some());
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
    for text in ["77:elsewhere", "1:vmx"] {
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
