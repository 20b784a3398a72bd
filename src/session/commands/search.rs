//! SEARCH (RFC 1064 p. 13-14, RFC 3501 §6.4.4, RFC 4731), SORT and THREAD (RFC 5256), and their UID forms.
//!
//! A message is judged in stages, each dearer than the one before: what the mailbox knows in memory, the
//! file's status, the header, the whole text. The keys are evaluated on what is known so far; if that
//! does not decide, the answer says what is missing, it is fetched, and the keys are evaluated again. So
//! `SEARCH UNSEEN TEXT x` opens unseen messages only, and whatever the order of the keys, a file is read
//! once: all strings are looked for in one pass. What becomes of the messages that match is the business
//! of the command's [`Findings`].

mod keys;
mod numbers;
mod sorted;
mod text;
mod threads;

use std::fs::File;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use self::keys::{Facts, Missing, Program};
use self::numbers::Numbers;
use self::sorted::Sorted;
use self::text::TextReader;
use self::threads::Threads;
use crate::budget::{COST_OPEN, Step};
use crate::message::{Charset, ScanDepth, charset, list_passages, list_passages_without_parts};
use crate::protocol::{Code, SearchArguments, SearchKey, SortArguments, ThreadArguments};
use crate::ready;
use crate::session::condstore;
use crate::session::core::{Core, Saved};
use crate::session::job::{Cx, EachMessage, Job, Reply, Retry};
use crate::session::reader::{Reader, unreadable};
use crate::session::untagged::Occasion;
use crate::store::{MessageRef, StoreError, View};
use crate::types::NumberSet;

/// What a command makes of the messages that match.
trait Findings {
    /// Takes a message that matches, or says what must be known of it first.
    fn take(&mut self, message: &MessageRef, facts: &Facts) -> Result<(), Missing>;

    /// True if only the last message that matches makes a difference, so that they are looked at from the end.
    fn wants_last(&self) -> bool {
        false
    }

    /// True if no further message makes a difference.
    fn is_complete(&self) -> bool {
        false
    }

    /// Answers, when there are no more messages; the mod-sequences are those of the messages that match, if
    /// there are any and they were asked for.
    fn tell(&mut self, modseqs: Option<ModSeqs>, cx: &mut Cx<'_, '_>) -> Step<Reply>;
}

/// The mod-sequences of the messages that match, as far as some answer tells them.
#[derive(Debug, Clone, Copy)]
struct ModSeqs {
    /// That of the first message.
    first: u64,
    /// That of the last one.
    last: u64,
    greatest: u64,
}

impl ModSeqs {
    /// Another message matches, after those before.
    fn with(before: Option<Self>, modseq: u64) -> Self {
        Self {
            first: before.map_or(modseq, |before| before.first),
            last: modseq,
            greatest: before.map_or(modseq, |before| before.greatest.max(modseq)),
        }
    }
}

struct Search {
    uid: bool,
    program: Program,
    findings: Box<dyn Findings>,
    each: EachMessage,
    /// As long as they are looked at from the end: how many there are before those of `each`.
    before: u32,
    facts: Facts,
    loading: Option<Loading>,
    retry: Retry,
    /// Every message was held against the keys.
    is_over: bool,
    /// Those of the hits, if the keys ask for mod-sequences.
    modseqs: Option<ModSeqs>,
}

/// What is being read of the current message.
enum Loading {
    Header(Reader),
    Size(Reader),
    /// Where its texts are.
    Structure(Reader),
    Text(TextReader),
}

/// SEARCH and UID SEARCH.
pub(super) fn search(arguments: SearchArguments, core: &mut Core) -> Box<dyn Job> {
    let SearchArguments { uid, returns, .. } = arguments;
    let program = program(arguments.charset.as_deref(), arguments.keys, core);
    if returns.is_some_and(|returns| returns.save) {
        // RFC 5182 §2.1: a search that fails leaves nothing saved.
        core.save(Saved::default());
    }
    job(uid, program, Box::new(Numbers::new(uid, returns)), core)
}

/// SORT and UID SORT (RFC 5256 §3).
pub(super) fn sort(arguments: SortArguments, core: &Core) -> Box<dyn Job> {
    let program = program(Some(&arguments.charset), arguments.keys, core);
    let sorted = Sorted::new(arguments.uid, &arguments.criteria);
    job(arguments.uid, program, Box::new(sorted), core)
}

/// THREAD and UID THREAD (RFC 5256 §3).
pub(super) fn thread(arguments: ThreadArguments, core: &Core) -> Box<dyn Job> {
    let program = program(Some(&arguments.charset), arguments.keys, core);
    let threads = Threads::new(arguments.uid, arguments.algorithm);
    job(arguments.uid, program, Box::new(threads), core)
}

/// The keys, for the mailbox as it is now.
fn program(charset: Option<&[u8]>, keys: Vec<SearchKey>, core: &Core) -> Result<Program, Reply> {
    let Some(charset) = charset.map_or(Some(Charset::PLAIN), Charset::named) else {
        let reply = Reply::no("This character set is not known here");
        return Err(reply.with_code(Code::BadCharset(charset::NAMES)));
    };
    let Some(view) = core.view() else {
        return Err(Reply::bad("Select a mailbox first"));
    };
    Program::new(keys, charset, view, core.saved(true)).map_err(Reply::no)
}

/// Looks through all messages of the mailbox.
fn job(
    uid: bool,
    program: Result<Program, Reply>,
    findings: Box<dyn Findings>,
    core: &Core,
) -> Box<dyn Job> {
    let program = match program {
        Ok(program) => program,
        Err(reply) => return super::answered(reply),
    };
    let last = core.view().map_or(0, View::exists);
    let before = match findings.wants_last() {
        true => last.saturating_sub(1),
        false => 0,
    };
    Box::new(Search {
        uid,
        program,
        findings,
        each: EachMessage::new(NumberSet::range(before + 1, last), false),
        before,
        facts: Facts::default(),
        loading: None,
        retry: Retry::default(),
        is_over: false,
        modseqs: None,
    })
}

impl Job for Search {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        if self.program.asks_for_modseq() {
            condstore::enable(cx);
        }
        if !self.is_over {
            if let Err(error) = ready!(self.look(cx)) {
                return Step::Done(Reply::refused(&error).on(Occasion::NumbersInUse));
            }
            self.is_over = true;
        }
        let reply = ready!(self.findings.tell(self.modseqs, cx));
        // RFC 7162 §3.2.10.2: keys with message numbers use them, whatever the answer is in.
        let uses_numbers = !self.uid || self.program.names_numbers();
        Step::Done(reply.on(Occasion::after(!uses_numbers)))
    }
}

impl Search {
    /// Holds every message against the keys.
    fn look(&mut self, cx: &mut Cx<'_, '_>) -> Step<Result<(), StoreError>> {
        while let Some(message) = ready!(self.next(cx)) {
            if self.facts.now == 0 {
                self.facts.now = unix(cx.budget.wall());
            }
            match ready!(self.judge(&message, cx)) {
                Ok(()) | Err(StoreError::Gone) => {}
                Err(error @ (StoreError::Invalidated | StoreError::InUse)) => {
                    return Step::Done(Err(error));
                }
                // What cannot be read matches nothing; it must not hide what can.
                Err(error) => log::warn!("{}: not searched: {}", cx.core.whose(), error.in_full()),
            }
            self.facts = Facts::at(self.facts.now);
            self.each.advance_in_memory(cx, self.program.keys());
            if self.findings.is_complete() {
                break;
            }
        }
        Step::Done(Ok(()))
    }

    /// The message to look at.
    fn next(&mut self, cx: &Cx<'_, '_>) -> Step<Option<MessageRef>> {
        loop {
            let message = ready!(self.each.current(cx));
            if message.is_some() || self.before == 0 {
                return Step::Done(message);
            }
            self.each.go_on(NumberSet::range(self.before, self.before));
            self.before -= 1;
        }
    }

    /// Holds one message against the keys, and hands it on if it matches.
    fn judge(&mut self, message: &MessageRef, cx: &mut Cx<'_, '_>) -> Step<Result<(), StoreError>> {
        loop {
            if self.loading.is_some() {
                if let Err(error) = ready!(self.load(cx)) {
                    return Step::Done(Err(error));
                }
            }
            let Some(view) = cx.core.view() else {
                return Step::Done(Err(StoreError::Gone));
            };
            let matches = self.program.matches(&self.facts, message, cx.store, view);
            let missing = match matches {
                Ok(false) => return Step::Done(Ok(())),
                Ok(true) => match self.findings.take(message, &self.facts) {
                    Ok(()) => {
                        if self.program.asks_for_modseq() {
                            let modseq = cx.store.mod_sequence(view, message);
                            self.modseqs = Some(ModSeqs::with(self.modseqs, modseq));
                        }
                        return Step::Done(Ok(()));
                    }
                    Err(missing) => missing,
                },
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

    /// The texts of a message are found by its header, or by its structure if it has parts.
    fn begin(&self, missing: Missing, file: Rc<File>) -> Loading {
        let header = match (missing, &self.facts.header) {
            (Missing::Size, _) => return Loading::Size(Reader::new(file, ScanDepth::Sizes)),
            (Missing::Text, Some(header)) => header,
            _ => return Loading::Header(Reader::new(file, ScanDepth::Header)),
        };
        match list_passages_without_parts(header, self.facts.header_end) {
            Some(passages) => Loading::Text(TextReader::new(file, passages)),
            None => Loading::Structure(Reader::new(file, ScanDepth::Structure)),
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
                    let reader = TextReader::new(reader.file(), list_passages(&layout));
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

/// Seconds since 1970.
fn unix(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
