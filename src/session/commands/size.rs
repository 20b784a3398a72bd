//! The octets of all messages of a mailbox (RFC 8438): the sum of what FETCH RFC822.SIZE says of each.

use std::rc::Rc;

use crate::budget::{COST_OPEN, RECORDS_PER_UNIT, Step, Why};
use crate::message::ScanDepth;
use crate::ready;
use crate::session::job::{Cx, Retry};
use crate::session::reader::Reader;
use crate::store::{Cursor, MessageRef, StoreError, View};
use crate::types::NumberSet;

/// A sum that grows by one message after the other: by what was measured before, by what the name of the
/// file says, or by what its file is found to hold.
pub(super) struct Size {
    cursor: Cursor,
    octets: u64,
    current: Option<MessageRef>,
    reading: Option<Reader>,
    retry: Retry,
    /// Sizes that were found in memory and are not charged yet.
    looks: u32,
}

impl Default for Size {
    fn default() -> Self {
        Self {
            cursor: Cursor::over_numbers(NumberSet::range(1, u32::MAX)),
            octets: 0,
            current: None,
            reading: None,
            retry: Retry::default(),
            looks: 0,
        }
    }
}

impl Size {
    /// Adds on; done when all messages of the view are in.
    pub(super) fn step(&mut self, view: &View, cx: &mut Cx<'_, '_>) -> Step<u64> {
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
                    // What is gone, or cannot be read, has no size: FETCH would not tell one either.
                    log::debug!("message {} is not measured: {error}", message.uid.get());
                    0
                }
            };
            self.octets = self.octets.saturating_add(octets);
            self.current = None;
        }
    }

    fn measure(
        &mut self,
        view: &View,
        message: &MessageRef,
        cx: &mut Cx<'_, '_>,
    ) -> Step<Result<u64, StoreError>> {
        if let Some(octets) = cx.store.size_hint(view, message) {
            self.looks += 1;
            cx.budget.spend(self.looks / RECORDS_PER_UNIT);
            self.looks %= RECORDS_PER_UNIT;
            return Step::Done(Ok(octets));
        }
        if self.reading.is_none() {
            let opened = ready!(
                self.retry
                    .step_in(view, cx.store, cx.budget, |store, view, _| {
                        store.open_message(view, message)
                    })
            );
            cx.budget.spend(COST_OPEN);
            match opened {
                Ok(opened) => {
                    self.reading = Some(Reader::new(Rc::new(opened.file), ScanDepth::Sizes));
                }
                Err(error) => return Step::Done(Err(error)),
            }
        }
        let Some(reader) = &mut self.reading else {
            return Step::Done(Ok(0));
        };
        let read = ready!(reader.step(cx.budget));
        self.reading = None;
        Step::Done(match read {
            Ok(layout) => {
                cx.store.remember_size(view, message, layout.whole.size);
                Ok(layout.whole.size)
            }
            Err(source) => Err(StoreError::Io {
                context: "measuring a message",
                source,
            }),
        })
    }
}
