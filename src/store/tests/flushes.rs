//! Jobs that wait for the disk: the test makes the flushes, when it says so and as it says. What
//! was not flushed is not announced; a failed flush, and a client that disconnects meanwhile, leave
//! nothing half.

use std::path::PathBuf;

use rustix::io::Errno;

use super::rig::{Rig, Session, mailbox, numbers};
use crate::budget::{Budget, Step, Why};
use crate::store::{
    AppendMessages, CopyMessages, DefineKeywords, FlushRequest, MailboxHandle, Store, StoreError,
    SubscribeMailbox, SyncMailbox,
};
use crate::types::{FlagList, Flags, Keyword};

/// Opens INBOX in a store whose flushes only the test makes.
pub(super) fn deferred(rig: &Rig) -> Session {
    let session = rig.inbox();
    session.store.use_flusher();
    session
}

/// Steps a job until it is done, or returns `None` when it waits for a flush.
pub(super) fn until_flush<T>(
    rig: &Rig,
    mut step: impl FnMut(&mut Budget<'_>) -> Step<T>,
) -> Option<T> {
    let mut is_waiting = false;
    let done = rig.drive(|budget| match step(budget) {
        Step::Yield(Why::Flush) => {
            is_waiting = true;
            Step::Done(None)
        }
        step => match step {
            Step::Done(value) => Step::Done(Some(value)),
            Step::Yield(why) => Step::Yield(why),
        },
    });
    assert_eq!(is_waiting, done.is_none());
    done
}

/// Returns the last part of the path of each request: the name of the file or of the directory.
pub(super) fn names(requests: &[FlushRequest]) -> Vec<String> {
    let paths: Vec<PathBuf> = requests.iter().map(FlushRequest::path).collect();
    let name = |path: &PathBuf| path.file_name().expect("a name").to_string_lossy().into();
    paths.iter().map(name).collect()
}

pub(super) fn succeed(store: &Store, requests: Vec<FlushRequest>) {
    for request in requests {
        store.complete_flush(request.number(), request.flush());
    }
}

pub(super) fn fail(store: &Store, requests: Vec<FlushRequest>) {
    for request in requests {
        store.complete_flush(request.number(), Err(Errno::IO));
    }
}

pub(super) fn begin(store: &mut Store, handle: &MailboxHandle, text: &str) -> AppendMessages {
    let flags = FlagList {
        system: Flags::SEEN,
        keywords: Vec::new(),
    };
    let wall = std::time::SystemTime::now();
    let mut append = AppendMessages::begin(store, handle, flags, None, wall).expect("begun");
    append.write(text.as_bytes()).expect("written");
    append
}

/// Steps an APPEND, and makes `flushes` flushes for it. Returns the requests of the next one.
fn append_until(
    rig: &Rig,
    session: &mut Session,
    append: &mut AppendMessages,
    flushes: usize,
) -> Vec<FlushRequest> {
    for made in 0.. {
        let waits = until_flush(rig, |budget| append.step(&mut session.store, budget));
        assert!(waits.is_none(), "after {made} flushes");
        let requests = session.store.take_flush_requests();
        if made == flushes {
            return requests;
        }
        succeed(&session.store, requests);
    }
    unreachable!("the loop has no end");
}

/// The files of the messages, and what is left in `tmp/`.
pub(super) fn files(rig: &Rig) -> [Vec<String>; 3] {
    ["new", "cur", "tmp"].map(|part| rig.names(part))
}

/// The flushes of an APPEND.
const APPEND_FLUSHES: usize = 3;

#[test]
fn an_append_flushes_file_directory_and_uid_list_one_after_the_other() {
    let rig = Rig::new();
    let mut session = deferred(&rig);
    let handle = session.handle.clone();
    let mut append = begin(&mut session.store, &handle, "text\n");

    let file = append_until(&rig, &mut session, &mut append, 0);
    let [new, cur, tmp] = files(&rig);
    assert_eq!(names(&file), tmp, "the file, before it is renamed");
    assert!(new.is_empty() && cur.is_empty());
    succeed(&session.store, file);

    let directory = append_until(&rig, &mut session, &mut append, 0);
    assert_eq!(names(&directory), ["cur"]);
    assert!(rig.listed(".").is_empty(), "no line before its directory");
    succeed(&session.store, directory);

    let list = append_until(&rig, &mut session, &mut append, 0);
    assert_eq!(names(&list), ["dovecot-uidlist"]);
    assert_eq!(session.store.mailbox(&handle).uid_next(), 1);
    session.store.updates(&session.view, true);
    assert!(session.uids().is_empty());
    succeed(&session.store, list);

    let done = until_flush(&rig, |budget| append.step(&mut session.store, budget));
    let (_, uids) = done.expect("done").expect("appended");
    assert_eq!(uids, numbers(&[1]));
    assert!(session.store.take_flush_requests().is_empty());
    session.sync_and_update(&rig);
    assert_eq!(session.uids(), [1]);
}

#[test]
fn a_sync_reads_no_line_before_it_is_flushed() {
    let rig = Rig::new();
    let mut session = deferred(&rig);
    let handle = session.handle.clone();
    let mut append = begin(&mut session.store, &handle, "ours\n");
    let list = append_until(&rig, &mut session, &mut append, 2);
    // Another program delivers, so that the mailbox has to be read again.
    rig.deliver("9.theirs", "theirs\n");
    let mut sync = SyncMailbox::new(handle);
    assert!(until_flush(&rig, |budget| sync.step(&mut session.store, budget)).is_none());
    succeed(&session.store, list);
    // The sync does not run ahead of the APPEND that wrote the line.
    let waits = sync.step(&mut session.store, &mut Budget::unlimited(&rig.clock));
    assert_eq!(waits.map_err(drop), Step::Yield(Why::Budget));
    session.store.updates(&session.view, true);
    assert!(session.uids().is_empty());
    let done = until_flush(&rig, |budget| append.step(&mut session.store, budget));
    done.expect("done").expect("appended");
    session.sync_and_update_flushing(&rig);
    assert_eq!(session.uids(), [1, 2]);
}

#[test]
fn a_failed_flush_withdraws_the_message() {
    for failing in 0..APPEND_FLUSHES {
        let rig = Rig::new();
        let mut session = deferred(&rig);
        let handle = session.handle.clone();
        let mut append = begin(&mut session.store, &handle, "lost\n");
        let requests = append_until(&rig, &mut session, &mut append, failing);
        fail(&session.store, requests);
        let done = until_flush(&rig, |budget| append.step(&mut session.store, budget));
        assert!(
            matches!(done, Some(Err(StoreError::Io { .. }))),
            "{failing}: {done:?}"
        );
        drop(append);
        rig.clean_up(&mut session.store, || {});
        assert_eq!(
            files(&rig),
            [const { Vec::<String>::new() }; 3],
            "{failing}"
        );

        let mut again = begin(&mut session.store, &handle, "kept\n");
        // A list whose flush has failed is written anew before the next line is added, and flushed
        // with its directory.
        let flushes_of_list = if failing == 2 { 2 } else { 0 };
        let last = append_until(&rig, &mut session, &mut again, 2 + flushes_of_list);
        succeed(&session.store, last);
        let done = until_flush(&rig, |budget| again.step(&mut session.store, budget));
        done.expect("done").expect("appended");
        session.sync_and_update_flushing(&rig);
        // A UID that was in the list is not used again.
        assert_eq!(session.uids(), [1 + u32::from(failing == 2)], "{failing}");
    }
}

#[test]
fn a_client_that_disconnects_during_a_flush_leaves_nothing() {
    for point in 0..APPEND_FLUSHES {
        for result in [Ok(()), Err(Errno::IO)] {
            let rig = Rig::new();
            let mut session = deferred(&rig);
            let handle = session.handle.clone();
            let mut append = begin(&mut session.store, &handle, "lost\n");
            let requests = append_until(&rig, &mut session, &mut append, point);
            drop(append);
            rig.clean_up(&mut session.store, || {});
            assert_eq!(files(&rig), [const { Vec::<String>::new() }; 3], "{point}");

            // The lock is free, but lines that are not flushed are not read.
            let mut again = begin(&mut session.store, &handle, "kept\n");
            let own = append_until(&rig, &mut session, &mut again, 0);
            succeed(&session.store, own);
            let _ = until_flush(&rig, |budget| again.step(&mut session.store, budget));
            let own = session.store.take_flush_requests();
            assert_eq!(own.is_empty(), point == 2, "{point}");
            for request in requests {
                session.store.complete_flush(request.number(), result);
            }
            succeed(&session.store, own);
            let done = rig.drive(|budget| {
                let step = again.step(&mut session.store, budget);
                let requests = session.store.take_flush_requests();
                succeed(&session.store, requests);
                step
            });
            done.expect("appended");
            session.sync_and_update_flushing(&rig);
            assert_eq!(session.uids().len(), 1);
        }
    }
}

#[test]
fn new_messages_are_announced_after_their_uids_are_flushed() {
    let rig = Rig::new();
    let mut session = deferred(&rig);
    rig.deliver("1.a", "a\n");
    let handle = session.handle.clone();
    let mut sync = SyncMailbox::new(handle.clone());
    let mut other = SyncMailbox::new(handle);
    assert!(until_flush(&rig, |budget| sync.step(&mut session.store, budget)).is_none());
    let list = session.store.take_flush_requests();
    assert_eq!(names(&list), ["dovecot-uidlist"]);
    session.store.set_session(7, 1);
    assert!(until_flush(&rig, |budget| other.step(&mut session.store, budget)).is_none());
    assert!(session.store.take_flush_requests().is_empty());
    session.store.updates(&session.view, true);
    assert!(session.uids().is_empty());
    // The session that began is gone; the other one has joined it.
    drop(sync);
    for request in list {
        let waiting = session
            .store
            .complete_flush(request.number(), request.flush());
        assert_eq!(waiting, [0, 7]);
    }
    let done = until_flush(&rig, |budget| other.step(&mut session.store, budget));
    done.expect("done").expect("synced");
    session.store.updates(&session.view, true);
    assert_eq!(session.uids(), [1]);
}

#[test]
fn messages_whose_uids_cannot_be_flushed_wait_for_a_new_list() {
    let rig = Rig::new();
    let mut session = deferred(&rig);
    rig.deliver("1.a", "a\n");
    let handle = session.handle.clone();
    let mut sync = SyncMailbox::new(handle.clone());
    assert!(until_flush(&rig, |budget| sync.step(&mut session.store, budget)).is_none());
    let list = session.store.take_flush_requests();
    fail(&session.store, list);
    let done = until_flush(&rig, |budget| sync.step(&mut session.store, budget));
    done.expect("done").expect("the old messages can be used");
    session.store.updates(&session.view, true);
    assert!(session.uids().is_empty());

    // The line is in the list. But it may be lost, and the new list cannot be flushed either.
    let mut sync = SyncMailbox::new(handle.clone());
    assert!(until_flush(&rig, |budget| sync.step(&mut session.store, budget)).is_none());
    let list = session.store.take_flush_requests();
    fail(&session.store, list);
    let done = until_flush(&rig, |budget| sync.step(&mut session.store, budget));
    done.expect("done").expect("the old messages can be used");
    session.store.updates(&session.view, true);
    assert!(session.uids().is_empty());

    let mut sync = SyncMailbox::new(handle);
    assert!(until_flush(&rig, |budget| sync.step(&mut session.store, budget)).is_none());
    for expected in ["dovecot-uidlist.tmp", "Maildir"] {
        let requests = session.store.take_flush_requests();
        assert_eq!(names(&requests), [expected]);
        session.store.updates(&session.view, true);
        assert!(session.uids().is_empty());
        succeed(&session.store, requests);
        if expected != "Maildir" {
            assert!(until_flush(&rig, |budget| sync.step(&mut session.store, budget)).is_none());
        }
    }
    let done = until_flush(&rig, |budget| sync.step(&mut session.store, budget));
    done.expect("done").expect("synced");
    session.store.updates(&session.view, true);
    assert_eq!(session.uids(), [1]);
}

#[test]
fn a_copy_flushes_directory_and_uid_list() {
    let rig = Rig::new();
    rig.deliver("1.a", "a\n");
    let mut session = rig.inbox();
    let name = crate::types::MailboxName::new(b"other").expect("a name");
    session.store.create(&rig.account, &name).expect("created");
    let to = session
        .store
        .open(&rig.account, &mailbox("other"))
        .expect("opened");
    rig.sync(&mut session.store, &to).expect("synced");
    session.store.use_flusher();
    let mut copy = CopyMessages::new(&session.view, numbers(&[1]), to);
    for expected in ["cur", "dovecot-uidlist"] {
        assert!(until_flush(&rig, |budget| copy.step(&mut session.store, budget)).is_none());
        let requests = session.store.take_flush_requests();
        assert_eq!(names(&requests), [expected]);
        succeed(&session.store, requests);
    }
    let done = until_flush(&rig, |budget| copy.step(&mut session.store, budget));
    assert_eq!(done.expect("done").expect("copied").len(), 1);
}

#[test]
fn one_append_has_few_unflushed_files() {
    let rig = Rig::new();
    let mut session = deferred(&rig);
    let handle = session.handle.clone();
    let mut append = begin(&mut session.store, &handle, "1\n");
    let mut requests = 0;
    for _ in 0..50 {
        while until_flush(&rig, |budget| append.poll_room(budget)).is_none() {
            let made = session.store.take_flush_requests();
            assert!(!made.is_empty() && made.len() <= 8);
            requests += made.len();
            succeed(&session.store, made);
        }
        let another = append.another(
            &mut session.store,
            FlagList::default(),
            None,
            std::time::SystemTime::now(),
        );
        another.expect("begun");
        append.write(b"more\n").expect("written");
    }
    assert!(requests >= 42);
    drop(append);
    rig.clean_up(&mut session.store, || {});
    assert_eq!(files(&rig), [const { Vec::<String>::new() }; 3]);
}

#[test]
fn a_message_gets_new_keywords_after_they_are_flushed() {
    let rig = Rig::new();
    let mut session = deferred(&rig);
    let handle = session.handle.clone();
    let append_with_keyword = |session: &mut Session| {
        let mut append = begin(&mut session.store, &handle, "text\n");
        let flags = FlagList {
            system: Flags::NONE,
            keywords: vec![Keyword::new("work").expect("a keyword")],
        };
        let another = append.another(
            &mut session.store,
            flags,
            None,
            std::time::SystemTime::now(),
        );
        another.expect("begun");
        append.write(b"text\n").expect("written");
        append
    };
    let mut append = append_with_keyword(&mut session);
    let keywords = append_until(&rig, &mut session, &mut append, 1);
    assert_eq!(names(&keywords), ["dovecot-keywords.lock"]);
    assert_eq!(
        rig.names("cur").len(),
        1,
        "the message before has its place"
    );
    fail(&session.store, keywords);
    let done = until_flush(&rig, |budget| append.step(&mut session.store, budget));
    assert!(matches!(done, Some(Err(StoreError::Io { .. }))), "{done:?}");
    drop(append);
    assert_eq!(files(&rig), [const { Vec::<String>::new() }; 3]);
    assert_eq!(session.store.mailbox(&handle).keywords().iter().count(), 0);
    assert!(!rig.names(".").iter().any(|name| name.contains("keywords")));

    let mut append = append_with_keyword(&mut session);
    let directory = append_until(&rig, &mut session, &mut append, 2);
    assert_eq!(names(&directory), ["Maildir"], "before the letter is used");
    assert!(!rig.names("cur").iter().any(|name| name.ends_with(":2,a")));
    succeed(&session.store, directory);
    let last = append_until(&rig, &mut session, &mut append, 1);
    assert_eq!(names(&last), ["dovecot-uidlist"]);
    succeed(&session.store, last);
    let done = until_flush(&rig, |budget| append.step(&mut session.store, budget));
    done.expect("done").expect("appended");
    assert_eq!(rig.read("dovecot-keywords"), "0 work\n");
    assert!(rig.names("cur").iter().any(|name| name.ends_with(":2,a")));
}

#[test]
fn keywords_are_known_after_they_are_flushed() {
    let rig = Rig::new();
    let mut session = deferred(&rig);
    let keywords = vec![Keyword::new("work").expect("a keyword")];
    let mut define = DefineKeywords::new(session.handle.clone(), keywords);
    assert!(until_flush(&rig, |budget| define.step(&mut session.store, budget)).is_none());
    let requests = session.store.take_flush_requests();
    assert_eq!(
        session
            .store
            .mailbox(&session.handle)
            .keywords()
            .iter()
            .count(),
        0
    );
    assert!(!rig.names(".").contains(&"dovecot-keywords".into()));
    succeed(&session.store, requests);
    assert!(until_flush(&rig, |budget| define.step(&mut session.store, budget)).is_none());
    let requests = session.store.take_flush_requests();
    assert_eq!(names(&requests), ["Maildir"]);
    succeed(&session.store, requests);
    let done = until_flush(&rig, |budget| define.step(&mut session.store, budget));
    done.expect("done").expect("defined");
    assert_eq!(rig.read("dovecot-keywords"), "0 work\n");
}

#[test]
fn a_subscription_is_flushed_before_it_counts() {
    let rig = Rig::new();
    let mut session = deferred(&rig);
    let subscribe = || SubscribeMailbox::new(rig.account.clone(), mailbox("a"), true);
    for result in [None, Some(Err(Errno::IO)), Some(Ok(()))] {
        let mut job = subscribe();
        let store = &mut session.store;
        assert!(until_flush(&rig, |budget| job.step(store, budget)).is_none());
        let requests = store.take_flush_requests();
        assert_eq!(names(&requests), ["subscriptions.lock"]);
        assert!(rig.subscriptions().is_empty());
        if let Some(result) = result {
            store.complete_flush(requests[0].number(), result);
        }
        if result == Some(Ok(())) {
            assert!(until_flush(&rig, |budget| job.step(store, budget)).is_none());
            let requests = store.take_flush_requests();
            assert_eq!(names(&requests), ["Maildir"]);
            succeed(store, requests);
        }
        if let Some(result) = result {
            let done = until_flush(&rig, |budget| job.step(store, budget));
            assert_eq!(done.expect("done").is_ok(), result.is_ok());
        }
        drop(job);
        assert!(!rig.names(".").contains(&"subscriptions.lock".into()));
        let subscribed = rig.subscriptions();
        assert_eq!(subscribed.len(), usize::from(result == Some(Ok(()))));
    }
}

impl Session {
    /// Syncs, and makes all flushes at once.
    pub(super) fn sync_and_update_flushing(&mut self, rig: &Rig) {
        let mut sync = SyncMailbox::new(self.handle.clone());
        let synced = rig.drive(|budget| {
            let step = sync.step(&mut self.store, budget);
            let requests = self.store.take_flush_requests();
            succeed(&self.store, requests);
            step
        });
        synced.expect("synced");
        self.store.updates(&self.view, true);
    }
}
