//! The job that SEARCH, SORT and THREAD share: it tests one message after the other, and passes
//! those that match to the command's collector.

use std::fs::File;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::collector::{MatchCollector, MatchedModSeqs};
use super::evaluation::Evaluation;
use super::header_reader::HeaderReader;
use super::message_facts::{MessageFacts, Missing};
use super::program::SearchProgram;
use super::text_reader::TextReader;
use crate::budget::{Budget, COST_OPEN, COST_SYSCALL, Step, Why};
use crate::message::{Charset, ScanDepth, charset, list_passages, list_passages_without_parts};
use crate::protocol::{Code, SearchKey};
use crate::session::condstore;
use crate::session::each_message::EachMessage;
use crate::session::job::{Context, Job, Outcome};
use crate::session::layout_reader::{LayoutReader, unreadable};
use crate::session::rename_retry::RenameRetry;
use crate::session::reply::Reply;
use crate::session::state::SessionState;
use crate::session::update_policy::UpdatePolicy;
use crate::store::{MessageRef, StoreError};
use crate::types::NumberSet;
use crate::{ready, try_ready};

/// A SEARCH, SORT or THREAD in progress.
pub(in crate::session::commands) struct SearchJob {
    uid: bool,
    program: SearchProgram,
    /// Whether the search for strings is prepared.
    is_prepared: bool,
    collector: Box<dyn MatchCollector>,
    each: EachMessage,
    /// In a search from the end: how many messages there are before those of `each`.
    before: u32,
    /// What is known of the current message.
    facts: MessageFacts,
    loading: Option<Loading>,
    /// Whether the current message was tested, and only the collector has work left on it.
    is_tested: bool,
    retry: RenameRetry,
    /// Whether every message was tested.
    is_over: bool,
    /// The mod-sequences of the messages that match, if the keys ask for them.
    modseqs: Option<MatchedModSeqs>,
}

/// What is being read of the current message.
enum Loading {
    Header(LayoutReader),
    /// The known fields of the header, and the strings in all fields.
    Fields(Box<HeaderReader>),
    Size(LayoutReader),
    /// The places of its texts.
    Structure(LayoutReader),
    Text(TextReader),
}

impl SearchJob {
    /// Begins to test all messages of the mailbox by `keys`.
    pub(in crate::session::commands) fn begin(
        uid: bool,
        charset: Option<&[u8]>,
        keys: Vec<SearchKey>,
        collector: Box<dyn MatchCollector>,
        state: &SessionState,
    ) -> Result<Box<dyn Job>, Reply> {
        let Some(charset) = charset.map_or(Some(Charset::PLAIN), Charset::named) else {
            let reply = Reply::no("The server does not know that character set");
            return Err(reply.with_code(Code::BadCharset(charset::NAMES)));
        };
        let view = state.view().ok_or_else(Reply::nothing_selected)?;
        let program = SearchProgram::new(keys, charset, view, state.saved(true));
        let last = view.exists();
        let before = match collector.wants_last() {
            true => last.saturating_sub(1),
            false => 0,
        };
        Ok(Box::new(Self {
            uid,
            program: program.map_err(Reply::no)?,
            is_prepared: false,
            collector,
            each: EachMessage::new(NumberSet::range(before + 1, last), false),
            before,
            facts: MessageFacts::default(),
            loading: None,
            is_tested: false,
            retry: RenameRetry::default(),
            is_over: false,
            modseqs: None,
        }))
    }
}

impl Job for SearchJob {
    fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<Outcome> {
        if self.program.asks_for_modseq {
            condstore::enable(cx);
        }
        ready!(self.prepare(cx.budget));
        if !self.is_over {
            let tested = self.test_all(cx);
            try_ready!(tested.map_err(|error| {
                Reply::from(error).with_updates(UpdatePolicy::WithoutExpunges)
            }));
            self.is_over = true;
        }
        // RFC 7162 §3.2.10.2: keys with message sequence numbers use them, whatever the answer
        // consists of.
        let uses_numbers = !self.uid || self.program.names_numbers;
        let policy = UpdatePolicy::after(!uses_numbers);
        Step::Done(match ready!(self.collector.answer(self.modseqs, cx)) {
            Ok(reply) => Ok(reply.with_updates(policy)),
            Err(reply) => Err(reply.with_updates(policy)),
        })
    }

    fn memory(&self) -> usize {
        let loading = self.loading.as_ref().map_or(0, Loading::memory);
        let all = [
            self.program.memory(),
            self.collector.memory(),
            self.each.memory(),
            self.facts.memory(),
            loading,
        ];
        size_of::<Self>() + all.iter().sum::<usize>()
    }
}

impl Loading {
    fn memory(&self) -> usize {
        match self {
            Self::Header(reader) | Self::Size(reader) | Self::Structure(reader) => reader.memory(),
            Self::Fields(reader) => reader.memory(),
            Self::Text(reader) => reader.memory(),
        }
    }
}

impl SearchJob {
    /// Prepares the search for strings.
    fn prepare(&mut self, budget: &mut Budget<'_>) -> Step<()> {
        while !self.is_prepared {
            match self.program.build() {
                Some(work) => budget.spend_octets(work),
                None => self.is_prepared = true,
            }
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
        Step::Done(())
    }

    /// Tests every message.
    fn test_all(&mut self, cx: &mut Context<'_, '_>) -> Step<Result<(), StoreError>> {
        while let Some(message) = ready!(self.next(cx)) {
            if self.facts.now == 0 {
                self.facts.now = unix(cx.budget.wall());
            }
            if !self.is_tested {
                match ready!(self.test(&message, cx)) {
                    Ok(()) | Err(StoreError::Gone) => {}
                    Err(error @ (StoreError::Invalidated | StoreError::InUse)) => {
                        return Step::Done(Err(error));
                    }
                    // A message that cannot be read matches nothing; it must not hide those that
                    // can.
                    Err(error) => log::warn!(
                        "{}: message {} could not be searched: {}",
                        cx.state.log_prefix(),
                        message.uid.get(),
                        error.in_full()
                    ),
                }
                self.is_tested = true;
            }
            ready!(self.collector.settle(cx.budget));
            self.is_tested = false;
            self.facts = MessageFacts::at(self.facts.now);
            self.each.advance_in_memory(cx, 1);
            if self.collector.is_complete() {
                break;
            }
        }
        Step::Done(Ok(()))
    }

    /// Returns the message to test.
    fn next(&mut self, cx: &Context<'_, '_>) -> Step<Option<MessageRef>> {
        loop {
            let message = ready!(self.each.current(cx));
            if message.is_some() || self.before == 0 {
                return Step::Done(message);
            }
            self.each
                .continue_with(NumberSet::range(self.before, self.before));
            self.before -= 1;
        }
    }

    /// Tests one message, and passes it on if it matches.
    fn test(
        &mut self,
        message: &MessageRef,
        cx: &mut Context<'_, '_>,
    ) -> Step<Result<(), StoreError>> {
        loop {
            if self.loading.is_some() {
                try_ready!(self.load(cx));
            }
            let Some(view) = cx.state.view() else {
                return Step::Done(Err(StoreError::Gone));
            };
            let evaluation = Evaluation {
                program: &self.program,
                facts: &self.facts,
                message,
                store: cx.store,
                view,
            };
            let matches = evaluation.matches();
            cx.budget.spend_records(self.program.keys);
            let missing = match matches {
                Ok(false) => return Step::Done(Ok(())),
                Ok(true) => match self.collector.take(message, &self.facts) {
                    Ok(()) => {
                        if self.program.asks_for_modseq {
                            let modseq = cx.store.mod_sequence(view, message);
                            self.modseqs = Some(MatchedModSeqs::with(self.modseqs, modseq));
                        }
                        return Step::Done(Ok(()));
                    }
                    Err(missing) => missing,
                },
                Err(missing) => missing,
            };
            try_ready!(self.fetch(missing, message, cx));
        }
    }

    /// Fetches what is missing, or begins to.
    fn fetch(
        &mut self,
        missing: Missing,
        message: &MessageRef,
        cx: &mut Context<'_, '_>,
    ) -> Step<Result<(), StoreError>> {
        if missing == Missing::Status {
            let status = ready!(
                self.retry
                    .step(cx, |store, view, _| store.stat_message(view, message))
            );
            cx.budget.spend(COST_SYSCALL);
            return Step::Done(status.map(|status| self.facts.status = Some(status)));
        }
        let file = try_ready!(self.open(message, cx));
        self.loading = Some(self.begin_loading(missing, file));
        Step::Done(Ok(()))
    }

    fn open(
        &mut self,
        message: &MessageRef,
        cx: &mut Context<'_, '_>,
    ) -> Step<Result<Rc<File>, StoreError>> {
        if let Some(file) = &self.facts.file {
            return Step::Done(Ok(Rc::clone(file)));
        }
        let opened = ready!(
            self.retry
                .step(cx, |store, view, _| store.open_message(view, message))
        );
        cx.budget.spend(COST_OPEN);
        Step::Done(opened.map(|opened| {
            let file = Rc::new(opened.file);
            self.facts.file = Some(Rc::clone(&file));
            file
        }))
    }

    /// Begins to read what is missing. The places of the texts of a message follow from its header,
    /// or from its structure if it has parts.
    fn begin_loading(&self, missing: Missing, file: Rc<File>) -> Loading {
        if missing == Missing::Size {
            return Loading::Size(LayoutReader::new(file, ScanDepth::Sizes));
        }
        let Some(header) = &self.facts.header else {
            return Loading::Header(LayoutReader::new(file, ScanDepth::Header));
        };
        let Some(fields) = self
            .facts
            .fields
            .as_ref()
            .filter(|_| missing == Missing::Text)
        else {
            return Loading::Fields(Box::default());
        };
        let header = fields.content_header(header);
        match list_passages_without_parts(&header, self.facts.header_end) {
            Some(passages) => Loading::Text(TextReader::new(file, passages)),
            None => Loading::Structure(LayoutReader::new(file, ScanDepth::Structure)),
        }
    }

    /// Reads on; done when what was missing is known.
    fn load(&mut self, cx: &mut Context<'_, '_>) -> Step<Result<(), StoreError>> {
        let loaded = match &mut self.loading {
            None => Ok(()),
            Some(Loading::Header(reader)) => {
                ready!(reader.step(cx.budget)).map(|layout| self.facts.take_header(layout))
            }
            Some(Loading::Fields(reader)) => {
                let header = self.facts.header.as_deref().unwrap_or_default();
                let fields = ready!(reader.step(header, &mut self.program.headers, cx.budget));
                self.facts.fields = Some(fields);
                Ok(())
            }
            Some(Loading::Size(reader)) => ready!(reader.step(cx.budget))
                .map(|layout| self.facts.size = Some(layout.whole.size)),
            Some(Loading::Structure(reader)) => match ready!(reader.step(cx.budget)) {
                Ok(layout) => {
                    let reader = TextReader::new(reader.file(), list_passages(&layout));
                    self.loading = Some(Loading::Text(reader));
                    return self.load(cx);
                }
                Err(error) => Err(error),
            },
            Some(Loading::Text(reader)) => {
                let header = self.facts.header.as_deref().unwrap_or_default();
                let read = ready!(reader.step(header, &mut self.program.texts, cx.budget));
                read.map(|()| self.facts.is_text_read = true)
            }
        };
        self.loading = None;
        Step::Done(loaded.map_err(unreadable))
    }
}

/// Returns the seconds since 1970.
fn unix(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
