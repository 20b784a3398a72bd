//! The wire log: the lines that a client and the server exchange, for an operator who wants to know
//! why a client behaves as it does.
//!
//! It is kept only of the users and addresses that the operator names, and it never shows a
//! password. Removing what looks like a password would not be enough. Instead, the log shows only
//! what cannot be one by the grammar:
//!
//! * The log shows a command if it begins with a tag and the name of a command in the table. It
//!   shows LOGIN, AUTHENTICATE and every command before the login without their arguments. It shows
//!   only the length of a line that is no command: a client whose AUTHENTICATE was refused may send
//!   its response all the same.
//! * It shows only the length of a line that continues a command, except for the DONE of IDLE.
//! * The server's responses repeat nothing that a client has sent but its tags; so the log shows a
//!   tag only if it stood before a command that the log has shown. It shows only the length of a
//!   challenge.
//!
//! The log shows both sides by whole lines, and cuts long ones. It shows only the length of a
//! literal that the server sends. The client's lines come from the framer, so that the log and the
//! session agree on what a command is.

use std::collections::VecDeque;
use std::net::IpAddr;

use crate::protocol::{Outline, literal_size, outline};
use crate::types::AddressRange;

/// Most octets of a line that are shown.
const SHOWN: usize = 400;
/// Room for the announcement of a literal at the end of a long line.
const TAIL: usize = 24;
/// Tags that are remembered for the responses: as many commands as a client is likely to pipeline.
const TAGS: usize = 64;
/// Commands with passwords in their arguments.
const SECRET: [&str; 2] = ["LOGIN", "AUTHENTICATE"];

/// The users and addresses of which a wire log is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WireLog {
    users: Vec<String>,
    addresses: Vec<AddressRange>,
}

impl WireLog {
    /// Returns the wire log of `names`. An address, or a range of them, stands for the clients that
    /// connect from there, everything else for the user of that name.
    pub fn of<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        let mut log = Self::default();
        for name in names {
            match name.as_ref().parse() {
                Ok(range) => log.addresses.push(range),
                Err(()) => log.users.push(name.as_ref().to_string()),
            }
        }
        log
    }

    /// True if a wire log is kept of a client at `address` that has logged in as `user`.
    pub(super) fn includes(&self, address: Option<IpAddr>, user: Option<&str>) -> bool {
        let by_address = address
            .is_some_and(|address| self.addresses.iter().any(|range| range.contains(address)));
        by_address || user.is_some_and(|user| self.users.iter().any(|listed| listed == user))
    }
}

/// The wire log of one session.
#[derive(Debug)]
pub(super) struct WireLogger {
    /// The connection, as log lines name it.
    connection: String,
    /// The tags of the last commands that were shown.
    tags: VecDeque<Vec<u8>>,
    responses: ResponseLines,
}

impl WireLogger {
    /// Begins at once, or behind the output that is unsent, if there is any: the beginning of that
    /// may have been sent.
    pub(super) fn new(connection: &str, has_output: bool) -> Self {
        Self {
            connection: connection.to_string(),
            tags: VecDeque::new(),
            responses: ResponseLines {
                is_waiting: has_output,
                ..ResponseLines::default()
            },
        }
    }

    /// Logs a command of the client; of an APPEND, what comes before the message.
    pub(super) fn log_command(&mut self, text: &[u8], is_logged_in: bool) {
        let line = self.shown_command(text, is_logged_in);
        self.log("C", &line);
    }

    /// Logs another line of the client: no command, or the rest of one.
    pub(super) fn log_line(&self, text: &[u8]) {
        let is_done = text.eq_ignore_ascii_case(b"DONE");
        let line = if is_done {
            shown(text, text.len())
        } else {
            length(text.len())
        };
        self.log("C", &line);
    }

    /// Logs octets that were sent to the client.
    pub(super) fn log_sent(&mut self, octets: &[u8]) {
        for line in self.responses.take(octets, &self.tags) {
            self.log("S", &line);
        }
    }

    /// Takes note whether the output queue is empty.
    pub(super) fn note_queue(&mut self, is_empty: bool) {
        self.responses.is_waiting &= !is_empty;
    }

    fn log(&self, sender: &str, line: &str) {
        // All of it is logged, however much: the operator has asked for it.
        log::info!(target: "unlimited", "wire {} {sender}: {line}", self.connection);
    }

    fn shown_command(&mut self, text: &[u8], is_logged_in: bool) -> String {
        let Some(Outline {
            tag,
            name,
            arguments,
        }) = outline(text)
        else {
            return format!("{}, no command", length(text.len()));
        };
        if self.tags.len() == TAGS {
            self.tags.pop_front();
        }
        self.tags.push_back(tag.clone());
        if is_logged_in && !SECRET.contains(&name) {
            return shown(text, text.len());
        }
        let tag = shown(&tag, tag.len());
        match arguments.len() {
            0 => format!("{tag} {name}"),
            count => format!("{tag} {name} {}", length(count)),
        }
    }
}

/// Cuts what the server sends into lines.
#[derive(Debug, Default)]
struct ResponseLines {
    /// Whether octets are being sent that were queued before the log began. They may begin anywhere
    /// in a line, and are not shown.
    is_waiting: bool,
    /// The beginning of the line.
    head: Vec<u8>,
    /// Its last octets so far.
    tail: Vec<u8>,
    /// Its octets so far.
    length: usize,
    /// Octets of a literal that are still to come.
    literal: u64,
}

impl ResponseLines {
    /// Returns the lines that end in these octets, in the form in which they are shown.
    fn take(&mut self, octets: &[u8], tags: &VecDeque<Vec<u8>>) -> Vec<String> {
        let mut lines = Vec::new();
        let mut rest = if self.is_waiting { &[] } else { octets };
        while !rest.is_empty() {
            let skipped =
                usize::try_from(self.literal).map_or(rest.len(), |left| left.min(rest.len()));
            self.literal -= skipped as u64;
            rest = &rest[skipped..];
            let end = memchr::memchr(b'\n', rest);
            let (piece, after) = rest.split_at(end.map_or(rest.len(), |at| at + 1));
            self.add(piece);
            rest = after;
            if end.is_some() {
                lines.push(self.end_line(tags));
            }
        }
        lines
    }

    fn add(&mut self, piece: &[u8]) {
        let room = SHOWN.saturating_sub(self.head.len());
        self.head.extend_from_slice(&piece[..piece.len().min(room)]);
        self.tail
            .extend_from_slice(&piece[piece.len().saturating_sub(TAIL)..]);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL));
        self.length += piece.len();
    }

    fn end_line(&mut self, tags: &VecDeque<Vec<u8>>) -> String {
        let (head, tail) = (
            std::mem::take(&mut self.head),
            std::mem::take(&mut self.tail),
        );
        let length = std::mem::take(&mut self.length);
        self.literal = literal_size(tail.trim_ascii_end()).unwrap_or(0);
        shown_response(head.trim_ascii_end(), length, tags)
    }
}

/// Returns the form in which a line of the server is shown. `line` is its beginning, `whole` its
/// length.
fn shown_response(line: &[u8], whole: usize, tags: &VecDeque<Vec<u8>>) -> String {
    let word = line
        .split(|&octet| octet == b' ')
        .next()
        .unwrap_or_default();
    match word {
        b"+" => format!("+ {}", length(line.len() - word.len())),
        b"*" => shown(line, whole),
        tag if tags.iter().any(|shown| shown == tag) => shown(line, whole),
        // What follows a literal has no tag.
        _ if line.first() == Some(&b')') || line.first() == Some(&b' ') => shown(line, whole),
        tag => format!("{}{}", length(tag.len()), shown(&line[tag.len()..], whole)),
    }
}

/// Returns what is shown instead of octets.
fn length(octets: usize) -> String {
    format!("({octets} octets)")
}

/// Returns the beginning of a line that is `whole` octets long. The logger escapes control
/// characters.
fn shown(line: &[u8], whole: usize) -> String {
    let text = String::from_utf8_lossy(&line[..line.len().min(SHOWN)]);
    match whole > SHOWN {
        true => format!("{text}... {}", length(whole)),
        false => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logger() -> WireLogger {
        WireLogger::new("client", false)
    }

    fn responses(logger: &mut WireLogger, octets: &[u8]) -> Vec<String> {
        logger.responses.take(octets, &logger.tags)
    }

    #[test]
    fn users_are_distinguished_from_addresses() {
        let log = WireLog::of(["ann", "192.0.2.0/24", "::1"]);
        let kept = |address: &str, user| {
            let address = address.parse().ok();
            log.includes(address, user)
        };
        assert!(
            kept("192.0.2.9", None) && kept("::1", Some("bob")) && kept("10.0.0.1", Some("ann"))
        );
        assert!(!kept("10.0.0.1", Some("an")) && !kept("", None));
        assert!(!WireLog::default().includes("::1".parse().ok(), Some("ann")));
    }

    #[test]
    fn a_password_is_in_no_command_that_is_shown() {
        for secret in [
            "a1 LOGIN joe hunter2",
            "a1 login \"joe\" \"hunter2\"",
            "a1 LOGIN {3}\r\njoe {7}\r\nhunter2",
            "a1 LOGIN joe hunter2 too many words",
            "a1 LOGIN hunter2",
            "LOGIN joe hunter2",
            "a1  LOGIN joe hunter2",
            " a1 LOGIN joe hunter2",
            "a1 UID LOGIN joe hunter2",
            "a1 LOGIN\tjoe hunter2",
            "a1 AUTHENTICATE PLAIN hunter2",
            "hunter2",
            "hunter2 joe",
            "joe hunter2",
            "a1 PASS hunter2",
            "",
            "hunter2\r\n",
            "a1 LOGINhunter2 x",
        ] {
            for is_logged_in in [false, true] {
                let line = logger().shown_command(secret.as_bytes(), is_logged_in);
                assert!(!line.contains("hunter2"), "{secret:?}: {line}");
            }
        }
        let before = logger().shown_command(b"a1 SELECT hunter2", false);
        assert_eq!(before, "a1 SELECT (7 octets)");
        let after = logger().shown_command(b"a1 SELECT INBOX", true);
        assert_eq!(after, "a1 SELECT INBOX");
    }

    #[test]
    fn a_tag_that_may_be_a_password_does_not_come_back() {
        let mut logger = logger();
        assert_eq!(
            logger.shown_command(b"hunter2 joe", true),
            "(11 octets), no command"
        );
        logger.shown_command(b"a2 NOOP", true);
        let lines = responses(
            &mut logger,
            b"hunter2 BAD what\r\na2 OK done\r\n+ aHVudGVyMg==\r\n",
        );
        assert_eq!(
            lines,
            ["(7 octets) BAD what", "a2 OK done", "+ (13 octets)"]
        );
    }

    #[test]
    fn literals_and_long_lines_are_cut() {
        let mut logger = logger();
        let octets = format!(
            "* 1 FETCH (BODY[] {{11}}\r\nFrom: a\r\n\r\n FLAGS ())\r\n* SEARCH{}\r\n",
            " 1".repeat(1000)
        );
        let lines = responses(&mut logger, octets.as_bytes());
        assert_eq!(lines[..2], ["* 1 FETCH (BODY[] {11}", " FLAGS ())"]);
        assert!(lines[2].ends_with(" 1... (2010 octets)"), "{}", lines[2]);
        assert!(lines[2].len() < SHOWN + 30);
        let mut piecewise = self::logger();
        let pieces = octets.as_bytes().chunks(1);
        let one_by_one: Vec<_> = pieces
            .flat_map(|piece| responses(&mut piecewise, piece))
            .collect();
        assert_eq!(one_by_one, lines);
    }

    #[test]
    fn output_queued_before_the_log_began_is_left_out() {
        let mut logger = WireLogger::new("client", true);
        assert_eq!(responses(&mut logger, b"half of a message\r\n"), [""; 0]);
        logger.note_queue(false);
        assert_eq!(responses(&mut logger, b"and the rest\r\n"), [""; 0]);
        logger.note_queue(true);
        assert_eq!(responses(&mut logger, b"* OK\r\n"), ["* OK"]);
    }
}
