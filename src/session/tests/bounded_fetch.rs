//! Tests that no message and no FETCH makes a long step or much output: the work and the output of
//! each step are compared with the units that it was given, and what the session holds with what it
//! counts.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use allocation_counter::{measure, opt_out};
use proptest::prelude::*;

use super::rig::{Rig, account, maildir};
use crate::budget::{Budget, Clock as _};
use crate::session::Turn;
use crate::session::output::HIGH_WATER;
use crate::work;

/// Work, in octets of a header, and octets of output that one unit pays for, and a factor of two.
const PER_UNIT: u64 = 2 * 16 * 1024 / 3;
/// The most work that is done before it is paid: parsing the MIME headers in a piece of 16 KiB of
/// the file, or in one field of a header, where each octet may be a token.
const UNPAID: u64 = 16 * 1024 * 66;
/// Octets that a FETCH may hold uncounted.
const UNCOUNTED: i64 = 8 * 1024;
/// Octets of output that are one unit of work at most.
const CHUNK: usize = 64 * 1024;

/// A session that has selected a mailbox with one message.
struct Fetch {
    rig: Rig,
    _home: tempfile::TempDir,
    /// Units of each step; `None` for no limit.
    units: Option<u32>,
    steps: usize,
    /// Octets that the session and the store have allocated since the command was sent, and not
    /// freed.
    held: i64,
    /// What they counted then.
    counted: i64,
}

impl Fetch {
    /// Selects the mailbox, and begins a FETCH of these items.
    fn begin(message: &[u8], items: &str, units: Option<u32>) -> Self {
        let name = "1.x:2,S";
        let home = maildir(&[name.to_owned()]);
        let path = home.path().join("cur").join(name);
        std::fs::write(&path, message).expect("written");
        let file = std::fs::File::open(&path).expect("it was just written");
        file.set_modified(SystemTime::UNIX_EPOCH).expect("set");
        let mut rig = Rig::new();
        rig.session.state.log_in("ann", account(home.path()));
        let mut session = std::mem::replace(&mut rig.session, Rig::new().session);
        rig.send_to(&mut session, "a CAPABILITY\r\nb SELECT INBOX\r\nc NOOP\r\n");
        rig.session = session;
        received(&mut rig);
        let command = format!("d FETCH 1 ({items})\r\n");
        let mut octets = command.as_bytes();
        while !octets.is_empty() {
            let now = rig.clock.now();
            let taken = rig.session.handle_input(octets, now);
            octets = &octets[taken..];
            // One unit takes the command in, and does not begin to carry it out.
            if !octets.is_empty() {
                rig.session
                    .run(&mut rig.store, &mut Budget::new(&rig.clock, 1, HOUR));
            }
        }
        work::take();
        Self {
            counted: counted(&rig),
            rig,
            _home: home,
            units,
            steps: 0,
            held: 0,
        }
    }

    /// Takes one step. The work that it does and the output that it makes must have been paid.
    fn step(&mut self) -> Turn {
        self.steps += 1;
        let Rig {
            clock,
            store,
            session,
        } = &mut self.rig;
        let mut budget = match self.units {
            Some(units) => Budget::new(clock, units, HOUR),
            None => Budget::unlimited(clock),
        };
        let before = session.state.output.in_memory();
        let mut turn = Turn::Idle;
        self.held += measure(|| turn = session.run(store, &mut budget)).bytes_current;
        let made = session.state.output.in_memory().saturating_sub(before);
        let done = work::take();
        if let Some(units) = self.units {
            let paid = u64::from(units) * PER_UNIT;
            assert!(done <= paid + UNPAID, "{done} done, {paid} paid");
            assert!(
                made as u64 <= paid + CHUNK as u64,
                "{made} made, {paid} paid"
            );
        }
        let held = session.state.output.in_memory();
        assert!(held <= HIGH_WATER + CHUNK, "{held} octets are held");
        let (held, counted) = (self.held, counted(&self.rig) - self.counted);
        assert!(
            held <= counted + UNCOUNTED,
            "{held} held, {counted} counted"
        );
        turn
    }

    /// Reads all output.
    fn receive(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        self.held += measure(|| {
            let read = received(&mut self.rig);
            opt_out(|| all = read.clone());
        })
        .bytes_current;
        all
    }

    /// Carries the command out for a client that reads whenever the output is full.
    fn run(mut self) -> (Vec<u8>, usize) {
        let mut all = Vec::new();
        loop {
            match self.step() {
                Turn::Runnable => {}
                Turn::OutputFull => all.append(&mut self.receive()),
                Turn::Idle => break,
                Turn::Until(time) => {
                    let wait = time.saturating_duration_since(self.rig.clock.now());
                    self.rig.clock.advance(wait.max(Duration::from_millis(1)));
                }
                other => panic!("the session waits: {other:?}"),
            }
        }
        all.append(&mut self.receive());
        (all, self.steps)
    }
}

const HOUR: Duration = Duration::from_secs(3600);

/// Returns the octets of memory that the session and the store count.
fn counted(rig: &Rig) -> i64 {
    i64::try_from(rig.session.memory() + rig.store.memory()).expect("less than all memory")
}

fn received(rig: &mut Rig) -> Vec<u8> {
    let mut all = Vec::new();
    while !rig.session.poll_output().is_empty() {
        let octets = rig.session.poll_output();
        all.extend_from_slice(octets);
        let count = octets.len();
        rig.session.state.consume(count);
    }
    all
}

/// Fetches items with a few units a step, and all at once: the client receives the same.
fn check(message: &[u8], items: &str, units: u32) -> (Vec<u8>, usize) {
    let (whole, _) = Fetch::begin(message, items, None).run();
    let (stepped, steps) = Fetch::begin(message, items, Some(units)).run();
    assert!(stepped == whole, "the steps change what is sent");
    let end = b"d OK FETCH completed\r\n";
    assert!(whole.ends_with(end), "{}", String::from_utf8_lossy(&whole));
    (stepped, steps)
}

#[test]
fn sections_of_a_header_of_many_fields_are_stepped_through() {
    let message = ["a:\n".repeat(30_000), "To: x\n\ntext\n".to_owned()].concat();
    let names: String = (0..150).fold(String::new(), |mut names, number| {
        let _ = write!(names, " x{number}");
        names
    });
    let items: String = (0..4).fold(String::new(), |mut items, number| {
        let _ = write!(items, "BODY.PEEK[HEADER.FIELDS (To y{number}{names})] ");
        items
    });
    let (_, steps) = check(message.as_bytes(), items.trim_end(), 50);
    assert!(steps > 4 * 30_000 / 64 / 50, "{steps} steps");
    check(
        message.as_bytes(),
        "BODY.PEEK[HEADER.FIELDS.NOT (b)]<80000.90000>",
        50,
    );
    check(message.as_bytes(), "BODY.PEEK[HEADER.FIELDS.NOT (To)]", 50);
}

#[test]
fn an_envelope_of_many_addresses_is_written_in_steps() {
    let addresses = "a@b,".repeat(20_000);
    let message = format!("To: {addresses}\nCc: {addresses}\nSubject: s\n\ntext\n");
    let (sent, steps) = check(message.as_bytes(), "ENVELOPE", 20);
    let address = b"(NIL NIL \"a\" \"b\")";
    let count = sent
        .windows(address.len())
        .filter(|window| window == address)
        .count();
    assert_eq!(count, 2 * 8192, "as many as the limit of addresses allows");
    assert!(steps > 20, "{steps} steps");
}

#[test]
fn an_envelope_of_one_long_string_is_written_in_pieces() {
    let subject = "x ".repeat(100_000);
    check(
        format!("Subject: {subject}\nFrom: {subject}\n\n").as_bytes(),
        "ENVELOPE",
        4,
    );
}

/// Makes a message with so many parts, each with so many parameters.
fn parts(count: usize, params: usize) -> String {
    let params: String = (0..params).fold(String::new(), |mut params, number| {
        let _ = write!(params, ";p{number}=v");
        params
    });
    let part = format!("--b\nContent-Type: a/b{params}\n\nx\n");
    let head = "Content-Type: multipart/mixed; boundary=b\n\n";
    [head, &part.repeat(count), "--b--\n"].concat()
}

#[test]
fn a_structure_of_many_parts_is_written_in_steps_and_held_in_pieces() {
    let message = parts(300, 99);
    let (sent, steps) = check(message.as_bytes(), "BODYSTRUCTURE BODY", 20);
    assert!(sent.len() > 600_000 && steps > 20, "{steps} steps");
}

#[test]
fn nested_messages_are_written_in_steps() {
    let message = "Content-Type: message/rfc822\nSubject: s\nTo: a@b, c@d\n\n".repeat(5000);
    let (sent, _) = check(message.as_bytes(), "BODYSTRUCTURE", 1);
    let found = sent.windows(3).filter(|window| window == b"\"s\"").count();
    assert_eq!(found, 31, "as many as the limit of the depth allows");
}

#[test]
fn mime_headers_of_many_parts_and_far_ranges_are_found() {
    let message = parts(100, 20);
    let mime: Vec<String> = (1..=99)
        .map(|part| format!("BODY.PEEK[{part}.MIME]"))
        .collect();
    check(message.as_bytes(), &mime.join(" "), 2);
    let end = message.len();
    let range = |number: usize| format!("BODY.PEEK[]<{}.{}>", end - 50 * number, number + 1);
    let ranges: Vec<String> = (1..90).map(range).collect();
    let (_, steps) = check(message.as_bytes(), &ranges.join(" "), 4);
    // Two passes over the file of 40 KB, and the ranges: not one pass for each range.
    assert!(steps < 60, "{steps} steps");
}

#[test]
fn a_client_that_does_not_read_costs_little_and_gets_no_bye() {
    let message = parts(300, 99);
    let mut fetch = Fetch::begin(message.as_bytes(), "BODYSTRUCTURE", Some(300));
    while fetch.step() != Turn::OutputFull {}
    let session = &mut fetch.rig.session;
    session.shut_down("The server is shutting down");
    assert!(session.is_broken(), "the connection is closed at once");
    let sent = fetch.receive();
    assert!(!sent.windows(5).any(|window| window == b"* BYE"));
}

#[test]
fn a_session_that_ends_for_memory_writes_nothing_into_half_a_response() {
    let message = parts(300, 99);
    let mut fetch = Fetch::begin(message.as_bytes(), "BODYSTRUCTURE", Some(300));
    while fetch.step() != Turn::OutputFull {}
    fetch.receive();
    let session = &mut fetch.rig.session;
    assert!(!session.has_output(), "the client has read all there is");
    session.end_for_memory();
    assert!(session.is_broken(), "the connection is closed at once");
    assert!(fetch.receive().is_empty());
}

#[test]
fn between_two_responses_a_client_gets_a_bye() {
    let mut fetch = Fetch::begin(b"Subject: s\n\nx\n", "BODYSTRUCTURE", None);
    assert_eq!(fetch.step(), Turn::Idle);
    let session = &mut fetch.rig.session;
    session.shut_down("The server is shutting down");
    assert!(!session.is_broken());
    assert!(
        fetch
            .receive()
            .ends_with(b"* BYE The server is shutting down\r\n")
    );
}

#[test]
fn a_file_that_shrinks_inside_a_response_ends_the_connection() {
    let message = parts(300, 99);
    let mut fetch = Fetch::begin(message.as_bytes(), "BODYSTRUCTURE", Some(300));
    while fetch.step() != Turn::OutputFull {}
    let path = fetch._home.path().join("cur/1.x:2,S");
    let file = std::fs::File::options().write(true).open(path);
    file.and_then(|file| file.set_len(1000)).expect("shrunk");
    fetch.receive();
    while !fetch.rig.session.is_broken() {
        fetch.step();
        fetch.receive();
    }
}

/// Makes a header, most of whose fields the server knows.
fn header() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "To",
        "cc",
        "From",
        "Subject",
        "Date",
        "X",
        "a",
        "Reply-To",
        "Content-ID",
        "Content-Disposition",
        "Content-Description",
        "not a field",
    ]);
    let value = prop::sample::select(vec![
        "",
        "x",
        "a@b",
        "Jo <@r:jo@x>",
        "a@b, \"q\" <c@d>,\n (e) f@g",
        "g: a@b;",
        "\u{e9} 100% \"",
        "inline; filename=x; size=1",
        "<1@x>",
        "a\n b\n c",
    ]);
    let field = (name, value, 1..40usize);
    let fields = prop::collection::vec(field, 0..12);
    fields.prop_map(|fields| {
        let line =
            |(name, value, times): (&str, &str, usize)| format!("{name}: {value}\n").repeat(times);
        fields.into_iter().map(line).collect()
    })
}

/// Makes a message with parts, messages or neither inside it.
fn message() -> impl Strategy<Value = String> {
    let leaf =
        (header(), "[a-z\n=]{0,200}").prop_map(|(header, body)| format!("{header}\n{body}\n"));
    leaf.prop_recursive(3, 12, 4, |inner| {
        let multipart = (
            header(),
            prop::collection::vec(inner.clone(), 1..4),
            "[ab]{1,2}",
        );
        let multipart = multipart.prop_map(|(header, parts, boundary)| {
            let head = format!("{header}Content-Type: multipart/mixed; boundary={boundary}\n\n");
            let part = |part: &String| format!("--{boundary}\n{part}\n");
            head + &parts.iter().map(part).collect::<String>() + &format!("--{boundary}--\n")
        });
        let message = (header(), inner).prop_map(|(header, message)| {
            format!("{header}Content-Type: message/rfc822\n\n{message}")
        });
        prop_oneof![multipart, message]
    })
}

fn items() -> impl Strategy<Value = Vec<&'static str>> {
    let all = vec![
        "ENVELOPE",
        "BODY",
        "BODYSTRUCTURE",
        "FLAGS",
        "UID",
        "RFC822.SIZE",
        "INTERNALDATE",
        "BODY.PEEK[]",
        "BODY.PEEK[]<7.90>",
        "BODY.PEEK[HEADER]",
        "BODY.PEEK[TEXT]<40.9>",
        "BODY.PEEK[1]",
        "BODY.PEEK[1.MIME]",
        "BODY.PEEK[2.HEADER]",
        "BODY.PEEK[1.1]<3.5>",
        "BODY.PEEK[HEADER.FIELDS (To X)]",
        "BODY.PEEK[HEADER.FIELDS.NOT (to)]",
        "BODY.PEEK[1.HEADER.FIELDS (Subject)]<3.40>",
        "BODY.PEEK[HEADER.FIELDS.NOT (Y)]<300.999>",
        "BINARY.PEEK[1]",
        "BINARY.SIZE[1]",
        "BINARY.PEEK[1]<5.20>",
        "BINARY.SIZE[]",
    ];
    let count = 1..all.len();
    prop::sample::subsequence(all, count).prop_shuffle()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn steps_are_paid_and_change_nothing(
        message in message(),
        items in items(),
        units in 1..20u32,
    ) {
        check(message.as_bytes(), &items.join(" "), units);
    }
}
