//! The wire log: what a client and the server say to one another, for an operator who wonders why a client
//! does what it does.
//!
//! It is kept of those users and addresses only that the operator names, and it never shows a password. To take
//! out what looks like one would not do: it shows where the grammar cannot hold one, and nothing else.
//!
//! * A command is shown if it begins with a tag and the name of a command that we know. LOGIN and AUTHENTICATE,
//!   and whatever comes before the login, is shown without its arguments. Of a line that is no command its
//!   length is shown: it may be what a client sends that was refused AUTHENTICATE, and goes on all the same.
//! * A line that a command waits for is shown by its length, but for the DONE of IDLE.
//! * Our answers repeat nothing that a client has sent but its tags; so a tag is shown only if it stood before a command
//!   that was shown. Challenges are shown by their length.
//!
//! Both sides are shown by whole lines, cut where they become long; literals of ours by their length. The client's come
//! from the framer, so that what is a command here is one to the session too.

use std::collections::VecDeque;
use std::net::IpAddr;

use crate::protocol::literal_size;
use crate::protocol::{Outline, outline};
use crate::types::AddressRange;

/// Octets of a line that are shown.
const SHOWN: usize = 400;
/// Room for the announcement of a literal at the end of a long line.
const TAIL: usize = 24;
/// Tags that may come back in an answer: as many commands as a client is likely to send ahead.
const TAGS: usize = 64;
/// Commands that bring passwords.
const SECRET: [&str; 2] = ["LOGIN", "AUTHENTICATE"];

/// Of whom a wire log is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WireLog {
    users: Vec<String>,
    addresses: Vec<AddressRange>,
}

impl WireLog {
    /// Of these: what is an address, or a range of them, stands for those who connect from there, and
    /// everything else for the user of that name.
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

    pub(super) fn is_kept_of(&self, address: Option<IpAddr>, user: Option<&str>) -> bool {
        let by_address = address
            .is_some_and(|address| self.addresses.iter().any(|range| range.contains(address)));
        by_address || user.is_some_and(|user| self.users.iter().any(|kept| kept == user))
    }
}

/// The wire log of one session.
#[derive(Debug)]
pub(super) struct Wire {
    /// For the log: who the client is.
    name: String,
    tags: VecDeque<Vec<u8>>,
    answers: Answers,
}

impl Wire {
    /// Begins at once, or, if there is unsent output, behind that: its beginning may have been sent.
    pub(super) fn new(name: &str, has_output: bool) -> Self {
        Self {
            name: name.to_string(),
            tags: VecDeque::new(),
            answers: Answers {
                is_behind: has_output,
                ..Answers::default()
            },
        }
    }

    /// The client has sent a command; of one with a message, what comes before that.
    pub(super) fn command(&mut self, text: &[u8], is_logged_in: bool) {
        let line = self.shown_command(text, is_logged_in);
        self.log("C", &line);
    }

    /// The client has sent something else: no command, or the rest of one.
    pub(super) fn other(&self, text: &[u8]) {
        let is_done = text.eq_ignore_ascii_case(b"DONE");
        let line = if is_done {
            shown(text, text.len())
        } else {
            length(text.len())
        };
        self.log("C", &line);
    }

    /// We have sent that much.
    pub(super) fn sent(&mut self, octets: &[u8]) {
        for line in self.answers.take(octets, &self.tags) {
            self.log("S", &line);
        }
    }

    /// Whether nothing is left to send.
    pub(super) fn note_end(&mut self, is_all: bool) {
        self.answers.is_behind &= !is_all;
    }

    fn log(&self, who: &str, line: &str) {
        log::info!("wire {} {who}: {line}", self.name);
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

/// Cuts what we send into lines.
#[derive(Debug, Default)]
struct Answers {
    /// What is sent now was there before us: it may begin anywhere.
    is_behind: bool,
    /// The beginning of the line.
    head: Vec<u8>,
    /// Its last octets so far.
    tail: Vec<u8>,
    length: usize,
    /// Octets of a literal that are still to come.
    literal: u64,
}

impl Answers {
    /// The lines that end in these octets, as they are to be shown.
    fn take(&mut self, octets: &[u8], tags: &VecDeque<Vec<u8>>) -> Vec<String> {
        let mut lines = Vec::new();
        let mut rest = if self.is_behind { &[] } else { octets };
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
        shown_answer(head.trim_ascii_end(), length, tags)
    }
}

/// A line of ours without its end, of which no more may be there than is shown.
fn shown_answer(line: &[u8], whole: usize, tags: &VecDeque<Vec<u8>>) -> String {
    let word = line
        .split(|&octet| octet == b' ')
        .next()
        .unwrap_or_default();
    match word {
        b"+" => format!("+ {}", length(line.len() - word.len())),
        b"*" => shown(line, whole),
        tag if tags.iter().any(|shown| shown == tag) => shown(line, whole),
        // What follows a literal has neither; what follows an unknown tag is ours.
        _ if line.first() == Some(&b')') || line.first() == Some(&b' ') => shown(line, whole),
        tag => format!("{}{}", length(tag.len()), shown(&line[tag.len()..], whole)),
    }
}

fn length(octets: usize) -> String {
    format!("({octets} octets)")
}

/// The beginning of a line of that length. Whoever writes the log escapes control characters.
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

    fn wire() -> Wire {
        Wire::new("client", false)
    }

    fn answers(wire: &mut Wire, octets: &[u8]) -> Vec<String> {
        wire.answers.take(octets, &wire.tags)
    }

    #[test]
    fn of_whom() {
        let log = WireLog::of(["ann", "192.0.2.0/24", "::1"]);
        let kept = |address: &str, user| {
            let address = address.parse().ok();
            log.is_kept_of(address, user)
        };
        assert!(
            kept("192.0.2.9", None) && kept("::1", Some("bob")) && kept("10.0.0.1", Some("ann"))
        );
        assert!(!kept("10.0.0.1", Some("an")) && !kept("", None));
        assert!(!WireLog::default().is_kept_of("::1".parse().ok(), Some("ann")));
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
                let line = wire().shown_command(secret.as_bytes(), is_logged_in);
                assert!(!line.contains("hunter2"), "{secret:?}: {line}");
            }
        }
        let before = wire().shown_command(b"a1 SELECT hunter2", false);
        assert_eq!(before, "a1 SELECT (7 octets)");
        let after = wire().shown_command(b"a1 SELECT INBOX", true);
        assert_eq!(after, "a1 SELECT INBOX");
    }

    #[test]
    fn a_tag_that_may_be_a_password_does_not_come_back() {
        let mut wire = wire();
        assert_eq!(
            wire.shown_command(b"hunter2 joe", true),
            "(11 octets), no command"
        );
        wire.shown_command(b"a2 NOOP", true);
        let lines = answers(
            &mut wire,
            b"hunter2 BAD what\r\na2 OK done\r\n+ aHVudGVyMg==\r\n",
        );
        assert_eq!(
            lines,
            ["(7 octets) BAD what", "a2 OK done", "+ (13 octets)"]
        );
    }

    #[test]
    fn literals_and_long_lines_are_cut() {
        let mut wire = wire();
        let octets = format!(
            "* 1 FETCH (BODY[] {{11}}\r\nFrom: a\r\n\r\n FLAGS ())\r\n* SEARCH{}\r\n",
            " 1".repeat(1000)
        );
        let lines = answers(&mut wire, octets.as_bytes());
        assert_eq!(lines[..2], ["* 1 FETCH (BODY[] {11}", " FLAGS ())"]);
        assert!(lines[2].ends_with(" 1... (2010 octets)"), "{}", lines[2]);
        assert!(lines[2].len() < SHOWN + 30);
        let mut piecewise = self::wire();
        let pieces = octets.as_bytes().chunks(1);
        let one_by_one: Vec<_> = pieces
            .flat_map(|piece| answers(&mut piecewise, piece))
            .collect();
        assert_eq!(one_by_one, lines);
    }

    #[test]
    fn what_was_being_sent_when_it_began_is_left_out() {
        let mut wire = Wire::new("client", true);
        assert_eq!(answers(&mut wire, b"half of a message\r\n"), [""; 0]);
        wire.note_end(false);
        assert_eq!(answers(&mut wire, b"and the rest\r\n"), [""; 0]);
        wire.note_end(true);
        assert_eq!(answers(&mut wire, b"* OK\r\n"), ["* OK"]);
    }
}
