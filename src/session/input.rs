//! From the framer's events to tasks: which literal is taken, which is streamed to a file, which is
//! refused, and what becomes of a command that is too long.
//!
//! A refused literal whose client does not wait for an answer comes all the same and is read over (RFC 7888 §4). But
//! whoever announces more than any message may have would have to send all of that before the next
//! command is heard, and looks like a server that hangs meanwhile: that ends the session.

use super::commands;
use super::commands::append::Appending;
use super::core::Core;
use super::job::{Reply, Task};
use super::utf8;
use crate::budget::Budget;
use crate::protocol::framer::{Event, Framer, Offer};
use crate::protocol::{ParseError, Request, Status, parse_append, parse_request, reject_command};
use crate::store::Store;
use zeroize::Zeroizing;

/// The longest command before login: a password may be long, nothing else is.
const LIMIT_BEFORE_LOGIN: usize = 8 * 1024;
/// The longest command afterwards, its literals included; a message to append is not part of it.
const LIMIT: usize = 64 * 1024;
/// How much longer than the longest message a refused literal may be and still be read over: about as
/// much as comes in while the answer is on its way to a client that is fast and far away.
const READ_OVER: u64 = 64 << 20;

/// Stands where the tag would be if the command has none.
const UNTAGGED: &[u8] = b"*";

/// The input side of a session.
pub(super) struct Input {
    pub(super) framer: Framer,
    /// The client sends no more.
    pub(super) ended: bool,
    /// The message that is being received.
    appending: Option<Appending>,
}

/// What the next event comes to.
pub(super) enum Next {
    /// A command to carry out.
    Task(Box<Task>),
    /// Something was done; ask again.
    Progress,
    /// The framer needs input.
    Nothing,
}

impl Next {
    fn task(task: Task) -> Self {
        Self::Task(Box::new(task))
    }
}

impl Input {
    pub(super) fn new() -> Self {
        Self {
            framer: Framer::new(LIMIT_BEFORE_LOGIN),
            ended: false,
            appending: None,
        }
    }

    /// Forgets what has come and is no command yet.
    pub(super) fn discard(&mut self) {
        self.framer = Framer::new(LIMIT_BEFORE_LOGIN);
    }

    /// Lets commands be as long as a client that has logged in may make them.
    pub(super) fn raise_limit(&mut self) {
        self.framer.set_limit(LIMIT);
    }

    pub(super) fn next(
        &mut self,
        core: &mut Core,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Next {
        match self.framer.next_event() {
            Event::NeedInput => Next::Nothing,
            Event::Chunk(octets) => {
                if let Some(appending) = &mut self.appending {
                    appending.write(&octets, budget);
                }
                Next::Progress
            }
            Event::LiteralEnd => Next::Progress,
            Event::Command(text) => {
                // It may hold a password.
                let text = Zeroizing::new(text);
                Next::task(match self.appending.take() {
                    Some(appending) => {
                        core.note_line(&text);
                        appending.into_task(&text)
                    }
                    None => {
                        core.note_command(&text);
                        start(&text, core)
                    }
                })
            }
            Event::Offer(offer) => self.literal_offered(offer, core, store, budget),
            Event::TooLong { text } => {
                core.note_line(&text);
                Next::task(match self.appending.take() {
                    // The tag went by before the message: this is only what follows that.
                    Some(appending) => appending.into_task(&text),
                    None => refuse(reject_command(&text, "Command line too long")),
                })
            }
        }
    }

    /// The line that a command waits for. No such line has a literal or is long.
    pub(super) fn next_line(&mut self, core: &mut Core) -> Option<Zeroizing<Vec<u8>>> {
        match self.framer.next_event() {
            Event::Command(text) => {
                core.note_line(&text);
                Some(text.into())
            }
            Event::Offer(offer) if is_endless(offer, core) => {
                self.give_up(core);
                None
            }
            Event::Offer(_) => {
                self.framer.refuse_literal();
                Some(Zeroizing::default())
            }
            Event::TooLong { .. } => Some(Zeroizing::default()),
            Event::NeedInput | Event::Chunk(_) | Event::LiteralEnd => None,
        }
    }

    /// A literal is either a message to append, which is streamed, or an argument (RFC 1064 p. 18), which
    /// is kept in memory if it fits.
    fn literal_offered(
        &mut self,
        offer: Offer,
        core: &mut Core,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Next {
        if is_endless(offer, core) {
            self.give_up(core);
            return Next::Progress;
        }
        let appending = match self.appending.take() {
            Some(appending) => {
                core.note_line(self.framer.text());
                Some(appending.another(self.framer.text(), offer.size, core, store, budget))
            }
            None => parse_append(self.framer.text()).map(|arguments| {
                core.note_command(self.framer.text());
                match arguments {
                    Ok(arguments) => Appending::begin(arguments, offer.size, core, store, budget),
                    Err(refusal) => Err(Box::new(refuse(refusal))),
                }
            }),
        };
        if let Some(appending) = appending {
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
            core.note_command(self.framer.text());
            let task = refuse(reject_command(self.framer.text(), "Literal too long"));
            self.framer.refuse_literal();
            return Next::task(task);
        }
        if offer.synchronizing {
            core.encoder().continuation("Ready for the literal");
        }
        Next::Progress
    }

    /// Ends the session at a literal that nobody can wait for. Its command is answered like any other.
    fn give_up(&self, core: &mut Core) {
        let text = "Literal too long";
        let tag = match &self.appending {
            Some(appending) => Some(appending.tag().to_vec()),
            None => reject_command(self.framer.text(), text).tag,
        };
        let tag = tag.as_deref().unwrap_or(UNTAGGED);
        core.encoder().tagged(tag, Status::Bad, None, text);
        let farewell = "The rest of that command is not waited for";
        core.encoder().untagged(Status::Bye, None, farewell);
        core.finish();
    }
}

/// True if nobody can wait for the end of a literal that is refused.
fn is_endless(offer: Offer, core: &Core) -> bool {
    !offer.synchronizing && offer.size > core.config.max_message.saturating_add(READ_OVER)
}

/// Parses a command, lets the dialect climb, and checks it against the state.
fn start(text: &[u8], core: &mut Core) -> Task {
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
    let admitted = core.admit(level, client_level, states);
    match admitted.and_then(|()| utf8::check(text, &command, core)) {
        Ok(()) => {
            core.tag.clone_from(&tag);
            Task::new(tag, commands::job(command, core))
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
