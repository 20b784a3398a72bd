//! The shared test code: a user with a Maildir, a clock, and the changes that other programs make
//! to the Maildir.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::budget::{Budget, Clock, FakeClock, Step, Why};
use crate::store::{
    Access, Account, AppendMessages, CopyMessages, CreateMailbox, ExpungeMessages, FlagChange,
    FlagLock, ListNames, MailboxHandle, MessageRef, Settings, Store, StoreError, SyncMailbox,
    Updates, View,
};
use crate::types::{
    FlagList, FlagOperation, Flags, KeywordSet, MailboxName, MailboxRef, NumberSet, Uid,
};

/// A user with a Maildir in a temporary directory, and a clock that only the test moves.
pub(crate) struct Rig {
    _dir: tempfile::TempDir,
    pub(crate) account: Account,
    pub(crate) clock: FakeClock,
    /// Budget of each step in units, or `None` for an unlimited budget.
    pub(crate) units: Option<u32>,
    /// Number of calls of [`Rig::touch_directories`].
    touches: Cell<u64>,
    /// Number of stores made until now.
    stores: Cell<u32>,
}

/// A path, its size, and the times when its content and its inode changed.
type PathState = (PathBuf, u64, (i64, i64), (i64, i64));

/// A store and a view of one open mailbox.
pub(crate) struct Session {
    pub(crate) store: Store,
    pub(crate) handle: MailboxHandle,
    pub(crate) view: View,
}

pub(crate) fn mailbox(name: &str) -> MailboxRef {
    MailboxRef::Personal(MailboxName::new(name.as_bytes()).expect("a name"))
}

pub(crate) fn numbers(list: &[u32]) -> NumberSet {
    list.iter().map(|&n| (n, n)).collect()
}

impl Rig {
    /// Returns the names of a listing, in its order.
    pub(crate) fn mailbox_names(&self, listing: Result<ListNames, StoreError>) -> Vec<MailboxRef> {
        let mut listing = listing.expect("a listing");
        let mut budget = Budget::unlimited(&self.clock);
        let entries = std::iter::from_fn(|| listing.next(&mut budget));
        entries.filter_map(|entry| entry.expect("listed")).collect()
    }

    pub(crate) fn subscriptions(&self) -> Vec<MailboxRef> {
        self.mailbox_names(ListNames::subscriptions(&self.account))
    }

    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let account = Account {
            root: dir.path().join("Maildir"),
            bboards: Some(dir.path().join("boards")),
        };
        for part in ["cur", "new", "tmp"] {
            fs::create_dir_all(account.root.join(part)).expect("created");
        }
        Self {
            _dir: dir,
            account,
            clock: FakeClock::new(SystemTime::now()),
            units: None,
            touches: Cell::new(0),
            stores: Cell::new(0),
        }
    }

    /// Returns a rig whose steps have a budget of one unit each.
    pub(crate) fn with_small_steps() -> Self {
        Self {
            units: Some(1),
            ..Self::new()
        }
    }

    /// Returns a store that stands for another process. It has a host name of its own, since it
    /// cannot have a process number of its own.
    pub(crate) fn store(&self) -> Store {
        self.stores.set(self.stores.get() + 1);
        let host = format!("host{}", self.stores.get());
        Store::new(Settings::new(host, std::process::id()))
    }

    pub(crate) fn read_only_store(&self) -> Store {
        Store::new(Settings {
            read_only: true,
            ..Settings::new("host", std::process::id())
        })
    }

    /// Returns the time of the clock in microseconds since 1970.
    pub(crate) fn clock_micros(&self) -> u64 {
        let time = self.clock.wall().duration_since(SystemTime::UNIX_EPOCH);
        u64::try_from(time.expect("the clock is after 1970").as_micros())
            .expect("the clock is before the year 586512")
    }

    /// Steps a job until it is done. Advances the clock by the time for which the job wants to
    /// wait.
    pub(crate) fn drive<T>(&self, mut step: impl FnMut(&mut Budget<'_>) -> Step<T>) -> T {
        for _ in 0..1_000_000 {
            let mut budget = match self.units {
                Some(units) => Budget::new(&self.clock, units, Duration::from_secs(1)),
                None => Budget::unlimited(&self.clock),
            };
            match step(&mut budget) {
                Step::Done(value) => return value,
                Step::Yield(Why::Until(at)) => {
                    self.clock
                        .advance(at.saturating_duration_since(self.clock.now()));
                }
                Step::Yield(_) => {}
            }
        }
        panic!("the job is not done after 1000000 steps");
    }

    /// Gives steps to the abandoned work of a store until nothing is left, and calls `after` after
    /// each step.
    pub(crate) fn clean_up(&self, store: &mut Store, mut after: impl FnMut()) {
        let mut steps = 0;
        while let Some(due) = store.next_clean_up(self.clock.now()) {
            self.clock
                .advance(due.saturating_duration_since(self.clock.now()));
            let units = self.units.unwrap_or(u32::MAX);
            store.clean_up(&mut Budget::new(&self.clock, units, Duration::from_secs(1)));
            after();
            steps += 1;
            assert!(steps < 1_000_000, "the abandoned work does not end");
        }
    }

    pub(crate) fn sync(&self, store: &mut Store, handle: &MailboxHandle) -> Result<(), StoreError> {
        let mut sync = SyncMailbox::new(handle.clone());
        self.drive(|budget| sync.step(store, budget))
    }

    pub(crate) fn open(&self, store: Store, name: &str, access: Access) -> Session {
        self.open_ref(store, &mailbox(name), access)
    }

    pub(crate) fn open_ref(&self, mut store: Store, name: &MailboxRef, access: Access) -> Session {
        let handle = store.open(&self.account, name).expect("opened");
        let mut sync = SyncMailbox::for_open(handle.clone(), access);
        self.drive(|budget| sync.step(&mut store, budget))
            .expect("synced");
        let view = store.view(&handle, access);
        Session {
            store,
            handle,
            view,
        }
    }

    pub(crate) fn inbox(&self) -> Session {
        self.open(self.store(), "INBOX", Access::ReadWrite)
    }

    /// Ends a session and its process, in order.
    pub(crate) fn close(&self, session: Session) {
        let Session {
            mut store,
            handle,
            view,
        } = session;
        drop((handle, view));
        store.close_all();
        self.clean_up(&mut store, || {});
    }

    pub(crate) fn root(&self) -> &Path {
        &self.account.root
    }

    /// Sets the modification times of `new/` and `cur/` to a new value, so that a change shows even
    /// if the test is faster than the clock of the file system.
    pub(crate) fn touch_directories(&self, dir: &Path) {
        self.touches.set(self.touches.get() + 1);
        let time = SystemTime::now() + Duration::from_nanos(self.touches.get() * 1_000_001);
        for part in ["new", "cur"] {
            let opened = File::open(dir.join(part)).expect("a directory");
            opened.set_modified(time).expect("the time is set");
        }
    }

    /// Sets the modification times of INBOX's `new/` and `cur/` to an hour ago.
    pub(crate) fn age_directories(&self) {
        for part in ["new", "cur"] {
            let dir = File::open(self.root().join(part)).expect("a directory");
            let long_ago = SystemTime::now() - Duration::from_secs(3600);
            dir.set_modified(long_ago).expect("the time is set");
        }
    }

    /// Delivers a message to `new/`, as a delivery agent does.
    pub(crate) fn deliver(&self, name: &str, text: &str) {
        self.put("new", name, text);
    }

    /// Writes a file into a directory of the Maildir.
    pub(crate) fn put(&self, part: &str, name: &str, text: &str) {
        let path = self.root().join(part).join(name);
        fs::write(&path, text).expect("written");
        self.touch_directories(self.root());
    }

    /// Renames a file without a new time stamp of its directory.
    pub(crate) fn rename_quietly(&self, from: &str, to: &str) {
        fs::rename(self.root().join(from), self.root().join(to)).expect("renamed");
    }

    pub(crate) fn rename(&self, from: &str, to: &str) {
        self.rename_quietly(from, to);
        self.touch_directories(self.root());
    }

    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.root().join(path)).expect("removed");
        self.touch_directories(self.root());
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).expect("read")
    }

    /// Returns the names in a directory of the Maildir, sorted.
    pub(crate) fn names(&self, part: &str) -> Vec<String> {
        let entries = fs::read_dir(self.root().join(part)).expect("a directory");
        let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
        let mut names: Vec<String> = entries
            .map(|entry| name(entry).to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Returns UID and base name of each line of the uid list, without its header.
    pub(crate) fn listed(&self, dir: &str) -> Vec<(u32, String)> {
        let text = self.read(&format!("{dir}/dovecot-uidlist"));
        let line = |line: &str| {
            let (uid, base) = line.split_once(" :").expect("a record");
            (uid.parse().expect("a number"), base.to_string())
        };
        text.lines().skip(1).map(line).collect()
    }

    pub(crate) fn append(&self, session: &mut Session, text: &str, flags: Flags) -> Uid {
        let flags = FlagList {
            system: flags,
            keywords: Vec::new(),
        };
        self.append_to(&mut session.store, &session.handle.clone(), text, flags)
            .expect("appended")
    }

    pub(crate) fn append_to(
        &self,
        store: &mut Store,
        handle: &MailboxHandle,
        text: &str,
        flags: FlagList,
    ) -> Result<Uid, StoreError> {
        let mut append = AppendMessages::begin(store, handle, flags, None, self.clock.wall())?;
        append.write(text.as_bytes())?;
        self.drive(|budget| append.step(store, budget))
            .map(|(_, uids)| uids.iter().last().and_then(Uid::new).expect("one message"))
    }

    /// Returns the state of all files and directories, which any write changes.
    pub(crate) fn snapshot(&self) -> Vec<PathState> {
        let mut found = Vec::new();
        let mut unvisited = vec![self.root().parent().expect("a parent").to_path_buf()];
        while let Some(path) = unvisited.pop() {
            let status = fs::symlink_metadata(&path).expect("a status");
            let modified = (status.mtime(), status.mtime_nsec());
            let changed = (status.ctime(), status.ctime_nsec());
            found.push((path.clone(), status.size(), modified, changed));
            if status.is_dir() {
                let entries = fs::read_dir(&path).expect("a directory");
                unvisited.extend(entries.map(|entry| entry.expect("an entry").path()));
            }
        }
        found.sort();
        found
    }
}

impl Store {
    /// Creates a mailbox, and makes the flushes in place.
    pub(crate) fn create(&self, account: &Account, name: &MailboxName) -> Result<(), StoreError> {
        let clock = FakeClock::new(SystemTime::now());
        let mut create = CreateMailbox::new(account.clone(), name.clone());
        match create.step(self, &mut Budget::unlimited(&clock)) {
            Step::Done(created) => created,
            Step::Yield(why) => panic!("CREATE waits: {why:?}"),
        }
    }
}

impl Session {
    pub(crate) fn sync(&mut self, rig: &Rig) {
        rig.sync(&mut self.store, &self.handle).expect("synced");
    }

    /// Syncs the mailbox, and returns the updates for the session, expunges included.
    pub(crate) fn sync_and_update(&mut self, rig: &Rig) -> Updates {
        self.sync(rig);
        self.store.updates(&self.view, true)
    }

    pub(crate) fn uids(&self) -> Vec<u32> {
        (1..=self.view.exists())
            .map(|number| self.message(number).uid.get())
            .collect()
    }

    pub(crate) fn message(&self, number: u32) -> MessageRef {
        self.store.message(&self.view, number).expect("a message")
    }

    pub(crate) fn flags(&self, number: u32) -> Flags {
        self.store.flags(&self.view, &self.message(number)).0
    }

    pub(crate) fn text(&mut self, number: u32) -> String {
        let message = self.message(number);
        let mut opened = self
            .store
            .open_message(&self.view, &message)
            .expect("opened");
        let mut text = String::new();
        opened.file.read_to_string(&mut text).expect("read");
        text
    }

    pub(crate) fn store_flags(
        &mut self,
        rig: &Rig,
        number: u32,
        operation: FlagOperation,
        system: Flags,
    ) -> Result<bool, StoreError> {
        let message = self.message(number);
        let change = FlagChange {
            operation,
            system,
            keywords: KeywordSet::NONE,
        };
        rig.drive(|budget| {
            match self.store.change_flags(
                &self.view,
                &message,
                &change,
                &mut FlagLock::default(),
                budget,
            ) {
                Err(StoreError::Busy(at)) => Step::Yield(Why::Until(at)),
                result => Step::Done(result),
            }
        })
    }

    pub(crate) fn expunge(&mut self, rig: &Rig) -> Result<u32, StoreError> {
        let mut expunge = ExpungeMessages::new(self.handle.clone(), None);
        rig.drive(|budget| expunge.step(&mut self.store, budget))
    }

    pub(crate) fn copy(
        &mut self,
        rig: &Rig,
        uids: NumberSet,
        destination: &str,
    ) -> Result<Vec<(u32, u32)>, StoreError> {
        let destination = self.store.open(&rig.account, &mailbox(destination))?;
        let mut copy = CopyMessages::new(&self.view, uids, destination);
        let copied = rig.drive(|budget| copy.step(&mut self.store, budget))?;
        Ok(copied
            .into_iter()
            .map(|(from, to)| (from.get(), to.get()))
            .collect())
    }
}
