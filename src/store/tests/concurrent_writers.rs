//! A test with several writers at once on one Maildir, each with a store of its own, under the real
//! clock, and with one program that ignores locks. No message is lost, no message has two UIDs, and
//! no UID has two messages.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::budget::{Budget, Clock, Step, SystemClock, Why};
use crate::store::{
    Access, Account, AppendMessages, CopyMessages, Cursor, ExpungeMessages, FlagChange, FlagLock,
    MailboxHandle, MoveMessages, Settings, Store, StoreError, SyncMailbox, View, filename,
};
use crate::types::{
    FlagList, FlagOperation, Flags, KeywordSet, MailboxName, MailboxRef, NumberSet,
};

/// The shortest and the longest that the writers write.
const TIME: Duration = Duration::from_millis(1500);
const LONGEST: Duration = Duration::from_secs(60);
/// The fewest deliveries that make the run worth anything; a busy machine takes longer for them.
const DELIVERIES: usize = 21;

/// What all writers have read and done.
#[derive(Default)]
struct History {
    uid_of: HashMap<Vec<u8>, u32>,
    base_of: HashMap<u32, Vec<u8>>,
    /// Texts of messages with \Deleted, which any writer may expunge.
    to_expunge: Vec<String>,
    /// Texts of messages whose delivery succeeded.
    delivered: Vec<String>,
}

/// A linear congruential generator.
/// How long the writers write.
#[derive(Clone)]
struct Run {
    began: Instant,
    history: Arc<Mutex<History>>,
}

impl Run {
    fn new(history: Arc<Mutex<History>>) -> Self {
        Self {
            began: Instant::now(),
            history,
        }
    }

    /// Returns true until the time is over and there are enough deliveries.
    fn goes_on(&self) -> bool {
        let elapsed = self.began.elapsed();
        let deliveries = || {
            self.history
                .lock()
                .map_or(DELIVERIES, |h| h.delivered.len())
        };
        elapsed < TIME || (elapsed < LONGEST && deliveries() < DELIVERIES)
    }
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn drive<T>(mut step: impl FnMut(&mut Budget<'_>) -> Step<T>) -> T {
    loop {
        let mut budget = Budget::step(&SystemClock);
        match step(&mut budget) {
            Step::Done(value) => return value,
            Step::Yield(Why::Until(at)) => {
                thread::sleep(at.saturating_duration_since(Instant::now()));
            }
            Step::Yield(_) => {}
        }
    }
}

struct Writer {
    store: Store,
    handle: MailboxHandle,
    view: View,
    dice: Dice,
    name: usize,
    count: u32,
}

impl Writer {
    fn new(account: &Account, name: usize) -> Self {
        let mut store = Store::new(Settings::new(format!("host{name}"), std::process::id()));
        if name == 1 {
            store.start_watching().expect("an inotify instance");
        }
        let inbox = MailboxRef::Personal(MailboxName::inbox());
        let handle = store.open(account, &inbox).expect("opened");
        let mut sync = SyncMailbox::for_open(handle.clone(), Access::ReadWrite);
        drive(|budget| sync.step(&mut store, budget)).expect("synced");
        let view = store.view(&handle, Access::ReadWrite);
        Self {
            store,
            handle,
            view,
            dice: Dice(name as u64 * 77 + 5),
            name,
            count: 0,
        }
    }

    fn act(&mut self, history: &Mutex<History>) {
        match self.dice.roll(10) {
            0 | 1 => self.append(history),
            2 => self.copy(),
            3 => self.mark_deleted(history),
            4 => drop(self.expunge()),
            5 | 6 => self.move_one(),
            _ => self.flag(),
        }
        self.check(history);
    }

    /// Appends messages by several jobs at once.
    fn append(&mut self, history: &Mutex<History>) {
        let count = 1 + self.dice.roll(3);
        let mut appends: Vec<_> = (0..count).map(|_| self.begin_append()).collect();
        while !appends.is_empty() {
            let at = self.dice.roll(appends.len() as u64) as usize;
            let (append, text) = &mut appends[at];
            match append.step(&mut self.store, &mut Budget::step(&SystemClock)) {
                Step::Done(done) => {
                    done.expect("appended");
                    let delivered = std::mem::take(text);
                    let mut history = history.lock().expect("no writer panicked");
                    history.delivered.push(delivered);
                    appends.swap_remove(at);
                }
                Step::Yield(Why::Until(_)) => thread::sleep(Duration::from_millis(1)),
                Step::Yield(_) => {}
            }
        }
    }

    fn begin_append(&mut self) -> (AppendMessages, String) {
        self.count += 1;
        let text = format!("{}-{}", self.name, self.count);
        let wall = SystemClock.wall();
        let flags = if self.dice.roll(2) == 0 {
            Flags::NONE
        } else {
            Flags::SEEN
        };
        let flags = FlagList {
            system: flags,
            keywords: Vec::new(),
        };
        let begun = AppendMessages::begin(&mut self.store, &self.handle, flags, None, wall);
        let mut append = begun.expect("begun");
        append.write(text.as_bytes()).expect("written");
        (append, text)
    }

    fn copy(&mut self) {
        let Some(message) = self.pick() else { return };
        let uids = NumberSet::range(message.uid.get(), message.uid.get());
        let mut copy = CopyMessages::new(&self.view, uids, self.handle.clone());
        match drive(|budget| copy.step(&mut self.store, budget)) {
            Ok(_) | Err(StoreError::Gone) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    /// Moves a message to the mailbox itself, which works like a move to any other.
    fn move_one(&mut self) {
        let Some(message) = self.pick() else { return };
        let uids = NumberSet::range(message.uid.get(), message.uid.get());
        let mut moving = MoveMessages::new(&self.view, uids, self.handle.clone());
        match drive(|budget| moving.step(&mut self.store, budget)).result {
            Ok(()) | Err(StoreError::Gone | StoreError::InUse) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    fn pick(&mut self) -> Option<crate::store::MessageRef> {
        let exists = u64::from(self.view.exists());
        let number = if exists == 0 {
            0
        } else {
            self.dice.roll(exists) as u32 + 1
        };
        self.store.message(&self.view, number)
    }

    /// Notes the text of a message, and then marks it, so that no writer can expunge it before the
    /// note.
    fn mark_deleted(&mut self, history: &Mutex<History>) {
        let Some(message) = self.pick() else { return };
        let Ok(opened) = self.store.open_message(&self.view, &message) else {
            return;
        };
        let text = std::io::read_to_string(opened.file).expect("text");
        history
            .lock()
            .expect("no writer panicked")
            .to_expunge
            .push(text);
        self.change(&message, Flags::DELETED);
    }

    fn flag(&mut self) {
        if let Some(message) = self.pick() {
            let flags = [Flags::SEEN, Flags::FLAGGED, Flags::ANSWERED];
            let flag = flags[self.dice.roll(3) as usize];
            self.change(&message, flag);
        }
    }

    fn change(&mut self, message: &crate::store::MessageRef, system: Flags) {
        let change = FlagChange {
            operation: FlagOperation::Add,
            system,
            keywords: KeywordSet::NONE,
        };
        let changed = drive(|budget| {
            match self.store.change_flags(
                &self.view,
                message,
                &change,
                &mut FlagLock::default(),
                budget,
            ) {
                Err(StoreError::Busy(at)) => Step::Yield(Why::Until(at)),
                result => Step::Done(result),
            }
        });
        match changed {
            Ok(_) | Err(StoreError::Gone) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    fn expunge(&mut self) -> u32 {
        let mut expunge = ExpungeMessages::new(self.handle.clone(), None);
        drive(|budget| expunge.step(&mut self.store, budget)).expect("expunged")
    }

    fn check(&mut self, history: &Mutex<History>) {
        self.store.poll_inotify();
        let mut sync = SyncMailbox::new(self.handle.clone());
        drive(|budget| sync.step(&mut self.store, budget)).expect("synced");
        let before = self.view.exists();
        let updates = self.store.updates(&self.view, true);
        let expunged = updates.expunged.len() as u32;
        assert_eq!(
            updates.exists.unwrap_or(before - expunged),
            self.view.exists()
        );
        let mailbox = self.store.mailbox(&self.handle);
        let mut cursor = Cursor::over_numbers(NumberSet::range(1, self.view.exists()));
        let mut history = history.lock().expect("no writer panicked");
        let mut count = 0;
        while let Some(message) = cursor.next(mailbox, &self.view) {
            count += 1;
            assert_eq!(message.number, count);
            let uid = message.uid.get();
            let index = mailbox.records.find_uid(uid).expect("a record");
            let base = mailbox.records.base(index).to_vec();
            let known = history.uid_of.entry(base.clone()).or_insert(uid);
            assert_eq!(
                *known,
                uid,
                "two UIDs for {}",
                String::from_utf8_lossy(&base)
            );
            let known = history.base_of.entry(uid).or_insert_with(|| base.clone());
            assert_eq!(*known, base, "two messages with UID {uid}");
        }
        assert_eq!(count, self.view.exists());
    }
}

/// Delivers messages like a delivery agent, and changes flags like a user agent that takes no lock.
fn run_other_program(root: &Path, history: &Mutex<History>, run: &Run) {
    let mut dice = Dice(4711);
    let mut count = 0;
    while run.goes_on() {
        count += 1;
        if dice.roll(3) == 0 {
            let text = format!("foreign-{count}");
            let name = format!("{}.f{count}.elsewhere", 1_700_000_000 + count);
            fs::write(root.join("tmp").join(&name), &text).expect("written");
            fs::rename(root.join("tmp").join(&name), root.join("new").join(&name))
                .expect("delivered");
            history
                .lock()
                .expect("no writer panicked")
                .delivered
                .push(text);
        } else {
            let entries: Vec<PathBuf> = fs::read_dir(root.join("cur"))
                .expect("read")
                .flatten()
                .map(|e| e.path())
                .collect();
            if let Some(path) = entries.get(dice.roll(entries.len().max(1) as u64) as usize) {
                let name = path
                    .file_name()
                    .expect("a name")
                    .to_string_lossy()
                    .into_owned();
                let (mut flags, keywords) = filename::flags(name.as_bytes());
                flags = if dice.roll(2) == 0 {
                    flags.with(Flags::DRAFT)
                } else {
                    flags.without(Flags::DRAFT)
                };
                let mut renamed = Vec::new();
                filename::with_flags(name.as_bytes(), flags, keywords, &mut renamed);
                let renamed = String::from_utf8(renamed).expect("text");
                let _ = fs::rename(path, root.join("cur").join(renamed));
            }
        }
        thread::sleep(Duration::from_millis(dice.roll(6)));
    }
}

#[test]
fn concurrent_writers_lose_no_message_and_never_reuse_a_uid() {
    let dir = tempfile::tempdir().expect("a directory");
    let account = Account {
        root: dir.path().join("Maildir"),
        bboards: None,
    };
    let history = Arc::new(Mutex::new(History::default()));
    let run = Run::new(history.clone());
    drop(Writer::new(&account, 9));
    let threads: Vec<_> = (0..3)
        .map(|name| {
            let (account, history, run) = (account.clone(), history.clone(), run.clone());
            thread::spawn(move || {
                let mut writer = Writer::new(&account, name);
                while run.goes_on() {
                    writer.act(&history);
                }
            })
        })
        .collect();
    run_other_program(&account.root, &history, &run);
    for thread in threads {
        thread.join().expect("no panic");
    }
    thread::sleep(Duration::from_millis(30));
    let mut last = Writer::new(&account, 8);
    last.check(&history);
    let mut texts = Vec::new();
    for number in 1..=last.view.exists() {
        let message = last.store.message(&last.view, number).expect("a message");
        let opened = last
            .store
            .open_message(&last.view, &message)
            .expect("the message has a file");
        texts.push(std::io::read_to_string(opened.file).expect("text"));
    }
    let history = history.lock().expect("no writer panicked");
    assert!(history.delivered.len() >= DELIVERIES);
    for text in &history.delivered {
        assert!(
            texts.contains(text) || history.to_expunge.contains(text),
            "lost: {text}"
        );
    }
    assert!(
        fs::read_dir(account.root.join("tmp"))
            .expect("read")
            .next()
            .is_none()
    );
}
