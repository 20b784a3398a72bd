//! Several deliveries to one mailbox at once: they share the lock and the flushes, and yet each is
//! delivered or withdrawn for itself.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant, SystemTime};

use super::flushes::{begin, deferred, fail, files, names, succeed, until_flush};
use super::rig::{Rig, Session, mailbox, numbers};
use crate::budget::{Budget, Clock, Step, Why};
use crate::store::{AppendMessages, CopyMessages, DefineKeywords, FlushRequest, StoreError};
use crate::types::{Keyword, MailboxName};

type Appended = Result<Vec<u32>, StoreError>;

/// Sessions that append at the same time; `None` for those that have disconnected.
struct Appends {
    rig: Rig,
    session: Session,
    jobs: Vec<Option<AppendMessages>>,
}

impl Appends {
    /// Begins to append that many messages and flushes them in `tmp/`. The first delivery is a
    /// batch of its own, and the flush of its directory is under way; all others wait.
    fn new(count: usize) -> (Self, Vec<FlushRequest>) {
        let rig = Rig::new();
        let mut session = deferred(&rig);
        let handle = session.handle.clone();
        let texts = (1..=count).map(|nth| format!("text {nth}\n"));
        let jobs = texts.map(|text| Some(begin(&mut session.store, &handle, &text)));
        let jobs = jobs.collect();
        let mut appends = Self { rig, session, jobs };
        let written = appends.step_all();
        assert_eq!(written.len(), count, "each flushes its own file");
        succeed(&appends.session.store, written);
        let first = appends.step_all();
        assert_eq!(names(&first), ["cur"]);
        (appends, first)
    }

    /// Steps each job until it waits for a flush, which none of them has. Returns the requests.
    fn step_all(&mut self) -> Vec<FlushRequest> {
        for nth in 0..self.jobs.len() {
            if self.jobs[nth].is_some() {
                assert!(self.step(nth).is_none(), "{nth} is done");
            }
        }
        self.session.store.take_flush_requests()
    }

    fn step(&mut self, nth: usize) -> Option<Appended> {
        let job = self.jobs[nth].as_mut().expect("a job");
        let store = &mut self.session.store;
        let done = until_flush(&self.rig, |budget| job.step(store, budget))?;
        self.jobs[nth] = None;
        Some(done.map(|(_, uids)| uids.iter().collect()))
    }

    /// Makes the flushes of the first batch. Returns the flush of the directory of the second.
    fn end_first(&mut self, directory: Vec<FlushRequest>) -> Vec<FlushRequest> {
        succeed(&self.session.store, directory);
        let list = self.step_all();
        assert_eq!(names(&list), ["dovecot-uidlist"]);
        succeed(&self.session.store, list);
        assert_eq!(self.step(0).expect("done").expect("appended"), [1]);
        let second = self.step_all();
        assert_eq!(names(&second), ["cur"], "one for the whole batch");
        second
    }

    fn leave(&mut self, nth: usize) {
        self.jobs[nth] = None;
        self.rig.clean_up(&mut self.session.store, || {});
    }

    fn outcomes(&mut self) -> Vec<Appended> {
        let left: Vec<usize> = (0..self.jobs.len())
            .filter(|&nth| self.jobs[nth].is_some())
            .collect();
        left.into_iter()
            .map(|nth| self.step(nth).expect("done"))
            .collect()
    }
}

fn uids(outcomes: Vec<Appended>) -> Vec<u32> {
    let uids = outcomes
        .into_iter()
        .map(|outcome| outcome.expect("appended"));
    uids.flatten().collect()
}

#[test]
fn deliveries_that_wait_for_the_lock_share_all_flushes() {
    let (mut appends, first) = Appends::new(5);
    let directory = appends.end_first(first);
    succeed(&appends.session.store, directory);
    let list = appends.step_all();
    assert_eq!(names(&list), ["dovecot-uidlist"]);
    assert_eq!(
        appends
            .session
            .store
            .mailbox(&appends.session.handle)
            .uid_next(),
        2
    );
    succeed(&appends.session.store, list);
    assert_eq!(uids(appends.outcomes()), [2, 3, 4, 5]);
    appends.session.store.updates(&appends.session.view, true);
    assert_eq!(appends.session.uids(), [1, 2, 3, 4, 5]);
    assert!(!is_locked(&appends.rig));
}

#[test]
fn a_client_that_disconnects_withdraws_its_own_messages_only() {
    for point in 0..4 {
        let (mut appends, first) = Appends::new(4);
        if point == 0 {
            appends.leave(2);
        }
        let directory = appends.end_first(first);
        if point == 1 {
            appends.leave(2);
        }
        succeed(&appends.session.store, directory);
        let list = appends.step_all();
        if point == 2 {
            appends.leave(2);
        }
        succeed(&appends.session.store, list);
        if point == 3 {
            // The lines are on disk, but the store does not know yet.
            appends.leave(2);
        }
        let expected: &[u32] = if point < 2 { &[2, 3] } else { &[2, 4] };
        assert_eq!(uids(appends.outcomes()), expected, "{point}");
        appends.rig.clean_up(&mut appends.session.store, || {});
        let [new, cur, tmp] = files(&appends.rig);
        assert_eq!((new.len(), cur.len(), tmp.len()), (0, 3, 0), "{point}");
        assert!(!is_locked(&appends.rig));
    }
}

#[test]
fn a_failed_flush_withdraws_the_batch_and_no_other() {
    for failing in ["cur", "dovecot-uidlist"] {
        let (mut appends, first) = Appends::new(4);
        let mut requests = appends.end_first(first);
        // It is too late for the second batch, and is in the third.
        let handle = appends.session.handle.clone();
        let late = begin(&mut appends.session.store, &handle, "late\n");
        appends.jobs.push(Some(late));
        let written = appends.step_all();
        succeed(&appends.session.store, written);
        assert!(appends.step_all().is_empty(), "the late one waits");
        if failing == "dovecot-uidlist" {
            succeed(&appends.session.store, requests);
            requests = appends.step_all();
        }
        assert_eq!(names(&requests), [failing]);
        fail(&appends.session.store, requests);
        for nth in 1..4 {
            let outcome = appends.step(nth).expect("done");
            assert!(matches!(outcome, Err(StoreError::Io { .. })), "{outcome:?}");
        }
        let mut last = Vec::new();
        while appends.step(4).is_none() {
            let requests = appends.session.store.take_flush_requests();
            last.extend(names(&requests));
            succeed(&appends.session.store, requests);
        }
        let is_rewritten = last
            .first()
            .is_some_and(|name| name == "dovecot-uidlist.tmp");
        assert_eq!(is_rewritten, failing == "dovecot-uidlist");
        assert!(last.ends_with(&["cur".into(), "dovecot-uidlist".into()]));
        let [new, cur, tmp] = files(&appends.rig);
        assert_eq!((new.len(), cur.len(), tmp.len()), (0, 2, 0), "{failing}");
        appends.session.sync_and_update_flushing(&appends.rig);
        let last = if failing == "cur" { 2 } else { 5 };
        assert_eq!(appends.session.uids(), [1, last]);
    }
}

#[test]
fn copies_of_one_message_in_one_batch_get_names_of_their_own() {
    let rig = Rig::new();
    rig.deliver("1.a.h", "a\n");
    let mut session = rig.inbox();
    let name = MailboxName::new(b"other").expect("a name");
    session.store.create(&rig.account, &name).expect("created");
    let to = session.store.open(&rig.account, &mailbox("other"));
    let to = to.expect("opened");
    rig.sync(&mut session.store, &to).expect("synced");
    session.store.use_flusher();
    let store = &mut session.store;
    let mut append = begin(store, &to, "first\n");
    assert!(until_flush(&rig, |budget| append.step(store, budget)).is_none());
    succeed(store, store.take_flush_requests());
    assert!(until_flush(&rig, |budget| append.step(store, budget)).is_none());
    let copy = || CopyMessages::new(&session.view, numbers(&[1]), to.clone());
    let mut copies = [copy(), copy()];
    for copy in &mut copies {
        assert!(until_flush(&rig, |budget| copy.step(store, budget)).is_none());
    }
    let mut flushed = Vec::new();
    let copied = copies.map(|mut copy| {
        let copied = rig.drive(|budget| {
            let step = copy.step(store, budget);
            let requests = store.take_flush_requests();
            flushed.extend(names(&requests));
            succeed(store, requests);
            step
        });
        copied.expect("copied")[0].1.get()
    });
    assert_eq!(copied, [2, 3]);
    let batch = ["cur", "dovecot-uidlist"];
    assert_eq!(flushed, [batch, batch].concat());
    let listed = rig.listed(".other");
    assert_eq!(listed[1].1, "1.a.h");
    assert_ne!(listed[2].1, "1.a.h");
}

#[test]
fn the_lock_is_given_up_for_a_job_that_wants_it() {
    let (mut appends, first) = Appends::new(3);
    let keywords = vec![Keyword::new("work").expect("a keyword")];
    let mut define = DefineKeywords::new(appends.session.handle.clone(), keywords);
    let step = define.step(
        &mut appends.session.store,
        &mut Budget::unlimited(&appends.rig.clock),
    );
    assert!(matches!(step, Step::Yield(Why::Until(_))), "{step:?}");
    appends.end_first_and_release(first);
    // The job that waits gets the lock, and keeps it while its keywords are flushed.
    let store = &mut appends.session.store;
    for _file_and_directory in 0..2 {
        assert!(until_flush(&appends.rig, |budget| define.step(store, budget)).is_none());
        succeed(store, store.take_flush_requests());
    }
    let done = until_flush(&appends.rig, |budget| define.step(store, budget));
    done.expect("done").expect("defined");
    appends.end_second();
}

#[test]
fn the_lock_is_given_up_after_a_while() {
    let (mut appends, first) = Appends::new(3);
    appends.rig.clock.advance(Duration::from_secs(1));
    appends.end_first_and_release(first);
    appends.end_second();
}

/// A clock that panics, to stop a step in the middle.
struct BrokenClock;

impl Clock for BrokenClock {
    fn now(&self) -> Instant {
        panic!("the test stops the step here")
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

#[test]
fn a_panic_withdraws_the_batch_and_no_other() {
    let (mut appends, _first) = Appends::new(3);
    let (job, store) = (appends.jobs[0].as_mut(), &mut appends.session.store);
    let job = job.expect("a job");
    let step = || job.step(store, &mut Budget::unlimited(&BrokenClock));
    assert!(catch_unwind(AssertUnwindSafe(step)).is_err());
    let outcome = appends.step(0).expect("done");
    assert!(matches!(outcome, Err(StoreError::Invalidated)));
    for name in ["cur", "dovecot-uidlist"] {
        let requests = appends.step_all();
        assert_eq!(names(&requests), [name]);
        succeed(&appends.session.store, requests);
    }
    assert_eq!(uids(appends.outcomes()), [1, 2]);
    let [new, cur, tmp] = files(&appends.rig);
    assert_eq!((new.len(), cur.len(), tmp.len()), (0, 2, 0));
    assert!(!is_locked(&appends.rig));
}

impl Appends {
    /// Makes the flushes of the first batch. Checks that the others then wait without the lock.
    fn end_first_and_release(&mut self, directory: Vec<FlushRequest>) {
        succeed(&self.session.store, directory);
        let list = self.step_all();
        succeed(&self.session.store, list);
        assert_eq!(self.step(0).expect("done").expect("appended"), [1]);
        for job in self.jobs.iter_mut().flatten() {
            let budget = &mut Budget::unlimited(&self.rig.clock);
            let step = job.step(&mut self.session.store, budget);
            assert!(matches!(step, Step::Yield(Why::Until(_))), "{step:?}");
            assert!(!is_locked(&self.rig));
        }
    }

    /// Makes the flushes of the second batch, of two messages.
    fn end_second(&mut self) {
        let directory = self.step_all();
        assert_eq!(names(&directory), ["cur"]);
        assert!(is_locked(&self.rig));
        succeed(&self.session.store, directory);
        let list = self.step_all();
        succeed(&self.session.store, list);
        assert_eq!(uids(self.outcomes()), [2, 3]);
        assert!(!is_locked(&self.rig));
    }
}

fn is_locked(rig: &Rig) -> bool {
    rig.root().join("dovecot-uidlist.lock").exists()
}
