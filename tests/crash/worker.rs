//! A client that works until its connection breaks.

use std::sync::{Mutex, MutexGuard};

use super::WORKERS;
use super::connection::{Answer, Connection};
use super::ledger::{Entry, Ledger};
use crate::support::maildir::message;
use crate::support::server::TestServer;

/// With more messages than this a client expunges more than it appends.
const CROWDED: usize = 20;

const INBOX: usize = 0;
const WORK: usize = 1;

pub(super) struct Worker<'a> {
    number: usize,
    round: u64,
    serial: u32,
    random: u64,
    connection: Connection,
    ledger: &'a Mutex<Ledger>,
    /// The messages in INBOX that this client works on, each with its UID.
    own: Vec<(u32, String)>,
}

impl<'a> Worker<'a> {
    pub(super) fn new(
        number: usize,
        round: u64,
        server: &TestServer,
        ledger: &'a Mutex<Ledger>,
    ) -> Self {
        let known = ledger.lock().expect("no client has failed");
        let messages = known.in_inbox().map(|(uid, id)| (uid, id.clone()));
        let every_nth = messages.skip(number).step_by(WORKERS);
        let own = every_nth.collect();
        drop(known);
        let mut connection = Connection::login(server);
        connection.ok("SELECT INBOX (CONDSTORE)");
        Self {
            number,
            round,
            serial: 0,
            random: (round << 8 | number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            connection,
            ledger,
            own,
        }
    }

    pub(super) fn run(mut self) {
        while self.act().is_some() {}
    }

    fn act(&mut self) -> Option<()> {
        let is_crowded = self.own.len() > CROWDED;
        match self.random(8) {
            0..=3 if !is_crowded => self.append(),
            4 => self.copy(),
            5 => self.transfer(),
            6 => self.flag(),
            _ => self.expunge(),
        }
    }

    /// Returns a number below `below`, by xorshift.
    fn random(&mut self, below: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random % below as u64).expect("less than a usize")
    }

    fn ledger(&self) -> MutexGuard<'a, Ledger> {
        self.ledger.lock().expect("no client has failed")
    }

    /// Chooses one of this client's messages.
    fn choose(&mut self) -> Option<usize> {
        let number = self.own.len();
        (number > 0).then(|| self.random(number))
    }

    /// Sends a command about a message. Returns `None` if the connection breaks.
    fn send(&mut self, id: &str, command: &str, intent: impl FnOnce(&mut Entry)) -> Option<Answer> {
        let mut ledger = self.ledger();
        let entry = ledger.messages.entry(id.to_owned()).or_default();
        entry.sent += 1;
        intent(entry);
        drop(ledger);
        let answer = self.connection.send(command)?;
        assert!(answer.is_ok(), "{command}: {answer:?}");
        Some(answer)
    }

    /// Notes that the command about a message was answered.
    fn answered(&self, id: &str, effect: impl FnOnce(&mut Entry)) {
        let mut ledger = self.ledger();
        let entry = ledger.messages.get_mut(id).expect("it was sent");
        entry.answered += 1;
        effect(entry);
        entry.places.sort_unstable();
    }

    fn append(&mut self) -> Option<()> {
        self.serial += 1;
        let id = format!("{}-{}-{}", self.round, self.number, self.serial);
        let text = "some text\n".repeat(self.random(200));
        let text = String::from_utf8(message("crash", &id, &text)).expect("ASCII");
        let text = text.replace('\n', "\r\n");
        let command = format!("APPEND INBOX {{{}+}}\r\n{text}", text.len());
        let answer = self.send(&id, &command, |_| {})?;
        let uid = answer.uid("APPENDUID").expect("a UID");
        self.answered(&id, |entry| entry.places.push(INBOX));
        self.ledger().announce(INBOX, uid, &id);
        self.own.push((uid, id));
        Some(())
    }

    fn copy(&mut self) -> Option<()> {
        let Some(index) = self.choose() else {
            return Some(());
        };
        let (uid, id) = self.own[index].clone();
        let answer = self.send(&id, &format!("UID COPY {uid} Work"), |_| {})?;
        self.answered(&id, |entry| entry.places.push(WORK));
        self.announce_copy(&answer, &id);
        Some(())
    }

    fn transfer(&mut self) -> Option<()> {
        let Some(index) = self.choose() else {
            return Some(());
        };
        let (uid, id) = self.own.swap_remove(index);
        let answer = self.send(&id, &format!("UID MOVE {uid} Work"), |_| {})?;
        self.answered(&id, |entry| {
            entry.places.retain(|&place| place != INBOX);
            entry.places.push(WORK);
        });
        self.announce_copy(&answer, &id);
        Some(())
    }

    fn announce_copy(&self, answer: &Answer, id: &str) {
        let uid = answer.uid("COPYUID").expect("a UID");
        self.ledger().announce(WORK, uid, id);
    }

    fn flag(&mut self) -> Option<()> {
        let Some(index) = self.choose() else {
            return Some(());
        };
        let uid = self.own[index].0;
        let command = format!("UID STORE {uid} +FLAGS (\\Seen Zed)");
        let answer = self.connection.send(&command)?;
        if let Some(value) = answer.numbers("MODSEQ").max() {
            self.ledger().announce_mod_sequence(value);
        }
        Some(())
    }

    fn expunge(&mut self) -> Option<()> {
        let Some(index) = self.choose() else {
            return Some(());
        };
        let (uid, id) = self.own.swap_remove(index);
        let marked = self
            .connection
            .send(&format!("UID STORE {uid} +FLAGS.SILENT (\\Deleted)"))?;
        assert!(marked.is_ok(), "{marked:?}");
        self.send(&id, &format!("UID EXPUNGE {uid}"), |entry| {
            entry.is_doomed = true;
        })?;
        self.answered(&id, |entry| entry.places.retain(|&place| place != INBOX));
        Some(())
    }
}
