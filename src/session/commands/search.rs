//! SEARCH and UID SEARCH (RFC 1064 p. 13-14, RFC 3501 §6.4.4).
//!
//! A message is judged in stages, each dearer than the one before: what the mailbox knows in memory, the
//! file's status, the header, the whole text. The keys are evaluated on what is known so far; if that
//! does not decide, the answer says what is missing, it is fetched, and the keys are evaluated again. So
//! `SEARCH UNSEEN TEXT x` opens unseen messages only, and whatever the order of the keys, a file is read
//! once: all strings are looked for in one pass.

mod keys;
mod text;

use std::fs::File;
use std::io;
use std::rc::Rc;

use self::keys::{Facts, Missing, Program};
use self::text::TextReader;
use crate::budget::{COST_OPEN, Step};
use crate::message::scan::Depth;
use crate::message::text::{passages, passages_without_parts};
use crate::message::{Charset, charset};
use crate::protocol::{Code, SearchKey};
use crate::ready;
use crate::session::core::Core;
use crate::session::job::{Cx, EachMessage, Job, Reply, Retry};
use crate::session::reader::Reader;
use crate::session::untagged::Occasion;
use crate::store::{MessageRef, StoreError};
use crate::types::NumberSet;

struct Search {
    uid: bool,
    program: Program,
    each: EachMessage,
    facts: Facts,
    loading: Option<Loading>,
    retry: Retry,
    hits: NumberSet,
}

/// What is being read of the current message.
enum Loading {
    Header(Reader),
    Size(Reader),
    /// Where its texts are.
    Structure(Reader),
    Text(TextReader),
}

/// Looks through all messages of the mailbox.
pub(super) fn job(
    uid: bool,
    charset: Option<&[u8]>,
    keys: Vec<SearchKey>,
    core: &Core,
) -> Box<dyn Job> {
    let Some(charset) = charset.map_or(Some(Charset::PLAIN), Charset::named) else {
        let reply = Reply::no("This character set is not known here");
        return super::answered(reply.with_code(Code::BadCharset(charset::NAMES)));
    };
    let Some(view) = core.view() else {
        return super::answered(Reply::bad("Select a mailbox first"));
    };
    let program = match Program::new(keys, charset, view) {
        Ok(program) => program,
        Err(text) => return super::answered(Reply::no(text)),
    };
    Box::new(Search {
        uid,
        program,
        each: EachMessage::new(NumberSet::range(1, view.exists()), false),
        facts: Facts::default(),
        loading: None,
        retry: Retry::default(),
        hits: NumberSet::new(),
    })
}

impl Job for Search {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        while let Some(message) = ready!(self.each.current(cx)) {
            match ready!(self.judge(&message, cx)) {
                Ok(true) => self.hits.insert(if self.uid {
                    message.uid.get()
                } else {
                    message.number
                }),
                Ok(false) | Err(StoreError::Gone) => {}
                Err(error @ (StoreError::Invalidated | StoreError::InUse)) => {
                    return Step::Done(Reply::refused(&error).on(Occasion::NumbersInUse));
                }
                // What cannot be read matches nothing; it must not hide what can.
                Err(error) => log::warn!("{}: not searched: {error:?}", cx.core.peer.name),
            }
            self.facts = Facts::default();
            self.each.advance_in_memory(cx, self.program.keys());
        }
        // A bare SEARCH line says that there are no hits (RFC 3501 §7.2.5; old servers did the same).
        cx.core.encoder().begin_search();
        cx.core.output.numbers(std::mem::take(&mut self.hits));
        cx.core.encoder().end_line();
        let occasion = if self.uid {
            Occasion::Changes
        } else {
            Occasion::NumbersInUse
        };
        Step::Done(Reply::ok("SEARCH completed").on(occasion))
    }
}

impl Search {
    fn judge(
        &mut self,
        message: &MessageRef,
        cx: &mut Cx<'_, '_>,
    ) -> Step<Result<bool, StoreError>> {
        loop {
            if self.loading.is_some() {
                if let Err(error) = ready!(self.load(cx)) {
                    return Step::Done(Err(error));
                }
            }
            let Some(view) = cx.core.view() else {
                return Step::Done(Err(StoreError::Gone));
            };
            let missing = match self.program.matches(&self.facts, message, cx.store, view) {
                Ok(verdict) => return Step::Done(Ok(verdict)),
                Err(missing) => missing,
            };
            if let Err(error) = ready!(self.fetch(missing, message, cx)) {
                return Step::Done(Err(error));
            }
        }
    }

    /// Gets what is missing, or begins to.
    fn fetch(
        &mut self,
        missing: Missing,
        message: &MessageRef,
        cx: &mut Cx<'_, '_>,
    ) -> Step<Result<(), StoreError>> {
        if missing == Missing::Status {
            let status = ready!(self.retry.step(cx, message, |cx, message| {
                let Some(view) = cx.core.view() else {
                    return Err(StoreError::Gone);
                };
                cx.store.stat_message(view, message)
            }));
            cx.budget.spend(1);
            return Step::Done(status.map(|status| self.facts.status = Some(status)));
        }
        let file = match ready!(self.open(message, cx)) {
            Ok(file) => file,
            Err(error) => return Step::Done(Err(error)),
        };
        self.loading = Some(self.begin(missing, file));
        Step::Done(Ok(()))
    }

    fn open(
        &mut self,
        message: &MessageRef,
        cx: &mut Cx<'_, '_>,
    ) -> Step<Result<Rc<File>, StoreError>> {
        if let Some(file) = &self.facts.file {
            return Step::Done(Ok(Rc::clone(file)));
        }
        let opened = ready!(self.retry.step(cx, message, |cx, message| {
            let Some(view) = cx.core.view() else {
                return Err(StoreError::Gone);
            };
            cx.store.open_message(view, message)
        }));
        cx.budget.spend(COST_OPEN);
        Step::Done(opened.map(|opened| {
            let file = Rc::new(opened.file);
            self.facts.file = Some(Rc::clone(&file));
            file
        }))
    }

    /// The texts of a message are found by its header, or by its structure if it has parts.
    fn begin(&mut self, missing: Missing, file: Rc<File>) -> Loading {
        let header = match (missing, &self.facts.header) {
            (Missing::Size, _) => return Loading::Size(Reader::new(file, Depth::Sizes)),
            (Missing::Text, Some(header)) => header,
            _ => return Loading::Header(Reader::new(file, Depth::Header)),
        };
        match passages_without_parts(header, self.facts.header_end) {
            Some(passages) => Loading::Text(TextReader::new(file, passages)),
            None => Loading::Structure(Reader::new(file, Depth::Structure)),
        }
    }

    fn load(&mut self, cx: &mut Cx<'_, '_>) -> Step<Result<(), StoreError>> {
        let loaded = match &mut self.loading {
            None => Ok(()),
            Some(Loading::Header(reader)) => {
                ready!(reader.step(cx.budget)).map(|layout| self.facts.take_header(layout))
            }
            Some(Loading::Size(reader)) => ready!(reader.step(cx.budget))
                .map(|layout| self.facts.size = Some(layout.whole.size)),
            Some(Loading::Structure(reader)) => match ready!(reader.step(cx.budget)) {
                Ok(layout) => {
                    let reader = TextReader::new(reader.file(), passages(&layout));
                    self.loading = Some(Loading::Text(reader));
                    return self.load(cx);
                }
                Err(error) => Err(error),
            },
            Some(Loading::Text(reader)) => {
                let header = self.facts.header.as_deref().unwrap_or_default();
                let read = ready!(reader.step(header, &mut self.program, cx.budget));
                read.map(|()| self.facts.text_read = true)
            }
        };
        self.loading = None;
        Step::Done(loaded.map_err(unreadable))
    }
}

fn unreadable(source: io::Error) -> StoreError {
    StoreError::Io {
        context: "reading a message",
        source,
    }
}
