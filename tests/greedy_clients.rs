//! A hundred greedy clients of four users, under a limit of the kernel: the server stays within
//! `--max-memory`, lives, and serves another user all the time.
//!
//! The limit is `RLIMIT_AS`, which every host has, not that of a control group, which only some let
//! a test make. Where the server asks for more, the system refuses, and the server ends.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use crate::support::imap::Client;
use crate::support::maildir::message;
use crate::support::program::until;
use crate::support::server::{self, TestServer};
use crate::support::site::{PASSWORD, Site};

const GREEDY_USERS: [&str; 4] = ["ann", "bob", "cat", "dan"];
/// Greedy clients of each of them.
const CLIENTS: usize = 25;
/// Messages of each of them.
const MESSAGES: usize = 1500;
/// What the server is told to use at most.
const MAX_MEMORY_MIB: u64 = 8;
/// What it has besides: mailboxes, and what the allocator does not give back.
const MARGIN_MIB: u64 = 24;
/// Commands and sessions that have to end for their memory before the test does.
const ENDS: usize = 20;

const LIMIT: Duration = Duration::from_secs(120);

/// A message with long addresses and many parts, each with many parameters.
fn large_message() -> Vec<u8> {
    let words = |prefix: &str| format!("{prefix}-{}", "long word ".repeat(25));
    let params: String = (0..90).map(|number| format!(";\n p{number}=v")).collect();
    let part = format!("--b\nContent-Type: a/b{params}\n\nx\n");
    format!(
        "Subject: {0}\nFrom: \"{0}\" <{1}@x>\nTo: {1}@x\nCc: {1}@y\nMessage-ID: <1@x>\n\
         Content-Type: multipart/mixed; boundary=b\n\n{2}--b--\n",
        words("subject"),
        "a".repeat(190),
        part.repeat(100)
    )
    .into_bytes()
}

/// Adds a user with many messages, which all are links to one file.
fn add_greedy_user(site: &Site, user: &str) {
    let mut list = fs::read_to_string(site.users()).expect("the passwd-file");
    list.push_str(&format!(
        "{user}:{{PLAIN}}{PASSWORD}:{0}:{0}\n",
        owner(site)
    ));
    fs::write(site.users(), list).expect("the passwd-file");
    let maildir = site.maildir_at(&format!("mail/{user}"));
    maildir.folder("Copies");
    let cur = maildir.path().join("cur");
    maildir.put(&large_message(), "S", Duration::from_secs(60));
    let mut files = fs::read_dir(&cur).expect("a directory");
    let first = files.next().and_then(Result::ok).expect("a message").path();
    for number in 1..MESSAGES {
        fs::hard_link(&first, cur.join(format!("{number:05}.host:2,S"))).expect("a link");
    }
}

fn owner(site: &Site) -> String {
    site.owner().map_or_else(String::new, |id| id.to_string())
}

/// Returns a figure of `/proc/PID/status` in MiB, such as `VmRSS`.
fn mebibytes(server: &TestServer, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("it lives");
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let figure = line.and_then(|line| line.trim_start_matches(':').split_whitespace().next());
    let kib: u64 = figure.and_then(|kib| kib.parse().ok()).expect("a figure");
    kib >> 10
}

/// Starts a server, with a limit of its address space if that is given.
fn start(site: &Site, mebibytes: Option<u64>) -> TestServer {
    let limit = MAX_MEMORY_MIB.to_string();
    let arguments = ["--max-memory", &limit, "--max-per-address", "200"];
    let plain = server::command(site);
    let mut command = Command::new("sh");
    let kib = mebibytes.map_or_else(|| "unlimited".to_owned(), |mib| (mib << 10).to_string());
    command.args(["-c", "ulimit -v \"$0\" && exec \"$@\"", &kib]);
    command.arg(plain.get_program()).args(plain.get_args());
    TestServer::start_command(command, site, &arguments)
}

/// What a greedy client asks for.
#[derive(Debug, Clone, Copy)]
enum Greed {
    /// Long responses, which it does not read.
    Deaf,
    Sort,
    Thread,
    /// Results that are saved.
    Saved,
    /// Many long strings.
    Strings,
    /// A command that never ends.
    HalfCommand,
    /// A message that never ends.
    HalfMessage,
    /// An APPEND of many messages that never ends.
    ManyMessages,
    /// Copies that it does not wait for.
    Leave,
}

const GREEDS: [Greed; 9] = [
    Greed::Deaf,
    Greed::Sort,
    Greed::Thread,
    Greed::Saved,
    Greed::Strings,
    Greed::HalfCommand,
    Greed::HalfMessage,
    Greed::ManyMessages,
    Greed::Leave,
];

impl Greed {
    fn commands(self) -> String {
        let odd: Vec<String> = (1..MESSAGES).step_by(2).map(|n| n.to_string()).collect();
        let odd = odd.join(",");
        match self {
            Self::Deaf => "f FETCH 1:* (BODYSTRUCTURE ENVELOPE BODY.PEEK[])\r\n".into(),
            Self::Sort => "s SORT (SUBJECT FROM TO CC) UTF-8 ALL\r\n".repeat(3),
            Self::Thread => "t THREAD REFERENCES UTF-8 ALL\r\n".repeat(3),
            Self::Saved => {
                format!("r SEARCH RETURN (SAVE) {odd}\r\nr SEARCH OR UID $ TEXT zzz\r\n").repeat(2)
            }
            Self::Strings => {
                let string = |number| format!(" OR TEXT x{number}{} ALL", "y".repeat(200));
                let strings: String = (0..250).map(string).collect();
                format!("k SEARCH{strings} TEXT q\r\n").repeat(2)
            }
            Self::HalfCommand => format!("h SEARCH TEXT {{60000+}}\r\n{}", "x".repeat(59_000)),
            Self::HalfMessage => {
                format!("h APPEND Copies {{1000000+}}\r\n{}", "x\r\n".repeat(50_000))
            }
            Self::ManyMessages => {
                format!(
                    "m APPEND Copies{}",
                    " (k1 k2) {6+}\r\n\r\nxyz\n".repeat(300)
                )
            }
            Self::Leave => "c COPY 1:* Copies\r\n".into(),
        }
    }
}

/// A greedy client, which neither waits for an answer nor looks at one.
struct Greedy {
    greed: Greed,
    user: &'static str,
    stream: TcpStream,
}

impl Greedy {
    fn connect(greed: Greed, user: &'static str, server: &TestServer) -> Self {
        let stream = TcpStream::connect(server.address()).expect("the server lives");
        stream.set_nonblocking(true).expect("a socket");
        let mut client = Self {
            greed,
            user,
            stream,
        };
        client.send(&format!(
            "a LOGIN {user} {PASSWORD}\r\nb CAPABILITY\r\nc SELECT INBOX\r\n"
        ));
        client.send(&greed.commands());
        client
    }

    fn send(&mut self, text: &str) {
        // What the socket has no room for is not sent.
        let _ = self.stream.write(text.as_bytes());
    }

    /// Discards what has come. Returns how many commands and sessions were ended for their memory,
    /// and whether the connection is closed.
    fn discard(&mut self) -> (usize, bool) {
        if matches!(self.greed, Greed::Deaf) {
            return (0, false);
        }
        let (mut ended, mut buffer) = (0, vec![0; 1 << 16]);
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return (ended, true),
                Ok(count) => {
                    let text = String::from_utf8_lossy(&buffer[..count]);
                    ended += text.matches("has no memory for that command").count();
                    ended += text.matches("You use too much memory").count();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return (ended, false),
                Err(_) => return (ended, true),
            }
        }
    }
}

/// Uses the server as people do. Every command has to be answered OK.
fn be_polite(client: &mut Client) {
    client.ok("NOOP");
    client.append_ok("INBOX", "", &message("polite", "p@x", "text"));
    client.ok("SELECT INBOX");
    client.ok("FETCH 1:* (FLAGS ENVELOPE BODY[])");
    client.ok("SEARCH TEXT text");
    client.ok("SORT (DATE) UTF-8 ALL");
}

#[test]
fn a_hundred_greedy_clients_cost_no_more_than_the_limit_and_nobody_else_anything() {
    let site = Site::new();
    for user in GREEDY_USERS {
        add_greedy_user(&site, user);
    }
    let room = MAX_MEMORY_MIB + MARGIN_MIB;
    // With the mailboxes and the threads that flush, which are there before the greedy clients.
    let limit = mebibytes(prepare(&start(&site, None)).0, "VmSize") + room;
    let server = start(&site, Some(limit));
    let (server, mut polite, _first) = prepare(&server);
    let before = mebibytes(server, "VmRSS");

    let kinds = GREEDS.iter().copied().cycle();
    let users = GREEDY_USERS.iter().copied().cycle();
    let mut greedy: Vec<Greedy> = kinds
        .zip(users)
        .take(GREEDY_USERS.len() * CLIENTS)
        .map(|(greed, user)| Greedy::connect(greed, user, server))
        .collect();
    let mut ended = 0;
    until("commands that end for their memory", LIMIT, || {
        for client in &mut greedy {
            let (count, is_closed) = client.discard();
            ended += count;
            if is_closed || matches!(client.greed, Greed::Leave) {
                *client = Greedy::connect(client.greed, client.user, server);
            }
        }
        be_polite(&mut polite);
        (ended >= ENDS).then_some(())
    });
    assert!(server.log().contains("(max-memory)"));
    let most = mebibytes(server, "VmHWM");
    println!("{ended} commands and sessions have ended; {before} MiB before, {most} MiB at most");
    assert!(most <= before + room, "{most} MiB, {before} MiB before");
}

/// Opens all mailboxes, as one client of each user does.
fn prepare(server: &TestServer) -> (&TestServer, Client, Vec<Client>) {
    let mut polite = server.login_imap4();
    be_polite(&mut polite);
    let first = GREEDY_USERS.map(|user| select(server, user));
    (server, polite, first.into())
}

fn select(server: &TestServer, user: &str) -> Client {
    let mut client = server.connect();
    client.ok(&format!("LOGIN {user} {PASSWORD}"));
    client.ok("SELECT INBOX");
    client
}
