//! Who waits for changes of which mailbox.
//!
//! An idle session costs no wake-up: it gets a turn when the kernel tells of a change in its mailbox, or
//! when another session has changed it. A mailbox of which the kernel does not tell has one timer, however
//! many sessions wait for it.

use super::slab::Slab;
use super::timers::Timers;
use crate::store::MailboxHandle;
use mio::Token;
use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

/// The sessions in IDLE, by mailbox.
pub(super) struct IdleWatch {
    mailboxes: Slab<Watched>,
    by_handle: HashMap<MailboxHandle, Token>,
    timers: Timers,
}

struct Watched {
    mailbox: MailboxHandle,
    sessions: BTreeSet<Token>,
    armed: Option<Instant>,
}

impl IdleWatch {
    pub(super) fn new() -> Self {
        Self {
            mailboxes: Slab::new(),
            by_handle: HashMap::new(),
            timers: Timers::default(),
        }
    }

    /// Notes what a session waits for now. `noted` is the caller's note of what it waited for: it is
    /// changed by this function only.
    pub(super) fn note(
        &mut self,
        session: Token,
        noted: &mut Option<Token>,
        mailbox: Option<&MailboxHandle>,
    ) {
        let wanted = mailbox.map(|mailbox| self.key(mailbox));
        if *noted == wanted {
            return;
        }
        if let Some(watched) = wanted.and_then(|key| self.mailboxes.get_mut(key)) {
            watched.sessions.insert(session);
        }
        if let Some(key) = std::mem::replace(noted, wanted) {
            self.leave(session, key);
        }
    }

    fn key(&mut self, mailbox: &MailboxHandle) -> Token {
        if let Some(&key) = self.by_handle.get(mailbox) {
            return key;
        }
        let key = self.mailboxes.insert(Watched {
            mailbox: mailbox.clone(),
            sessions: BTreeSet::new(),
            armed: None,
        });
        self.by_handle.insert(mailbox.clone(), key);
        key
    }

    /// Forgets a session, and the mailbox with the last one: the store keeps what is held here.
    fn leave(&mut self, session: Token, key: Token) {
        let Some(watched) = self.mailboxes.get_mut(key) else {
            return;
        };
        watched.sessions.remove(&session);
        if watched.sessions.is_empty() {
            self.timers.arm(key, &mut watched.armed, None);
            self.by_handle.remove(&watched.mailbox);
            self.mailboxes.remove(key);
        }
    }

    /// The sessions that wait for changes of a mailbox.
    pub(super) fn of(&mut self, mailbox: &MailboxHandle) -> Vec<Token> {
        let key = self.by_handle.get(mailbox);
        let watched = key.and_then(|&key| self.mailboxes.get_mut(key));
        watched.map_or_else(Vec::new, |watched| {
            watched.sessions.iter().copied().collect()
        })
    }

    /// Sees to it that a mailbox that somebody waits for is looked at by then, if at all.
    pub(super) fn look_at(&mut self, mailbox: &MailboxHandle, when: Option<Instant>) {
        let Some(&key) = self.by_handle.get(mailbox) else {
            return;
        };
        if let Some(watched) = self.mailboxes.get_mut(key) {
            self.timers.arm(key, &mut watched.armed, when);
        }
    }

    /// When the next mailbox is to be looked at.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Takes out one mailbox that is to be looked at.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<MailboxHandle> {
        let key = self.timers.pop_due(now)?;
        let watched = self.mailboxes.get_mut(key)?;
        watched.armed = None;
        Some(watched.mailbox.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Account, Settings, Store};
    use crate::types::{MailboxName, MailboxRef};
    use std::time::Duration;

    /// A store with two mailboxes.
    fn mailboxes() -> (tempfile::TempDir, Store, [MailboxHandle; 2]) {
        let home = tempfile::tempdir().expect("a directory");
        let mut store = Store::new(Settings::new("host", 1));
        let handles = ["ann", "bob"].map(|name| {
            let root = home.path().join(name);
            std::fs::create_dir_all(root.join("cur")).expect("a Maildir");
            let account = Account {
                root,
                bboards: None,
            };
            let inbox = MailboxName::new(b"INBOX").expect("a name");
            let inbox = MailboxRef::Personal(inbox);
            store.open(&account, &inbox).expect("opened")
        });
        (home, store, handles)
    }

    #[test]
    fn sessions_come_and_go_and_the_last_one_takes_the_mailbox_along() {
        let (_home, _store, [one, two]) = mailboxes();
        let mut idle_watch = IdleWatch::new();
        let (mut a, mut b) = (None, None);
        idle_watch.note(Token(1), &mut a, Some(&one));
        idle_watch.note(Token(1), &mut a, Some(&one));
        idle_watch.note(Token(2), &mut b, Some(&one));
        assert_eq!(idle_watch.of(&one), [Token(1), Token(2)]);
        assert_eq!(idle_watch.of(&two), []);
        idle_watch.note(Token(1), &mut a, Some(&two));
        assert_eq!(idle_watch.of(&one), [Token(2)]);
        assert_eq!(idle_watch.of(&two), [Token(1)]);
        idle_watch.note(Token(1), &mut a, None);
        idle_watch.note(Token(2), &mut b, None);
        assert_eq!((a, b), (None, None));
        assert_eq!(
            (idle_watch.mailboxes.len(), idle_watch.by_handle.len()),
            (0, 0)
        );
    }

    #[test]
    fn a_mailbox_has_one_timer() {
        let (_home, _store, [one, two]) = mailboxes();
        let mut idle_watch = IdleWatch::new();
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        idle_watch.look_at(&one, Some(now));
        assert_eq!(idle_watch.next_look(), None, "nobody waits for it");
        let mut notes = [None; 3];
        for (number, note) in notes.iter_mut().enumerate() {
            idle_watch.note(Token(number), note, Some(&one));
            idle_watch.look_at(&one, Some(later));
        }
        assert_eq!(idle_watch.pop_due(now), None);
        assert_eq!(idle_watch.pop_due(later), Some(one.clone()));
        assert_eq!(idle_watch.pop_due(later), None);
        idle_watch.look_at(&one, Some(later));
        idle_watch.look_at(&one, None);
        assert_eq!(idle_watch.next_look(), None, "the kernel tells of it");
        idle_watch.look_at(&one, Some(later));
        for (number, note) in notes.iter_mut().enumerate() {
            idle_watch.note(Token(number), note, None);
        }
        assert_eq!(idle_watch.next_look(), None);
        assert_eq!(idle_watch.of(&two), []);
    }
}
