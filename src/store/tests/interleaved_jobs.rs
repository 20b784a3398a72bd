//! A test with jobs of several sessions of one process on one mailbox, stepped in random order with
//! a budget of one unit, while other programs deliver messages and change flags.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::rig::{Rig, mailbox};
use crate::budget::{Budget, Clock, Step, Why};
use crate::store::{
    Access, AppendMessages, CopyMessages, ExpungeMessages, FlagChange, FlagLock, MailboxHandle,
    Store, StoreError, SyncMailbox, View,
};
use crate::types::{FlagList, FlagOperation, Flags, KeywordSet, NumberSet};

const SESSIONS: usize = 4;

enum Job {
    Sync(SyncMailbox),
    Append(Box<AppendMessages>),
    Copy(Box<CopyMessages>),
    Expunge(Box<ExpungeMessages>),
}

#[derive(Debug, Clone)]
enum Action {
    Sync,
    Append(bool),
    Copy(u32),
    Expunge,
    Mark(u32, u8),
    Deliver,
    Rename(usize),
    /// The client disconnects: its job is dropped.
    Leave,
}

fn any_action() -> impl Strategy<Value = Action> {
    prop_oneof![
        3 => Just(Action::Sync),
        2 => any::<bool>().prop_map(Action::Append),
        2 => any::<u32>().prop_map(Action::Copy),
        1 => Just(Action::Expunge),
        3 => (any::<u32>(), 0..3u8).prop_map(|(n, f)| Action::Mark(n, f)),
        2 => Just(Action::Deliver),
        2 => any::<usize>().prop_map(Action::Rename),
        1 => Just(Action::Leave),
    ]
}

/// A session, and what its client knows.
struct Client {
    view: View,
    job: Option<Job>,
    /// Flags of each message that the client knows, by UID.
    flags: BTreeMap<u32, Flags>,
}

struct World {
    rig: Rig,
    store: Store,
    handle: MailboxHandle,
    clients: Vec<Client>,
    base_of: BTreeMap<u32, Vec<u8>>,
    uid_of: BTreeMap<Vec<u8>, u32>,
    count: u32,
}

impl World {
    fn new(is_watched: bool) -> Self {
        let rig = Rig::new();
        for name in ["1.a.h", "2.b.h", "3.c.h"] {
            rig.deliver(name, name);
        }
        let mut store = rig.store();
        if is_watched {
            store.start_watching().expect("an inotify instance");
        }
        let handle = store.open(&rig.account, &mailbox("INBOX")).expect("opened");
        let mut world = Self {
            clients: Vec::new(),
            base_of: BTreeMap::new(),
            uid_of: BTreeMap::new(),
            count: 0,
            rig,
            store,
            handle,
        };
        for _ in 0..SESSIONS {
            let client = world.client();
            world.clients.push(client);
        }
        world
    }

    fn client(&mut self) -> Client {
        self.rig
            .sync(&mut self.store, &self.handle)
            .expect("synced");
        let view = self.store.view(&self.handle, Access::ReadWrite);
        let mut client = Client {
            view,
            job: None,
            flags: BTreeMap::new(),
        };
        self.fetch(&mut client, 1);
        client
    }

    /// Fetches UIDs and flags of the messages from a sequence number on.
    fn fetch(&mut self, client: &mut Client, from: u32) {
        for number in from..=client.view.exists() {
            let message = self.store.message(&client.view, number).expect("a message");
            let flags = self
                .store
                .flags(&client.view, &message)
                .0
                .without(Flags::RECENT);
            let uid = message.uid.get();
            client.flags.insert(uid, flags);
            let table = &self.store.mailbox(&self.handle).records;
            let base = table.base(table.find_uid(uid).expect("a record")).to_vec();
            assert_eq!(
                *self.base_of.entry(uid).or_insert_with(|| base.clone()),
                base
            );
            assert_eq!(*self.uid_of.entry(base).or_insert(uid), uid);
        }
    }

    fn update(&mut self, number: usize) {
        let mut client = self.clients.remove(number);
        let uids: Vec<u32> = client.flags.keys().copied().collect();
        let mut uids: Vec<u32> = uids;
        let updates = self.store.updates(&client.view, true);
        for number in updates.expunged {
            client.flags.remove(&uids.remove(number as usize - 1));
        }
        let first_new = uids.len() as u32 + 1;
        self.fetch(&mut client, first_new);
        for number in updates.flags_changed.iter() {
            let message = self.store.message(&client.view, number).expect("a message");
            let flags = self
                .store
                .flags(&client.view, &message)
                .0
                .without(Flags::RECENT);
            client.flags.insert(message.uid.get(), flags);
        }
        assert_eq!(client.flags.len() as u32, client.view.exists());
        self.clients.insert(number, client);
    }

    fn start(&mut self, number: usize, action: &Action) {
        self.count += 1;
        let text = format!("text {:05}", self.count);
        let job = match *action {
            Action::Sync => Some(Job::Sync(SyncMailbox::new(self.handle.clone()))),
            Action::Append(is_seen) => {
                let system = if is_seen { Flags::SEEN } else { Flags::NONE };
                let flags = FlagList {
                    system,
                    keywords: Vec::new(),
                };
                let wall = self.rig.clock.wall();
                let begun = AppendMessages::begin(&mut self.store, &self.handle, flags, None, wall);
                let mut append = begun.expect("begun");
                append.write(text.as_bytes()).expect("written");
                Some(Job::Append(Box::new(append)))
            }
            Action::Copy(pick) => {
                let view = &self.clients[number].view;
                let first = pick.checked_rem(view.exists()).map(|n| n + 1).unwrap_or(0);
                let message = self.store.message(view, first);
                message.map(|message| {
                    let uids = NumberSet::range(message.uid.get(), message.uid.get() + 1);
                    Job::Copy(Box::new(CopyMessages::new(view, uids, self.handle.clone())))
                })
            }
            Action::Expunge => Some(Job::Expunge(Box::new(ExpungeMessages::new(
                self.handle.clone(),
                None,
            )))),
            Action::Mark(pick, flag) => {
                self.mark(number, pick, flag);
                None
            }
            Action::Deliver => {
                self.rig
                    .deliver(&format!("17000{:05}.f.h", self.count), &text);
                None
            }
            Action::Rename(pick) => {
                self.rename(pick);
                None
            }
            Action::Leave => {
                self.clients[number].job = None;
                None
            }
        };
        if job.is_some() && self.clients[number].job.is_none() {
            self.clients[number].job = job;
        }
    }

    fn mark(&mut self, number: usize, pick: u32, flag: u8) {
        let client = &mut self.clients[number];
        let Some(nth) = pick.checked_rem(client.view.exists()) else {
            return;
        };
        let message = self
            .store
            .message(&client.view, nth + 1)
            .expect("a message");
        let system = [Flags::SEEN, Flags::FLAGGED, Flags::DELETED][usize::from(flag)];
        let change = FlagChange {
            operation: FlagOperation::Add,
            system,
            keywords: KeywordSet::NONE,
        };
        let mut budget = Budget::unlimited(&self.rig.clock);
        let lock = &mut FlagLock::default();
        match self
            .store
            .change_flags(&client.view, &message, &change, lock, &mut budget)
        {
            Ok(_) => {
                let flags = self
                    .store
                    .flags(&client.view, &message)
                    .0
                    .without(Flags::RECENT);
                client.flags.insert(message.uid.get(), flags);
            }
            Err(StoreError::Gone | StoreError::Busy(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    fn rename(&self, pick: usize) {
        let names = self.rig.names("cur");
        let Some(at) = pick.checked_rem(names.len()) else {
            return;
        };
        let renamed = if names[at].ends_with(":2,") {
            format!("{}R", names[at])
        } else {
            names[at].replace(":2,S", ":2,RS")
        };
        if renamed != names[at] && !names.contains(&renamed) {
            self.rig
                .rename(&format!("cur/{}", names[at]), &format!("cur/{renamed}"));
        }
    }

    /// Steps one piece of the work that disconnected clients have left. Returns false if there is
    /// none.
    fn clean_up(&mut self) -> bool {
        let mut budget = Budget::new(&self.rig.clock, 1, Duration::from_secs(1));
        self.store.clean_up(&mut budget);
        self.store.abandoned_work() > 0
    }

    /// Steps the job of a client with a budget of one unit. Returns false if it has no job.
    fn step(&mut self, number: usize) -> bool {
        let clock = &self.rig.clock;
        let store = &mut self.store;
        store.poll_inotify();
        let mut budget = Budget::new(clock, 1, Duration::from_secs(1));
        let Some(job) = &mut self.clients[number].job else {
            return false;
        };
        let step = match job {
            Job::Sync(job) => job.step(store, &mut budget),
            Job::Append(job) => without_value(job.step(store, &mut budget)),
            Job::Copy(job) => without_value(job.step(store, &mut budget)),
            Job::Expunge(job) => without_value(job.step(store, &mut budget)),
        };
        match step {
            Step::Done(result) => {
                assert!(
                    matches!(result, Ok(()) | Err(StoreError::Gone)),
                    "{result:?}"
                );
                self.clients[number].job = None;
                self.update(number);
            }
            Step::Yield(Why::Until(at)) => {
                // At most as long as the job wants to wait, and often less.
                let wait = at.saturating_duration_since(clock.now());
                clock.advance(wait.min(Duration::from_millis(3)));
            }
            Step::Yield(_) => {}
        }
        true
    }

    fn end(mut self) {
        let mut steps = 0;
        while (0..SESSIONS).filter(|&number| self.step(number)).count() > 0 || self.clean_up() {
            self.clean_up();
            steps += 1;
            assert!(steps < 100_000, "the jobs wait for each other");
        }
        self.rig.clock.advance(Duration::from_secs(1));
        self.rig.touch_directories(self.rig.root());
        for number in 0..SESSIONS {
            self.store.poll_inotify();
            self.rig
                .sync(&mut self.store, &self.handle)
                .expect("synced");
            self.update(number);
        }
        let mut disk: Vec<String> = self.rig.names("cur");
        disk.extend(self.rig.names("new"));
        disk.sort();
        for client in &self.clients {
            let mut known: Vec<String> = Vec::new();
            for (uid, flags) in &client.flags {
                let mut name = Vec::new();
                crate::store::maildir::filename::with_flags(
                    &self.base_of[uid],
                    *flags,
                    KeywordSet::NONE,
                    &mut name,
                );
                known.push(String::from_utf8(name).expect("ASCII"));
            }
            known.sort();
            assert_eq!(known, disk);
        }
        assert!(self.rig.names("tmp").is_empty());
        assert!(!self.rig.root().join("dovecot-uidlist.lock").exists());
        let again = self.rig.inbox();
        assert_eq!(
            again.uids(),
            self.clients[0].flags.keys().copied().collect::<Vec<_>>()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn in_any_order_of_steps_all_clients_end_with_the_state_on_disk(
        actions in prop::collection::vec((any_action(), 0..SESSIONS, prop::collection::vec(0..=SESSIONS, 0..30)), 1..40),
        is_watched in any::<bool>(),
    ) {
        let mut world = World::new(is_watched);
        for (action, number, steps) in &actions {
            world.start(*number, action);
            for &number in steps {
                let _ = match number {
                    SESSIONS => world.clean_up(),
                    _ => world.step(number),
                };
            }
        }
        world.end();
    }
}

/// Returns the step of a job without the value of the result.
fn without_value<T>(step: Step<Result<T, StoreError>>) -> Step<Result<(), StoreError>> {
    match step {
        Step::Done(result) => Step::Done(result.map(drop)),
        Step::Yield(why) => Step::Yield(why),
    }
}
