//! THREAD: the messages that match, as threads (RFC 5256).

use super::keys::{Facts, Missing};
use super::sorted::sent_date;
use super::{Findings, ModSeqs};
use crate::budget::{RECORDS_PER_UNIT, Step, Why};
use crate::message::casefold::fold_case;
use crate::message::thread::{self, Algorithm, ThreadMessage};
use crate::message::{encoded_word, header, message_id, subject};
use crate::protocol::{Code, ThreadAlgorithm};
use crate::session::job::{Cx, Reply};
use crate::store::MessageRef;

pub(super) struct Threads {
    uid: bool,
    threads: Option<thread::Threads>,
}

impl Threads {
    pub(super) fn new(uid: bool, algorithm: ThreadAlgorithm) -> Self {
        let algorithm = match algorithm {
            ThreadAlgorithm::OrderedSubject => Algorithm::OrderedSubject,
            ThreadAlgorithm::References => Algorithm::References,
        };
        Self {
            uid,
            threads: Some(thread::Threads::new(algorithm)),
        }
    }
}

impl Findings for Threads {
    fn take(&mut self, message: &MessageRef, facts: &Facts) -> Result<(), Missing> {
        let header = facts.header()?;
        let subject = header::field_value(header, "Subject").unwrap_or_default();
        let subject = subject::extract_base(&encoded_word::decode_value(&subject));
        let id = message_id::parse_own(header);
        let mail = ThreadMessage {
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
        if let Some(threads) = &mut self.threads {
            threads.add(&mail);
        }
        Ok(())
    }

    fn is_complete(&self) -> bool {
        self.threads.as_ref().is_none_or(thread::Threads::is_full)
    }

    fn tell(&mut self, _: Option<ModSeqs>, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        if self.is_complete() {
            let reply = Reply::no("These are too many messages to make threads of");
            return Step::Done(reply.with_code(Code::Limit));
        }
        let mut steps = 0;
        while self.threads.as_mut().is_some_and(|threads| !threads.step()) {
            steps += 1;
            if steps % RECORDS_PER_UNIT == 0 {
                cx.budget.spend(1);
                if cx.budget.is_spent() {
                    return Step::Yield(Why::Budget);
                }
            }
        }
        // One response, and so it may be queued whole ([crate], invariant 3).
        let text = self.threads.take().map(thread::Threads::into_text);
        cx.core.encoder().thread_line(&text.unwrap_or_default());
        Step::Done(Reply::ok("THREAD completed"))
    }
}
