//! IDLE (RFC 2177): the client is told of changes as they happen, until it sends DONE.
//!
//! The session does not know when its mailbox changes: whoever runs it watches the mailbox and says so
//! ([`handle_mailbox_change`](crate::session::Session::handle_mailbox_change)). Then the mailbox is looked at, and what is
//! new is told as at the end of any command, but only once the client has taken everything that was told
//! before. A client that does not read thus gets one longer list of changes later on, instead of a queue
//! that grows.

use crate::budget::{Step, Why};
use crate::ready;
use crate::session::job::{Cx, Job, Reply};
use crate::session::untagged::{Occasion, Teller};
use crate::store::{StoreError, SyncMailbox};

/// The line that ends the command (RFC 2177 §4).
const DONE: &[u8] = b"DONE";

/// Waits for changes, and for the client.
#[derive(Default)]
pub(super) struct Idle {
    stage: Stage,
}

#[derive(Default)]
enum Stage {
    #[default]
    Begin,
    Wait,
    Look(SyncMailbox),
    Tell(Teller),
}

impl Job for Idle {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        loop {
            self.stage = match &mut self.stage {
                Stage::Begin => {
                    cx.core.encoder().continuation("idling");
                    (cx.core.idles, cx.core.has_news) = (true, true);
                    Stage::Wait
                }
                Stage::Wait => match cx.core.take_line() {
                    Some(line) => return Step::Done(end(&line, cx)),
                    None => Stage::Look(ready!(news(cx))),
                },
                Stage::Look(sync) => match ready!(sync.step(cx.store, cx.budget)) {
                    Err(StoreError::Invalidated) => return Step::Done(lose(cx)),
                    Err(error) => {
                        // The client hears of it when the command ends, and so does the operator.
                        log::debug!("{}: {}", cx.core.whose(), error.in_full());
                        Stage::Wait
                    }
                    Ok(()) => Stage::Tell(Teller::new(Occasion::Changes)),
                },
                Stage::Tell(teller) => {
                    ready!(teller.step(cx));
                    Stage::Wait
                }
            };
        }
    }
}

/// A look at the mailbox, as soon as there is a reason for it and the client has read what there was.
fn news(cx: &mut Cx<'_, '_>) -> Step<SyncMailbox> {
    let mailbox = cx.core.view().map(|view| view.handle().clone());
    match mailbox.filter(|_| cx.core.has_news) {
        None => Step::Yield(Why::Line),
        Some(_) if cx.core.output.unsent() > 0 => Step::Yield(Why::OutputFull),
        Some(mailbox) => {
            cx.core.has_news = false;
            Step::Done(SyncMailbox::new(mailbox))
        }
    }
}

/// RFC 2177 §3: DONE, in letters of any case, ends it well. A command that came instead is not carried
/// out, since nobody can tell whether it was meant as one.
fn end(line: &[u8], cx: &mut Cx<'_, '_>) -> Reply {
    cx.core.idles = false;
    if line.eq_ignore_ascii_case(DONE) {
        Reply::ok("IDLE terminated")
    } else {
        Reply::bad("Only DONE ends IDLE")
    }
}

/// The mailbox is gone; the answer, which looks at it once more, is followed by a BYE.
fn lose(cx: &mut Cx<'_, '_>) -> Reply {
    cx.core.idles = false;
    Reply::no("The mailbox is no longer there")
}
