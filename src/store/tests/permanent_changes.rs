//! What clients were answered stays after a power cut: EXPUNGE, MOVE, and the commands that change
//! the tree of mailboxes, end after the directories that they have changed are flushed. If that
//! fails, the change is undone, or the answer says that it was made.

use super::flushes::{deferred, fail, names, succeed, until_flush};
use super::rig::{Rig, Session, mailbox, numbers};
use crate::budget::{Budget, Step, Why};
use crate::store::{
    CreateMailbox, DeleteMailbox, ExpungeMessages, FlagChange, FlagLock, MoveMessages,
    RenameMailbox, Store, StoreError, SubscribeMailbox, SyncMailbox,
};
use crate::types::MailboxName;

fn name(text: &str) -> MailboxName {
    MailboxName::new(text.as_bytes()).expect("a name")
}

/// Steps a job to its end, and makes its flushes. Returns its result, and what was flushed at once.
fn flushing<T>(
    rig: &Rig,
    store: &mut Store,
    mut step: impl FnMut(&mut Store, &mut Budget<'_>) -> Step<T>,
) -> (T, Vec<Vec<String>>) {
    let mut flushed = Vec::new();
    loop {
        if let Some(done) = until_flush(rig, |budget| step(store, budget)) {
            assert!(store.take_flush_requests().is_empty(), "the job has ended");
            return (done, flushed);
        }
        let requests = store.take_flush_requests();
        flushed.push(names(&requests));
        succeed(store, requests);
    }
}

/// Steps a job until it waits for a flush, lets that fail, and returns the error of the job.
fn failing<T>(
    rig: &Rig,
    store: &mut Store,
    mut step: impl FnMut(&mut Store, &mut Budget<'_>) -> Step<Result<T, StoreError>>,
) -> StoreError {
    assert!(until_flush(rig, |budget| step(store, budget)).is_none());
    let requests = store.take_flush_requests();
    assert!(!requests.is_empty());
    fail(store, requests);
    let done = until_flush(rig, |budget| step(store, budget)).expect("done");
    done.err().expect("an error")
}

/// Returns a session on INBOX with five messages that have `\Deleted` and one that has not.
fn with_deleted(rig: &Rig) -> Session {
    for number in 0..5 {
        rig.put("cur", &format!("{number}.c:2,T"), "text");
    }
    let mut session = deferred(rig);
    rig.deliver("9.n", "text");
    session.sync_and_update_flushing(rig);
    session
}

#[test]
fn an_expunge_flushes_each_directory_once() {
    let rig = Rig::new();
    let mut session = with_deleted(&rig);
    let mut expunge = ExpungeMessages::new(session.handle.clone(), None);
    let store = &mut session.store;
    assert!(until_flush(&rig, |budget| expunge.step(store, budget)).is_none());
    let requests = store.take_flush_requests();
    assert_eq!(names(&requests), ["cur"]);
    assert_eq!(rig.names("cur").len(), 1, "removed before the flush");
    succeed(store, requests);
    let done = until_flush(&rig, |budget| expunge.step(store, budget));
    assert_eq!(done.expect("done").expect("expunged"), 5);
    let mut again = ExpungeMessages::new(session.handle.clone(), None);
    let (expunged, flushed) = flushing(&rig, store, |store, budget| again.step(store, budget));
    assert_eq!((expunged.expect("expunged"), flushed.len()), (0, 0));
}

#[test]
fn an_expunge_whose_flush_fails_says_that_the_messages_are_gone() {
    let rig = Rig::new();
    let mut session = with_deleted(&rig);
    let mut expunge = ExpungeMessages::new(session.handle.clone(), None);
    let error = failing(&rig, &mut session.store, |store, budget| {
        expunge.step(store, budget)
    });
    assert!(matches!(error, StoreError::NotFlushed { .. }), "{error:?}");
    assert!(error.to_string().starts_with("the messages are removed"));
    session.store.updates(&session.view, true);
    assert_eq!((session.view.exists(), rig.names("cur").len()), (1, 1));
    session.sync_and_update_flushing(&rig);
    assert_eq!(session.view.exists(), 1);
}

#[test]
fn a_uid_list_is_rewritten_after_the_removals_are_flushed() {
    let rig = Rig::new();
    for number in 0..100 {
        rig.put("cur", &format!("{number}.c:2,T"), "text");
    }
    let mut session = deferred(&rig);
    let mut expunge = ExpungeMessages::new(session.handle.clone(), None);
    let store = &mut session.store;
    let (expunged, flushed) = flushing(&rig, store, |store, budget| expunge.step(store, budget));
    assert_eq!(expunged.expect("expunged"), 100);
    assert_eq!(flushed, [["cur"], ["dovecot-uidlist.tmp"], ["Maildir"]]);
}

#[test]
fn a_move_flushes_the_copies_and_then_the_source() {
    let rig = Rig::new();
    for number in 0..3 {
        rig.put("cur", &format!("{number}.c:2,S"), "text");
    }
    let mut session = rig.inbox();
    let store = &mut session.store;
    store.create(&rig.account, &name("other")).expect("created");
    let to = store.open(&rig.account, &mailbox("other")).expect("opened");
    rig.sync(store, &to).expect("synced");
    store.use_flusher();
    let begin = |uids: &[u32]| MoveMessages::new(&session.view, numbers(uids), to.clone());
    let (mut moving, mut unlucky) = (begin(&[1, 2]), begin(&[3]));
    let (moved, flushed) = flushing(&rig, store, |store, budget| moving.step(store, budget));
    moved.result.expect("moved");
    assert_eq!(flushed, [["cur"], ["dovecot-uidlist"], ["cur"]]);

    for _ in 0..2 {
        assert!(until_flush(&rig, |budget| unlucky.step(store, budget)).is_none());
        let requests = store.take_flush_requests();
        succeed(store, requests);
    }
    assert!(until_flush(&rig, |budget| unlucky.step(store, budget)).is_none());
    let requests = store.take_flush_requests();
    fail(store, requests);
    let moved = until_flush(&rig, |budget| unlucky.step(store, budget)).expect("done");
    assert!(matches!(moved.result, Err(StoreError::NotFlushed { .. })));
    assert_eq!(
        moved.uids.len(),
        1,
        "the message is in the other mailbox only"
    );
    assert_eq!(
        (rig.names("cur").len(), rig.names(".other/cur").len()),
        (0, 3)
    );
}

#[test]
fn a_new_mailbox_is_flushed_with_the_root() {
    let rig = Rig::new();
    let mut session = deferred(&rig);
    let store = &mut session.store;
    let mut create = CreateMailbox::new(rig.account.clone(), name("a.b"));
    let (created, flushed) = flushing(&rig, store, |store, budget| create.step(store, budget));
    created.expect("created");
    assert_eq!(flushed, [[".a.b", "Maildir"]]);

    let mut create = CreateMailbox::new(rig.account.clone(), name("c"));
    let error = failing(&rig, store, |store, budget| create.step(store, budget));
    assert_eq!(
        error.to_string(),
        "the mailbox is created, but a system error may undo that after a power cut"
    );
    assert!(store.exists(&rig.account, &mailbox("c")));
}

#[test]
fn a_new_user_s_maildir_is_flushed_before_inbox_is_opened() {
    let rig = Rig::new();
    std::fs::remove_dir_all(rig.root()).expect("removed");
    let mut store = rig.store();
    store.use_flusher();
    let handle = store.open(&rig.account, &mailbox("INBOX")).expect("opened");
    let mut sync = SyncMailbox::new(handle);
    assert!(until_flush(&rig, |budget| sync.step(&mut store, budget)).is_none());
    let requests = store.take_flush_requests();
    assert_eq!(names(&requests), ["Maildir"], "the file system");
    assert!(!rig.names(".").contains(&"dovecot-uidlist".into()));
    succeed(&store, requests);
    let (synced, flushed) = flushing(&rig, &mut store, |store, budget| sync.step(store, budget));
    synced.expect("synced");
    assert_eq!(
        flushed,
        [vec!["Maildir", "dovecot-uidlist.tmp"], vec!["Maildir"]],
        "the counter of UIDVALIDITY and the list, then its name"
    );
}

#[test]
fn a_renamed_tree_is_flushed_or_keeps_its_names() {
    let rig = Rig::new();
    let mut session = rig.inbox();
    let store = &mut session.store;
    for old in ["a", "a.b", "a.b.c"] {
        store.create(&rig.account, &name(old)).expect("created");
    }
    store.use_flusher();
    let rename = || RenameMailbox::new(rig.account.clone(), name("a"), name("z"));
    let mut job = rename();
    let error = failing(&rig, store, |store, budget| job.step(store, budget));
    assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
    assert!(store.exists(&rig.account, &mailbox("a.b.c")));
    assert!(!store.exists(&rig.account, &mailbox("z")));

    let mut job = rename();
    let (renamed, flushed) = flushing(&rig, store, |store, budget| job.step(store, budget));
    renamed.expect("renamed");
    assert_eq!(flushed, [["Maildir"]]);
    assert!(store.exists(&rig.account, &mailbox("z.b.c")));

    // The client disconnects during the flush.
    let mut job = RenameMailbox::new(rig.account.clone(), name("z"), name("y"));
    assert!(until_flush(&rig, |budget| job.step(store, budget)).is_none());
    drop(job);
    let requests = store.take_flush_requests();
    succeed(store, requests);
    rig.clean_up(store, || {});
    assert!(store.exists(&rig.account, &mailbox("y.b.c")));
}

#[test]
fn renaming_inbox_flushes_the_new_mailbox_too() {
    let rig = Rig::new();
    rig.put("cur", "1.a:2,S", "text");
    let mut session = deferred(&rig);
    let mut job = RenameMailbox::new(rig.account.clone(), name("INBOX"), name("old"));
    let store = &mut session.store;
    let (renamed, flushed) = flushing(&rig, store, |store, budget| job.step(store, budget));
    renamed.expect("renamed");
    let flushed: Vec<String> = flushed.into_iter().flatten().collect();
    let new_mailbox = ["Maildir", ".old"].map(String::from);
    assert!(
        new_mailbox.iter().all(|name| flushed[..2].contains(name)),
        "{flushed:?}"
    );
    assert_eq!(
        flushed[2..],
        [
            "Maildir",
            "dovecot-uidlist.tmp",
            ".old",
            "cur",
            "dovecot-uidlist",
            "cur"
        ]
    );
}

#[test]
fn a_mailbox_is_deleted_after_its_new_name_is_flushed() {
    let rig = Rig::new();
    let mut session = rig.inbox();
    let store = &mut session.store;
    store.create(&rig.account, &name("a")).expect("created");
    rig.put(".a/cur", "1.a:2,S", "text");
    store.use_flusher();
    let delete = || DeleteMailbox::new(rig.account.clone(), name("a"));
    let mut job = delete();
    let error = failing(&rig, store, |store, budget| job.step(store, budget));
    assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
    assert_eq!(rig.names(".a/cur"), ["1.a:2,S"], "it has its name back");

    let mut job = delete();
    assert!(until_flush(&rig, |budget| job.step(store, budget)).is_none());
    let requests = store.take_flush_requests();
    assert_eq!(names(&requests), ["Maildir"]);
    assert_eq!(
        rig.names("..DOVECOT-TRASHED/cur"),
        ["1.a:2,S"],
        "not removed yet"
    );
    // The client disconnects during the flush.
    drop(job);
    succeed(store, requests);
    rig.clean_up(store, || {});
    assert!(!store.exists(&rig.account, &mailbox("a")));
    assert!(!rig.names(".").contains(&"..DOVECOT-TRASHED".into()));

    store.create_flushing(&rig, "b");
    let mut job = DeleteMailbox::new(rig.account.clone(), name("b"));
    let (deleted, flushed) = flushing(&rig, store, |store, budget| job.step(store, budget));
    deleted.expect("deleted");
    assert_eq!(flushed, [["Maildir"]]);
}

#[test]
fn a_subscription_that_exists_is_flushed_all_the_same() {
    let rig = Rig::new();
    let mut session = deferred(&rig);
    let store = &mut session.store;
    let subscribe = || SubscribeMailbox::new(rig.account.clone(), mailbox("a"), true);
    let mut job = subscribe();
    assert!(until_flush(&rig, |budget| job.step(store, budget)).is_none());
    let requests = store.take_flush_requests();
    succeed(store, requests);
    let error = failing(&rig, store, |store, budget| job.step(store, budget));
    assert!(matches!(error, StoreError::NotFlushed { .. }), "{error:?}");
    let mut again = subscribe();
    let (subscribed, flushed) = flushing(&rig, store, |store, budget| again.step(store, budget));
    subscribed.expect("subscribed");
    assert_eq!(flushed, [["Maildir"]]);
}

#[test]
fn a_list_whose_directory_cannot_be_flushed_is_written_anew() {
    let rig = Rig::new();
    let mut store = rig.store();
    let handle = store.open(&rig.account, &mailbox("INBOX")).expect("opened");
    store.use_flusher();
    rig.deliver("1.a", "text");
    let mut sync = SyncMailbox::new(handle.clone());
    assert!(until_flush(&rig, |budget| sync.step(&mut store, budget)).is_none());
    let requests = store.take_flush_requests();
    succeed(&store, requests);
    let error = failing(&rig, &mut store, |store, budget| sync.step(store, budget));
    assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
    let mut sync = SyncMailbox::new(handle);
    let (synced, flushed) = flushing(&rig, &mut store, |store, budget| sync.step(store, budget));
    synced.expect("synced");
    assert_eq!(
        flushed,
        [["dovecot-uidlist.tmp"], ["Maildir"], ["dovecot-uidlist"]]
    );
    assert_eq!(rig.listed("."), [(1, "1.a".to_string())]);
}

#[test]
fn saved_mod_sequences_are_gone_for_good_before_flags_change() {
    const FILE: &str = "imap2d-modseq";
    let rig = Rig::new();
    for number in 1..=3 {
        rig.put("cur", &format!("{number}.c:2,"), "text");
    }
    let writer = rig.inbox();
    writer.store.announced_mod_sequence(&writer.view);
    rig.close(writer);
    assert!(rig.names(".").contains(&FILE.into()));

    let mut session = deferred(&rig);
    let message = session.message(1);
    let see = |store: &mut Store, budget: &mut Budget<'_>| match store.change_flags(
        &session.view,
        &message,
        &FlagChange::SEEN,
        &mut FlagLock::default(),
        budget,
    ) {
        Err(StoreError::Unflushed) => Step::Yield(Why::Flush),
        result => Step::Done(result),
    };
    let store = &mut session.store;
    let error = failing(&rig, store, see);
    assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
    assert!(!rig.names(".").contains(&FILE.into()));
    assert!(rig.names("cur").contains(&"1.c:2,".into()), "not changed");
    rig.put(".", FILE, "of another process");
    let (changed, flushed) = flushing(&rig, store, see);
    assert!(changed.expect("changed"));
    assert_eq!(flushed, [["Maildir"]]);
    assert!(rig.names("cur").contains(&"1.c:2,S".into()));

    // Another program changes flags.
    rig.put(".", FILE, "of another process");
    rig.rename("cur/2.c:2,", "cur/2.c:2,F");
    let mut sync = SyncMailbox::new(session.handle.clone());
    let (synced, flushed) = flushing(&rig, store, |store, budget| sync.step(store, budget));
    synced.expect("synced");
    assert_eq!(flushed, [["Maildir"]]);
    assert!(!rig.names(".").contains(&FILE.into()));
}

impl Store {
    fn create_flushing(&mut self, rig: &Rig, text: &str) {
        let mut create = CreateMailbox::new(rig.account.clone(), name(text));
        let (created, _) = flushing(rig, self, |store, budget| create.step(store, budget));
        created.expect("created");
    }
}
