//! A test with random actions of several sessions, each with a store of its own, and of other
//! programs, against a model that is a plain list of messages. At the end the `maildir` crate reads
//! the directory; it shares no code with the store.
//!
//! Each session has a client with a cache, which changes only by updates. After a sync and the
//! updates, the cache must equal the model.

use std::collections::BTreeMap;

use maildir::Maildir;
use proptest::prelude::*;

use super::rig::{Rig, Session, numbers};
use crate::store::{Access, StoreError, filename};
use crate::types::{FlagOperation, Flags, KeywordSet};

const SESSIONS: usize = 4;

#[derive(Debug, Clone)]
enum Action {
    Append(usize, u8),
    /// Session, message, operation, flags, and whether another program renames a file just before.
    Store(usize, usize, u8, u8, bool),
    Copy(usize, usize),
    Expunge(usize),
    /// Delivery to `new/`, or to `cur/` as a user agent does.
    Arrive(bool, u8),
    Rename(usize, u8),
    Delete(usize),
    /// A sync and its updates, with or without expunges.
    Update(usize, bool),
    Reopen(usize),
}

fn any_action() -> impl Strategy<Value = Action> {
    let session = 0..SESSIONS;
    let nth = 0..40_usize;
    prop_oneof![
        (session.clone(), any::<u8>()).prop_map(|(s, f)| Action::Append(s, f)),
        (
            session.clone(),
            nth.clone(),
            0..3u8,
            any::<u8>(),
            any::<bool>()
        )
            .prop_map(|(s, n, o, f, race)| Action::Store(s, n, o, f, race)),
        (session.clone(), nth.clone()).prop_map(|(s, n)| Action::Copy(s, n)),
        session.clone().prop_map(Action::Expunge),
        (any::<bool>(), any::<u8>()).prop_map(|(c, f)| Action::Arrive(c, f)),
        (nth.clone(), any::<u8>()).prop_map(|(n, f)| Action::Rename(n, f)),
        nth.prop_map(Action::Delete),
        (session.clone(), any::<bool>()).prop_map(|(s, e)| Action::Update(s, e)),
        session.prop_map(Action::Reopen),
    ]
}

/// A message of the model.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Item {
    text: String,
    letters: String,
}

/// What a client knows.
#[derive(Default)]
struct Cache {
    uids: Vec<u32>,
    flags: BTreeMap<u32, Flags>,
}

struct World {
    rig: Rig,
    sessions: Vec<Session>,
    caches: Vec<Cache>,
    items: Vec<Item>,
    /// Text of each UID that was announced to any client.
    texts: BTreeMap<u32, String>,
    count: u32,
}

fn some_flags(bits: u8) -> Flags {
    let all = [
        Flags::SEEN,
        Flags::FLAGGED,
        Flags::ANSWERED,
        Flags::DRAFT,
        Flags::DELETED,
    ];
    let chosen = all
        .into_iter()
        .enumerate()
        .filter(|(bit, _)| bits & (1 << bit) != 0);
    chosen.fold(Flags::NONE, |set, (_, flag)| set.with(flag))
}

fn letters(flags: Flags) -> String {
    let mut name = Vec::new();
    filename::with_flags(b"x", flags, KeywordSet::NONE, &mut name);
    String::from_utf8(name)
        .expect("ASCII")
        .split_off("x:2,".len())
}

impl World {
    fn new(has_small_steps: bool) -> Self {
        let rig = if has_small_steps {
            Rig::with_small_steps()
        } else {
            Rig::new()
        };
        let mut world = Self {
            sessions: Vec::new(),
            caches: Vec::new(),
            items: Vec::new(),
            texts: BTreeMap::new(),
            count: 0,
            rig,
        };
        for number in 0..SESSIONS {
            let session = world.open(number);
            world.sessions.push(session);
            world.caches.push(Cache::default());
            world.fetch_all(number);
        }
        world
    }

    fn open(&self, number: usize) -> Session {
        let mut store = self.rig.store();
        if number == 1 {
            store.start_watching().expect("an inotify instance");
        }
        let access = if number == 3 {
            Access::ReadOnly
        } else {
            Access::ReadWrite
        };
        self.rig.open(store, "INBOX", access)
    }

    /// Fetches all messages, as a client does that has just opened the mailbox.
    fn fetch_all(&mut self, number: usize) {
        let session = &mut self.sessions[number];
        let cache = &mut self.caches[number];
        cache.uids = session.uids();
        cache.flags.clear();
        for (n, &uid) in (1..).zip(&cache.uids) {
            cache
                .flags
                .insert(uid, session.flags(n).without(Flags::RECENT));
        }
        self.check(number);
    }

    fn fresh_text(&mut self) -> String {
        self.count += 1;
        format!("text {:05}", self.count)
    }

    fn sync(&mut self, number: usize) {
        self.sessions[number].store.poll_inotify();
        self.sessions[number].sync(&self.rig);
    }

    /// Syncs and applies the updates to the cache, as at the end of a command.
    fn update(&mut self, number: usize, allow_expunge: bool) {
        self.sync(number);
        let session = &mut self.sessions[number];
        let cache = &mut self.caches[number];
        let updates = session.store.updates(&session.view, allow_expunge);
        assert!(allow_expunge || updates.expunged.is_empty());
        for number in updates.expunged {
            let uid = cache.uids.remove(number as usize - 1);
            cache.flags.remove(&uid);
        }
        if let Some(exists) = updates.exists {
            assert!(exists as usize > cache.uids.len(), "EXISTS grows");
            let first = cache.uids.len() as u32 + 1;
            for number in first..=exists {
                let uid = session.message(number).uid.get();
                assert!(cache.uids.last().is_none_or(|&last| last < uid));
                cache.uids.push(uid);
                cache
                    .flags
                    .insert(uid, session.flags(number).without(Flags::RECENT));
            }
        }
        for number in updates.flags_changed.iter() {
            let uid = cache.uids[number as usize - 1];
            cache
                .flags
                .insert(uid, session.flags(number).without(Flags::RECENT));
        }
        if allow_expunge {
            self.check(number);
        }
    }

    /// Asserts that the cache of a client equals the model.
    fn check(&mut self, number: usize) {
        let session = &mut self.sessions[number];
        let cache = &self.caches[number];
        assert_eq!(session.view.exists() as usize, cache.uids.len());
        assert!(session.view.recent() <= session.view.exists());
        let mut known_items = Vec::new();
        for (n, &uid) in (1..).zip(&cache.uids) {
            assert_eq!(session.message(n).uid.get(), uid);
            let text = session.text(n);
            let known = self.texts.entry(uid).or_insert_with(|| text.clone());
            assert_eq!(*known, text, "UID {uid} is another message now");
            known_items.push(Item {
                text,
                letters: letters(cache.flags[&uid]),
            });
        }
        let mut expected = self.items.clone();
        known_items.sort();
        expected.sort();
        assert_eq!(known_items, expected, "session {number}");
    }

    /// Returns sequence number and UID of the `nth` message that the client knows.
    fn pick(&self, number: usize, nth: usize) -> Option<(u32, u32)> {
        let uids = &self.caches[number].uids;
        let at = nth.checked_rem(uids.len())?;
        Some((at as u32 + 1, uids[at]))
    }

    fn run(&mut self, action: &Action) {
        match *action {
            Action::Append(number, bits) => self.append(number, some_flags(bits)),
            Action::Store(number, nth, operation, bits, race) => {
                self.store(number, nth, operation, some_flags(bits), race);
            }
            Action::Copy(number, nth) => self.copy(number, nth),
            Action::Expunge(number) => self.expunge(number),
            Action::Arrive(to_cur, bits) => self.arrive(to_cur, some_flags(bits)),
            Action::Rename(nth, bits) => self.rename(nth, some_flags(bits)),
            Action::Delete(nth) => self.delete(nth),
            Action::Update(number, allow_expunge) => self.update(number, allow_expunge),
            Action::Reopen(number) => {
                self.sessions[number] = self.open(number);
                self.fetch_all(number);
            }
        }
    }

    fn append(&mut self, number: usize, flags: Flags) {
        let text = self.fresh_text();
        let uid = self.rig.append(&mut self.sessions[number], &text, flags);
        assert_eq!(
            self.texts.insert(uid.get(), text.clone()),
            None,
            "a UID used twice"
        );
        self.items.push(Item {
            text,
            letters: letters(flags),
        });
    }

    /// Returns the names in `cur/` with the texts of the files.
    fn files(&self) -> Vec<(String, String)> {
        let names = self.rig.names("cur").into_iter();
        names
            .map(|name| (self.rig.read(&format!("cur/{name}")), name))
            .map(|(t, n)| (n, t))
            .collect()
    }

    fn store(&mut self, number: usize, nth: usize, operation: u8, flags: Flags, race: bool) {
        self.sync(number);
        if race {
            self.rename(nth, Flags::FLAGGED);
        }
        let Some((n, uid)) = self.pick(number, nth) else {
            return;
        };
        let operation = [
            FlagOperation::Replace,
            FlagOperation::Add,
            FlagOperation::Remove,
        ][usize::from(operation)];
        let mut stored = self.sessions[number].store_flags(&self.rig, n, operation, flags);
        if matches!(stored, Err(StoreError::Gone)) {
            self.sync(number);
            stored = self.sessions[number].store_flags(&self.rig, n, operation, flags);
        }
        let session = &self.sessions[number];
        match stored {
            Ok(_) => {
                let now = session.flags(n).without(Flags::RECENT);
                self.caches[number].flags.insert(uid, now);
                self.reread();
            }
            Err(StoreError::ReadOnly) => assert_eq!(session.view.access(), Access::ReadOnly),
            Err(StoreError::Gone) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    /// Takes the flags of the files into the model. The files themselves must be those of the
    /// model.
    fn reread(&mut self) {
        let mut now = self.on_disk();
        now.sort();
        let mut texts: Vec<&String> = self.items.iter().map(|item| &item.text).collect();
        texts.sort();
        assert_eq!(now.iter().map(|item| &item.text).collect::<Vec<_>>(), texts);
        self.items = now;
    }

    fn copy(&mut self, number: usize, nth: usize) {
        self.sync(number);
        let Some((_, uid)) = self.pick(number, nth) else {
            return;
        };
        match self.sessions[number].copy(&self.rig, numbers(&[uid]), "INBOX") {
            Ok(copied) => {
                let [(from, to)] = copied[..] else {
                    panic!("{copied:?}")
                };
                assert_eq!(from, uid);
                if let Some(text) = self.texts.get(&uid).cloned() {
                    assert_eq!(self.texts.insert(to, text), None, "a UID used twice");
                }
                self.items = self.on_disk();
            }
            Err(StoreError::Gone) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    fn expunge(&mut self, number: usize) {
        self.sync(number);
        let marked = self
            .items
            .iter()
            .filter(|item| item.letters.contains('T'))
            .count();
        let expunged = self.sessions[number].expunge(&self.rig).expect("expunged");
        assert_eq!(expunged as usize, marked);
        self.items.retain(|item| !item.letters.contains('T'));
    }

    fn arrive(&mut self, to_cur: bool, flags: Flags) {
        let text = self.fresh_text();
        let name = format!("17000{:05}.foreign.h", self.count);
        if to_cur {
            self.rig
                .put("cur", &format!("{name}:2,{}", letters(flags)), &text);
            self.items.push(Item {
                text,
                letters: letters(flags),
            });
        } else {
            self.rig.deliver(&name, &text);
            self.items.push(Item {
                text,
                letters: String::new(),
            });
        }
    }

    fn rename(&mut self, nth: usize, flags: Flags) {
        let files = self.files();
        let Some(at) = nth.checked_rem(files.len()) else {
            return;
        };
        let (name, _) = &files[at];
        let mut renamed = Vec::new();
        filename::with_flags(name.as_bytes(), flags, KeywordSet::NONE, &mut renamed);
        let renamed = String::from_utf8(renamed).expect("ASCII");
        if renamed != *name {
            self.rig
                .rename(&format!("cur/{name}"), &format!("cur/{renamed}"));
            self.items = self.on_disk();
        }
    }

    fn delete(&mut self, nth: usize) {
        let files = self.files();
        if let Some(at) = nth.checked_rem(files.len()) {
            self.rig.remove(&format!("cur/{}", files[at].0));
            self.items = self.on_disk();
        }
    }

    /// Returns the messages that the `maildir` crate finds.
    fn on_disk(&self) -> Vec<Item> {
        let maildir = Maildir::from(self.rig.root().to_path_buf());
        let entries = maildir.list_new().chain(maildir.list_cur());
        let item = |entry: maildir::MailEntry| Item {
            text: std::fs::read_to_string(entry.path()).expect("text"),
            letters: entry.flags().to_string(),
        };
        entries
            .map(|entry| item(entry.expect("an entry")))
            .collect()
    }

    /// Asserts that all caches, the disk and a new process agree after a last update.
    fn end(mut self) {
        for number in 0..SESSIONS {
            self.update(number, true);
        }
        let (mut disk, mut expected) = (self.on_disk(), self.items.clone());
        disk.sort();
        expected.sort();
        assert_eq!(disk, expected);
        let uids = self.caches[0].uids.clone();
        assert!(self.caches.iter().all(|cache| cache.uids == uids));
        self.sessions[0] = self.open(0);
        self.fetch_all(0);
        assert_eq!(self.caches[0].uids, uids, "the UIDs are on disk");
        let listed: Vec<u32> = self
            .rig
            .listed(".")
            .into_iter()
            .map(|(uid, _)| uid)
            .collect();
        assert!(listed.is_sorted_by(|a, b| a < b));
        assert!(self.rig.names("tmp").is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_updates_of_all_sessions_lead_to_the_state_on_disk(
        actions in prop::collection::vec(any_action(), 1..60),
        has_small_steps in any::<bool>(),
    ) {
        let mut world = World::new(has_small_steps);
        for action in &actions {
            world.run(action);
        }
        world.end();
    }
}
