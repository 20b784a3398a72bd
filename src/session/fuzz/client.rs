//! A client that only counts: it reads the responses and knows how many messages there are.

use crate::protocol::{literal_size, outline};
use crate::session::Session;

/// How commands have ended.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ended {
    /// Commands that were answered OK.
    pub(super) well: usize,
    /// APPENDs among them.
    pub(super) appends: usize,
    /// Commands that were answered NO or BAD.
    pub(super) badly: usize,
}

/// A client with its session.
pub(super) struct Client {
    pub(super) session: Session,
    /// Which store its session uses.
    pub(super) store: usize,
    /// Octets of the response that is not complete.
    unread: Vec<u8>,
    /// How many messages the client knows of; `None` from a command that selects a mailbox up to
    /// the next EXISTS.
    count: Option<u32>,
    /// The command that it has sent last, as far as the line was one.
    pub(super) last_command: &'static str,
    /// How its commands have ended since the last check.
    pub(super) ended: Ended,
    /// The last tagged response.
    pub(super) last_response: String,
}

impl Client {
    pub(super) fn new(session: Session, store: usize) -> Self {
        Self {
            session,
            store,
            unread: Vec::new(),
            count: None,
            last_command: "",
            ended: Ended::default(),
            last_response: String::new(),
        }
    }

    /// Notes that the client is going to send a line.
    pub(super) fn will_send(&mut self, line: &[u8]) {
        self.last_command = outline(line).map_or("", |outline| outline.name);
        if ["SELECT", "EXAMINE", "BBOARD", "CLOSE", "UNSELECT"].contains(&self.last_command) {
            self.count = None;
        }
    }

    /// Takes octets of the server, and reads all responses that are complete.
    pub(super) fn receive(&mut self, octets: &[u8]) {
        self.unread.extend_from_slice(octets);
        while let Some(end) = response_end(&self.unread) {
            let response: Vec<u8> = self.unread.drain(..end).collect();
            self.read(&response);
        }
    }

    /// True if a response is complete: in the midst of one the client knows nothing more.
    pub(super) fn is_between_responses(&self) -> bool {
        self.unread.is_empty()
    }

    fn read(&mut self, response: &[u8]) {
        let line_end = memchr::memmem::find(response, b"\r\n").unwrap_or(response.len());
        let line = &response[..line_end];
        let is_text = |octet: &u8| *octet != 0 && *octet != b'\r' && *octet != b'\n';
        assert!(line.iter().all(is_text), "{}", show(response));
        let text = String::from_utf8_lossy(line);
        let mut words = text.split(' ');
        match words.next() {
            Some("*") => {}
            Some("+") | None => return,
            Some(_tag) => return self.end_command(words.next(), &text),
        }
        match (words.next(), words.next()) {
            (Some("VANISHED"), Some(set)) if !set.starts_with('(') => self.vanish(set),
            (Some(number), Some(what)) => {
                if let Ok(number) = number.parse() {
                    self.count(number, what);
                }
            }
            _ => {}
        }
    }

    fn end_command(&mut self, status: Option<&str>, text: &str) {
        text.clone_into(&mut self.last_response);
        match status {
            Some("OK") => {
                self.ended.well += 1;
                self.ended.appends += usize::from(text.ends_with("APPEND completed"));
            }
            Some("NO" | "BAD") => self.ended.badly += 1,
            _ => panic!("no response: {text}"),
        }
    }

    fn count(&mut self, number: u32, what: &str) {
        let count = self.count;
        match (what, count) {
            ("EXISTS", Some(count)) => {
                assert!(number >= count, "EXISTS shrinks from {count} to {number}");
                self.count = Some(number);
            }
            ("EXISTS", None) => self.count = Some(number),
            ("EXPUNGE", Some(count)) => {
                assert!((1..=count).contains(&number), "EXPUNGE {number} of {count}");
                self.count = Some(count - 1);
            }
            ("FETCH" | "STORE", Some(count)) => {
                assert!((1..=count).contains(&number), "{what} {number} of {count}");
            }
            _ => {}
        }
    }

    /// Takes in the UIDs of messages that are gone, all of which the client knows.
    fn vanish(&mut self, set: &str) {
        let Some(count) = self.count else { return };
        let length = |range: &str| {
            let (low, high) = range.split_once(':').unwrap_or((range, range));
            let (low, high): (u32, u32) = (low.parse().ok()?, high.parse().ok()?);
            Some(high.checked_sub(low)? + 1)
        };
        let gone: Option<u32> = set.split(',').map(length).sum();
        let gone = gone.unwrap_or_else(|| panic!("VANISHED {set}"));
        self.count = Some(
            count
                .checked_sub(gone)
                .expect("VANISHED of messages that are known"),
        );
    }

    /// Compares what the client knows with what the session assumes. Both are at rest.
    pub(super) fn check(&self) {
        let view = self.session.state.view();
        if let (Some(count), Some(view), true) = (self.count, view, self.is_between_responses()) {
            assert_eq!(count, view.exists(), "the number of messages");
        }
    }
}

/// Returns the length of the response at the start of the octets, with its literals and its line
/// end, or `None` if it is not complete.
fn response_end(octets: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let end = from + memchr::memmem::find(&octets[from..], b"\r\n")?;
        let size = literal_size(&octets[from..end]);
        let Some(size) = size else {
            return Some(end + 2);
        };
        from = end + 2 + usize::try_from(size).expect("a literal of the server is short");
        if from > octets.len() {
            return None;
        }
    }
}

fn show(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}
