//! Cuts the input of a session into commands.
//!
//! A command is a line, but a line that ends in `{n}` goes on for *n* octets that may hold anything, and
//! then for another line. So the end of a command can only be found by reading its literals on the way,
//! and a server that gets it wrong takes the text of a message for commands. Three more things make it
//! delicate:
//!
//! - The client *waits* at a synchronizing literal until it hears `+`, and gives the command up if it
//!   hears the tagged answer instead. So whoever knows the commands must decide, in the middle of one,
//!   whether to take the literal: that is [`Event::Offer`], with three possible answers.
//! - At a non-synchronizing literal (`{n+}`) it does not wait. When such a command is refused, its
//!   octets come all the same and have to be read over, up to the true end of the command.
//! - A message to be appended must not be held in memory: it is handed on in the chunks it came in.
//!
//! Memory is bounded by the limit of a command plus [`READ_AHEAD`], and an idle framer holds none. The
//! events do not depend on how the input was cut into pieces, except for where chunks begin and end.

use std::fmt;
use std::mem;

use memchr::memchr;
use zeroize::Zeroize as _;

use super::parse::LiteralAnnouncement;

/// Most octets taken beyond what has become an event: one read of a busy connection. Pipelined
/// commands wait here, and then in the kernel.
pub(crate) const READ_AHEAD: usize = 16 * 1024;

/// Most literals in one command: each may cost a look at the whole command so far.
const MAX_LITERALS: usize = 256;

/// How much of an oversize command is kept, so that its tag can be found.
const KEPT_HEAD: usize = 128;

/// How much of the end of a line that is read over is kept, so that `{n+}` is noticed.
const KEPT_TAIL: usize = 32;

/// What the input comes to.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// Nothing, before more input is pushed.
    NeedInput,
    /// A whole command, without its line end. Literals that were accepted stand in it as they came:
    /// `{n}`, CRLF, octets. After a streamed literal it is what follows the literal.
    Command(Vec<u8>),
    /// The command so far ([`Framer::text`]) announces a literal. Comes again and again until it is
    /// answered by [`Framer::accept_literal`], [`Framer::stream_literal`] or [`Framer::refuse_literal`].
    Offer(Offer),
    /// Some octets of a streamed literal, at least one.
    Chunk(Vec<u8>),
    /// A streamed literal is complete.
    LiteralEnd,
    /// A command was longer than the limit, and has been read over.
    TooLong {
        /// Its beginning.
        text: Vec<u8>,
    },
}

/// A literal that the client wants to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offer {
    /// Octets.
    pub size: u64,
    /// The client waits for a continuation, to be sent if the literal is accepted or streamed.
    pub synchronizing: bool,
    /// It may be accepted: the command stays within the limit.
    pub fits: bool,
}

/// The framer of one session.
pub(crate) struct Framer {
    limit: usize,
    /// Input that has not become an event: `input[taken..]`.
    input: Vec<u8>,
    taken: usize,
    /// The command so far; while reading over, the end of the line so far.
    text: Vec<u8>,
    /// Where in `text` the line began that is being read: after the last literal.
    line: usize,
    literals: usize,
    /// The beginning of the oversize command that is being read over.
    oversize: Option<Vec<u8>>,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    /// Reads a line of a command.
    Line,
    /// Waits for the answer to an offer.
    Offered(LiteralAnnouncement),
    /// Reads that many more octets of a literal into the command.
    Inline(usize),
    /// Hands on that many more octets of a literal.
    Stream(u64),
    /// Reads over that many octets, then over the rest of the command.
    Skip(u64),
}

impl Framer {
    /// A framer for commands of at most `limit` octets.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            input: Vec::new(),
            taken: 0,
            text: Vec::new(),
            line: 0,
            literals: 0,
            oversize: None,
            state: State::Line,
        }
    }

    /// Changes the longest command, from now on.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Takes input and returns how much of it: what fits into the read-ahead.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> usize {
        self.input.drain(..self.taken);
        self.taken = 0;
        let room = READ_AHEAD.saturating_sub(self.input.len());
        let count = room.min(bytes.len());
        self.input.extend_from_slice(&bytes[..count]);
        count
    }

    /// True if [`Self::push`] would take something.
    pub(crate) fn wants_input(&self) -> bool {
        self.pending().len() < READ_AHEAD
    }

    /// The command so far, at an [`Event::Offer`] up to and with the announcement of the literal.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The next event.
    pub(crate) fn next_event(&mut self) -> Event {
        loop {
            let event = match self.state {
                State::Line => self.read_line(),
                State::Offered(announcement) => Some(Event::Offer(self.offer(announcement))),
                State::Inline(left) => self.read_inline(left),
                State::Stream(left) => Some(self.read_stream(left)),
                State::Skip(left) => self.skip(left),
            };
            if let Some(event) = event {
                self.release();
                return event;
            }
        }
    }

    /// Takes the offered literal into the command. One that does not fit is refused.
    pub(crate) fn accept_literal(&mut self) {
        let State::Offered(announcement) = self.state else {
            return;
        };
        match usize::try_from(announcement.size) {
            Ok(size) if self.offer(announcement).fits => {
                self.text.extend_from_slice(b"\r\n");
                self.literals += 1;
                self.state = State::Inline(size);
            }
            _ => self.refuse_literal(),
        }
    }

    /// Has the offered literal handed on in chunks. The command so far is dropped.
    pub(crate) fn stream_literal(&mut self) {
        if let State::Offered(announcement) = self.state {
            self.forget();
            self.state = State::Stream(announcement.size);
        }
    }

    /// Refuses the offered literal and gives its command up. If the client does not wait for an answer,
    /// the rest of the command is read over without an event.
    pub(crate) fn refuse_literal(&mut self) {
        if let State::Offered(announcement) = self.state {
            self.forget();
            if !announcement.synchronizing {
                self.state = State::Skip(announcement.size);
            }
        }
    }

    fn read_line(&mut self) -> Option<Event> {
        let pending = &self.input[self.taken..];
        let newline = memchr(b'\n', pending);
        let count = newline.unwrap_or(pending.len());
        self.text.extend_from_slice(&pending[..count]);
        self.taken += count;
        // The CR before the line's end does not count; before the end is seen, anything may be that CR.
        let uncounted = usize::from(newline.is_none() || self.text.ends_with(b"\r"));
        if self.text.len() > self.limit + uncounted {
            self.give_up_line();
            return None;
        }
        if newline.is_none() {
            return Some(Event::NeedInput);
        }
        self.taken += 1;
        self.strip_return();
        match LiteralAnnouncement::at_end_of(&self.text[self.line..]) {
            Some(announcement) => self.state = State::Offered(announcement),
            None => return Some(self.finish()),
        }
        None
    }

    fn finish(&mut self) -> Event {
        let text = mem::take(&mut self.text);
        self.forget();
        Event::Command(text)
    }

    fn offer(&self, announcement: LiteralAnnouncement) -> Offer {
        let room = self.limit.saturating_sub(self.text.len() + 2);
        let fits = usize::try_from(announcement.size).is_ok_and(|size| size <= room);
        Offer {
            size: announcement.size,
            synchronizing: announcement.synchronizing,
            fits: fits && self.literals < MAX_LITERALS,
        }
    }

    fn read_inline(&mut self, left: usize) -> Option<Event> {
        let count = left.min(self.pending().len());
        self.text
            .extend_from_slice(&self.input[self.taken..][..count]);
        self.taken += count;
        if count < left {
            self.state = State::Inline(left - count);
            return Some(Event::NeedInput);
        }
        self.line = self.text.len();
        self.state = State::Line;
        None
    }

    fn read_stream(&mut self, left: u64) -> Event {
        if left == 0 {
            self.state = State::Line;
            return Event::LiteralEnd;
        }
        let count = self.at_most(left);
        if count == 0 {
            return Event::NeedInput;
        }
        self.state = State::Stream(left - count as u64);
        Event::Chunk(self.take(count))
    }

    fn skip(&mut self, left: u64) -> Option<Event> {
        if left == 0 {
            return self.skip_line();
        }
        let count = self.at_most(left);
        if count == 0 {
            return Some(Event::NeedInput);
        }
        self.taken += count;
        self.state = State::Skip(left - count as u64);
        None
    }

    fn skip_line(&mut self) -> Option<Event> {
        let pending = &self.input[self.taken..];
        let newline = memchr(b'\n', pending);
        let count = newline.unwrap_or(pending.len());
        let tail = &pending[count.saturating_sub(KEPT_TAIL)..count];
        self.text.extend_from_slice(tail);
        self.taken += count;
        let excess = self.text.len().saturating_sub(KEPT_TAIL);
        self.text.drain(..excess);
        if newline.is_none() {
            return Some(Event::NeedInput);
        }
        self.taken += 1;
        self.strip_return();
        let announcement = LiteralAnnouncement::at_end_of(&self.text);
        self.forget();
        match announcement {
            Some(next) if !next.synchronizing => self.state = State::Skip(next.size),
            // Nothing waits for a literal of a command that is given up: the answer ends it.
            _ => return self.oversize.take().map(|text| Event::TooLong { text }),
        }
        None
    }

    /// Goes over to reading over, at some point of a line that is too long.
    fn give_up_line(&mut self) {
        let head = self.limit.min(KEPT_HEAD);
        let tail = self.text.len().saturating_sub(KEPT_TAIL).max(self.line);
        let tail = self.text[tail..].to_vec();
        self.oversize = Some(self.text[..head].to_vec());
        self.forget();
        self.text = tail;
        self.state = State::Skip(0);
    }

    /// Forgets the command so far: the next octet begins a line.
    fn forget(&mut self) {
        self.text = Vec::new();
        self.line = 0;
        self.literals = 0;
        self.state = State::Line;
    }

    fn strip_return(&mut self) {
        if self.text[self.line..].ends_with(b"\r") {
            self.text.pop();
        }
    }

    fn pending(&self) -> &[u8] {
        &self.input[self.taken..]
    }

    /// How much of the pending input belongs to a literal with `left` octets to go.
    fn at_most(&self, left: u64) -> usize {
        let pending = self.pending().len();
        usize::try_from(left).map_or(pending, |left| left.min(pending))
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        if self.taken == 0 && count == self.input.len() {
            return mem::take(&mut self.input);
        }
        let from = self.taken;
        self.taken += count;
        self.input[from..self.taken].to_vec()
    }

    /// Gives back the memory of input that is used up, in which there may have been a password.
    fn release(&mut self) {
        if self.pending().is_empty() {
            self.input.zeroize();
            self.input = Vec::new();
            self.taken = 0;
        }
    }
}

/// Says what it is but not what the client wrote: that may be a password.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeedInput => f.write_str("NeedInput"),
            Self::Command(text) => write!(f, "Command({} octets)", text.len()),
            Self::Offer(offer) => offer.fmt(f),
            Self::Chunk(octets) => write!(f, "Chunk({} octets)", octets.len()),
            Self::LiteralEnd => f.write_str("LiteralEnd"),
            Self::TooLong { .. } => f.write_str("TooLong"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy)]
    enum Answer {
        Accept,
        Stream,
        Refuse,
    }

    /// All events of an input pushed in pieces of `size` octets; chunks of a literal are joined.
    fn events(limit: usize, answer: Answer, input: &[u8], size: usize) -> Vec<Event> {
        let mut framer = Framer::new(limit);
        let mut events = Vec::new();
        for mut piece in input.chunks(size) {
            while !piece.is_empty() {
                let taken = framer.push(piece);
                piece = &piece[taken..];
                drain(&mut framer, answer, &mut events);
            }
        }
        events
    }

    fn drain(framer: &mut Framer, answer: Answer, events: &mut Vec<Event>) {
        loop {
            let event = framer.next_event();
            match (&event, events.last_mut()) {
                (Event::NeedInput, _) => return,
                (Event::Chunk(more), Some(Event::Chunk(octets))) => {
                    octets.extend_from_slice(more);
                    continue;
                }
                (Event::Offer(_), _) => match answer {
                    Answer::Accept => framer.accept_literal(),
                    Answer::Stream => framer.stream_literal(),
                    Answer::Refuse => framer.refuse_literal(),
                },
                _ => {}
            }
            events.push(event);
        }
    }

    /// The same, whole and in pieces.
    fn framed(limit: usize, answer: Answer, input: &[u8]) -> Vec<Event> {
        let whole = events(limit, answer, input, usize::MAX);
        for size in [1, 2, 3, 7] {
            assert!(whole == events(limit, answer, input, size), "{size}");
        }
        whole
    }

    fn command(text: &[u8]) -> Event {
        Event::Command(text.to_vec())
    }

    fn too_long(text: &[u8]) -> Event {
        Event::TooLong {
            text: text.to_vec(),
        }
    }

    fn offer(size: u64, synchronizing: bool, fits: bool) -> Event {
        Event::Offer(Offer {
            size,
            synchronizing,
            fits,
        })
    }

    #[test]
    fn lines_end_in_crlf_or_lf() {
        let got = framed(100, Answer::Accept, b"a NOOP\r\nb NOOP\n\r\n\0\r\r\npart");
        let want = [b"a NOOP".as_slice(), b"b NOOP", b"", b"\0\r"];
        assert!(got == want.map(command));
    }

    #[test]
    fn an_accepted_literal_stands_in_the_command() {
        let got = framed(
            100,
            Answer::Accept,
            b"a LOGIN {4}\r\n{3}\n {2+}\nxy\r\nb NOOP\r\n",
        );
        let want = [
            offer(4, true, true),
            offer(2, false, true),
            command(b"a LOGIN {4}\r\n{3}\n {2+}\r\nxy"),
            command(b"b NOOP"),
        ];
        assert!(got == want);
    }

    #[test]
    fn the_end_of_a_literal_announces_nothing() {
        let got = framed(100, Answer::Accept, b"a X {3}\r\n{9}\r\n{0}\r\n\r\n");
        let want = [
            offer(3, true, true),
            command(b"a X {3}\r\n{9}"),
            offer(0, true, true),
            command(b"{0}\r\n"),
        ];
        assert!(got == want);
    }

    #[test]
    fn a_streamed_literal_comes_in_chunks() {
        let got = framed(
            20,
            Answer::Stream,
            b"a APPEND x {30}\r\n012345678901234567890123456789\r\nb\r\n",
        );
        let want = [
            offer(30, true, false),
            Event::Chunk(b"012345678901234567890123456789".to_vec()),
            Event::LiteralEnd,
            command(b""),
            command(b"b"),
        ];
        assert!(got == want);
        assert!(
            framed(20, Answer::Stream, b"a {0}\r\n\r\n")
                == [offer(0, true, true), Event::LiteralEnd, command(b"")]
        );
    }

    #[test]
    fn a_refused_literal_ends_the_command_if_the_client_waits() {
        let got = framed(100, Answer::Refuse, b"a LOGIN {4}\r\nb NOOP\r\n");
        assert!(got == [offer(4, true, true), command(b"b NOOP")]);
    }

    #[test]
    fn a_refused_literal_is_read_over_if_the_client_does_not_wait() {
        let got = framed(
            100,
            Answer::Refuse,
            b"a LOGIN {4+}\r\n\nb\r\n {3+}\r\n\r\n\n x\r\nb NOOP\r\n",
        );
        assert!(got == [offer(4, false, true), command(b"b NOOP")]);
        let got = framed(100, Answer::Refuse, b"a LOGIN {1+}\r\nx {3}\r\nb NOOP\r\n");
        assert!(got == [offer(1, false, true), command(b"b NOOP")]);
    }

    #[test]
    fn what_does_not_fit_cannot_be_accepted() {
        let got = framed(
            10,
            Answer::Accept,
            b"a {5+}\r\nABCDE\r\na {4}\r\nb\r\na {2}\r\nAB\r\n",
        );
        let want = [
            offer(5, false, false),
            offer(4, true, false),
            command(b"b"),
            offer(2, true, true),
            command(b"a {2}\r\nAB"),
        ];
        assert!(got == want, "{got:?}");
        let endless = b"a {99999999999999999999+}\r\nb NOOP\r\n";
        assert!(framed(99, Answer::Accept, endless) == [offer(u64::MAX, false, false)]);
        let refused = b"a {99999999999999999999}\r\nb NOOP\r\n";
        assert!(
            framed(99, Answer::Accept, refused)
                == [offer(u64::MAX, true, false), command(b"b NOOP")]
        );
    }

    #[test]
    fn oversize_lines_are_read_over_and_told_once() {
        let got = framed(
            10,
            Answer::Accept,
            b"0123456789\r\n0123456789a\r\n0123456789\r\n",
        );
        let want = [
            command(b"0123456789"),
            too_long(b"0123456789"),
            command(b"0123456789"),
        ];
        assert!(got == want, "{got:?}");
        let mut long = vec![b'x'; 100_000];
        long.extend_from_slice(b"\nb\n");
        let got = framed(8192, Answer::Accept, &long);
        assert!(got == [too_long(&[b'x'; KEPT_HEAD]), command(b"b")]);
    }

    #[test]
    fn an_oversize_command_ends_after_its_last_literal() {
        let mut long = vec![b'x'; 9000];
        long.extend_from_slice(b" {2+}\r\n\n\n {3+}\r\n\nb\n\r\nc\r\n");
        let got = framed(8192, Answer::Accept, &long);
        assert!(got == [too_long(&[b'x'; KEPT_HEAD]), command(b"c")]);
        long.truncate(9000);
        long.extend_from_slice(b" {2}\r\nc\r\n");
        let got = framed(8192, Answer::Accept, &long);
        assert!(got == [too_long(&[b'x'; KEPT_HEAD]), command(b"c")]);
    }

    #[test]
    fn a_literal_is_no_part_of_an_oversize_line_s_end() {
        let got = framed(11, Answer::Accept, b"a {4}\r\n{9+}}x\r\nb\r\n");
        assert!(got.last() == Some(&command(b"b")), "{got:?}");
    }

    #[test]
    fn literals_are_counted() {
        let input = b"{0}\r\n".repeat(MAX_LITERALS + 1);
        let got = framed(1 << 16, Answer::Accept, &input);
        assert_eq!(got.len(), MAX_LITERALS + 1);
        assert!(got.last() == Some(&offer(0, true, false)));
    }

    #[test]
    fn takes_no_more_than_its_read_ahead_and_idles_without_memory() {
        let mut framer = Framer::new(100);
        let input = b"a NOOP\r\n".repeat(READ_AHEAD);
        assert_eq!(framer.push(&input), READ_AHEAD);
        assert!(!framer.wants_input());
        assert_eq!(framer.push(&input), 0);
        assert!(framer.next_event() == command(b"a NOOP"));
        assert!(framer.wants_input());
        while framer.next_event() != Event::NeedInput {}
        assert_eq!(framer.input.capacity() + framer.text.capacity(), 0);
    }

    #[test]
    fn an_offer_shows_the_command_so_far() {
        let mut framer = Framer::new(100);
        framer.push(b"a APPEND x {5}\r\n");
        assert!(framer.next_event() == offer(5, true, true));
        assert!(framer.next_event() == offer(5, true, true));
        assert_eq!(framer.text(), b"a APPEND x {5}");
    }

    #[test]
    fn debug_hides_what_the_client_wrote() {
        assert_eq!(
            format!("{:?}", command(b"a LOGIN u p")),
            "Command(11 octets)"
        );
    }
}
