//! What is left after a crash: the server is killed, or the power is cut, while four clients work.
//!
//! Each client appends messages with an identity of their own, copies, moves and expunges them, and
//! writes into the [`Ledger`] what it sends and what the server answers. Then comes the crash, at a
//! random moment. The next server has to open each mailbox, and what it shows has to agree with the
//! ledger:
//!
//! - a message whose last command was answered is exactly where the answers have put it;
//! - a message with a command under way exists, unless that command expunges it or appends it;
//! - no other message exists;
//! - a UID that was announced for a message belongs to no other, and UIDVALIDITY stays;
//! - HIGHESTMODSEQ is not below a mod-sequence that was announced.
//!
//! Then the clients go on with the same mail until the next crash. `IMAP2D_CRASH_ROUNDS` says how
//! often.

mod connection;
mod disk;
mod ledger;
mod worker;

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use self::connection::Connection;
use self::disk::{Disk, FILE_SYSTEMS, Image};
use self::ledger::{Contents, Ledger, MAILBOXES};
use self::worker::Worker;
use crate::support::server::TestServer;
use crate::support::site::Site;

/// The number of clients.
const WORKERS: usize = 4;

/// A lock that was left behind must not keep a mailbox shut. Locks of unknown holders do for two
/// minutes; this leaves time for a machine that runs all tests at once.
const OPENS_WITHIN: Duration = Duration::from_secs(10);

/// How long the clients work before a crash, at most.
const LONGEST_ROUND_MS: u64 = 400;

fn rounds() -> u64 {
    let rounds = std::env::var("IMAP2D_CRASH_ROUNDS").ok();
    rounds.map_or(30, |rounds| rounds.parse().expect("a number of rounds"))
}

/// The mail of a site, and what is known of it.
struct Rig<'a> {
    site: &'a Site,
    ledger: Mutex<Ledger>,
    round: u64,
}

impl<'a> Rig<'a> {
    fn new(site: &'a Site) -> Self {
        Self {
            site,
            ledger: Mutex::default(),
            round: 0,
        }
    }

    fn ledger(&self) -> Ledger {
        self.ledger.lock().expect("no client has failed").clone()
    }

    /// Lets the clients work until `cut` has returned, then kills the server. Returns the ledger
    /// from just before `cut` and the one from the end.
    fn work_and_crash(&mut self, server: &TestServer, cut: impl FnOnce()) -> (Ledger, Ledger) {
        self.round += 1;
        let random = self.round.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
        let workers = (0..WORKERS).map(|n| Worker::new(n, self.round, server, &self.ledger));
        let workers: Vec<Worker<'_>> = workers.collect();
        let before = thread::scope(|scope| {
            for worker in workers {
                scope.spawn(|| worker.run());
            }
            thread::sleep(Duration::from_millis(random % LONGEST_ROUND_MS));
            let before = self.ledger();
            cut();
            server.signal(Signal::KILL);
            before
        });
        (before, self.ledger())
    }

    /// Checks what a new server shows against the ledgers, and lets the ledger agree with it.
    fn check(&mut self, server: &TestServer, before: &Ledger, after: &Ledger) {
        let round = self.round;
        let started = Instant::now();
        let mut connection = Connection::login(server);
        let found = MAILBOXES.map(|mailbox| {
            let contents = Contents::read(&mut connection, mailbox);
            let took = started.elapsed();
            assert!(
                took < OPENS_WITHIN,
                "round {round}: {mailbox} took {took:?}"
            );
            contents
        });
        let faults = ledger::faults(before, after, &found);
        assert!(faults.is_empty(), "round {round}: {faults:#?}");
        self.ledger = Mutex::new(Ledger::of(before, found));
    }
}

#[test]
fn mail_survives_kill_9() {
    let site = Site::new();
    let mut rig = Rig::new(&site);
    let mut server = TestServer::start(rig.site, &[]);
    let mut commands = 0;
    Connection::login(&server).ok("CREATE Work");
    for _ in 0..rounds() {
        let (_, after) = rig.work_and_crash(&server, || {});
        server = TestServer::start(rig.site, &[]);
        rig.check(&server, &after, &after);
        commands += after.answered();
    }
    assert!(commands > 0, "the clients got no answers");
}

/// The disk is an image in a file, of which a snapshot is made while the clients work. The next
/// server gets the snapshot: what the file system had written at that moment, as after a power cut.
#[test]
fn mail_survives_power_cuts() {
    for file_system in FILE_SYSTEMS {
        let Some(image) = Image::create(file_system) else {
            continue;
        };
        let site = Site::new();
        let mut rig = Rig::new(&site);
        let disk = Disk::mount(image, &site);
        let mut server = TestServer::start(rig.site, &[]);
        let mut commands = 0;
        Connection::login(&server).ok("CREATE Work");
        for _ in 0..rounds().div_ceil(FILE_SYSTEMS.len() as u64) {
            let cut = || disk.image().take_snapshot();
            let (before, after) = rig.work_and_crash(&server, cut);
            drop(server);
            disk.replace_by_snapshot();
            server = TestServer::start(rig.site, &[]);
            rig.check(&server, &before, &after);
            commands += before.answered();
        }
        assert!(commands > 0, "{file_system}: the clients got no answers");
        drop(server);
    }
}
