//! From framer events to tasks: which literal is kept in memory, which is streamed to a file, which
//! is refused, and what becomes of a command that is too long.
//!
//! A client that does not wait for an answer sends a refused literal all the same, and the session
//! reads over it (RFC 7888 §4). But a client that announces more than any message may have would
//! have to send all of that before its next command is read, and the server would seem to hang
//! meanwhile: that ends the session.

use zeroize::Zeroizing;

use super::commands;
use super::commands::append::Appending;
use super::reply::Reply;
use super::state::SessionState;
use super::task::Task;
use super::utf8;
use crate::budget::{Budget, Step};
use crate::protocol::{
    Framer, FramerEvent, LiteralOffer, ParseError, Request, Status, outline, parse_append,
    parse_request, reject_command,
};
use crate::store::Store;

/// Parsing an octet of a command takes as long as scanning so many.
const PARSING: usize = 8;
/// The longest command before login: a password may be long, nothing else is.
const LIMIT_BEFORE_LOGIN: usize = 8 * 1024;
/// The longest command after login, its literals included, but without a message to append.
const LIMIT: usize = 64 * 1024;
/// How much longer than the longest message a refused literal may be and still be read over: about
/// as much as a fast client far away sends while the answer is on its way.
const READ_OVER: u64 = 64 << 20;

/// Stands where the tag would be if a command has none.
const UNTAGGED: &[u8] = b"*";

/// The input side of a session.
pub(super) struct Input {
    pub(super) framer: Framer,
    /// Whether the client sends no more.
    pub(super) ended: bool,
    /// The APPEND whose message is being received.
    appending: Option<Appending>,
}

/// What the next framer event led to.
pub(super) enum Next {
    /// A command to carry out.
    Task(Box<Task>),
    /// Some work; call again.
    Progress,
    /// Nothing: the framer needs input.
    Nothing,
}

impl Next {
    fn task(task: Task) -> Self {
        Self::Task(Box::new(task))
    }
}

impl Input {
    /// Makes the input side of a client that has not logged in.
    pub(super) fn new() -> Self {
        Self {
            framer: Framer::new(LIMIT_BEFORE_LOGIN),
            ended: false,
            appending: None,
        }
    }

    /// Returns the octets of memory that the input takes, and an APPEND that is being received.
    pub(super) fn memory(&self) -> usize {
        let appending = self.appending.as_ref();
        self.framer.memory() + appending.map_or(0, Appending::memory)
    }

    /// Discards input that is no whole command yet.
    pub(super) fn discard(&mut self) {
        self.framer = Framer::new(LIMIT_BEFORE_LOGIN);
        self.appending = None;
    }

    /// Allows commands as long as a client that has logged in may send them.
    pub(super) fn raise_limit(&mut self) {
        self.framer.set_limit(LIMIT);
    }

    /// Handles the next framer event.
    pub(super) fn next(
        &mut self,
        state: &mut SessionState,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Next {
        match self.framer.next_event() {
            FramerEvent::NeedInput => Next::Nothing,
            FramerEvent::Chunk(octets) => {
                if let Some(appending) = &mut self.appending {
                    appending.write(&octets, budget);
                }
                Next::Progress
            }
            FramerEvent::LiteralEnd => Next::Progress,
            FramerEvent::Command(text) => {
                // It may hold a password.
                let text = Zeroizing::new(text);
                budget.spend_octets(PARSING * text.len());
                Next::task(match self.appending.take() {
                    Some(appending) => {
                        state.log_line(&text);
                        appending.into_task(&text)
                    }
                    None => {
                        state.log_command(&text);
                        start(&text, state)
                    }
                })
            }
            FramerEvent::Offer(offer) => self.handle_offer(offer, state, store, budget),
            FramerEvent::TooLong { text } => {
                state.log_line(&text);
                Next::task(match self.appending.take() {
                    // The tag came before the message: this is only what follows the message.
                    Some(appending) => appending.into_task(&text),
                    None => refuse(reject_command(&text, "Command line too long")),
                })
            }
        }
    }

    /// Waits until the disk has room for the next message of an APPEND.
    pub(super) fn poll_room(&mut self, budget: &mut Budget<'_>) -> Step<()> {
        match &mut self.appending {
            Some(appending) => appending.poll_room(budget),
            None => Step::Done(()),
        }
    }

    /// Returns the line that a command waits for, if it has arrived. A line with a literal, or one
    /// that is too long, is as good as an empty one: no command expects it.
    pub(super) fn next_line(&mut self, state: &mut SessionState) -> Option<Zeroizing<Vec<u8>>> {
        match self.framer.next_event() {
            FramerEvent::Command(text) => {
                state.log_line(&text);
                Some(text.into())
            }
            FramerEvent::Offer(offer) if is_endless(offer, state) => {
                self.give_up(state);
                None
            }
            FramerEvent::Offer(_) => {
                self.framer.refuse_literal();
                Some(Zeroizing::default())
            }
            FramerEvent::TooLong { .. } => Some(Zeroizing::default()),
            FramerEvent::NeedInput | FramerEvent::Chunk(_) | FramerEvent::LiteralEnd => None,
        }
    }

    /// Handles an announced literal. It is either a message to append, which is streamed, or an
    /// argument (RFC 1064 p. 18), which is kept in memory if it fits.
    fn handle_offer(
        &mut self,
        offer: LiteralOffer,
        state: &mut SessionState,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Next {
        if is_endless(offer, state) {
            self.give_up(state);
            return Next::Progress;
        }
        if let Some(appending) = self.offered_message(offer, state, store, budget) {
            match appending {
                Ok(appending) => self.appending = Some(appending),
                Err(task) => {
                    self.framer.refuse_literal();
                    return Next::Task(task);
                }
            }
            self.framer.stream_literal();
        } else if offer.fits {
            self.framer.accept_literal();
        } else {
            state.log_command(self.framer.text());
            let task = refuse(reject_command(self.framer.text(), "Literal too long"));
            self.framer.refuse_literal();
            return Next::task(task);
        }
        if offer.synchronizing {
            state.encoder().continuation("Ready for the literal");
        }
        Next::Progress
    }

    /// Begins to receive the message of an APPEND; `None` if the announced literal is no message.
    fn offered_message(
        &mut self,
        offer: LiteralOffer,
        state: &mut SessionState,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Option<Result<Appending, Box<Task>>> {
        if let Some(appending) = self.appending.take() {
            state.log_line(self.framer.text());
            return Some(appending.another(self.framer.text(), offer.size, state, store, budget));
        }
        let arguments = parse_append(self.framer.text())?;
        state.log_command(self.framer.text());
        Some(match arguments {
            Ok(arguments) => Appending::begin(arguments, offer.size, state, store, budget),
            Err(refusal) => Err(Box::new(refuse(refusal))),
        })
    }

    /// Ends the session at a literal that is too long to read over. Its command is answered like
    /// any other.
    fn give_up(&self, state: &mut SessionState) {
        let text = "Literal too long";
        let tag = match &self.appending {
            Some(appending) => Some(appending.tag().to_vec()),
            None => reject_command(self.framer.text(), text).tag,
        };
        let tag = tag.as_deref().unwrap_or(UNTAGGED);
        state.encoder().tagged(tag, Status::Bad, None, text);
        let farewell = "The server does not wait for the rest of that command";
        state.encoder().untagged(Status::Bye, None, farewell);
        state.finish();
    }
}

/// True if a literal, once refused, would be too long to read over.
fn is_endless(offer: LiteralOffer, state: &SessionState) -> bool {
    !offer.synchronizing && offer.size > state.config.max_message.saturating_add(READ_OVER)
}

/// Parses a command, lets the dialect climb, and checks that the command is legal in the session's
/// state.
fn start(text: &[u8], state: &mut SessionState) -> Task {
    state.command = outline(text).map_or("an unknown command", |outline| outline.name);
    let Request {
        tag,
        command,
        level,
        client_level,
        states,
    } = match parse_request(text) {
        Ok(request) => request,
        Err(refusal) => return refuse(refusal),
    };
    let admitted = state.admit(level, client_level, states);
    match admitted.and_then(|()| utf8::check(text, &command, state)) {
        Ok(()) => {
            state.tag.clone_from(&tag);
            Task::new(tag, commands::job(command, state)).with_octets(text.len())
        }
        Err(reply) => Task::reply(tag, reply),
    }
}

fn refuse(refusal: ParseError) -> Task {
    Task::reply(
        refusal.tag.unwrap_or_else(|| UNTAGGED.to_vec()),
        Reply::bad(refusal.reason),
    )
}
