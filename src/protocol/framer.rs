//! The framer, which cuts the input of a session into commands.
//!
//! A command is a line, but a line that ends in `{n}` continues with a literal of *n* arbitrary
//! octets and then with another line. So the framer can find the end of a command only by reading
//! its literals, and a server that misses the end takes the text of a message for commands. Three
//! more facts matter:
//!
//! - At a synchronizing literal the client *waits* for `+`, and abandons the command if the server
//!   sends the tagged response instead. So the session, which knows the commands, has to decide in
//!   the middle of a command whether to accept the literal: that is [`FramerEvent::Offer`], which
//!   has three possible answers.
//! - At a non-synchronizing literal (`{n+}`) the client does not wait. After the server has refused
//!   such a command, its octets arrive all the same, and the framer skips them up to the true end
//!   of the command.
//! - A message to append must not be held in memory: the framer passes it on in the chunks it
//!   arrived in.
//!
//! The framer holds at most the longest command plus [`READ_AHEAD`], and no memory while it is
//! idle. The events do not depend on how the input was cut into pieces, except for where chunks
//! begin and end.

use std::fmt;
use std::mem;

use memchr::memchr;
use zeroize::Zeroize as _;

use super::parse::LiteralAnnouncement;

/// Most octets of input held before they become an event: one read of a busy connection. Further
/// pipelined commands wait in the kernel.
pub(crate) const READ_AHEAD: usize = 16 * 1024;

/// Most literals in one command. The session may look at the whole command so far at each of them.
const MAX_LITERALS: usize = 256;

/// How many octets of an oversize command are kept to find its tag in.
const KEPT_HEAD: usize = 128;

/// How many octets of the end of a skipped line are kept to find `{n+}` in.
const KEPT_TAIL: usize = 32;

/// What the framer has found in the input.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum FramerEvent {
    /// Nothing: the framer needs more input.
    NeedInput,
    /// A whole command without its line end. It contains accepted literals as the client sent them:
    /// `{n}`, CRLF, octets. After a streamed literal it is the text behind the literal.
    Command(Vec<u8>),
    /// The command so far ([`Framer::text`]) announces a literal. The event repeats until the
    /// caller answers it by [`Framer::accept_literal`], [`Framer::stream_literal`] or
    /// [`Framer::refuse_literal`].
    Offer(LiteralOffer),
    /// Octets of a streamed literal, at least one.
    Chunk(Vec<u8>),
    /// A streamed literal is complete.
    LiteralEnd,
    /// A command was longer than the limit, and the framer has skipped it.
    TooLong {
        /// Its beginning.
        text: Vec<u8>,
    },
}

/// A literal that the client wants to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LiteralOffer {
    /// The number of its octets.
    pub(crate) size: u64,
    /// The client waits for a continuation request, to be sent if the literal is accepted or
    /// streamed.
    pub(crate) synchronizing: bool,
    /// The literal may be accepted: the command stays within the limit.
    pub(crate) fits: bool,
}

/// The framer of one session.
pub(crate) struct Framer {
    /// The longest command, in octets.
    limit: usize,
    /// The input; `input[taken..]` has not become an event yet.
    input: Vec<u8>,
    /// How many octets of `input` have become events.
    taken: usize,
    /// The command so far; while skipping, the end of the present line so far.
    text: Vec<u8>,
    /// Where the present line begins in `text`: behind the last literal.
    line: usize,
    /// How many literals the command has so far.
    literals: usize,
    /// The beginning of the oversize command that the framer is skipping.
    oversize: Option<Vec<u8>>,
    state: State,
}

/// What the framer does with the next octets.
#[derive(Clone, Copy)]
enum State {
    /// Reads a line of a command.
    Line,
    /// Waits for the answer to an offer.
    Offered(LiteralAnnouncement),
    /// Reads that many more octets of a literal into the command.
    Inline(usize),
    /// Passes on that many more octets of a literal.
    Stream(u64),
    /// Skips that many octets, then the rest of the command.
    Skip(u64),
}

impl Framer {
    /// Returns a framer for commands of at most `limit` octets.
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

    /// Changes the limit for the commands from now on.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Returns the octets of memory that the input takes.
    pub(crate) fn memory(&self) -> usize {
        self.input.capacity() + self.text.capacity()
    }

    /// Takes as much of the input as fits into the read-ahead, and returns how many octets that is.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> usize {
        self.input.drain(..self.taken);
        self.taken = 0;
        let room = READ_AHEAD.saturating_sub(self.input.len());
        let count = room.min(bytes.len());
        self.input.extend_from_slice(&bytes[..count]);
        count
    }

    /// True if [`Self::push`] would take an octet.
    pub(crate) fn wants_input(&self) -> bool {
        self.pending().len() < READ_AHEAD
    }

    /// Returns the command so far; at a [`FramerEvent::Offer`] up to and including the announcement
    /// of the literal.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Returns the next event.
    pub(crate) fn next_event(&mut self) -> FramerEvent {
        loop {
            let event = match self.state {
                State::Line => self.read_line(),
                State::Offered(announcement) => Some(FramerEvent::Offer(self.offer(announcement))),
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

    /// Accepts the offered literal into the command, or refuses it if it does not fit.
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

    /// Has the offered literal passed on in chunks, and drops the command so far.
    pub(crate) fn stream_literal(&mut self) {
        if let State::Offered(announcement) = self.state {
            self.reset();
            self.state = State::Stream(announcement.size);
        }
    }

    /// Refuses the offered literal and drops its command. If the client does not wait for an
    /// answer, the framer skips the rest of the command without an event.
    pub(crate) fn refuse_literal(&mut self) {
        if let State::Offered(announcement) = self.state {
            self.reset();
            if !announcement.synchronizing {
                self.state = State::Skip(announcement.size);
            }
        }
    }

    fn read_line(&mut self) -> Option<FramerEvent> {
        let pending = &self.input[self.taken..];
        let newline = memchr(b'\n', pending);
        let count = newline.unwrap_or(pending.len());
        self.text.extend_from_slice(&pending[..count]);
        self.taken += count;
        // The CR of the line end does not count. While the LF is missing, the last octet may be
        // that CR.
        let uncounted = usize::from(newline.is_none() || self.text.ends_with(b"\r"));
        if self.text.len() > self.limit + uncounted {
            self.skip_oversize_command();
            return None;
        }
        if newline.is_none() {
            return Some(FramerEvent::NeedInput);
        }
        self.taken += 1;
        self.strip_return();
        match LiteralAnnouncement::at_end_of(&self.text[self.line..]) {
            Some(announcement) => self.state = State::Offered(announcement),
            None => return Some(self.finish()),
        }
        None
    }

    fn finish(&mut self) -> FramerEvent {
        let text = mem::take(&mut self.text);
        self.reset();
        FramerEvent::Command(text)
    }

    fn offer(&self, announcement: LiteralAnnouncement) -> LiteralOffer {
        let room = self.limit.saturating_sub(self.text.len() + 2);
        let fits = usize::try_from(announcement.size).is_ok_and(|size| size <= room);
        LiteralOffer {
            size: announcement.size,
            synchronizing: announcement.synchronizing,
            fits: fits && self.literals < MAX_LITERALS,
        }
    }

    fn read_inline(&mut self, left: usize) -> Option<FramerEvent> {
        let count = left.min(self.pending().len());
        self.text
            .extend_from_slice(&self.input[self.taken..][..count]);
        self.taken += count;
        if count < left {
            self.state = State::Inline(left - count);
            return Some(FramerEvent::NeedInput);
        }
        self.line = self.text.len();
        self.state = State::Line;
        None
    }

    fn read_stream(&mut self, left: u64) -> FramerEvent {
        if left == 0 {
            self.state = State::Line;
            return FramerEvent::LiteralEnd;
        }
        let count = self.at_most(left);
        if count == 0 {
            return FramerEvent::NeedInput;
        }
        self.state = State::Stream(left - count as u64);
        FramerEvent::Chunk(self.take(count))
    }

    fn skip(&mut self, left: u64) -> Option<FramerEvent> {
        if left == 0 {
            return self.skip_line();
        }
        let count = self.at_most(left);
        if count == 0 {
            return Some(FramerEvent::NeedInput);
        }
        self.taken += count;
        self.state = State::Skip(left - count as u64);
        None
    }

    fn skip_line(&mut self) -> Option<FramerEvent> {
        let pending = &self.input[self.taken..];
        let newline = memchr(b'\n', pending);
        let count = newline.unwrap_or(pending.len());
        let tail = &pending[count.saturating_sub(KEPT_TAIL)..count];
        self.text.extend_from_slice(tail);
        self.taken += count;
        let excess = self.text.len().saturating_sub(KEPT_TAIL);
        self.text.drain(..excess);
        if newline.is_none() {
            return Some(FramerEvent::NeedInput);
        }
        self.taken += 1;
        self.strip_return();
        let announcement = LiteralAnnouncement::at_end_of(&self.text);
        self.reset();
        if let Some(next) = announcement.filter(|next| !next.synchronizing) {
            self.state = State::Skip(next.size);
            return None;
        }
        // The client does not send a synchronizing literal of a command that the server refuses.
        let text = self.oversize.take()?;
        Some(FramerEvent::TooLong { text })
    }

    /// Starts to skip a command in the middle of a line that is too long.
    fn skip_oversize_command(&mut self) {
        let head = self.limit.min(KEPT_HEAD);
        let tail = self.text.len().saturating_sub(KEPT_TAIL).max(self.line);
        let tail = self.text[tail..].to_vec();
        self.oversize = Some(self.text[..head].to_vec());
        self.reset();
        self.text = tail;
        self.state = State::Skip(0);
    }

    /// Drops the command so far: the next octet begins a command.
    fn reset(&mut self) {
        self.text = Vec::new();
        self.line = 0;
        self.literals = 0;
        self.state = State::Line;
    }

    /// Removes the CR of a line end.
    fn strip_return(&mut self) {
        if self.text[self.line..].ends_with(b"\r") {
            self.text.pop();
        }
    }

    /// Returns the input that has not become an event.
    fn pending(&self) -> &[u8] {
        &self.input[self.taken..]
    }

    /// Returns how many octets of the pending input belong to a literal with `left` octets to come.
    fn at_most(&self, left: u64) -> usize {
        let pending = self.pending().len();
        usize::try_from(left).map_or(pending, |left| left.min(pending))
    }

    /// Takes `count` octets of the pending input, without copying them if they are all of it.
    fn take(&mut self, count: usize) -> Vec<u8> {
        if self.taken == 0 && count == self.input.len() {
            return mem::take(&mut self.input);
        }
        let from = self.taken;
        self.taken += count;
        self.input[from..self.taken].to_vec()
    }

    /// Frees the input once all of it is taken, and overwrites it before, because it may have held
    /// a password.
    fn release(&mut self) {
        if self.pending().is_empty() {
            self.input.zeroize();
            self.input = Vec::new();
            self.taken = 0;
        }
    }
}

/// Shows the kind of the event but no octet of the client, who may have sent a password.
impl fmt::Debug for FramerEvent {
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

    /// Returns all events of an input that is pushed in pieces of `size` octets. Joins the chunks
    /// of a literal.
    fn events(limit: usize, answer: Answer, input: &[u8], size: usize) -> Vec<FramerEvent> {
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

    fn drain(framer: &mut Framer, answer: Answer, events: &mut Vec<FramerEvent>) {
        loop {
            let event = framer.next_event();
            match (&event, events.last_mut()) {
                (FramerEvent::NeedInput, _) => return,
                (FramerEvent::Chunk(more), Some(FramerEvent::Chunk(octets))) => {
                    octets.extend_from_slice(more);
                    continue;
                }
                (FramerEvent::Offer(_), _) => match answer {
                    Answer::Accept => framer.accept_literal(),
                    Answer::Stream => framer.stream_literal(),
                    Answer::Refuse => framer.refuse_literal(),
                },
                _ => {}
            }
            events.push(event);
        }
    }

    /// Returns the events of the whole input, and checks that pieces of it yield the same.
    fn framed(limit: usize, answer: Answer, input: &[u8]) -> Vec<FramerEvent> {
        let whole = events(limit, answer, input, usize::MAX);
        for size in [1, 2, 3, 7] {
            assert!(whole == events(limit, answer, input, size), "{size}");
        }
        whole
    }

    fn command(text: &[u8]) -> FramerEvent {
        FramerEvent::Command(text.to_vec())
    }

    fn too_long(text: &[u8]) -> FramerEvent {
        FramerEvent::TooLong {
            text: text.to_vec(),
        }
    }

    fn offer(size: u64, synchronizing: bool, fits: bool) -> FramerEvent {
        FramerEvent::Offer(LiteralOffer {
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
    fn an_accepted_literal_is_part_of_the_command() {
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
    fn a_streamed_literal_arrives_in_chunks() {
        let got = framed(
            20,
            Answer::Stream,
            b"a APPEND x {30}\r\n012345678901234567890123456789\r\nb\r\n",
        );
        let want = [
            offer(30, true, false),
            FramerEvent::Chunk(b"012345678901234567890123456789".to_vec()),
            FramerEvent::LiteralEnd,
            command(b""),
            command(b"b"),
        ];
        assert!(got == want);
        assert!(
            framed(20, Answer::Stream, b"a {0}\r\n\r\n")
                == [offer(0, true, true), FramerEvent::LiteralEnd, command(b"")]
        );
    }

    #[test]
    fn a_refused_literal_ends_the_command_if_the_client_waits() {
        let got = framed(100, Answer::Refuse, b"a LOGIN {4}\r\nb NOOP\r\n");
        assert!(got == [offer(4, true, true), command(b"b NOOP")]);
    }

    #[test]
    fn a_refused_command_is_skipped_if_the_client_does_not_wait() {
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
    fn a_literal_that_does_not_fit_cannot_be_accepted() {
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
    fn an_oversize_line_is_skipped_and_reported_once() {
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
    fn a_literal_is_no_part_of_the_end_of_an_oversize_line() {
        let got = framed(11, Answer::Accept, b"a {4}\r\n{9+}}x\r\nb\r\n");
        assert!(got.last() == Some(&command(b"b")), "{got:?}");
    }

    #[test]
    fn a_command_has_a_limited_number_of_literals() {
        let input = b"{0}\r\n".repeat(MAX_LITERALS + 1);
        let got = framed(1 << 16, Answer::Accept, &input);
        assert_eq!(got.len(), MAX_LITERALS + 1);
        assert!(got.last() == Some(&offer(0, true, false)));
    }

    #[test]
    fn takes_at_most_the_read_ahead_and_idles_without_memory() {
        let mut framer = Framer::new(100);
        let input = b"a NOOP\r\n".repeat(READ_AHEAD);
        assert_eq!(framer.push(&input), READ_AHEAD);
        assert!(!framer.wants_input());
        assert_eq!(framer.push(&input), 0);
        assert!(framer.next_event() == command(b"a NOOP"));
        assert!(framer.wants_input());
        while framer.next_event() != FramerEvent::NeedInput {}
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
    fn debug_output_hides_the_octets_of_the_client() {
        assert_eq!(
            format!("{:?}", command(b"a LOGIN u p")),
            "Command(11 octets)"
        );
    }
}
