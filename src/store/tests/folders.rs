//! Tests of the tree of mailboxes: CREATE, DELETE, RENAME, LIST and subscriptions.

use std::fs;

use super::rig::{Rig, mailbox};
use crate::store::{
    Access, DeleteMailbox, ListNames, RenameMailbox, Store, StoreError, SubscribeMailbox,
};
use crate::types::{BboardName, MailboxName, MailboxRef};

fn name(text: &str) -> MailboxName {
    MailboxName::new(text.as_bytes()).expect("a name")
}

fn rename(rig: &Rig, store: &mut Store, from: &str, to: &str) -> Result<(), StoreError> {
    let mut rename = RenameMailbox::new(rig.account.clone(), name(from), name(to));
    rig.drive(|budget| rename.step(store, budget))
}

fn delete(rig: &Rig, store: &mut Store, text: &str) -> Result<(), StoreError> {
    let mut delete = DeleteMailbox::new(rig.account.clone(), name(text));
    rig.drive(|budget| delete.step(store, budget))
}

fn list(rig: &Rig) -> Vec<String> {
    let names = rig.mailbox_names(ListNames::mailboxes(&rig.account));
    let mut names: Vec<String> = names.iter().map(ToString::to_string).collect();
    names[1..].sort_unstable();
    names
}

#[test]
fn mailboxes_are_created_listed_renamed_and_deleted() {
    for rig in [Rig::new(), Rig::with_small_steps()] {
        let mut store = rig.store();
        for text in ["Work", "Work.2024", "Work.2024.May", "Workshop"] {
            store.create(&rig.account, &name(text)).expect("created");
        }
        assert!(rig.root().join(".Work/maildirfolder").exists());
        assert!(matches!(
            store.create(&rig.account, &name("Work")),
            Err(StoreError::Exists)
        ));
        assert!(matches!(
            store.create(&rig.account, &name("inbox")),
            Err(StoreError::Exists)
        ));
        let handle = store.open(&rig.account, &mailbox("Work")).expect("opened");
        rename(&rig, &mut store, "Work", "Old").expect("renamed");
        assert_eq!(
            list(&rig),
            ["INBOX", "Old", "Old.2024", "Old.2024.May", "Workshop"]
        );
        let synced = rig.sync(&mut store, &handle);
        assert!(matches!(synced, Err(StoreError::Invalidated)), "{synced:?}");
        for (from, to) in [("Old", "Workshop"), ("Old", "Old.x"), ("INBOX", "Old")] {
            rename(&rig, &mut store, from, to).expect_err("refused");
        }
        assert!(matches!(
            rename(&rig, &mut store, "None", "x"),
            Err(StoreError::NotFound)
        ));
        delete(&rig, &mut store, "Old").expect("deleted");
        assert_eq!(
            list(&rig),
            ["INBOX", "Old.2024", "Old.2024.May", "Workshop"]
        );
        assert!(matches!(
            delete(&rig, &mut store, "Old"),
            Err(StoreError::NotFound)
        ));
        assert!(matches!(
            delete(&rig, &mut store, "INBOX"),
            Err(StoreError::Refused(_))
        ));
        rename(&rig, &mut store, "Old", "New").expect("renamed, since it has children");
        assert!(!rig.root().join("..DOVECOT-TRASHED").exists());
    }
}

#[test]
fn a_mailbox_created_again_has_another_uid_validity() {
    let rig = Rig::new();
    let store = rig.store();
    store.create(&rig.account, &name("X")).expect("created");
    let mut session = rig.open(store, "X", Access::ReadWrite);
    rig.append(&mut session, "a", crate::types::Flags::SEEN);
    let validity = session.store.mailbox(&session.handle).uid_validity();
    fs::create_dir(rig.root().join("..DOVECOT-TRASHED")).expect("created");
    fs::write(rig.root().join("..DOVECOT-TRASHED/left"), "over").expect("written");
    delete(&rig, &mut session.store, "X").expect("deleted");
    session
        .store
        .create(&rig.account, &name("X"))
        .expect("created");
    let synced = rig.sync(&mut session.store, &session.handle);
    assert!(matches!(synced, Err(StoreError::Invalidated)));
    let again = rig.open(session.store, "X", Access::ReadWrite);
    assert_eq!(again.view.exists(), 0);
    assert!(again.store.mailbox(&again.handle).uid_validity() > validity);
}

#[test]
fn renaming_inbox_moves_its_messages() {
    let rig = Rig::with_small_steps();
    rig.put("cur", "1.a.h:2,S", "a");
    rig.put("cur", "2.b.h:2,T", "b");
    let mut session = rig.inbox();
    rename(&rig, &mut session.store, "INBOX", "Old").expect("renamed");
    assert_eq!(session.sync_and_update(&rig).expunged, [1, 1]);
    assert_eq!(rig.names(".Old/cur"), ["1.a.h:2,S", "2.b.h:2,T"]);
    assert!(rig.names("cur").is_empty());
}

#[test]
fn bulletin_boards_are_listed_opened_and_subscribed() {
    let rig = Rig::new();
    let tree = rig.account.bboards.clone().expect("a tree");
    fs::create_dir_all(tree.join("general/new")).expect("created");
    fs::write(tree.join("general/new/1.a.h"), "a").expect("written");
    let store = rig.store();
    let board = BboardName::new(b"general").expect("a name");
    let board = MailboxRef::Bboard(board);
    let listed = rig.mailbox_names(ListNames::bboards(&rig.account));
    assert_eq!(listed, std::slice::from_ref(&board));
    let session = rig.open_ref(store, &board, Access::ReadOnly);
    assert_eq!(session.view.exists(), 1);
    let store = session.store;
    let mut subscribe = SubscribeMailbox::new(rig.account.clone(), board.clone(), true);
    rig.drive(|budget| subscribe.step(&store, budget))
        .expect("subscribed");
    assert_eq!(rig.subscriptions(), [board]);
}

/// Some clients subscribe to INBOX before they open it.
#[test]
fn a_user_without_a_maildir_can_subscribe() {
    let rig = Rig::new();
    fs::remove_dir_all(rig.root()).expect("removed");
    let store = rig.store();
    let mut subscribe = SubscribeMailbox::new(rig.account.clone(), mailbox("INBOX"), true);
    rig.drive(|budget| subscribe.step(&store, budget))
        .expect("subscribed");
    assert_eq!(rig.subscriptions(), [mailbox("INBOX")]);
}

#[test]
fn the_subscriptions_of_courier_are_read_and_then_copied() {
    let rig = Rig::new();
    fs::write(
        rig.root().join("courierimapsubscribed"),
        "INBOX.Café\nINBOX\n",
    )
    .expect("written");
    let store = rig.store();
    let shown = rig.subscriptions();
    assert_eq!(shown, [mailbox("Caf&AOk-"), mailbox("INBOX")]);
    assert!(!rig.root().join("subscriptions").exists());
    let mut subscribe = SubscribeMailbox::new(rig.account.clone(), mailbox("INBOX"), false);
    rig.drive(|budget| subscribe.step(&store, budget))
        .expect("unsubscribed");
    assert_eq!(rig.subscriptions(), [mailbox("Caf&AOk-")]);
}

#[test]
fn mailboxes_without_a_handle_are_dropped_and_can_be_opened_again() {
    let rig = Rig::new();
    let mut store = rig.store();
    for number in 0..100 {
        store
            .create(&rig.account, &name(&format!("m{number}")))
            .expect("created");
        let handle = store
            .open(&rig.account, &mailbox(&format!("m{number}")))
            .expect("opened");
        drop(handle);
    }
    let held: Vec<_> = (0..100)
        .map(|n| {
            store
                .open(&rig.account, &mailbox(&format!("m{n}")))
                .expect("opened")
        })
        .collect();
    assert!(held.windows(2).all(|pair| pair[0] != pair[1]));
    assert!(matches!(
        store.open(&rig.account, &mailbox("none")),
        Err(StoreError::NotFound)
    ));
}
