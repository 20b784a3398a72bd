//! Transcripts: a session as a text file, after the manner of RFC 1064.
//!
//! ```text
//! # a comment
//! dialect imap2                      auto (the default), imap2, imap2bis or imap4
//! no-passwords                       the connections take no password, as without encryption
//! offers-scram                       the server offers SCRAM; logins are the example of RFC 7677
//! offers-tls                         the server offers STARTTLS
//! special-use Sent=Gesendet          the option of that name; the mailbox in modified UTF-7
//! read-only                          the option of that name
//! autocreate                         missing special-use mailboxes are created
//! namespace-prefix INBOX.            the option of that name
//! keywords Meeting Notice            the mailbox's keywords, a, b, ...
//! message 3 Sab rfc1064.eml          UID, flag letters (`-`: none), file of tests/mail (with LF)
//! message .Work:1 - plain.eml        the same in another folder
//! board general:1 - plain.eml        the same in a bulletin board
//! deliver plain.eml                  a file in new/, without a UID; between commands too
//! remove 3                           deletes the file with that UID, as another program does
//! flags 3 FS                         renames it, as another program does
//! C: a1 LOGIN crispin secret         the client sends this line, with CRLF
//! C> {raw octets with \r \n \0 \xff} the client sends this without CRLF; \[900*ab] repeats ab
//! S: * OK ...                        the server sends exactly this; `…` matches anything in a line
//! S> {raw octets, as with C>}        the server sends this, which is not a line of text
//! S< plain.eml                       the server sends that message, every line end as CRLF
//! «name»                             in an S line: a number, the same wherever the name returns;
//!                                    in a C line: that number
//! C2: / S2:                          the same for a second connection
//! close                              the client closes its side
//! wait 31m                           time passes
//! tls                                the handshake after STARTTLS succeeds; earlier input is lost
//! ```
//!
//! The transcript must contain everything that the server sends. After every line, sessions in IDLE
//! look at their mailbox.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use imap2d::testing::SpecialUse;
use imap2d::testing::{Dialect, Level};
use imap2d::testing::{SpecialUses, TlsInfo};

use super::{Harshness, Rig, put};

/// INTERNALDATE of all messages of a transcript: 9-Jun-1988 12:55:43 PDT (RFC 1064 p. 19).
const DATE: u64 = 581_889_343;

/// Plays a transcript in all eight ways to treat a session.
pub(crate) fn run(path: &Path) {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for harshness in Harshness::all() {
        Player::new(path, &text, harshness).play(&text);
    }
}

struct Player<'t> {
    path: &'t Path,
    harshness: Harshness,
    rig: Rig,
    pending: Vec<Vec<u8>>,
    line: usize,
    uids: Vec<(PathBuf, u32)>,
    /// The numbers that the server assigned, by the names that the transcript gives them.
    named: HashMap<String, String>,
}

impl<'t> Player<'t> {
    fn new(path: &'t Path, text: &str, harshness: Harshness) -> Self {
        let named = text.lines().find_map(|line| line.strip_prefix("dialect "));
        let dialect =
            match named.map_or("auto", |rest| rest.split_whitespace().next().unwrap_or("")) {
                "auto" => Dialect::auto(),
                "imap2" => Dialect::pinned(Level::Imap2),
                "imap2bis" => Dialect::pinned(Level::Imap2bis),
                "imap4" => Dialect::pinned(Level::Imap4),
                other => panic!("{}: no such dialect: {other}", path.display()),
            };
        let read_only = text.lines().any(|line| line == "read-only");
        let rig = Rig::new(dialect, harshness, read_only, |config| {
            config.special_uses = SpecialUses::new(roles(text));
            config.offers_tls = text.lines().any(|line| line == "offers-tls");
            config.autocreate = text.lines().any(|line| line == "autocreate");
            if text.lines().any(|line| line == "namespace-prefix INBOX.") {
                config.namespace_prefix = "INBOX.";
            }
        });
        Self {
            path,
            harshness,
            rig,
            pending: Vec::new(),
            line: 0,
            uids: Vec::new(),
            named: HashMap::new(),
        }
    }

    fn play(mut self, text: &str) {
        for (at, line) in text.lines().enumerate() {
            self.line = at + 1;
            self.play_line(line);
            for connection in 0..self.pending.len() {
                let received = self.rig.stir(connection);
                self.pending[connection].extend(received);
            }
        }
        for connection in 0..self.pending.len() {
            let left = &self.pending[connection];
            assert!(
                left.is_empty(),
                "{}\nat the end {} also came:\n{}",
                self.place(),
                connection + 1,
                show(left)
            );
        }
    }

    fn play_line(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "" | "#" | "dialect" | "read-only" | "special-use" | "autocreate"
            | "namespace-prefix" | "offers-tls" => {}
            "no-passwords" => self.rig.takes_passwords = false,
            "offers-scram" => self.rig.offers_scram = true,
            "keywords" => self.keywords(rest),
            "message" => self.message(rest, &self.rig.mail()),
            "board" => self.message(&format!("/{rest}"), &self.rig.boards()),
            "deliver" => self.deliver(rest),
            "remove" => self.remove(rest),
            "flags" => self.flags(rest),
            "wait" => self.wait(rest),
            "tls" => self.begin_tls(),
            "close" => {
                let received = self.rig.close(0);
                self.pending[0].extend(received);
            }
            _ if word.starts_with('C') && word.ends_with(':') => {
                let line = self.with_numbers(rest);
                self.send(word, format!("{line}\r\n").as_bytes());
            }
            _ if word.starts_with('C') && word.ends_with('>') => self.send(word, &unescape(rest)),
            _ if word.starts_with('S') && word.ends_with(':') => self.expect_line(word, rest),
            _ if word.starts_with('S') && word.ends_with('>') => {
                self.expect_octets(word, &unescape(rest));
            }
            _ if word.starts_with('S') && word.ends_with('<') => {
                self.expect_octets(word, &on_the_wire(&mail(rest)));
            }
            _ => panic!("{}: not a transcript line: {line}", self.place()),
        }
    }

    fn place(&self) -> String {
        format!(
            "{}:{} ({:?})",
            self.path.display(),
            self.line,
            self.harshness
        )
    }

    /// Returns the number of a connection. Opens it when the transcript first names it.
    fn connection(&mut self, word: &str) -> usize {
        let digits: String = word.chars().filter(char::is_ascii_digit).collect();
        let number = digits.parse::<usize>().unwrap_or(1) - 1;
        while self.pending.len() <= number {
            let connection = self.rig.connect();
            let greeting = self.rig.send(connection, b"");
            self.pending.push(greeting);
        }
        number
    }

    fn send(&mut self, word: &str, octets: &[u8]) {
        let connection = self.connection(word);
        let left = &self.pending[connection];
        assert!(
            left.is_empty(),
            "{}\nbefore this came:\n{}",
            self.place(),
            show(left)
        );
        self.pending[connection] = self.rig.send(connection, octets);
    }

    fn expect_line(&mut self, word: &str, expected: &str) {
        let connection = self.connection(word);
        let received = &mut self.pending[connection];
        let end = received.windows(2).position(|pair| pair == b"\r\n");
        let line: Vec<u8> = received
            .drain(..end.map_or(received.len(), |end| end + 2))
            .collect();
        let actual =
            String::from_utf8_lossy(line.strip_suffix(b"\r\n").unwrap_or(&line)).into_owned();
        let rest = show(&self.pending[connection]);
        let expected = &self.with_numbers(expected);
        let named = numbers_named(expected, &actual);
        let (expected, new) = named.unwrap_or_else(|| (expected.clone(), HashMap::new()));
        self.named.extend(new);
        assert!(
            end.is_some() && matches(&expected, &actual),
            "{}\nexpected: {expected}\nreceived: {actual}\nthen:\n{rest}",
            self.place()
        );
    }

    /// Returns the line with the known numbers in place of their names.
    fn with_numbers(&self, line: &str) -> String {
        let mut line = line.to_owned();
        for (name, number) in &self.named {
            line = line.replace(&format!("«{name}»"), number);
        }
        line
    }

    fn expect_octets(&mut self, word: &str, expected: &[u8]) {
        let connection = self.connection(word);
        let received = &mut self.pending[connection];
        let count = expected.len().min(received.len());
        let actual: Vec<u8> = received.drain(..count).collect();
        assert!(
            actual == expected,
            "{}\nexpected:\n{}\nreceived:\n{}",
            self.place(),
            show(expected),
            show(&actual)
        );
    }

    fn keywords(&self, names: &str) {
        let mut lines = String::new();
        for (index, name) in names.split_whitespace().enumerate() {
            let _ = writeln!(lines, "{index} {name}");
        }
        fs::write(self.rig.mail().join("dovecot-keywords"), lines).expect("the keyword file");
    }

    /// Handles `message [FOLDER:]UID FLAGS FILE`.
    fn message(&mut self, rest: &str, root: &Path) {
        let mut words = rest.trim_start_matches('/').split_whitespace();
        let (place, flags, file) = (
            words.next().expect("a UID"),
            words.next().expect("flags"),
            words.next().expect("a file"),
        );
        let (folder, uid) = place.split_once(':').unwrap_or(("", place));
        let directory = if folder.is_empty() {
            root.to_owned()
        } else {
            root.join(folder)
        };
        let flags = flags.trim_matches('-');
        for part in ["new", "tmp"] {
            fs::create_dir_all(directory.join(part)).expect("a directory");
        }
        put(
            &directory.join("cur"),
            &format!("{}:2,{flags}", base(uid)),
            &mail(file),
            DATE,
        );
        let list = directory.join("dovecot-uidlist");
        let header = "3 V1064 N1 G0123456789abcdef0123456789abcdef\n".to_owned();
        let lines = fs::read_to_string(&list).unwrap_or(header);
        fs::write(list, format!("{lines}{uid} :{}\n", base(uid))).expect("the uid list");
        self.uids.push((directory, uid.parse().expect("a UID")));
    }

    fn deliver(&self, file: &str) {
        let name = format!("2000000000.M{}P1.delivery", self.line);
        put(&self.rig.mail().join("new"), &name, &mail(file), DATE);
    }

    fn path_of(&self, uid: &str) -> PathBuf {
        let directory = self.rig.mail().join("cur");
        let entries = fs::read_dir(&directory).expect("cur");
        let mut names = entries.map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("a name")
        });
        let prefix = format!("{}:", base(uid));
        let name = names
            .find(|name| name.starts_with(&prefix))
            .unwrap_or_else(|| panic!("{}: no UID {uid}", self.place()));
        directory.join(name)
    }

    fn remove(&self, uid: &str) {
        fs::remove_file(self.path_of(uid)).expect("a message file");
    }

    fn flags(&self, rest: &str) {
        let (uid, flags) = rest.split_once(' ').unwrap_or((rest, ""));
        let to = self
            .rig
            .mail()
            .join("cur")
            .join(format!("{}:2,{flags}", base(uid)));
        fs::rename(self.path_of(uid), to).expect("a message file");
    }

    fn begin_tls(&mut self) {
        let session = self.rig.session(0);
        assert!(session.is_starting_tls() && !session.wants_input());
        session.handle_tls(TlsInfo {
            exporter: Some([7; 32]),
            end_point: None,
        });
        self.rig.drive(0, &mut self.pending[0]);
    }

    fn wait(&mut self, rest: &str) {
        let minutes: u64 = rest.trim_end_matches('m').parse().expect("minutes");
        self.rig.clock.advance(Duration::from_secs(60 * minutes));
        for connection in 0..self.pending.len() {
            let now = imap2d::testing::Clock::now(&self.rig.clock);
            self.rig.session(connection).handle_timeout(now);
            self.rig.drive(connection, &mut self.pending[connection]);
        }
    }
}

/// Returns the special uses that the transcript declares.
fn roles(text: &str) -> Vec<(SpecialUse, String)> {
    let said = text
        .lines()
        .filter_map(|line| line.strip_prefix("special-use "));
    let role = |said: &str| {
        let (role, name) = said.split_once('=').expect("role=name");
        let attribute = format!("\\{role}");
        let used = SpecialUse::from_attribute(attribute.as_bytes()).expect("a role");
        (used, name.to_owned())
    };
    said.map(role).collect()
}

fn base(uid: &str) -> String {
    format!("100000000{uid}.M1P1.fixture")
}

fn mail(file: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/mail")
        .join(file);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn on_the_wire(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, &octet) in octets.iter().enumerate() {
        if octet == b'\n' && (at == 0 || octets[at - 1] != b'\r') {
            out.push(b'\r');
        }
        out.push(octet);
    }
    out
}

/// Returns true if the line is as expected. `…` matches any run of characters.
fn matches(expected: &str, actual: &str) -> bool {
    let mut parts = expected.split('…');
    let Some(mut rest) = actual.strip_prefix(parts.next().unwrap_or("")) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Finds the numbers that the names in `expected` stand for. Returns `None` if the line does not
/// match.
fn numbers_named(expected: &str, actual: &str) -> Option<(String, HashMap<String, String>)> {
    let (mut expected, mut named) = (expected.to_owned(), HashMap::new());
    while let Some((before, rest)) = expected.split_once('«') {
        let (name, _) = rest.split_once('»')?;
        let tail = actual.strip_prefix(before)?;
        let digits = tail.bytes().take_while(u8::is_ascii_digit).count();
        let (name, number) = (name.to_owned(), tail[..digits].to_owned());
        expected = expected.replace(&format!("«{name}»"), &number);
        named.insert(name, number);
    }
    Some((expected, named))
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut octets = text.bytes();
    while let Some(octet) = octets.next() {
        if octet != b'\\' {
            out.push(octet);
            continue;
        }
        let code = octets.next();
        if code == Some(b'[') {
            let inner: Vec<u8> = octets.by_ref().take_while(|&octet| octet != b']').collect();
            out.extend(repeated(&inner));
            continue;
        }
        out.push(match code {
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b'0') => 0,
            Some(b'x') => {
                let digits = [octets.next(), octets.next()]
                    .map(|digit| digit.expect("two hex digits") as char);
                u8::from_str_radix(&digits.iter().collect::<String>(), 16).expect("two hex digits")
            }
            other => other.expect("an octet after the backslash"),
        });
    }
    out
}

/// Expands `900*ab`.
fn repeated(inner: &[u8]) -> Vec<u8> {
    let inner = std::str::from_utf8(inner).expect("ASCII");
    let (count, text) = inner.split_once('*').expect("a count and a text");
    unescape(text).repeat(count.parse().expect("a count"))
}

fn show(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).replace('\r', "\\r")
}
