//! APPEND (IMAP2bis: RFC 1732 p. 3; RFC 3501 §6.3.11), of several messages too (RFC 3502).
//!
//! The message is the last argument, a literal that may be many megabytes long. It is never in
//! memory: when the framer offers it, the rest of the command is known, so the mailbox is opened
//! and every octet goes straight into a file in `tmp/`. An error on the way is kept until the
//! literal has come to its true end, since the client does not read before. Several messages become
//! visible together, or none.

use super::{destination, mailbox_argument};
use crate::budget::{Budget, COST_OPEN, COST_READ_16K, COST_SYSCALL, Step};
use crate::protocol::{AppendArguments, AppendData, AppendMessage, Code, Level, parse_append_more};
use crate::session::job::{Context, Job, Outcome};
use crate::session::reply::Reply;
use crate::session::state::SessionState;
use crate::session::task::Task;
use crate::store::{AppendMessages, FlagLock, Store, StoreError};
use crate::{ready, try_ready};

const NOTHING_MORE: &str = "Nothing may follow the message";
/// Most messages in one APPEND. Some clients copy a whole mailbox with one, but what is known of
/// each message is in memory until the last has come.
const MAX_MESSAGES: usize = 10_000;

/// An APPEND whose messages are being received.
pub(in crate::session) struct Appending {
    tag: Vec<u8>,
    /// The form of the message that is being received.
    data: AppendData,
    /// The store's side of it, or the reply to an APPEND that has failed already.
    state: Result<AppendMessages, Reply>,
}

impl Appending {
    /// Begins with the arguments and the announced size of the message. Fails with the task that
    /// refuses the command: then the literal must be refused too.
    pub(in crate::session) fn begin(
        arguments: AppendArguments,
        size: u64,
        state: &mut SessionState,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Result<Self, Box<Task>> {
        let (tag, data) = (arguments.tag.clone(), arguments.message.data);
        state.command = "APPEND";
        let cx = &mut Context {
            state,
            store,
            budget,
            flag_lock: FlagLock::default(),
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

    /// Goes on with another message of that size (RFC 3502). The message before is complete, and
    /// `text` is what follows it. Fails with the task that refuses the command.
    pub(in crate::session) fn another(
        self,
        text: &[u8],
        size: u64,
        state: &mut SessionState,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Result<Self, Box<Task>> {
        let cx = &mut Context {
            state,
            store,
            budget,
            flag_lock: FlagLock::default(),
        };
        let (tag, before) = (self.tag, self.data);
        let next = |append| go_on(append, text_after(before, text)?, size, cx);
        match self.state.and_then(next) {
            Ok((append, data)) => Ok(Self {
                tag,
                data,
                state: Ok(append),
            }),
            Err(reply) => Err(Box::new(Task::reply(tag, reply))),
        }
    }

    /// Waits until the disk has taken most of the messages before, so that another may begin.
    pub(in crate::session) fn poll_room(&mut self, budget: &mut Budget<'_>) -> Step<()> {
        if let Ok(append) = &mut self.state {
            if let Err(error) = ready!(append.poll_room(budget)) {
                self.state = Err(error.into());
            }
        }
        Step::Done(())
    }

    /// Returns the octets of memory that the messages take until they are delivered.
    pub(in crate::session) fn memory(&self) -> usize {
        self.state.as_ref().map_or(0, AppendMessages::memory)
    }

    /// Returns the tag of the command.
    pub(in crate::session) fn tag(&self) -> &[u8] {
        &self.tag
    }

    /// Writes the next octets of the message to its file.
    pub(in crate::session) fn write(&mut self, octets: &[u8], budget: &mut Budget<'_>) {
        if let Ok(append) = &mut self.state {
            if let Err(error) = append.write(octets) {
                self.state = Err(error.into());
            } else if self.data.binary && memchr::memchr(0, octets).is_some() {
                // RFC 3516 §4.4: a message that BODYSTRUCTURE could not describe is not stored.
                let text = "Messages with the octet 0 are not stored";
                self.state = Err(Reply::no(text).with_code(Code::UnknownCte));
            }
        }
        budget.spend(
            COST_SYSCALL + COST_READ_16K * u32::try_from(octets.len() / (16 * 1024)).unwrap_or(0),
        );
    }

    /// Returns the task that ends the command. The message is complete, and `rest` follows it.
    pub(in crate::session) fn into_task(self, rest: &[u8]) -> Task {
        let data = self.data;
        let ended = self.state.and_then(|append| match text_after(data, rest)? {
            b"" => Ok(append),
            _ => Err(Reply::bad(NOTHING_MORE)),
        });
        let job = ended.map(|append| -> Box<dyn Job> { Box::new(AppendJob(append)) });
        Task::new(self.tag, job)
    }
}

/// Returns what follows a message, without the parenthesis that belongs to the message.
fn text_after(data: AppendData, text: &[u8]) -> Result<&[u8], Reply> {
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
    cx: &mut Context<'_, '_>,
) -> Result<AppendMessages, Reply> {
    cx.state
        .admit(arguments.level, arguments.client_level, arguments.states())?;
    check_data(arguments.message.data, cx.state)?;
    check_size(size, cx.state)?;
    let name = mailbox_argument::any(&arguments.mailbox, cx.state)?;
    let to = destination::open(&name, false, cx)?;
    let wall = cx.budget.wall();
    let AppendMessage { flags, date, .. } = arguments.message;
    Ok(AppendMessages::begin(cx.store, &to, flags, date, wall)?)
}

fn go_on(
    mut append: AppendMessages,
    text: &[u8],
    size: u64,
    cx: &mut Context<'_, '_>,
) -> Result<(AppendMessages, AppendData), Reply> {
    if !cx.state.dialect.accepts(Level::Imap4) {
        return Err(Reply::bad(NOTHING_MORE));
    }
    cx.state.climb(Level::Imap4);
    let AppendMessage { flags, date, data } =
        parse_append_more(text).map_err(|reason| Reply::bad(format!("APPEND: {reason}")))?;
    check_data(data, cx.state)?;
    check_size(size, cx.state)?;
    if append.count() == MAX_MESSAGES {
        let text = "There are too many messages in one APPEND";
        return Err(StoreError::Limit(text).into());
    }
    cx.budget.spend(COST_OPEN);
    append.another(cx.store, flags, date, cx.budget.wall())?;
    Ok((append, data))
}

/// Fails if the client sends a message as UTF8 without having enabled that (RFC 6855 §4). A message
/// with octets beyond ASCII in its header is taken without UTF8 too: the client may have found it
/// elsewhere and copies it here, and a lost message would be worse.
fn check_data(data: AppendData, state: &SessionState) -> Result<(), Reply> {
    match data.utf8 && !state.dialect.names_in_utf8() {
        true => Err(Reply::bad("UTF8=ACCEPT has to be enabled first")),
        false => Ok(()),
    }
}

fn check_size(size: u64, state: &SessionState) -> Result<(), Reply> {
    if size > state.config.max_message {
        let reply = Reply::no("The message is longer than the server accepts");
        return Err(reply.with_code(Code::TooBig));
    }
    if size == 0 {
        return Err(Reply::no("An empty message cannot be appended"));
    }
    Ok(())
}

/// An APPEND whose messages are all received: they are flushed, and become visible.
struct AppendJob(AppendMessages);

impl Job for AppendJob {
    fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<Outcome> {
        let (validity, uids) = try_ready!(self.0.step(cx.store, cx.budget));
        let reply = Reply::ok("APPEND completed");
        Step::Done(Ok(reply.with_code(Code::AppendUid(validity, uids))))
    }

    fn memory(&self) -> usize {
        self.0.memory()
    }

    fn may_fail(&self) -> bool {
        !self.0.is_committed()
    }
}
