//! Tests that a session counts the memory that its commands hold. An allocator that counts says
//! what they hold in fact, after each step.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use allocation_counter::measure;
use tempfile::TempDir;

use super::rig::{Rig, account};
use crate::budget::{Budget, Clock as _};
use crate::session::Turn;

const HOUR: Duration = Duration::from_secs(3600);
/// Messages of the mailbox.
const MESSAGES: usize = 2000;
/// Units of a step: little, so that what is held is seen often.
const UNITS: u32 = 20;
/// Octets that a command may hold uncounted, however many messages it is about.
const SLACK: i64 = 4 * 1024;

/// A session and the memory that it has taken since a command was sent.
struct Measured {
    rig: Rig,
    home: TempDir,
    /// Octets that the session, the store and the clock have allocated and not freed.
    held: i64,
    /// What the session and the mailboxes counted at first.
    before: i64,
    /// Octets that may be held uncounted.
    slack: i64,
    /// Units of a step.
    units: u32,
    /// Most octets that were held, and that were counted, beyond those.
    most: (i64, i64),
}

impl Measured {
    /// Selects a mailbox with many messages. Another mailbox is known.
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        make_maildir(home.path());
        make_maildir(&home.path().join(".Other"));
        for number in 1..=MESSAGES {
            let text = format!(
                "Subject: subject {} of many\nFrom: user{number}@example.org\nMessage-ID: <{number}@x>\n\
                 References: <{}@x> <r{number}@y>\n\nx\n",
                number % 700,
                number / 2
            );
            let path = home.path().join(format!("cur/{number:05}.host:2,S"));
            std::fs::write(path, text).expect("a message");
        }
        let mut rig = Rig::new();
        rig.session.state.log_in("ann", account(home.path()));
        let mut measured = Self {
            rig,
            home,
            held: 0,
            before: 0,
            slack: i64::MAX / 2,
            units: UNITS,
            most: (0, 0),
        };
        measured.run("a SELECT Other\r\nb SELECT INBOX\r\nc NOOP\r\n");
        measured.slack = SLACK;
        measured
    }

    /// Sends a command, and begins to measure.
    fn send(&mut self, command: &str) {
        self.before = self.counted();
        (self.held, self.most) = (0, (0, 0));
        let mut octets = command.as_bytes();
        while !octets.is_empty() {
            let (rig, mut taken) = (&mut self.rig, 0);
            let now = rig.clock.now();
            let piece = &octets[..octets.len().min(4096)];
            let info = measure(|| taken = rig.session.handle_input(piece, now));
            self.held += info.bytes_current;
            octets = &octets[taken..];
            if !octets.is_empty() {
                self.step();
            }
        }
    }

    /// Takes one step, and compares what is held with what is counted.
    fn step(&mut self) -> Turn {
        let Rig {
            clock,
            store,
            session,
        } = &mut self.rig;
        let mut turn = Turn::Idle;
        let budget = &mut Budget::new(clock, self.units, HOUR);
        let info = measure(|| turn = session.run(store, budget));
        self.held += info.bytes_current;
        let counted = self.counted() - self.before;
        self.most = (self.most.0.max(self.held), self.most.1.max(counted));
        let held = self.held;
        assert!(
            held <= counted + self.slack,
            "{held} held, {counted} counted, by {}",
            self.rig.session.command()
        );
        if let Turn::Until(time) = turn {
            let wait = time.saturating_duration_since(self.rig.clock.now());
            self.rig.clock.advance(wait.max(Duration::from_millis(1)));
        }
        turn
    }

    fn counted(&self) -> i64 {
        let mailboxes = self.rig.store.memory();
        i64::try_from(self.rig.session.memory() + mailboxes).expect("less than all memory")
    }

    /// Carries a command out, whose responses are read.
    fn run(&mut self, command: &str) -> String {
        self.send(command);
        let mut responses = String::new();
        loop {
            match self.step() {
                Turn::Idle => break,
                Turn::OutputFull => responses.push_str(&self.read()),
                _ => {}
            }
        }
        responses + &self.read()
    }

    fn read(&mut self) -> String {
        let (rig, mut text) = (&mut self.rig, String::new());
        let info = measure(|| {
            let read = rig.receive();
            allocation_counter::opt_out(|| text.clone_from(&read));
        });
        self.held += info.bytes_current;
        text
    }

    /// Carries a command out that must succeed and hold at least `least` octets, of which no more
    /// are counted than a few times as many.
    fn check(&mut self, command: &str, least: i64) {
        let responses = self.run(command);
        let name: String = command.chars().take(30).collect();
        let last = responses.lines().last().unwrap_or_default();
        assert!(last.starts_with("x OK"), "{name}: {last}");
        let (held, counted) = self.most;
        assert!(held >= least, "{name}: only {held} octets are held");
        assert!(
            counted <= 4 * held + SLACK,
            "{name}: {held} held, {counted} counted"
        );
    }
}

fn make_maildir(path: &Path) {
    for sub in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(path.join(sub)).expect("a Maildir");
    }
}

/// Returns every other number.
fn odd_numbers() -> String {
    let numbers: Vec<String> = (1..=MESSAGES).step_by(2).map(|n| n.to_string()).collect();
    numbers.join(",")
}

#[test]
fn searches_count_their_sets_keys_and_strings() {
    let mut measured = Measured::new();
    let odd = odd_numbers();
    measured.check(&format!("x SEARCH {odd}\r\n"), 8_000);
    measured.check(&format!("x SEARCH RETURN (SAVE) {odd}\r\n"), 16_000);
    measured.check("x SEARCH OR UID $ OR DELETED OR UID $ NEW\r\n", 4_000);
    let keys: String = (0..300).fold(String::new(), |mut keys, number| {
        let _ = write!(keys, " OR TEXT abcdefghi{number} HEADER X-{number} jklm");
        keys
    });
    measured.check(&format!("x SEARCH 1:9{keys} ALL\r\n"), 100_000);
}

#[test]
fn sort_and_thread_count_their_keys() {
    let mut measured = Measured::new();
    measured.check("x SORT (SUBJECT FROM DATE) UTF-8 ALL\r\n", 100_000);
    measured.check("x THREAD REFERENCES UTF-8 ALL\r\n", 150_000);
    measured.check("x THREAD ORDEREDSUBJECT UTF-8 ALL\r\n", 60_000);
}

#[test]
fn commands_about_many_messages_count_them() {
    let mut measured = Measured::new();
    let odd = odd_numbers();
    measured.check("x COPY 1:* Other\r\n", 200_000);
    // The mailbox notes for its other sessions what is changed and expunged.
    measured.slack = 32 * 1024;
    measured.check(
        &format!("x STORE {odd} +FLAGS.SILENT (\\Deleted)\r\n"),
        8_000,
    );
    measured.check(&format!("x UID EXPUNGE {odd}\r\n"), 8_000);
    measured.check("x MOVE 1:* Other\r\n", 100_000);
}

#[test]
fn a_fetch_counts_the_header_the_parts_and_the_response() {
    let mut measured = Measured::new();
    let params: String = (0..99).fold(String::new(), |mut params, number| {
        let _ = write!(params, ";p{number}=v");
        params
    });
    let part = format!("--b\nContent-Type: a/b{params}\n\nx\n");
    let message = format!(
        "Subject: s\nTo: {}\nContent-Type: multipart/mixed; boundary=b\n\n{}--b--\n",
        "a@b,".repeat(20_000),
        part.repeat(900)
    );
    let path = measured.home.path().join("cur/00001.host:2,S");
    std::fs::write(path, message).expect("written");
    measured.check("x FETCH 1 (ENVELOPE BODYSTRUCTURE)\r\n", 300_000);
    measured.check(
        "x FETCH 1 (BODY.PEEK[HEADER.FIELDS (To)] BODY.PEEK[5])\r\n",
        150_000,
    );
    measured.check("x SEARCH TO x TEXT y 1\r\n", 80_000);
}

#[test]
fn listings_and_renames_count_the_names() {
    let mut measured = Measured::new();
    let name = |number| format!("tree.{}.{number:04}\n", "a".repeat(100));
    let names: Vec<String> = (0..1000).map(name).collect();
    for name in &names {
        make_maildir(&measured.home.path().join(format!(".{}", name.trim_end())));
    }
    measured.check("x LIST \"\" *\r\n", 400_000);
    let names = names.concat();
    std::fs::write(measured.home.path().join("subscriptions"), names).expect("written");
    measured.check(
        "x LIST (SUBSCRIBED) \"\" (* %) RETURN (CHILDREN)\r\n",
        400_000,
    );
    measured.check("x FIND ALL.MAILBOXES *\r\n", 200_000);
    measured.check("x RENAME tree bush\r\n", 200_000);
}

#[test]
fn an_append_counts_its_messages_and_what_is_not_written_yet() {
    let mut measured = Measured::new();
    // Files are flushed in place here.
    measured.units = 100_000;
    let message = "Subject: s\r\n\r\ntext\r\n";
    let one = format!(" (\\Seen key) {{{}+}}\r\n{message}", message.len());
    measured.check(&format!("x APPEND Other{}\r\n", one.repeat(400)), 80_000);
    let long = "x".repeat(900);
    measured.send(&format!("x APPEND Other {{900+}}\r\n{}", &long[..800]));
    measured.step();
}

#[test]
fn what_a_closed_session_leaves_to_do_is_charged_to_its_owner() {
    let mut measured = Measured::new();
    measured.rig.store.set_session(1, 7);
    measured.send("x COPY 1:* Other\r\n");
    let least = 1000 * 100;
    while measured.most.0 < least {
        measured.step();
    }
    let counted = measured.rig.session.command_memory();
    let Rig {
        clock,
        store,
        session,
    } = &mut measured.rig;
    session.end_command(clock.now());
    let charges = store.take_memory_charges();
    assert_eq!(charges.len(), 1);
    assert_eq!((charges[0].owner, charges[0].before), (7, 0));
    assert!(charges[0].after >= counted / 2, "{charges:?} of {counted}");
    let mut left = charges[0].after;
    store.set_session(2, 8);
    while store.abandoned_work() > 0 {
        store.clean_up(&mut Budget::new(clock, UNITS, HOUR));
        for charge in store.take_memory_charges() {
            assert_eq!((charge.owner, charge.before <= left), (7, true));
            left = left - charge.before + charge.after;
        }
    }
    assert_eq!(left, 0);
    let refusal = "x NO [LIMIT] The server has no memory for that command\r\n";
    assert_eq!(measured.read(), refusal);
    assert_eq!(measured.run("y NOOP\r\n"), "y OK NOOP completed\r\n");
}

#[test]
fn a_command_that_is_carried_out_does_not_end_for_its_memory() {
    let mut measured = Measured::new();
    measured.send("x COPY 1:* Other\r\n");
    while measured.rig.session.command_memory() == 0 {
        measured.step();
    }
    while measured.rig.session.command_memory() > 0 {
        measured.step();
    }
    assert!(measured.rig.session.memory() > 100_000, "it is not over");
    let now = measured.rig.clock.now();
    measured.rig.session.end_command(now);
    while measured.step() != Turn::Idle {}
    let read = measured.read();
    assert!(read.ends_with("COPY completed\r\n"), "{read}");
}
