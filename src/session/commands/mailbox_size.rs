//! The octets of all messages of a mailbox (RFC 8438): the sum of what FETCH RFC822.SIZE says of
//! each.

use std::rc::Rc;

use crate::budget::{COST_OPEN, RECORDS_PER_UNIT, Step, Why};
use crate::message::ScanDepth;
use crate::session::job::Context;
use crate::session::layout_reader::LayoutReader;
use crate::session::rename_retry::RenameRetry;
use crate::store::{Cursor, MessageRef, StoreError, View};
use crate::types::NumberSet;
use crate::{ready, try_done, try_ready};

/// A sum that grows by one message after the other. The size of a message is known from an earlier
/// measurement or from its file name, or else its file is read.
pub(super) struct MailboxSize {
    cursor: Cursor,
    /// The sum so far.
    octets: u64,
    current: Option<MessageRef>,
    /// The reader of the current message, if it has to be measured.
    reader: Option<LayoutReader>,
    retry: RenameRetry,
    /// Lookups in memory that are not paid for yet.
    lookups: u32,
}

impl MailboxSize {
    /// Begins with the first message.
    pub(super) fn new() -> Self {
        Self {
            cursor: Cursor::over_numbers(NumberSet::range(1, u32::MAX)),
            octets: 0,
            current: None,
            reader: None,
            retry: RenameRetry::default(),
            lookups: 0,
        }
    }

    /// Returns the octets of memory that it takes.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.reader.as_ref().map_or(0, LayoutReader::memory)
    }

    /// Adds on; done with the sum over all messages of the view.
    pub(super) fn step(&mut self, view: &View, cx: &mut Context<'_, '_>) -> Step<u64> {
        loop {
            let message = match self.current {
                Some(message) => message,
                None if cx.budget.is_spent() => return Step::Yield(Why::Budget),
                None => match self.cursor.next(cx.store.mailbox(view.handle()), view) {
                    Some(message) => *self.current.insert(message),
                    None => return Step::Done(self.octets),
                },
            };
            let octets = match ready!(self.measure(view, &message, cx)) {
                Ok(octets) => octets,
                Err(error) => {
                    // A message that is gone or cannot be read adds nothing: FETCH would not tell
                    // its size either.
                    log::debug!(
                        "{}: message {} could not be measured: {error}",
                        cx.state.log_prefix(),
                        message.uid.get()
                    );
                    0
                }
            };
            self.octets = self.octets.saturating_add(octets);
            self.current = None;
        }
    }

    /// Finds out the size of one message.
    fn measure(
        &mut self,
        view: &View,
        message: &MessageRef,
        cx: &mut Context<'_, '_>,
    ) -> Step<Result<u64, StoreError>> {
        if let Some(octets) = cx.store.size_hint(view, message) {
            self.lookups += 1;
            cx.budget.spend(self.lookups / RECORDS_PER_UNIT);
            self.lookups %= RECORDS_PER_UNIT;
            return Step::Done(Ok(octets));
        }
        let reader = match &mut self.reader {
            Some(reader) => reader,
            None => {
                let open = self
                    .retry
                    .step_in(view, cx.store, cx.budget, |store, view, _| {
                        store.open_message(view, message)
                    });
                let opened = ready!(open);
                cx.budget.spend(COST_OPEN);
                let file = Rc::new(try_done!(opened).file);
                self.reader
                    .insert(LayoutReader::new(file, ScanDepth::Sizes))
            }
        };
        let read = ready!(reader.step(cx.budget));
        self.reader = None;
        let layout = try_ready!(Step::Done(read.map_err(|source| StoreError::Io {
            context: "measuring a message",
            source: source.into(),
        })));
        cx.store.remember_size(view, message, layout.whole.size);
        Step::Done(Ok(layout.whole.size))
    }
}
