//! A test with many deliveries of one process to one mailbox at once, on a disk of which the test
//! knows what would survive a power cut at any time.
//!
//! The jobs are stepped in random order, with a budget of one unit or of many. Clients disconnect,
//! flushes begin late, end in any order, and fail. Another program locks the mailbox as Dovecot
//! does, and numbers messages. After every step, no session knows a UID whose line and whose file
//! would be lost.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use rustix::io::Errno;

use super::rig::{Rig, Session};
use crate::budget::{Budget, Clock, Step, Why};
use crate::store::{
    Access, AppendMessages, CopyMessages, DefineKeywords, FlushRequest, FlushResult, MailboxHandle,
    StoreError, SyncMailbox, View, filename,
};
use crate::types::{FlagList, Flags, Keyword, NumberSet};

const CLIENTS: usize = 6;
const LIST: &str = "dovecot-uidlist";
const LOCK: &str = "dovecot-uidlist.lock";

#[derive(Debug, Clone)]
enum Action {
    /// Appends that many messages.
    Append(usize),
    Copy(u32),
    Sync,
    /// Defines a keyword, which takes the lock.
    Define,
    /// The client disconnects.
    Leave,
    Step {
        units: u32,
    },
    CleanUp,
    /// The flusher begins the flushes that were submitted.
    BeginFlushes,
    /// One of the flushes that have begun ends.
    EndFlush(usize, bool),
    /// The other program takes the lock, or numbers a message and releases it.
    Foreign,
}

fn any_action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => (1..4usize).prop_map(Action::Append),
        2 => any::<u32>().prop_map(Action::Copy),
        1 => Just(Action::Sync),
        1 => Just(Action::Define),
        2 => Just(Action::Leave),
        20 => prop_oneof![Just(1), Just(300)].prop_map(|units| Action::Step { units }),
        3 => Just(Action::CleanUp),
        8 => Just(Action::BeginFlushes),
        // One flush in eight fails.
        10 => (any::<usize>(), 0..8u8).prop_map(|(n, dice)| Action::EndFlush(n, dice > 0)),
        1 => Just(Action::Foreign),
    ]
}

enum Job {
    Append(AppendMessages, Vec<String>),
    Copy(CopyMessages),
    Sync(SyncMailbox),
    Define(DefineKeywords),
}

/// A flush that has begun, and what it puts on disk.
struct BegunFlush {
    request: FlushRequest,
    file: String,
    /// The lines of the list, or the base names in the directory.
    content: BTreeSet<String>,
}

/// What would survive a power cut.
#[derive(Default)]
struct Disk {
    lines: BTreeSet<String>,
    /// Lines that the kernel may have dropped after a failed flush.
    lost: BTreeSet<String>,
    /// The base names in `new/` and `cur/`. Files stay until they are removed.
    files: BTreeSet<String>,
}

struct World {
    rig: Rig,
    session: Session,
    views: Vec<View>,
    jobs: Vec<Option<Job>>,
    begun: Vec<BegunFlush>,
    disk: Disk,
    /// The texts of the messages of the APPENDs that were answered OK, and of those that were not.
    appended: Vec<(Vec<u32>, Vec<String>)>,
    failed: Vec<Vec<String>>,
    abandoned: Vec<Vec<String>>,
    is_locked_by_other: bool,
    count: u32,
}

impl World {
    fn new() -> Self {
        let rig = Rig::new();
        for name in ["1.a.h", "2.b.h", "3.c.h"] {
            rig.deliver(name, name);
        }
        let mut session = rig.inbox();
        let views = (0..CLIENTS).map(|_| session.store.view(&session.handle, Access::ReadWrite));
        let views = views.collect();
        session.store.use_flusher();
        let disk = Disk {
            lines: lines(&rig, LIST),
            files: files(&rig),
            ..Disk::default()
        };
        Self {
            rig,
            session,
            views,
            jobs: (0..CLIENTS).map(|_| None).collect(),
            begun: Vec::new(),
            disk,
            appended: Vec::new(),
            failed: Vec::new(),
            abandoned: Vec::new(),
            is_locked_by_other: false,
            count: 0,
        }
    }

    fn handle(&self) -> MailboxHandle {
        self.session.handle.clone()
    }

    fn act(&mut self, client: usize, action: &Action) {
        match *action {
            Action::Append(count) => self.start(client, |world| Some(world.append(count))),
            Action::Copy(pick) => self.start(client, |world| world.copy(client, pick)),
            Action::Sync => self.start(client, |world| {
                Some(Job::Sync(SyncMailbox::new(world.handle())))
            }),
            Action::Define => self.start(client, |world| {
                world.count += 1;
                let keyword = Keyword::new(&format!("k{}", world.count % 20)).expect("a keyword");
                let define = DefineKeywords::new(world.handle(), vec![keyword]);
                Some(Job::Define(define))
            }),
            Action::Leave => {
                if let Some(Job::Append(_, texts)) = self.jobs[client].take() {
                    self.abandoned.push(texts);
                }
            }
            Action::Step { units } => drop(self.step(client, units)),
            Action::CleanUp => drop(self.clean_up()),
            Action::BeginFlushes => self.begin_flushes(),
            Action::EndFlush(pick, is_ok) => self.end_flush(pick, is_ok),
            Action::Foreign if self.is_locked_by_other => self.release_foreign(),
            Action::Foreign => self.lock_foreign(),
        }
        self.check();
    }

    fn start(&mut self, client: usize, job: impl FnOnce(&mut Self) -> Option<Job>) {
        if self.jobs[client].is_none() {
            self.jobs[client] = job(self);
        }
    }

    fn append(&mut self, count: usize) -> Job {
        let (wall, handle) = (self.rig.clock.wall(), self.handle());
        let flags = || FlagList {
            system: Flags::SEEN,
            keywords: Vec::new(),
        };
        let texts: Vec<String> = (0..count)
            .map(|_| {
                self.count += 1;
                format!("text {:05}", self.count)
            })
            .collect();
        let store = &mut self.session.store;
        let begun = AppendMessages::begin(store, &handle, flags(), None, wall);
        let mut append = begun.expect("begun");
        append.write(texts[0].as_bytes()).expect("written");
        for text in &texts[1..] {
            let another = append.another(store, flags(), None, wall);
            another.expect("begun");
            append.write(text.as_bytes()).expect("written");
        }
        Job::Append(append, texts)
    }

    fn copy(&self, client: usize, pick: u32) -> Option<Job> {
        let view = &self.views[client];
        let number = pick.checked_rem(view.exists())? + 1;
        let uid = self.session.store.message(view, number)?.uid.get();
        let uids = NumberSet::range(uid, uid);
        Some(Job::Copy(CopyMessages::new(view, uids, self.handle())))
    }

    /// Steps the job of a client. Returns false if it has none.
    fn step(&mut self, client: usize, units: u32) -> bool {
        let Some(mut job) = self.jobs[client].take() else {
            return false;
        };
        let store = &mut self.session.store;
        let mut budget = Budget::new(&self.rig.clock, units, Duration::from_secs(1));
        let step = match &mut job {
            Job::Append(job, _) => match job.step(store, &mut budget) {
                Step::Done(done) => Step::Done(done.map(|(_, uids)| uids.iter().collect())),
                Step::Yield(why) => Step::Yield(why),
            },
            Job::Copy(job) => match job.step(store, &mut budget) {
                Step::Done(done) => {
                    Step::Done(done.map(|uids| uids.iter().map(|(_, uid)| uid.get()).collect()))
                }
                Step::Yield(why) => Step::Yield(why),
            },
            Job::Sync(job) => no_uids(job.step(store, &mut budget)),
            Job::Define(job) => no_uids(job.step(store, &mut budget)),
        };
        match step {
            Step::Done(result) => self.end_job(job, result),
            Step::Yield(why) => {
                if let Why::Until(time) = why {
                    let wait = time.saturating_duration_since(self.rig.clock.now());
                    self.rig.clock.advance(wait.min(Duration::from_millis(3)));
                }
                self.jobs[client] = Some(job);
            }
        }
        true
    }

    fn end_job(&mut self, job: Job, result: Result<Vec<u32>, StoreError>) {
        use StoreError::{Gone, InUse, Io, Limit};
        match result {
            Ok(uids) => {
                for uid in &uids {
                    self.check_durable(*uid);
                }
                if let Job::Append(_, texts) = job {
                    assert_eq!(uids.len(), texts.len());
                    self.appended.push((uids, texts));
                }
            }
            Err(error) => {
                assert!(
                    matches!(error, Io { .. } | InUse | Gone | Limit(_)),
                    "{error:?}"
                );
                if let Job::Append(_, texts) = job {
                    self.failed.push(texts);
                }
            }
        }
    }

    fn clean_up(&mut self) -> bool {
        let mut budget = Budget::new(&self.rig.clock, 1, Duration::from_secs(1));
        self.session.store.clean_up(&mut budget);
        self.session.store.abandoned_work() > 0
    }

    fn begin_flushes(&mut self) {
        for request in self.session.store.take_flush_requests() {
            let path = request.path();
            let file = path.file_name().expect("a name").to_string_lossy();
            let content = match &*file {
                "new" | "cur" => bases(&path),
                LIST | "dovecot-uidlist.tmp" => lines(&self.rig, &file),
                _ => BTreeSet::new(),
            };
            let file = file.into_owned();
            self.begun.push(BegunFlush {
                request,
                file,
                content,
            });
        }
    }

    fn end_flush(&mut self, pick: usize, is_ok: bool) {
        let Some(at) = pick.checked_rem(self.begun.len()) else {
            return;
        };
        let flush = self.begun.swap_remove(at);
        let result: FlushResult = if is_ok { Ok(()) } else { Err(Errno::IO) };
        self.disk.end_flush(&flush, is_ok);
        self.session
            .store
            .complete_flush(flush.request.number(), result);
    }

    fn lock_foreign(&mut self) {
        let path = self.rig.root().join(LOCK);
        let created = fs::File::options().write(true).create_new(true).open(path);
        self.is_locked_by_other = created.is_ok();
    }

    /// Delivers a message, numbers it, flushes, and releases the lock.
    fn release_foreign(&mut self) {
        self.count += 1;
        let base = format!("17000{:05}.f.h", self.count);
        self.rig.deliver(&base, "foreign");
        let listed = self.rig.listed(".");
        let next = listed.last().map_or(1, |(uid, _)| uid + 1);
        let text = self.rig.read(LIST);
        let line = format!("{next} :{base}");
        fs::write(self.rig.root().join(LIST), format!("{text}{line}\n")).expect("written");
        self.disk.lines.insert(line);
        self.disk.files.insert(base);
        fs::remove_file(self.rig.root().join(LOCK)).expect("the lock is held");
        self.is_locked_by_other = false;
    }

    /// Checks that the list is whole and in order, and that what the sessions know is on disk.
    fn check(&mut self) {
        let text = self.rig.read(LIST);
        assert!(text.ends_with('\n'), "a torn line");
        let uids: Vec<u32> = self.rig.listed(".").iter().map(|(uid, _)| *uid).collect();
        assert!(uids.windows(2).all(|pair| pair[0] < pair[1]), "{uids:?}");
        for at in 0..CLIENTS {
            self.session.store.updates(&self.views[at], true);
            let view = &self.views[at];
            let known = (1..=view.exists()).map(|number| self.session.store.message(view, number));
            let known: Vec<u32> = known.map(|known| known.expect("one").uid.get()).collect();
            assert!(known.windows(2).all(|pair| pair[0] < pair[1]), "{known:?}");
            for uid in known {
                self.check_durable(uid);
            }
        }
    }

    fn check_durable(&self, uid: u32) {
        let listed = self.rig.listed(".").into_iter();
        let (_, base) = listed
            .rev()
            .find(|(listed, _)| *listed == uid)
            .expect("a line");
        let line = format!("{uid} :{base}");
        assert!(self.disk.lines.contains(&line), "{line} is not on disk");
        assert!(self.disk.files.contains(&base), "{base} is not on disk");
    }

    /// Lets all jobs end on a disk that works, and compares the directory, the list and the
    /// answers.
    fn end(mut self) {
        if self.is_locked_by_other {
            self.release_foreign();
        }
        let mut steps = 0;
        loop {
            let jobs = (0..CLIENTS).filter(|&client| self.step(client, 1)).count();
            let is_cleaning = self.clean_up();
            self.begin_flushes();
            while !self.begun.is_empty() {
                self.end_flush(0, true);
            }
            self.check();
            if jobs == 0 && !is_cleaning {
                break;
            }
            steps += 1;
            assert!(steps < 100_000, "the jobs wait for each other");
        }
        assert!(self.rig.names("tmp").is_empty());
        assert!(!self.rig.root().join(LOCK).exists());
        drop(self.session.store);
        let mut fresh = self.rig.open(self.rig.store(), "INBOX", Access::ReadWrite);
        let uids = fresh.uids();
        let mut text_of: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for (number, uid) in (1..).zip(uids) {
            text_of.entry(fresh.text(number)).or_default().push(uid);
        }
        let delivered = |text: &String| {
            text_of.contains_key(&format!("{text}\r\n"))
                || text_of.contains_key(text)
                || text_of.contains_key(&format!("{text}\n"))
        };
        for (uids, texts) in &self.appended {
            for (uid, text) in uids.iter().zip(texts) {
                let found = text_of.iter().find(|(found, _)| found.trim_end() == text);
                let (_, found) = found.expect("the message is there");
                assert!(found.contains(uid), "{text} is not {uid} but {found:?}");
            }
        }
        for texts in &self.failed {
            assert!(!texts.iter().any(delivered), "{texts:?}");
        }
        for texts in &self.abandoned {
            let count = texts.iter().filter(|text| delivered(text)).count();
            assert!(count == 0 || count == texts.len(), "{texts:?}");
        }
    }
}

impl Disk {
    fn end_flush(&mut self, flush: &BegunFlush, is_ok: bool) {
        let content = flush.content.iter().cloned();
        match (&*flush.file, is_ok) {
            ("new" | "cur", true) => self.files.extend(content),
            (LIST, true) => {
                let kept: Vec<String> = content.filter(|line| !self.lost.contains(line)).collect();
                self.lines.extend(kept);
            }
            (LIST, false) => {
                let lost: Vec<String> = content.filter(|line| !self.lines.contains(line)).collect();
                self.lost.extend(lost);
            }
            // It replaces the list.
            ("dovecot-uidlist.tmp", true) => {
                self.lines.extend(content);
                self.lost.clear();
            }
            _ => {}
        }
    }
}

fn no_uids<T>(step: Step<Result<T, StoreError>>) -> Step<Result<Vec<u32>, StoreError>> {
    match step {
        Step::Done(result) => Step::Done(result.map(|_| Vec::new())),
        Step::Yield(why) => Step::Yield(why),
    }
}

/// Returns the lines of a uid list without its header, as `uid :base`.
fn lines(rig: &Rig, file: &str) -> BTreeSet<String> {
    rig.read(file).lines().skip(1).map(String::from).collect()
}

/// Returns the base names of the files in a directory.
fn bases(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    let base =
        |name: String| String::from_utf8(filename::base(name.as_bytes()).to_vec()).expect("text");
    entries
        .map(|entry| {
            base(
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned(),
            )
        })
        .collect()
}

fn files(rig: &Rig) -> BTreeSet<String> {
    let directories = ["new", "cur"].map(|part| bases(&rig.root().join(part)));
    directories.into_iter().flatten().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn what_deliveries_announce_is_on_disk(
        actions in prop::collection::vec((0..CLIENTS, any_action()), 1..400),
    ) {
        let mut world = World::new();
        for (client, action) in &actions {
            world.act(*client, action);
        }
        world.end();
    }
}
