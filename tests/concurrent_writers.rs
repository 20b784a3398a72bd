//! Two imap2d processes and one Dovecot change one mailbox at the same time, while mail is
//! delivered into it.
//!
//! Every message has an identity in its header, by which the test recognises it under any UID. Kept
//! messages are flagged and copied but never deleted; doomed messages are deleted but never copied.
//! So the test knows at the end, whatever the order of events was, how often each must exist:
//!
//! - a kept message exists once, and once more for every COPY that was answered OK;
//! - a doomed message exists once if no session set `\Deleted`, never if a session has received its
//!   EXPUNGE, otherwise at most once;
//! - no UID was ever seen with two identities, and no doomed identity under two UIDs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::data::Data;
use crate::support::dovecot::Dovecot;
use crate::support::imap::{Client, Reply, Status};
use crate::support::maildir::{Maildir, message};
use crate::support::program::until;
use crate::support::server::TestServer;
use crate::support::site::Site;
use crate::support::view::{Known, PEEK, View, identity_of};

/// How long the sessions change the mailbox.
const DURATION: Duration = Duration::from_secs(8);

/// The number of sessions of each server.
const SESSIONS: usize = 2;

/// With more messages than this the sessions only delete, so that the test stays quick.
const CROWDED: usize = 300;

/// What all sessions together have seen and done.
#[derive(Default)]
struct Ledger {
    identities: HashMap<u32, String>,
    created: HashSet<String>,
    copies: HashMap<String, u32>,
    marked: HashSet<String>,
    expunged: HashSet<String>,
}

impl Ledger {
    /// Records that a session saw this message under this UID.
    fn learn(&mut self, known: &Known) {
        let before = self.identities.insert(known.uid, known.id.clone());
        let same = before.as_ref().is_none_or(|id| *id == known.id);
        assert!(
            same,
            "UID {} was {before:?}, now it is {}",
            known.uid, known.id
        );
    }
}

/// What all threads share: the ledger, and the counter that makes identities.
#[derive(Default)]
struct Shared {
    ledger: Mutex<Ledger>,
    serial: AtomicU32,
}

impl Shared {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("no other session has failed")
    }

    /// Makes a message with a new identity; every second one is doomed.
    fn new_message(&self) -> (String, Vec<u8>) {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}-{serial}", ["kept", "doomed"][serial as usize % 2]);
        let bytes = message(
            "concurrent",
            &id,
            &"some text\n".repeat(serial as usize % 50),
        );
        (id, bytes)
    }
}

fn is_doomed(id: &str) -> bool {
    id.starts_with("doomed")
}

/// One session that sends random commands.
struct RandomSession<'a> {
    client: &'a mut Client,
    shared: &'a Shared,
    view: View,
    random: u64,
}

impl<'a> RandomSession<'a> {
    fn new(client: &'a mut Client, shared: &'a Shared, seed: u64) -> Self {
        let random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut session = Self {
            client,
            shared,
            view: View::default(),
            random,
        };
        session.tell("SELECT INBOX");
        session
    }

    /// Returns a number below `below`, by xorshift: the same commands in every run, however the
    /// sessions interleave.
    fn random(&mut self, below: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random % below as u64).expect("less than a usize")
    }

    fn run_until(&mut self, deadline: Instant) {
        while Instant::now() < deadline {
            let crowded = self.view.exists() > CROWDED;
            match self.random(12) {
                0..=2 => self.flag(),
                3 | 4 => self.doom(),
                5 => self.tell("EXPUNGE"),
                6 if !crowded => self.copy(),
                7 | 8 if !crowded => self.append(),
                9 | 10 => self.check_number(),
                _ => self.tell("NOOP"),
            }
        }
    }

    /// Sends a command that the server may refuse, for example because another process holds the
    /// lock.
    fn try_to(&mut self, command: &str) -> Status {
        let reply = self.client.command(command);
        self.follow(&reply);
        reply.status
    }

    fn tell(&mut self, command: &str) {
        let status = self.try_to(command);
        assert_ne!(status, Status::Bad, "{command}");
    }

    fn follow(&mut self, reply: &Reply) {
        assert_ne!(reply.status, Status::Bad, "{reply:?}");
        self.view.follow(reply);
        let learnt = self.view.catch_up(self.client);
        self.view.check_order();
        let mut ledger = self.shared.ledger();
        learnt.iter().for_each(|known| ledger.learn(known));
        let expunged = self.view.expunged().iter().map(|known| known.id.clone());
        ledger.expunged.extend(expunged);
    }

    /// Chooses a random message that the session knows, kept or doomed.
    fn choose(&mut self, doomed: bool) -> Option<(u32, Known)> {
        let all = self
            .view
            .known()
            .filter(|(_, known)| is_doomed(&known.id) == doomed);
        let all: Vec<_> = all.map(|(number, known)| (number, known.clone())).collect();
        if all.is_empty() {
            return None;
        }
        let index = self.random(all.len());
        Some(all[index].clone())
    }

    fn flag(&mut self) {
        let doomed = self.random(4) == 0;
        let Some((number, known)) = self.choose(doomed) else {
            return;
        };
        let sign = ["+", "-"][self.random(2)];
        let flag = ["\\Seen", "\\Flagged", "\\Answered", "Zed", "$Forwarded"][self.random(5)];
        // By number or by UID: both must lead to the same message.
        if self.random(2) == 0 {
            self.tell(&format!("STORE {number} {sign}FLAGS ({flag})"));
        } else {
            self.tell(&format!("UID STORE {} {sign}FLAGS ({flag})", known.uid));
        }
    }

    fn doom(&mut self) {
        let Some((_, known)) = self.choose(true) else {
            return;
        };
        self.shared.ledger().marked.insert(known.id);
        self.tell(&format!("UID STORE {} +FLAGS (\\Deleted)", known.uid));
    }

    fn copy(&mut self) {
        let Some((number, known)) = self.choose(false) else {
            return;
        };
        if self.try_to(&format!("COPY {number} INBOX")) == Status::Ok {
            *self.shared.ledger().copies.entry(known.id).or_default() += 1;
        }
    }

    fn append(&mut self) {
        let (id, bytes) = self.shared.new_message();
        let reply = self.client.append("INBOX", "(\\Seen Zed)", &bytes);
        if reply.status == Status::Ok {
            self.shared.ledger().created.insert(id);
        }
        self.follow(&reply);
    }

    /// Fetches a message by its number; `View` compares the UID.
    fn check_number(&mut self) {
        let doomed = self.random(2) == 0;
        let Some((number, _)) = self.choose(doomed) else {
            return;
        };
        let reply = self.client.command(&format!("FETCH {number} (UID {PEEK})"));
        for data in &reply.data {
            let Data::Fetch(fetched, items) = data else {
                continue;
            };
            let Some(id) = identity_of(items) else {
                continue;
            };
            let expected = self.view.known().find(|(known, _)| known == fetched);
            assert_eq!(
                expected.map(|(_, known)| &known.id),
                Some(&id),
                "message {fetched}"
            );
        }
        self.follow(&reply);
    }

    /// Waits until this session has received everything that is in the mailbox at the end.
    fn settle(&mut self, last: &Contents) {
        until(
            "a session knows the final contents",
            Duration::from_secs(30),
            || {
                self.tell("NOOP");
                let known = self.view.known().map(|(_, known)| (known.uid, &known.id));
                let settled = known.eq(last.iter().map(|(uid, (id, _))| (*uid, id)));
                (settled && self.view.exists() == last.len()).then_some(())
            },
        );
    }
}

/// A mailbox at the end of the test: identity and flags by UID.
type Contents = BTreeMap<u32, (String, Vec<String>)>;

fn contents(client: &mut Client) -> Contents {
    client.ok("SELECT INBOX");
    let reply = client.ok(&format!("UID FETCH 1:* (FLAGS {PEEK})"));
    let messages = reply
        .fetched()
        .filter_map(|(_, items)| Some((items.uid()?, (identity_of(items)?, items.flags()?))));
    messages.collect()
}

fn deliver_until(deadline: Instant, maildir: &Maildir, shared: &Shared) {
    while Instant::now() < deadline {
        let (id, bytes) = shared.new_message();
        shared.ledger().created.insert(id);
        maildir.deliver(&bytes);
        thread::sleep(Duration::from_millis(40));
    }
}

/// Checks the three rules in the module's documentation.
fn check(ledger: &Ledger, last: &Contents) {
    let mut alive: HashMap<&str, u32> = HashMap::new();
    for (uid, (id, _)) in last {
        *alive.entry(id).or_default() += 1;
        let before = ledger.identities.get(uid);
        assert!(
            before.is_none_or(|before| before == id),
            "UID {uid} was {before:?}, is {id}"
        );
        assert!(
            ledger.created.contains(id),
            "{id} was refused and exists nevertheless"
        );
    }
    for id in &ledger.created {
        let found = alive.get(id.as_str()).copied().unwrap_or(0);
        let expected = if !is_doomed(id) {
            let copies = 1 + ledger.copies.get(id).copied().unwrap_or(0);
            copies..=copies
        } else if !ledger.marked.contains(id) {
            1..=1
        } else if ledger.expunged.contains(id) {
            0..=0
        } else {
            0..=1
        };
        assert!(
            expected.contains(&found),
            "{id} exists {found} times, not {expected:?}"
        );
    }
    let mut doomed = HashMap::new();
    for (uid, id) in ledger.identities.iter().filter(|(_, id)| is_doomed(id)) {
        let other = doomed.insert(id, uid);
        assert!(other.is_none(), "{id} had the UIDs {uid} and {other:?}");
    }
}

#[test]
fn three_servers_keep_one_mailbox_consistent() {
    let site = Site::with_dovecot();
    let Some(dovecot) = Dovecot::find(&site) else {
        return;
    };
    let shared = Shared::default();
    let servers = [TestServer::start(&site, &[]), TestServer::start(&site, &[])];
    let mut dovecot_sessions: Vec<_> = (0..SESSIONS).map(|_| dovecot.session(&site)).collect();
    let logins = servers
        .iter()
        .flat_map(|server| (0..SESSIONS).map(|_| server.login_imap4()));
    let mut logins: Vec<Client> = logins.collect();
    let clients = dovecot_sessions
        .iter_mut()
        .map(|dovecot| &mut dovecot.client)
        .chain(&mut logins);
    let mut sessions: Vec<_> = clients
        .zip(1..)
        .map(|(client, seed)| RandomSession::new(client, &shared, seed))
        .collect();

    let deadline = Instant::now() + DURATION;
    thread::scope(|scope| {
        scope.spawn(|| deliver_until(deadline, &site.maildir(), &shared));
        for session in &mut sessions {
            scope.spawn(move || session.run_until(deadline));
        }
    });

    // A last SELECT gives UIDs to the deliveries; after it all sessions must know the same
    // messages.
    let theirs = contents(&mut dovecot.session(&site).client);
    for server in &servers {
        assert_eq!(contents(&mut server.login_imap4()), theirs);
    }
    for session in &mut sessions {
        session.settle(&theirs);
    }
    check(&shared.ledger(), &theirs);
    assert_eq!(site.maildir().entries().len(), theirs.len());
    assert!(theirs.len() > 50, "the sessions have hardly done anything");
}
