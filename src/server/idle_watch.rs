//! The sessions in IDLE, by the mailbox that each one watches.
//!
//! A session in IDLE costs no wake-up: it gets a turn when the kernel reports a change in its
//! mailbox (inotify), or when another session has changed it. A mailbox that the kernel does not
//! report on has one timer, however many sessions watch it.

use super::slab::Slab;
use super::timers::Timers;
use crate::store::MailboxHandle;
use mio::Token;
use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

/// The sessions in IDLE, by mailbox.
pub(super) struct IdleWatch {
    mailboxes: Slab<WatchedMailbox>,
    by_handle: HashMap<MailboxHandle, Token>,
    timers: Timers,
}

/// A mailbox that sessions watch.
struct WatchedMailbox {
    mailbox: MailboxHandle,
    /// Sessions that watch it; at least one.
    sessions: BTreeSet<Token>,
    /// Time at which its timer fires.
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

    /// Notes which mailbox a session watches now. `watched` is the caller's note of the one it
    /// watched before: only this function changes it.
    pub(super) fn note(
        &mut self,
        session: Token,
        watched: &mut Option<Token>,
        mailbox: Option<&MailboxHandle>,
    ) {
        let wanted = mailbox.map(|mailbox| self.key(mailbox));
        if *watched == wanted {
            return;
        }
        if let Some(mailbox) = wanted.and_then(|key| self.mailboxes.get_mut(key)) {
            mailbox.sessions.insert(session);
        }
        if let Some(key) = std::mem::replace(watched, wanted) {
            self.leave(session, key);
        }
    }

    fn key(&mut self, mailbox: &MailboxHandle) -> Token {
        if let Some(&key) = self.by_handle.get(mailbox) {
            return key;
        }
        let key = self.mailboxes.insert(WatchedMailbox {
            mailbox: mailbox.clone(),
            sessions: BTreeSet::new(),
            armed: None,
        });
        self.by_handle.insert(mailbox.clone(), key);
        key
    }

    /// Removes a session, and with the last one the mailbox: the store keeps a mailbox in memory as
    /// long as there is a handle to it.
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

    /// Returns the sessions that watch a mailbox.
    pub(super) fn sessions(&mut self, mailbox: &MailboxHandle) -> Vec<Token> {
        let key = self.by_handle.get(mailbox);
        let watched = key.and_then(|&key| self.mailboxes.get_mut(key));
        watched.map_or_else(Vec::new, |watched| {
            watched.sessions.iter().copied().collect()
        })
    }

    /// Sets the time at which a watched mailbox is checked, or that it is not.
    pub(super) fn check_at(&mut self, mailbox: &MailboxHandle, when: Option<Instant>) {
        let Some(&key) = self.by_handle.get(mailbox) else {
            return;
        };
        if let Some(watched) = self.mailboxes.get_mut(key) {
            self.timers.arm(key, &mut watched.armed, when);
        }
    }

    /// Returns the time at which the next mailbox is to be checked.
    pub(super) fn next_check(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Returns one mailbox whose time to be checked has come.
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

    /// Returns a store with two mailboxes.
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
    fn a_mailbox_is_forgotten_with_its_last_session() {
        let (_home, _store, [one, two]) = mailboxes();
        let mut idle_watch = IdleWatch::new();
        let (mut a, mut b) = (None, None);
        idle_watch.note(Token(1), &mut a, Some(&one));
        idle_watch.note(Token(1), &mut a, Some(&one));
        idle_watch.note(Token(2), &mut b, Some(&one));
        assert_eq!(idle_watch.sessions(&one), [Token(1), Token(2)]);
        assert_eq!(idle_watch.sessions(&two), []);
        idle_watch.note(Token(1), &mut a, Some(&two));
        assert_eq!(idle_watch.sessions(&one), [Token(2)]);
        assert_eq!(idle_watch.sessions(&two), [Token(1)]);
        idle_watch.note(Token(1), &mut a, None);
        idle_watch.note(Token(2), &mut b, None);
        assert_eq!((a, b), (None, None));
        assert_eq!(
            (idle_watch.mailboxes.len(), idle_watch.by_handle.len()),
            (0, 0)
        );
    }

    #[test]
    fn a_mailbox_has_one_timer_however_many_sessions_watch_it() {
        let (_home, _store, [one, two]) = mailboxes();
        let mut idle_watch = IdleWatch::new();
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        idle_watch.check_at(&one, Some(now));
        assert_eq!(idle_watch.next_check(), None, "no session watches it");
        let mut notes = [None; 3];
        for (number, note) in notes.iter_mut().enumerate() {
            idle_watch.note(Token(number), note, Some(&one));
            idle_watch.check_at(&one, Some(later));
        }
        assert_eq!(idle_watch.pop_due(now), None);
        assert_eq!(idle_watch.pop_due(later), Some(one.clone()));
        assert_eq!(idle_watch.pop_due(later), None);
        idle_watch.check_at(&one, Some(later));
        idle_watch.check_at(&one, None);
        assert_eq!(
            idle_watch.next_check(),
            None,
            "the kernel reports its changes"
        );
        idle_watch.check_at(&one, Some(later));
        for (number, note) in notes.iter_mut().enumerate() {
            idle_watch.note(Token(number), note, None);
        }
        assert_eq!(idle_watch.next_check(), None);
        assert_eq!(idle_watch.sessions(&two), []);
    }
}
