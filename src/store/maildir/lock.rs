//! Who may change a mailbox: two locks, one inside the other, and never a wait for either.
//!
//! Between imap2d processes there is an advisory lock on [`ADVISORY`] in the mailbox directory,
//! which the kernel takes away when its holder dies. Dovecot does not know that one; its own lock
//! is the bare existence of `dovecot-uidlist.lock`, which says in its text whose it is, because it
//! outlives its holder. Both are taken, in this order, whenever the list of numbers or the keywords
//! are written, messages are removed, or flags change (for which they are not insisted on: see
//! `crate::store::ops::flags`). Reading needs no lock, and delivering into `new/` needs none.
//!
//! A lock that is held is no reason to sleep: [`MailboxLock::try_acquire`] says no, and [`LockRetry`]
//! says when to ask again.
//!
//! When is a dotlock stale? If it is of this host and its process is gone, at once (but it must be
//! two seconds old: it may be just being written). If its process lives, never. If it is of another
//! host, or does not say whose it is, nobody can be asked; then it is stale when for two minutes
//! neither it nor the list has changed ([`ForeignLockAge`] remembers since when), because a holder at work
//! touches it every ten seconds.

use std::fs::File;
use std::io::ErrorKind::{QuotaExceeded, StorageFull};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use super::file_stamp::FileStamp;
use super::filename::number;
use super::files;
use super::uid_list;

/// Name of the file in the mailbox directory that imap2d processes lock among themselves. It is
/// empty and stays: if it were removed, two processes could lock two files of that name.
pub(crate) const ADVISORY: &str = "imap2d-lock";
/// Name of Dovecot's lock in the mailbox directory.
const DOTLOCK: &str = "dovecot-uidlist.lock";

/// A lock younger than that is never taken from anybody.
const YOUNG: Duration = Duration::from_secs(2);
/// How long a lock nobody can be asked about, and what it protects, must not have changed.
const FOREIGN_STALE: Duration = Duration::from_secs(120);
/// How often a holder shows that it is still at work.
const TOUCH_EVERY: Duration = Duration::from_secs(10);
/// The text of a lock is `pid:host`; what is longer is none.
const MAX_TEXT: u64 = 1024;

/// Who takes a lock: written into it, and compared with what others wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    /// This process.
    pub pid: u32,
    /// The name of this host; a container needs one of its own.
    pub host: String,
}

/// Since when a lock that nobody can be asked about has been as it is. Kept, for each mailbox, from
/// one try to the next and from one client to the next; a client gives up long before two minutes
/// are over.
#[derive(Debug, Clone, Default)]
pub(crate) struct ForeignLockAge {
    seen: Option<(FileStamp, Option<FileStamp>, Instant)>,
}

/// A file that exists as long as this value does.
#[derive(Debug)]
pub(crate) struct DotLock {
    path: PathBuf,
    file: File,
    stamp: FileStamp,
    touched: Instant,
}

/// The right to change the list of numbers, the keywords, and which messages there are.
#[derive(Debug)]
pub(crate) struct MailboxLock {
    // Dropped in this order: the inner lock first.
    dot: DotLock,
    _advisory: Advisory,
}

impl MailboxLock {
    /// Takes both locks of the mailbox in `dir`, or none; `None` if somebody else has one of them,
    /// be it another session of this process. A stale dotlock is removed, and `None` returned that
    /// once, so that of two who find it stale the slower one does not remove the other's.
    ///
    /// # Errors
    /// Whatever creating the files fails with.
    pub(crate) fn try_acquire(
        dir: &Path,
        owner: &Owner,
        waiting: &mut ForeignLockAge,
        (now, wall): (Instant, SystemTime),
    ) -> io::Result<Option<Self>> {
        let Some(advisory) = try_advisory(dir)? else {
            return Ok(None);
        };
        let list = dir.join(uid_list::FILE);
        let dot = DotLock::try_acquire(&dir.join(DOTLOCK), &list, owner, waiting, (now, wall))?;
        Ok(dot.map(|dot| Self {
            dot,
            _advisory: advisory,
        }))
    }

    /// Shows the others that the holder is at work. To be called in every step of a job that may
    /// hold the lock for more than a few seconds; touches the file only when it is time to.
    ///
    /// # Errors
    /// Whatever changing the time stamp fails with.
    pub(crate) fn touch(&mut self, (now, wall): (Instant, SystemTime)) -> io::Result<()> {
        self.dot.touch((now, wall))
    }
}

/// The lock is that of the open file, not of the process, so two sessions exclude each other, too.
/// It is given back in so many words: a process that is just being started has the file open as
/// well until it becomes its program, and the lock would outlast ours for so long.
#[derive(Debug)]
struct Advisory(File);

impl Drop for Advisory {
    fn drop(&mut self) {
        if let Err(error) = fs2::FileExt::unlock(&self.0) {
            log::warn!("cannot release the lock {ADVISORY}: {error}");
        }
    }
}

fn try_advisory(dir: &Path) -> io::Result<Option<Advisory>> {
    let file = files::open_or_create(&dir.join(ADVISORY))?;
    match fs2::FileExt::try_lock_exclusive(&file) {
        Ok(()) => Ok(Some(Advisory(file))),
        Err(error) if error.raw_os_error() == fs2::lock_contended_error().raw_os_error() => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

impl DotLock {
    /// Creates the lock file `path`, which protects the file `protected`; `None` as in
    /// [`MailboxLock::try_acquire`]. A lock that bears this very process's number counts as left
    /// behind by a former process of that number, so within the process something else must exclude
    /// others.
    ///
    /// # Errors
    /// Whatever creating, reading or removing the file fails with.
    pub(crate) fn try_acquire(
        path: &Path,
        protected: &Path,
        owner: &Owner,
        waiting: &mut ForeignLockAge,
        (now, wall): (Instant, SystemTime),
    ) -> io::Result<Option<Self>> {
        match files::create_new(path, files::creation_mode(path)?) {
            Ok(file) => {
                *waiting = ForeignLockAge::default();
                Self::fill(path, file, owner, now).map(Some)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if is_stale(path, protected, owner, waiting, (now, wall))? {
                    log::warn!("removing the stale lock {}", path.display());
                    files::remove(path)?;
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// A full disk may have room for a file and none for what is in it. The lock is held all the
    /// same, by nobody that others could ask about: else nothing could be expunged when it is
    /// needed most.
    fn fill(path: &Path, mut file: File, owner: &Owner, now: Instant) -> io::Result<Self> {
        let text = format!("{}:{}", owner.pid, owner.host);
        let written = match file.write_all(text.as_bytes()) {
            Err(error) if matches!(error.kind(), StorageFull | QuotaExceeded) => Ok(()),
            written => written,
        };
        match written.and_then(|()| file.metadata()) {
            Ok(status) => Ok(Self {
                path: path.to_path_buf(),
                file,
                stamp: FileStamp::of(&status),
                touched: now,
            }),
            Err(error) => {
                files::remove(path)?;
                Err(error)
            }
        }
    }

    fn touch(&mut self, (now, wall): (Instant, SystemTime)) -> io::Result<()> {
        if now.saturating_duration_since(self.touched) < TOUCH_EVERY {
            return Ok(());
        }
        self.touched = now;
        self.file.set_modified(wall)
    }

    fn release(&self) -> io::Result<()> {
        match FileStamp::at(&self.path)? {
            Some(stamp) if stamp.is_same_file(&self.stamp) => files::remove(&self.path),
            _ => Err(io::Error::other("somebody took it away")),
        }
    }
}

impl Drop for DotLock {
    fn drop(&mut self) {
        if let Err(error) = self.release() {
            log::warn!("cannot release the lock {}: {error}", self.path.display());
        }
    }
}

/// What can be found out about the holder of a dotlock.
#[derive(Debug, PartialEq, Eq)]
enum Holder {
    Gone,
    Alive,
    Unknown,
}

fn is_stale(
    path: &Path,
    protected: &Path,
    owner: &Owner,
    waiting: &mut ForeignLockAge,
    (now, wall): (Instant, SystemTime),
) -> io::Result<bool> {
    let Some((stamp, text)) = look_at(path)? else {
        return Ok(false);
    };
    if stamp.age(wall) < YOUNG {
        return Ok(false);
    }
    Ok(match holder(&text, owner) {
        Holder::Gone => true,
        Holder::Alive => false,
        Holder::Unknown => waiting.is_over(stamp, FileStamp::at(protected)?, now),
    })
}

/// The lock and its text; no text if it may not be read or is too long. `None` if it has gone
/// meanwhile.
fn look_at(path: &Path) -> io::Result<Option<(FileStamp, String)>> {
    let Some(stamp) = FileStamp::at(path)? else {
        return Ok(None);
    };
    let text = match files::read(path, MAX_TEXT) {
        Ok(Some((text, _))) => text,
        Ok(None) => return Ok(None),
        Err(_) => Vec::new(),
    };
    Ok(Some((stamp, String::from_utf8_lossy(&text).into_owned())))
}

/// ```text
/// text = pid ":" host
/// ```
fn holder(text: &str, owner: &Owner) -> Holder {
    let parsed = text.trim_end().split_once(':');
    let of_this_host = parsed.filter(|&(_, host)| host == owner.host);
    let pid = of_this_host.and_then(|(pid, _)| number::<i32>(pid.as_bytes()));
    // What consists of digits is not negative, and 0 is no process.
    let Some(pid) = pid.and_then(Pid::from_raw) else {
        return Holder::Unknown;
    };
    let is_ours = u32::try_from(pid.as_raw_nonzero().get()) == Ok(owner.pid);
    if is_ours || test_kill_process(pid) == Err(Errno::SRCH) {
        Holder::Gone
    } else {
        Holder::Alive
    }
}

impl ForeignLockAge {
    fn is_over(&mut self, lock: FileStamp, protected: Option<FileStamp>, now: Instant) -> bool {
        match self.seen {
            Some((seen_lock, seen_protected, since))
                if (seen_lock, seen_protected) == (lock, protected) =>
            {
                now.saturating_duration_since(since) > FOREIGN_STALE
            }
            _ => {
                self.seen = Some((lock, protected, now));
                false
            }
        }
    }
}

/// When to try again to take a lock, and when to give up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LockRetry {
    pause: Duration,
    deadline: Instant,
}

impl LockRetry {
    const FIRST_PAUSE: Duration = Duration::from_millis(5);
    const LONGEST_PAUSE: Duration = Duration::from_millis(250);
    const PATIENCE: Duration = Duration::from_secs(30);

    /// The first try is now.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            pause: Self::FIRST_PAUSE,
            deadline: now + Self::PATIENCE,
        }
    }

    /// The time of the next try; `None` when it is time to tell the client that the mailbox is in
    /// use.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Instant> {
        if now >= self.deadline {
            return None;
        }
        let next = now + self.pause;
        self.pause = (self.pause * 3 / 2).min(Self::LONGEST_PAUSE);
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const PID: u32 = 4242;

    struct Rig {
        dir: tempfile::TempDir,
        owner: Owner,
        waiting: ForeignLockAge,
        now: Instant,
        wall: SystemTime,
    }

    impl Rig {
        fn new() -> Self {
            Self {
                dir: tempfile::tempdir().expect("a directory"),
                owner: Owner {
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

        /// A lock of somebody else, as old as the clock of the rig will have moved on.
        fn foreign(&self, text: &str) {
            fs::write(self.dotlock(), text).expect("written");
        }
    }

    /// The number of a process that has just ended.
    fn dead_pid() -> u32 {
        let mut child = std::process::Command::new("true").spawn().expect("a child");
        let pid = child.id();
        child.wait().expect("its end");
        pid
    }

    /// As a process has it that was started while the lock was held.
    #[test]
    fn goes_away_although_somebody_has_its_file_open() {
        let mut rig = Rig::new();
        let lock = rig.acquire().expect("free");
        let copy = lock._advisory.0.try_clone().expect("a descriptor");
        drop(lock);
        assert!(rig.acquire().is_some());
        drop(copy);
    }

    #[test]
    fn says_whose_it_is_and_goes_away() {
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
    fn is_held_on_a_full_disk_by_nobody() {
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
        assert_eq!(holder("", &rig.owner), Holder::Unknown);
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
    fn takes_over_from_the_dead_of_this_host() {
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
    fn never_takes_over_from_the_living() {
        let mut rig = Rig::new();
        rig.foreign(&format!("{}:vm", std::process::id()));
        for _ in 0..100 {
            rig.advance(100);
            assert!(rig.acquire().is_none());
        }
        assert!(rig.dotlock().exists());
    }

    #[test]
    fn waits_two_minutes_for_a_stranger_who_does_nothing() {
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
    fn a_stranger_at_work_is_left_alone() {
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
    fn does_not_remove_what_is_somebody_elses_by_now() {
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
    fn retries_ever_more_slowly_and_gives_up() {
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
}
