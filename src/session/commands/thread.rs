//! THREAD and UID THREAD: the messages that match, as threads (RFC 5256).
//!
//! A step may end after any reference of a message, and after any step of the [`ThreadBuilder`]:
//! one record or link each. The response is written piece by piece while the threads are walked
//! over.

use super::search::{KnownField, MatchCollector, MatchedModSeqs, MessageFacts, Missing, SearchJob};
use super::uid;
use crate::budget::{Budget, Step, Why};
use crate::message::thread::{Algorithm, ThreadBuilder, ThreadEvent, ThreadMessage};
use crate::message::{decode_beginning, fold_case, message_id, subject};
use crate::protocol::{Code, ThreadAlgorithm, ThreadArguments, ThreadList};
use crate::session::job::{Context, Job, Outcome};
use crate::session::output::HIGH_WATER;
use crate::session::reply::Reply;
use crate::session::state::SessionState;
use crate::store::MessageRef;

/// Octets of the response that are written at once.
const PIECE: usize = 4 * 1024;
/// Records that a step of the builder is paid for as.
const RECORDS_PER_STEP: usize = 2;

/// Searches for messages and groups them into threads.
pub(super) fn job(arguments: ThreadArguments, state: &SessionState) -> Result<Box<dyn Job>, Reply> {
    let ThreadArguments {
        uid,
        algorithm,
        charset,
        keys,
    } = arguments;
    let collector = Box::new(ThreadCollector::new(uid, algorithm));
    SearchJob::begin(uid, Some(&charset), keys, collector, state)
}

/// Collects the messages that match, and makes threads of them.
struct ThreadCollector {
    uid: bool,
    builder: ThreadBuilder,
    /// The threads so far that are not written.
    list: ThreadList,
    /// Whether the response has begun.
    has_begun: bool,
}

impl ThreadCollector {
    fn new(uid: bool, algorithm: ThreadAlgorithm) -> Self {
        let algorithm = match algorithm {
            ThreadAlgorithm::OrderedSubject => Algorithm::OrderedSubject,
            ThreadAlgorithm::References => Algorithm::References,
        };
        Self {
            uid,
            builder: ThreadBuilder::new(algorithm),
            list: ThreadList::default(),
            has_begun: false,
        }
    }
}

impl MatchCollector for ThreadCollector {
    fn take(&mut self, message: &MessageRef, facts: &MessageFacts) -> Result<(), Missing> {
        let value = |field| facts.field(field).map(Option::unwrap_or_default);
        let subject = decode_beginning(value(KnownField::Subject)?, subject::MAX_SUBJECT);
        let subject = subject::extract_base(&subject);
        let id = message_id::parse_first(value(KnownField::MessageId)?);
        let mut references = message_id::parse_references(value(KnownField::References)?);
        if references.is_empty() {
            references.extend(message_id::parse_first(value(KnownField::InReplyTo)?));
        }
        let message = ThreadMessage {
            number: uid::number(self.uid, message),
            sent: facts.sent()?,
            subject: &fold_case(&subject.text),
            is_reply: subject.is_reply,
            id: id.as_deref(),
            references: &references,
        };
        self.builder.add(&message);
        Ok(())
    }

    fn memory(&self) -> usize {
        self.builder.memory() + self.list.len()
    }

    fn is_complete(&self) -> bool {
        self.builder.is_full()
    }

    fn answer(&mut self, _: Option<MatchedModSeqs>, cx: &mut Context<'_, '_>) -> Step<Outcome> {
        if self.is_complete() {
            let reply = Reply::no("There are too many messages to make threads of them");
            return Step::Done(Err(reply.with_code(Code::Limit)));
        }
        while !self
            .builder
            .step(|event| write_event(&mut self.list, event))
        {
            if self.list.len() >= PIECE {
                self.write(cx);
            }
            cx.budget.spend_records(RECORDS_PER_STEP);
            if cx.budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
            if cx.state.output.unsent() >= HIGH_WATER {
                return Step::Yield(Why::OutputFull);
            }
        }
        self.write(cx);
        cx.state.is_in_response = false;
        cx.state.encoder().end_line();
        Step::Done(Ok(Reply::ok("THREAD completed")))
    }

    fn settle(&mut self, budget: &mut Budget<'_>) -> Step<()> {
        while let Some(work) = self.builder.link() {
            budget.spend_records(work);
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
        Step::Done(())
    }
}

impl ThreadCollector {
    /// Writes the next piece of the response, which is open from then on.
    fn write(&mut self, cx: &mut Context<'_, '_>) {
        let list = self.list.take();
        if !std::mem::replace(&mut self.has_begun, true) {
            cx.state.encoder().begin_thread(list.is_empty());
            cx.state.is_in_response = true;
        }
        cx.state.output.bytes().extend(list);
    }
}

fn write_event(list: &mut ThreadList, event: ThreadEvent) {
    match event {
        ThreadEvent::Begin => list.begin_thread(),
        ThreadEvent::Message(number) => list.message(number),
        ThreadEvent::End => list.end_thread(),
    }
}
