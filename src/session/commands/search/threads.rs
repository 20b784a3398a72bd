//! THREAD: the messages that match, as threads (RFC 5256).

use super::keys::{Facts, Missing};
use super::sorted::sent_date;
use super::{Findings, ModSeqs};
use crate::budget::{RECORDS_PER_UNIT, Step, Why};
use crate::message::thread::{Algorithm, ThreadBuilder, ThreadEvent, ThreadMessage};
use crate::message::{encoded_word, fold_case, header, message_id, subject};
use crate::protocol::{Code, ThreadAlgorithm, ThreadList};
use crate::session::job::{Cx, Reply};
use crate::store::MessageRef;

pub(super) struct Threads {
    uid: bool,
    builder: ThreadBuilder,
    list: ThreadList,
}

impl Threads {
    pub(super) fn new(uid: bool, algorithm: ThreadAlgorithm) -> Self {
        let algorithm = match algorithm {
            ThreadAlgorithm::OrderedSubject => Algorithm::OrderedSubject,
            ThreadAlgorithm::References => Algorithm::References,
        };
        Self {
            uid,
            builder: ThreadBuilder::new(algorithm),
            list: ThreadList::default(),
        }
    }
}

impl Findings for Threads {
    fn take(&mut self, message: &MessageRef, facts: &Facts) -> Result<(), Missing> {
        let header = facts.header()?;
        let subject = header::field_value(header, "Subject").unwrap_or_default();
        let subject = subject::extract_base(&encoded_word::decode_value(&subject));
        let id = message_id::parse_own(header);
        let message = ThreadMessage {
            number: match self.uid {
                true => message.uid.get(),
                false => message.number,
            },
            sent: sent_date(facts)?,
            subject: &fold_case(&subject.text),
            is_reply: subject.is_reply,
            id: id.as_deref(),
            references: &message_id::parse_references(header),
        };
        self.builder.add(&message);
        Ok(())
    }

    fn is_complete(&self) -> bool {
        self.builder.is_full()
    }

    fn tell(&mut self, _: Option<ModSeqs>, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        if self.is_complete() {
            let reply = Reply::no("These are too many messages to make threads of");
            return Step::Done(reply.with_code(Code::Limit));
        }
        let mut steps = 0;
        while !self
            .builder
            .step(|event| write_event(&mut self.list, event))
        {
            steps += 1;
            if steps % RECORDS_PER_UNIT == 0 {
                cx.budget.spend(1);
                if cx.budget.is_spent() {
                    return Step::Yield(Why::Budget);
                }
            }
        }
        // One response, and so it may be queued whole ([crate], invariant 3).
        let list = std::mem::take(&mut self.list).into_bytes();
        cx.core.encoder().thread_line(&list);
        Step::Done(Reply::ok("THREAD completed"))
    }
}

fn write_event(list: &mut ThreadList, event: ThreadEvent) {
    match event {
        ThreadEvent::Begin => list.begin_thread(),
        ThreadEvent::Message(number) => list.message(number),
        ThreadEvent::End => list.end_thread(),
    }
}
