//! A property test that no command of any family works more in a step than it has paid for, on
//! mail, names and arguments that are made to be expensive.
//!
//! The test is not timed. Time is what three clocks count, of which none knows the
//! [`Budget`](crate::budget::Budget), so that a loop that pays too little cannot hide in what it
//! says of itself:
//!
//! 1. [`work`] ticks in the innermost loops of the rooms: per octet scanned, decoded, folded,
//!    compared or encoded; per field, token, line, record, name and directory entry looked at; per
//!    system call on a path.
//! 2. The kernel counts the octets that this thread reads and writes, and the calls
//!    (`/proc/thread-self/io`).
//! 3. The allocator counts the octets that this thread allocates: what is copied, cloned or
//!    collected.
//!
//! After each step the sum is compared with the units that the step has paid: at most
//! [`TICKS_PER_UNIT`] for each, and a constant for the last piece of work, which may cost more than
//! it seemed to. What is done when input comes and when output is fetched is not paid; each call
//! may take the constant. It is [`LARGE_PIECE`] for large messages, and [`SMALL_PIECE`] for
//! hundreds of small messages and mailboxes, none of which may be touched for nothing.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;

use super::rig::{Rig, account};
use crate::budget::{Budget, Clock as _};
use crate::session::Turn;
use crate::work;

/// Ticks that a unit pays for: four times the octets that are scanned for it (`COST_READ_16K`). An
/// octet of a file is counted when it is read, when it is copied into a buffer that grows, and when
/// it is scanned.
const TICKS_PER_UNIT: u64 = 4 * 16 * 1024 / 3;
/// Ticks of a piece of work on a large message: two thirds of an ordinary step, 1.3 ms. A buffer
/// for a header of 256 KiB doubles until it is twice as large.
const LARGE_PIECE: u64 = 200 * 16 * 1024 / 3;
/// Ticks of a piece of work on small things: 0.15 ms.
const SMALL_PIECE: u64 = 24 * 16 * 1024 / 3;
/// Ticks of a call of the kernel that reads or writes: 1 us.
const CALL: u64 = 1024;
const HOUR: Duration = Duration::from_secs(3600);

/// What the kernel has counted for this thread, in ticks; 0 if it does not count.
fn kernel_ticks() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/io").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let value = line.and_then(|value| value.trim().parse::<u64>().ok());
        value.unwrap_or(0)
    };
    field("rchar:") + field("wchar:") + CALL * (field("syscr:") + field("syscw:"))
}

/// What the three clocks have counted, in ticks.
#[derive(Debug)]
struct Ticks {
    counted: u64,
    kernel: u64,
    allocated: u64,
}

impl Ticks {
    fn sum(&self) -> u64 {
        self.counted + self.kernel + self.allocated
    }
}

/// Does something and returns what the clocks have counted meanwhile.
fn measure<T>(act: impl FnOnce() -> T) -> (T, Ticks) {
    work::take();
    let mut result = None;
    // Reading what the kernel has counted is counted too.
    let before = kernel_ticks();
    let between = kernel_ticks();
    let allocations = allocation_counter::measure(|| result = Some(act()));
    let after = kernel_ticks();
    let ticks = Ticks {
        counted: work::take(),
        kernel: (after - between).saturating_sub(between - before),
        allocated: allocations.bytes_total,
    };
    (result.expect("it has acted"), ticks)
}

/// A session whose steps are measured.
struct Measured {
    rig: Rig,
    home: tempfile::TempDir,
    /// Units of each step.
    units: u32,
    /// Ticks that a step may do beyond those that it has paid for.
    piece: u64,
    /// The command that is carried out.
    command: String,
}

impl Measured {
    fn new(messages: &[String], small: usize, folders: &[String], units: u32) -> Self {
        // In memory, where that can be had: making hundreds of files takes longer than commands.
        let home = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let home = home.expect("a directory");
        make(home.path());
        for (index, message) in messages.iter().enumerate() {
            put(home.path(), index, message);
        }
        for folder in folders {
            std::fs::create_dir_all(home.path().join(format!(".{folder}"))).expect("a folder");
        }
        let many = home.path().join(".many");
        make(&many);
        make(&home.path().join(".target"));
        for index in 0..small {
            let head = format!("Message-ID: <{index}@x>\nReferences: <{}@x>", index / 2);
            put(&many, index, &format!("Subject: s{index}\n{head}\n\nx\n"));
        }
        let mut rig = Rig::new();
        rig.store.use_flusher();
        rig.session.state.log_in("ann", account(home.path()));
        let piece = match messages {
            [] => SMALL_PIECE,
            _ => LARGE_PIECE,
        };
        Self {
            rig,
            home,
            units,
            piece,
            command: String::new(),
        }
    }

    /// Sends a command, and takes steps until it is answered.
    fn run(&mut self, command: &str) -> String {
        command.clone_into(&mut self.command);
        let text = format!("t {command}\r\n");
        let mut octets = text.as_bytes();
        let mut received = Vec::new();
        loop {
            let now = self.rig.clock.now();
            let (taken, ticks) = measure(|| self.rig.session.handle_input(octets, now));
            self.check(&ticks, 0);
            octets = &octets[taken..];
            let turn = self.step();
            let before = received.len();
            self.receive(&mut received);
            match turn {
                Turn::Until(time) => {
                    let wait = time.saturating_duration_since(self.rig.clock.now());
                    self.rig.clock.advance(wait.max(Duration::from_millis(1)));
                }
                Turn::Idle | Turn::External | Turn::Line
                    if octets.is_empty() && received.len() == before =>
                {
                    return String::from_utf8_lossy(&received).into_owned();
                }
                _ => {}
            }
        }
    }

    fn receive(&mut self, received: &mut Vec<u8>) {
        loop {
            let (count, ticks) = measure(|| self.rig.session.poll_output().len());
            self.check(&ticks, 0);
            if count == 0 {
                return;
            }
            let octets = self.rig.session.poll_output();
            received.extend_from_slice(octets);
            self.rig.session.consume(count, self.rig.clock.now());
        }
    }

    /// Takes one step, and compares what it does with what it pays.
    fn step(&mut self) -> Turn {
        let Rig {
            clock,
            store,
            session,
        } = &mut self.rig;
        let mut budget = Budget::new(clock, self.units, HOUR);
        let (turn, ticks) = measure(|| session.run(store, &mut budget));
        // The disk is not what is measured: each flush ends at once.
        for request in store.take_flush_requests() {
            store.complete_flush(request.number(), Ok(()));
        }
        let paid = budget.paid(self.units);
        self.check(&ticks, paid);
        turn
    }

    fn check(&self, ticks: &Ticks, paid: u32) {
        let command = &self.command;
        assert!(
            ticks.sum() <= TICKS_PER_UNIT * u64::from(paid) + self.piece,
            "{paid} units paid for {ticks:?}, in a step of {command:.300}"
        );
    }
}

fn make(dir: &Path) {
    for sub in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(dir.join(sub)).expect("a Maildir");
    }
}

fn put(dir: &Path, index: usize, message: &str) {
    let flags = if index % 3 == 0 { "S" } else { "" };
    let path = dir.join("cur").join(format!("{}.x:2,{flags}", 1 + index));
    std::fs::write(path, message).expect("a message");
}

/// A message whose header or body is one expensive thing, many times.
fn message() -> impl Strategy<Value = String> {
    let field = select(vec![
        "a:\n",
        "To: a@b, \"q\" <c@d>,\n (e) f@g\n",
        "X: ab ab ab\n",
        "Subject: =?iso-2022-jp?B?GyRCJUYlOSVIGyhC?=\n",
        "References: <1@x> <2@x> <3@x>\n",
        "Content-Type: a/b; p=v; q=\"w\"\n",
        "no field\n",
    ]);
    let value = select(vec![
        ("Subject", "=?utf-8?q?=C3=A9?=\n "),
        ("Subject", "Re: [a] Fwd: "),
        ("To", "a@b, "),
        ("Cc", "g: a@b, c@d; "),
        ("From", "(((\\a"),
        ("References", "<1@x>\n "),
        ("Content-Type", "text/plain;\n p*0*=utf-8''%41;"),
        ("Date", "(c) "),
        ("X", "ab "),
    ]);
    let body = select(vec![
        "Content-Type: message/rfc822\n\n",
        "aaaaaaaaaaaaaaaaaab\n",
        "\n",
        "--",
        "--b\nContent-Type: a/b; p=v; q=w; r=x\n\nx\n",
        "--b\nContent-Type: multipart/mixed; boundary=b\n\n",
        "\u{e9}=C3=A9 \r\n",
    ]);
    let head = select(vec![
        "",
        "Content-Type: multipart/mixed; boundary=b\n",
        "Content-Type: message/rfc822\n",
        "Content-Type: text/plain; charset=iso-2022-jp\nContent-Transfer-Encoding: base64\n",
        "Content-Type: text/plain; charset=koi8-r\nContent-Transfer-Encoding: quoted-printable\n",
    ]);
    let times = || 1..8_000usize;
    (head, field, times(), value, times(), body, times()).prop_map(
        |(head, field, fields, (name, value), values, body, bodies)| {
            let value = value.repeat(values);
            let fields = field.repeat(fields);
            let body = body.repeat(bodies);
            format!("{head}{name}: {value}\n{fields}\n{body}")
        },
    )
}

/// The name of a mailbox, of many levels.
fn folder() -> impl Strategy<Value = String> {
    (select(vec!["a", "b", "ab", "&AOk-"]), 1..40usize, 0..99u32)
        .prop_map(|(level, levels, last)| format!("{}{last}", format!("{level}.").repeat(levels)))
}

fn list(count: usize, item: impl Fn(usize) -> String) -> String {
    let items: Vec<String> = (0..count).map(item).collect();
    items.join(" ")
}

fn fetch() -> impl Strategy<Value = String> {
    let item = select(vec![
        "ENVELOPE",
        "BODYSTRUCTURE",
        "BODY",
        "FLAGS",
        "RFC822.SIZE",
        "INTERNALDATE",
        "UID",
        "MODSEQ",
        "BODY.PEEK[]<7.90>",
        "BODY.PEEK[]",
        "BODY[TEXT]<40.9>",
        "BODY.PEEK[1.MIME]",
        "BODY.PEEK[1.1.HEADER]",
        "BINARY.PEEK[1]",
        "BINARY.SIZE[1]",
        "HEADERS",
    ]);
    (item, 1..60usize, select(vec!["", "UID "])).prop_map(|(item, times, uid)| {
        let one = |n: usize| match item {
            "HEADERS" => format!(
                "BODY.PEEK[HEADER.FIELDS ({} y{n})]",
                list(40, |n| format!("x{n}"))
            ),
            item => item.to_owned(),
        };
        format!("{uid}FETCH 1:* ({})", list(times, one))
    })
}

fn keys() -> impl Strategy<Value = String> {
    let key = select(vec![
        "SEEN",
        "UID $",
        "NOT NOT SEEN",
        "HEADER X zz%",
        "SUBJECT zz%",
        "TO a%",
        "TEXT zz%",
        "NOT BODY aaaaaaaaaaac%",
        "OR FROM a% CC b%",
        "SENTBEFORE 1-Jan-2000",
        "LARGER 100",
        "UID 1:3,5:7,9:20000",
        "KEYWORD k%",
        "MODSEQ 1",
    ]);
    prop::collection::vec((key, 1..150usize), 1..4).prop_map(|keys| {
        let one = |(key, times): &(&str, usize)| list(*times, |n| key.replace('%', &n.to_string()));
        keys.iter().map(one).collect::<Vec<_>>().join(" ")
    })
}

fn command() -> impl Strategy<Value = String> {
    let search = (
        select(vec!["SEARCH", "UID SEARCH", "SEARCH RETURN (SAVE)"]),
        keys(),
    );
    let search = search.prop_map(|(command, keys)| format!("{command} {keys}"));
    let sort = select(vec!["SUBJECT", "FROM TO CC", "DATE ARRIVAL SIZE"]);
    let sort = (sort, keys()).prop_map(|(by, keys)| format!("SORT ({by}) UTF-8 {keys}"));
    let thread = select(vec!["REFERENCES", "ORDEREDSUBJECT"]);
    let thread = thread.prop_map(|by| format!("THREAD {by} UTF-8 ALL"));
    let pattern = (select(vec!["*a", "%.", "*.*", "a.%"]), 1..60usize);
    let verb = select(vec![
        "LIST \"\" (#)",
        "LIST \"\" # RETURN (STATUS (MESSAGES SIZE UNSEEN))",
    ]);
    let list_command = (verb, pattern.clone(), 1..20usize).prop_map(|(verb, pattern, count)| {
        let pattern = pattern.0.repeat(pattern.1);
        let patterns = match verb.contains("(#)") {
            true => list(count, |n| format!("{pattern}{n}")),
            false => "*".to_owned(),
        };
        verb.replace('#', &patterns)
    });
    let verb = select(vec!["LSUB \"\" ", "FIND MAILBOXES ", "FIND ALL.MAILBOXES "]);
    let find = (verb, pattern)
        .prop_map(|(verb, (pattern, times))| verb.to_owned() + &pattern.repeat(times));
    let flags = (1..25usize, select(vec!["+", "-", ""])).prop_map(|(count, sign)| {
        format!(
            "STORE 1:* {sign}FLAGS ({} \\Deleted)",
            list(count, |n| format!("k{n}"))
        )
    });
    let names = (
        select(vec![
            "SUBSCRIBE",
            "CREATE",
            "DELETE",
            "STATUS",
            "UNSUBSCRIBE",
        ]),
        folder(),
    );
    let names = names.prop_map(|(verb, name)| match verb {
        "STATUS" => format!("STATUS {name} (MESSAGES SIZE RECENT UNSEEN UIDNEXT)"),
        verb => format!("{verb} {name}"),
    });
    let append =
        (1..100_000usize, select(vec!["x", "\r\n", "a: b\r\n"])).prop_map(|(size, text)| {
            let text = text.repeat(size / text.len());
            format!("APPEND target {{{}+}}\r\n{text}", text.len())
        });
    let other = select(vec![
        "COPY 1:* target",
        "MOVE 1:* target",
        "COPY 1,3,5,7,9,11,13,15,17,19,21,23 INBOX",
        "EXPUNGE",
        "UID EXPUNGE 1:5,9:100",
        "SELECT INBOX",
        "SELECT many",
        "SELECT target",
        "EXAMINE many (QRESYNC (1 1))",
        "RENAME many target.sub",
        "RENAME a z",
        "RENAME INBOX old",
        "DELETE many",
        "NOOP",
        "CHECK",
        "CLOSE",
        "UNSELECT",
        "NAMESPACE",
        "ENABLE QRESYNC",
        "STATUS many (SIZE)",
        "STATUS INBOX (SIZE UNSEEN)",
        "FETCH 1:* (FLAGS) (CHANGEDSINCE 1)",
        "STORE 1:* (UNCHANGEDSINCE 1) FLAGS (\\Seen)",
    ])
    .prop_map(str::to_owned);
    let id = (1..30usize).prop_map(|count| {
        format!(
            "ID ({})",
            list(count, |n| format!("\"k{n}\" \"{}\"", "v".repeat(900)))
        )
    });
    let partial = (1..99u32).prop_map(|from| format!("PARTIAL 1 RFC822.TEXT {from} 100"));
    prop_oneof![
        3 => fetch(),
        3 => search,
        1 => sort,
        1 => thread,
        1 => list_command,
        1 => find,
        1 => flags,
        2 => names,
        1 => append,
        4 => other,
        1 => id,
        1 => partial,
    ]
}

/// Carries the commands out, and checks each step.
fn run(mut measured: Measured, mailbox: &str, commands: &[String]) {
    let capabilities = measured.run("CAPABILITY");
    assert!(capabilities.contains("IMAP4rev1"));
    let selected = measured.run(&format!("SELECT {mailbox}"));
    assert!(selected.contains("t OK [READ-WRITE]"), "{selected}");
    for command in commands {
        let answer = measured.run(command);
        let is_tagged =
            |line: &str| line.contains("t OK") || line.contains("t NO") || line.contains("t BAD");
        assert!(
            answer.lines().any(is_tagged),
            "{command:.300}: {answer:.300}"
        );
    }
    drop(measured.home);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_step_on_large_messages_works_more_than_it_pays_for(
        messages in prop::collection::vec(message(), 1..4),
        small in 0..300usize,
        folders in prop::collection::vec(folder(), 0..60),
        mailbox in select(vec!["INBOX", "many"]),
        commands in prop::collection::vec(command(), 1..8),
        units in prop_oneof![Just(1u32), 2..300u32, Just(300u32)],
    ) {
        run(Measured::new(&messages, small, &folders, units), mailbox, &commands);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn no_step_among_many_things_works_more_than_it_pays_for(
        small in 0..400usize,
        folders in prop::collection::vec(folder(), 200..300),
        commands in prop::collection::vec(command(), 1..8),
        units in prop_oneof![Just(1u32), 2..300u32, Just(300u32)],
    ) {
        run(Measured::new(&[], small, &folders, units), "many", &commands);
    }
}
