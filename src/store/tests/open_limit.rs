//! Tests of the limit for the memory of open mailboxes.

use super::rig::{Rig, mailbox};
use crate::store::{Access, Settings, Store, StoreError, SyncMailbox, View};
use crate::types::MailboxName;

const MESSAGES: usize = 600;

/// Returns a rig with three large mailboxes and a small one, and what a large one takes in memory.
fn rig() -> (Rig, usize) {
    let rig = Rig::new();
    let store = rig.store();
    for (name, messages) in [
        ("a", MESSAGES),
        ("b", MESSAGES),
        ("c", MESSAGES),
        ("small", 1),
    ] {
        let folder = MailboxName::new(name.as_bytes()).expect("a name");
        store.create(&rig.account, &folder).expect("created");
        for number in 0..messages {
            let file = format!(".{name}/cur/{}.a.h:2,S", 1000 + number);
            std::fs::write(rig.root().join(file), "text").expect("written");
        }
    }
    let session = rig.open(rig.store(), "a", Access::ReadWrite);
    let memory = session.store.mailbox(&session.handle).memory();
    (rig, memory)
}

fn store(open_bytes: usize) -> Store {
    Store::new(Settings {
        open_bytes,
        warm_mailboxes: 0,
        ..Settings::new("host", std::process::id())
    })
}

/// Opens a mailbox as SELECT does.
fn select(rig: &Rig, store: &mut Store, name: &str) -> Result<View, StoreError> {
    let handle = store.open(&rig.account, &mailbox(name))?;
    let mut sync = SyncMailbox::for_open(handle.clone(), Access::ReadWrite);
    rig.drive(|budget| sync.step(store, budget))?;
    Ok(store.view(&handle, Access::ReadWrite))
}

#[test]
fn the_only_large_mailbox_of_an_account_always_opens() {
    let (rig, memory) = rig();
    let mut store = store(memory / 8);
    let alone = select(&rig, &mut store, "a");
    assert!(alone.is_ok(), "{alone:?}");
    let again = select(&rig, &mut store, "a");
    assert!(again.is_ok(), "another session: {again:?}");
}

#[test]
fn all_but_the_largest_mailbox_of_an_account_take_a_part_at_most() {
    let (rig, memory) = rig();
    let mut store = store(5 * memory);
    let views = ["a", "b"].map(|name| select(&rig, &mut store, name).expect("opened"));
    let third = select(&rig, &mut store, "c");
    assert!(matches!(third, Err(StoreError::Limit(_))), "{third:?}");
    let small = select(&rig, &mut store, "small");
    assert!(small.is_ok(), "there is room for a small one: {small:?}");
    drop((views, small));
    let third = select(&rig, &mut store, "c");
    assert!(third.is_ok(), "{third:?}");
}

#[test]
fn mailboxes_that_take_their_part_do_not_grow() {
    let (rig, memory) = rig();
    let mut store = store(5 * memory);
    let views = ["a", "b"].map(|name| select(&rig, &mut store, name).expect("opened"));
    let grow = |store: &mut Store| {
        let mut sync = SyncMailbox::to_grow(views[1].handle().clone());
        rig.drive(|budget| sync.step(store, budget))
    };
    grow(&mut store).expect("there is room");
    store.limit_open_mailboxes(3 * memory);
    let grown = grow(&mut store);
    assert!(matches!(grown, Err(StoreError::Limit(_))), "{grown:?}");
    let again = select(&rig, &mut store, "b");
    assert!(again.is_ok(), "it is open: {again:?}");
}

#[test]
fn other_accounts_do_not_keep_the_only_mailbox_of_one_shut() {
    let (rig, memory) = rig();
    let other = Rig::new();
    other.deliver("1.a.h", "text");
    let mut store = store(memory / 2);
    let _inbox = select(&other, &mut store, "INBOX").expect("opened");
    let alone = select(&rig, &mut store, "a");
    assert!(alone.is_ok(), "{alone:?}");
}
