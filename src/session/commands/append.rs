//! APPEND (IMAP2bis: RFC 1732 p. 3; RFC 3501 §6.3.11), of several messages too (RFC 3502).
//!
//! The message is the last argument, a literal that may be many megabytes. It never lies in memory: when
//! the framer offers it, the rest of the command is known, so the mailbox is opened and every octet goes
//! straight into a file in `tmp/`. What goes wrong on the way is kept until the literal has come to its
//! true end, since the client cannot listen before. Several messages become visible together, or none.

use crate::budget::{Budget, COST_READ_16K, COST_SYNC, COST_SYSCALL, Step};
use crate::protocol::{AppendArguments, AppendData, AppendMessage, Code, Level, parse_append_more};
use crate::ready;
use crate::session::core::Core;
use crate::session::job::{Cx, Job, Reply, Task};
use crate::store::{AppendMessages, Store, StoreError};

const NOTHING_MORE: &str = "Nothing may follow the message";
/// Most messages in one APPEND. There are clients that copy a whole mailbox with one, but what is known of
/// each is in memory until the last has come.
const MAX_MESSAGES: usize = 10_000;

/// Messages that are being received.
pub(in crate::session) struct Appending {
    tag: Vec<u8>,
    /// How the message comes that is being received.
    data: AppendData,
    state: Result<AppendMessages, Reply>,
}

impl Appending {
    /// Takes the arguments and the size that was announced. An error is the command's answer: the
    /// literal is not wanted then.
    pub(in crate::session) fn begin(
        arguments: AppendArguments,
        size: u64,
        core: &mut Core,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Result<Self, Box<Task>> {
        let (tag, data) = (arguments.tag.clone(), arguments.message.data);
        let cx = &mut Cx {
            core,
            store,
            budget,
        };
        match open(arguments, size, cx) {
            Ok(append) => Ok(Self {
                tag,
                data,
                state: Ok(append),
            }),
            Err(reply) => Err(Box::new(Task::reply(tag, reply))),
        }
    }

    /// All of a message is there, and instead of its end the command goes on with `text`, which
    /// announces a message of that size (RFC 3502). An error is the command's answer.
    pub(in crate::session) fn another(
        self,
        text: &[u8],
        size: u64,
        core: &mut Core,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Result<Self, Box<Task>> {
        let cx = &mut Cx {
            core,
            store,
            budget,
        };
        let (tag, before) = (self.tag, self.data);
        let next = |append| go_on(append, after(before, text)?, size, cx);
        match self.state.and_then(next) {
            Ok((append, data)) => Ok(Self {
                tag,
                data,
                state: Ok(append),
            }),
            Err(reply) => Err(Box::new(Task::reply(tag, reply))),
        }
    }

    /// The tag of the command.
    pub(in crate::session) fn tag(&self) -> &[u8] {
        &self.tag
    }

    /// Takes the next octets of the message.
    pub(in crate::session) fn write(&mut self, octets: &[u8], budget: &mut Budget<'_>) {
        if let Ok(append) = &mut self.state {
            if let Err(error) = append.write(octets) {
                self.state = Err(Reply::refused(&error));
            } else if self.data.binary && memchr::memchr(0, octets).is_some() {
                // RFC 3516 §4.4: what BODYSTRUCTURE could not describe is not stored.
                let text = "Messages with the octet 0 are not stored";
                self.state = Err(Reply::no(text).with_code(Code::UnknownCte));
            }
        }
        budget.spend(
            COST_SYSCALL + COST_READ_16K * u32::try_from(octets.len() / (16 * 1024)).unwrap_or(0),
        );
    }

    /// The message is there; `rest` is what follows it on the command line.
    pub(in crate::session) fn into_task(self, rest: &[u8]) -> Task {
        let data = self.data;
        let ended = self.state.and_then(|append| match after(data, rest)? {
            b"" => Ok(append),
            _ => Err(Reply::bad(NOTHING_MORE)),
        });
        match ended {
            Err(reply) => Task::reply(self.tag, reply),
            Ok(append) => Task::new(self.tag, Box::new(Finish(append))),
        }
    }
}

/// What follows a message, without the parenthesis that belongs to it.
fn after(data: AppendData, text: &[u8]) -> Result<&[u8], Reply> {
    match data.utf8 {
        true => text
            .strip_prefix(b")")
            .ok_or_else(|| Reply::bad("A parenthesis is not closed")),
        false => Ok(text),
    }
}

fn open(
    arguments: AppendArguments,
    size: u64,
    cx: &mut Cx<'_, '_>,
) -> Result<AppendMessages, Reply> {
    cx.core
        .admit(arguments.level, arguments.client_level, arguments.states())?;
    check_data(arguments.message.data, cx.core)?;
    check_size(size, cx.core)?;
    let name = super::mailbox_argument(&arguments.mailbox, cx.core)?;
    let handle = super::copy::open_or_create(&name, false, cx)?;
    let wall = cx.budget.wall();
    let AppendMessage { flags, date, .. } = arguments.message;
    AppendMessages::begin(cx.store, &handle, flags, date, wall)
        .map_err(|error| Reply::refused(&error))
}

fn go_on(
    mut append: AppendMessages,
    text: &[u8],
    size: u64,
    cx: &mut Cx<'_, '_>,
) -> Result<(AppendMessages, AppendData), Reply> {
    if !cx.core.dialect.accepts(Level::Imap4) {
        return Err(Reply::bad(NOTHING_MORE));
    }
    cx.core.climb(Level::Imap4);
    let AppendMessage { flags, date, data } =
        parse_append_more(text).map_err(|reason| Reply::bad(format!("APPEND: {reason}")))?;
    check_data(data, cx.core)?;
    check_size(size, cx.core)?;
    if append.count() == MAX_MESSAGES {
        return Err(Reply::refused(&StoreError::Limit(
            "There are too many messages in one APPEND",
        )));
    }
    cx.budget.spend(COST_SYNC);
    append
        .another(cx.store, flags, date, cx.budget.wall())
        .map_err(|error| Reply::refused(&error))?;
    Ok((append, data))
}

/// RFC 6855 §4. A message with octets beyond ASCII in its header is taken without that, too: it may be any
/// that a client has found elsewhere and copies here, and a message lost would be worse.
fn check_data(data: AppendData, core: &Core) -> Result<(), Reply> {
    match data.utf8 && !core.dialect.names_in_utf8() {
        true => Err(Reply::bad("UTF8=ACCEPT has to be enabled first")),
        false => Ok(()),
    }
}

fn check_size(size: u64, core: &Core) -> Result<(), Reply> {
    if size > core.config.max_message {
        let reply = Reply::no("The message is longer than this server takes");
        return Err(reply.with_code(Code::TooBig));
    }
    if size == 0 {
        return Err(Reply::no("An empty message cannot be appended"));
    }
    Ok(())
}

struct Finish(AppendMessages);

impl Job for Finish {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        Step::Done(match ready!(self.0.step(cx.store, cx.budget)) {
            Ok((validity, uids)) => {
                Reply::ok("APPEND completed").with_code(Code::AppendUid(validity, uids))
            }
            Err(error) => Reply::refused(&error),
        })
    }
}
