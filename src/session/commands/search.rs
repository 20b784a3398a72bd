//! SEARCH and UID SEARCH (RFC 1064 p. 13-14, RFC 3501 §6.4.4).
//!
//! A message is judged in stages, each dearer than the one before: what the mailbox knows in memory, the
//! file's status, the header, the whole text. The keys are evaluated on what is known so far; if that
//! does not decide, the answer says what is missing, it is fetched, and the keys are evaluated again. So
//! `SEARCH UNSEEN TEXT x` opens unseen messages only, and whatever the order of the keys, a file is read
//! once: all strings are looked for in one pass.

mod keys;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use self::keys::{Facts, Missing, Program};
use crate::budget::{COST_OPEN, COST_READ_16K, Step, Why};
use crate::message::scan::Depth;
use crate::protocol::{Code, SearchKey};
use crate::ready;
use crate::session::condstore;
use crate::session::core::Core;
use crate::session::job::{Cx, EachMessage, Job, Reply, Retry};
use crate::session::reader::{PIECE, Reader, unreadable};
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
    /// The greatest mod-sequence of a hit, if the keys ask for mod-sequences.
    modseq: u64,
}

/// What is being read of the current message.
enum Loading {
    Header(Reader),
    Size(Reader),
    Text {
        file: Rc<File>,
        position: u64,
        header: Option<Reader>,
    },
}

/// Looks through all messages of the mailbox.
pub(super) fn job(
    uid: bool,
    charset: Option<&[u8]>,
    keys: Vec<SearchKey>,
    core: &Core,
) -> Box<dyn Job> {
    let known = charset.is_none_or(|name| {
        name.eq_ignore_ascii_case(b"US-ASCII") || name.eq_ignore_ascii_case(b"UTF-8")
    });
    if !known {
        let reply = Reply::no("This character set is not known here");
        return super::answered(reply.with_code(Code::BadCharset));
    }
    let Some(view) = core.view() else {
        return super::answered(Reply::bad("Select a mailbox first"));
    };
    let program = match Program::new(keys, view) {
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
        modseq: 0,
    })
}

impl Job for Search {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        if self.program.asks_for_modseq() {
            condstore::enable(cx);
        }
        while let Some(message) = ready!(self.each.current(cx)) {
            match ready!(self.judge(&message, cx)) {
                Ok(true) => self.hit(&message, cx),
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
        if self.modseq > 0 {
            // RFC 7162 §3.1.6
            let modseq = format!(" (MODSEQ {})", self.modseq);
            cx.core.encoder().raw(modseq);
        }
        cx.core.encoder().end_line();
        Step::Done(Reply::ok("SEARCH completed").on(Occasion::after(self.uid)))
    }
}

impl Search {
    fn hit(&mut self, message: &MessageRef, cx: &Cx<'_, '_>) {
        self.hits.insert(match self.uid {
            true => message.uid.get(),
            false => message.number,
        });
        if let Some(view) = cx.core.view().filter(|_| self.program.asks_for_modseq()) {
            self.modseq = self.modseq.max(cx.store.modseq(view, message));
        }
    }

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
            let status = ready!(
                self.retry
                    .step(cx, |store, view, _| store.stat_message(view, message))
            );
            cx.budget.spend(1);
            return Step::Done(status.map(|status| self.facts.status = Some(status)));
        }
        let opened = ready!(
            self.retry
                .step(cx, |store, view, _| store.open_message(view, message))
        );
        cx.budget.spend(COST_OPEN);
        Step::Done(
            opened.map(|opened| self.loading = Some(self.begin(missing, Rc::new(opened.file)))),
        )
    }

    fn begin(&mut self, missing: Missing, file: Rc<File>) -> Loading {
        match missing {
            Missing::Size => Loading::Size(Reader::new(file, Depth::Sizes)),
            Missing::Text => {
                self.program.begin_text();
                let known = self.facts.header_end.is_some();
                let header = (!known).then(|| Reader::new(Rc::clone(&file), Depth::Header));
                Loading::Text {
                    file,
                    position: 0,
                    header,
                }
            }
            _ => Loading::Header(Reader::new(file, Depth::Header)),
        }
    }

    fn load(&mut self, cx: &mut Cx<'_, '_>) -> Step<Result<(), StoreError>> {
        let Some(loading) = &mut self.loading else {
            return Step::Done(Ok(()));
        };
        let loaded = match loading {
            Loading::Header(reader) => {
                ready!(reader.step(cx.budget)).map(|layout| self.facts.take_header(layout))
            }
            Loading::Size(reader) => ready!(reader.step(cx.budget))
                .map(|layout| self.facts.size = Some(layout.whole.size)),
            Loading::Text {
                header: Some(reader),
                ..
            } => {
                let header =
                    ready!(reader.step(cx.budget)).map(|layout| self.facts.take_header(layout));
                if let (Ok(()), Loading::Text { header, .. }) = (&header, loading) {
                    *header = None;
                    return self.load(cx);
                }
                header
            }
            Loading::Text { file, position, .. } => {
                let read = ready!(read_text(
                    &mut self.program,
                    &self.facts,
                    file,
                    position,
                    cx
                ));
                read.map(|()| self.facts.text_read = true)
            }
        };
        self.loading = None;
        Step::Done(loaded.map_err(unreadable))
    }
}

/// Shows the file to the strings that are looked for, until all are found or the file ends.
fn read_text(
    program: &mut Program,
    facts: &Facts,
    file: &File,
    position: &mut u64,
    cx: &mut Cx<'_, '_>,
) -> Step<io::Result<()>> {
    let mut piece = [0; PIECE];
    loop {
        let count = match file.read_at(&mut piece, *position) {
            Ok(count) => count,
            Err(error) => return Step::Done(Err(error)),
        };
        if count == 0 || !program.look_at(&piece[..count], *position, facts.header_end.unwrap_or(0))
        {
            return Step::Done(Ok(()));
        }
        *position += count as u64;
        cx.budget.spend(COST_READ_16K);
        if cx.budget.is_spent() {
            return Step::Yield(Why::Budget);
        }
    }
}
