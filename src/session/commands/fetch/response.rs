//! The FETCH response for one message, which may be half written when a step ends.
//!
//! What is short, and what the output queue sends as a range of the file, is written at once. A
//! value that may be long or take long, such as a BODYSTRUCTURE, is an [`ItemWriter`]: it is
//! encoded into a small buffer, and moved from there to the output queue as long as that is below
//! its high-water mark. What stands behind it waits: short texts, file ranges and other writers
//! that have not begun.

use std::collections::VecDeque;

use super::item_writer::{ItemWriter, Sink};
use crate::budget::{Step, Why};
use crate::ready;
use crate::session::job::Context;
use crate::session::output::{DecodedRange, FileRange, HIGH_WATER, PIECE};
use crate::types::memory;

/// The part of a response that is not in the output queue yet. Nothing else may be written to the
/// output before it is empty.
#[derive(Default)]
pub(super) struct Response {
    parts: VecDeque<ResponsePart>,
    /// Octets of the first part that are encoded already, and how many of them are in the output
    /// queue.
    staged: Vec<u8>,
    moved: usize,
}

enum ResponsePart {
    Text(Vec<u8>),
    Range(FileRange),
    Decoded(DecodedRange),
    Writer(Box<dyn ItemWriter>),
}

impl ResponsePart {
    fn memory(&self) -> usize {
        match self {
            Self::Text(text) => text.capacity(),
            Self::Range(_) => 0,
            Self::Decoded(range) => range.memory(),
            Self::Writer(writer) => writer.memory(),
        }
    }
}

impl Response {
    /// Appends what `encode` writes to the output.
    pub(super) fn text(
        &mut self,
        cx: &mut Context<'_, '_>,
        encode: impl FnOnce(&mut Context<'_, '_>),
    ) {
        let before = cx.state.output.bytes().len();
        encode(cx);
        if self.parts.is_empty() {
            return;
        }
        let mut text = cx.state.output.bytes().split_off(before);
        match self.parts.back_mut() {
            Some(ResponsePart::Text(last)) => last.append(&mut text),
            _ => self.parts.push_back(ResponsePart::Text(text)),
        }
    }

    /// Returns the octets of memory that the rest of the response takes, besides the source of the
    /// message. There are as many parts as a client may name items.
    pub(super) fn memory(&self) -> usize {
        let parts = self.parts.iter().map(ResponsePart::memory);
        memory::of_queue(&self.parts) + parts.sum::<usize>() + self.staged.capacity()
    }

    /// Appends part of the file.
    pub(super) fn range(&mut self, cx: &mut Context<'_, '_>, range: FileRange) {
        match self.parts.is_empty() {
            true => cx.state.output.file_range(range),
            false => self.parts.push_back(ResponsePart::Range(range)),
        }
    }

    /// Appends part of a decoded text.
    pub(super) fn decoded(&mut self, cx: &mut Context<'_, '_>, range: DecodedRange) {
        match self.parts.is_empty() {
            true => cx.state.output.decoded(range),
            false => self.parts.push_back(ResponsePart::Decoded(range)),
        }
    }

    /// Appends a value that is encoded piece by piece.
    pub(super) fn writer(&mut self, writer: impl ItemWriter + 'static) {
        self.parts.push_back(ResponsePart::Writer(Box::new(writer)));
    }

    /// Writes on; done when the whole response is in the output queue.
    pub(super) fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<()> {
        cx.state.is_in_response = true;
        loop {
            ready!(self.move_staged(cx));
            if self.parts.is_empty() {
                cx.state.is_in_response = false;
                return Step::Done(());
            }
            if cx.budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
            if !self.write_part(cx) {
                // The session ends: its output is broken.
                return Step::Yield(Why::Budget);
            }
        }
    }

    /// Moves encoded octets to the output queue; done when all are there.
    fn move_staged(&mut self, cx: &mut Context<'_, '_>) -> Step<()> {
        while self.moved < self.staged.len() {
            if cx.state.output.in_memory() >= HIGH_WATER {
                return Step::Yield(Why::OutputFull);
            }
            if cx.budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
            let end = self.staged.len().min(self.moved + PIECE);
            let octets = &self.staged[self.moved..end];
            cx.budget.spend_octets(octets.len());
            cx.state.output.bytes().extend_from_slice(octets);
            self.moved = end;
        }
        self.moved = 0;
        self.staged.clear();
        // A long string is not kept for longer than it takes to send it.
        self.staged.shrink_to(2 * PIECE);
        Step::Done(())
    }

    /// Writes on with the first part. Returns false if the message cannot be read.
    fn write_part(&mut self, cx: &mut Context<'_, '_>) -> bool {
        let Some(part) = self.parts.pop_front() else {
            return true;
        };
        match part {
            ResponsePart::Text(text) => self.staged = text,
            ResponsePart::Range(range) => cx.state.output.file_range(range),
            ResponsePart::Decoded(range) => cx.state.output.decoded(range),
            ResponsePart::Writer(mut writer) => {
                let mut sink = Sink {
                    staged: &mut self.staged,
                    dialect: cx.state.dialect,
                    budget: cx.budget,
                };
                match writer.write(&mut sink) {
                    Ok(true) => {}
                    Ok(false) => self.parts.push_front(ResponsePart::Writer(writer)),
                    Err(error) => {
                        cx.state.output.fail(error);
                        return false;
                    }
                }
            }
        }
        true
    }
}
