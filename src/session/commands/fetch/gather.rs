//! What a FETCH finds out of one message before it writes the response.

use std::rc::Rc;

use super::item;
use super::message_source::MessageSource;
use super::texts::{TextContent, TextFinder};
use super::wanted::WantedItem;
use crate::budget::{COST_OPEN, COST_SYSCALL, Step};
use crate::message::ScanDepth;
use crate::protocol::FetchItem;
use crate::session::job::Context;
use crate::session::layout_reader::{LayoutReader, unreadable};
use crate::session::rename_retry::RenameRetry;
use crate::store::{MessageRef, MessageStat, StoreError};
use crate::types::DateTime;
use crate::{ready, try_done, try_ready};

/// What is known of the message so far.
pub(super) struct Gathered {
    needs_date: bool,
    needs_size: bool,
    /// How deep the file has to be scanned; `None` if not at all.
    depth: Option<ScanDepth>,
    date: Option<DateTime>,
    size: Option<u64>,
    /// The scan in progress.
    reading: Option<LayoutReader>,
    /// The open file, and what the scan has found.
    source: Option<Rc<MessageSource>>,
    /// The search for the texts.
    texts: Option<TextFinder>,
}

impl Gathered {
    /// Begins with a message of which `items` are wanted.
    pub(super) fn new(items: &[WantedItem]) -> Self {
        let wants = |item: &FetchItem| items.iter().any(|wanted| wanted.item == *item);
        Self {
            needs_date: wants(&FetchItem::InternalDate),
            needs_size: wants(&FetchItem::Rfc822Size),
            depth: items
                .iter()
                .filter_map(|wanted| item::depth(&wanted.item))
                .max(),
            date: None,
            size: None,
            reading: None,
            source: None,
            texts: None,
        }
    }

    /// Goes on; done when the response can be written. `partial` cuts every text, as PARTIAL asks.
    pub(super) fn step(
        &mut self,
        message: &MessageRef,
        items: &[WantedItem],
        partial: Option<(u32, u32)>,
        retry: &mut RenameRetry,
        cx: &mut Context<'_, '_>,
    ) -> Step<Result<(), StoreError>> {
        try_ready!(self.find_status(message, retry, cx));
        try_ready!(self.scan(message, retry, cx));
        let Some(source) = &self.source else {
            return Step::Done(Ok(()));
        };
        let texts = match &mut self.texts {
            Some(texts) => texts,
            None => {
                let texts = TextFinder::new(source, message.uid, items, partial);
                self.texts.insert(try_done!(texts))
            }
        };
        texts.step(cx).map_err(unreadable)
    }

    /// Finds out date and size, from the mailbox or the file's status if they have them. A file
    /// that has to be opened anyhow tells its status then.
    fn find_status(
        &mut self,
        message: &MessageRef,
        retry: &mut RenameRetry,
        cx: &mut Context<'_, '_>,
    ) -> Step<Result<(), StoreError>> {
        if self.reading.is_some() || self.source.is_some() {
            return Step::Done(Ok(()));
        }
        if self.needs_size && self.size.is_none() {
            let view = cx.state.view();
            self.size = view.and_then(|view| cx.store.known_size(view, message));
        }
        let has_date = !self.needs_date || self.date.is_some();
        let has_size = !self.needs_size || self.size.is_some();
        if !(has_date && has_size) && self.depth.is_none() {
            let status = ready!(retry.step(cx, |store, view, _| store.stat_message(view, message)));
            cx.budget.spend(COST_SYSCALL);
            self.take_status(&try_done!(status));
        }
        Step::Done(Ok(()))
    }

    /// Takes date and size from the status of the file. A size that it does not have must be
    /// measured.
    fn take_status(&mut self, status: &MessageStat) {
        self.date = Some(status.date);
        self.size = self.size.or(status.size_hint);
        if self.needs_size && self.size.is_none() {
            self.depth = self.depth.max(Some(ScanDepth::Sizes));
        }
    }

    /// Passes over the file once, as deep as the items need.
    fn scan(
        &mut self,
        message: &MessageRef,
        retry: &mut RenameRetry,
        cx: &mut Context<'_, '_>,
    ) -> Step<Result<(), StoreError>> {
        if self.depth.is_none() || self.source.is_some() {
            return Step::Done(Ok(()));
        }
        try_ready!(self.open(message, retry, cx));
        let (Some(reader), Some(depth)) = (&mut self.reading, self.depth) else {
            return Step::Done(Ok(()));
        };
        let layout = try_ready!(reader.step(cx.budget).map_err(unreadable));
        if depth > ScanDepth::Header {
            self.size = Some(layout.whole.size);
            if let Some(view) = cx.state.view() {
                cx.store.remember_size(view, message, layout.whole.size);
            }
        }
        self.source = Some(Rc::new(MessageSource::new(reader.file(), layout)));
        self.reading = None;
        Step::Done(Ok(()))
    }

    fn open(
        &mut self,
        message: &MessageRef,
        retry: &mut RenameRetry,
        cx: &mut Context<'_, '_>,
    ) -> Step<Result<(), StoreError>> {
        if self.reading.is_some() {
            return Step::Done(Ok(()));
        }
        let opened = ready!(retry.step(cx, |store, view, _| store.open_message(view, message)));
        cx.budget.spend(COST_OPEN);
        Step::Done(opened.map(|opened| {
            self.take_status(&opened.status);
            let depth = self.depth.unwrap_or(ScanDepth::Header);
            self.reading = Some(LayoutReader::new(Rc::new(opened.file), depth));
        }))
    }

    /// Returns the octets of memory that the scan and what it has found take.
    pub(super) fn memory(&self) -> usize {
        let reading = self.reading.as_ref().map_or(0, LayoutReader::memory);
        let source = self.source.as_ref().map_or(0, |source| source.memory());
        reading + source + self.texts.as_ref().map_or(0, TextFinder::memory)
    }

    /// Returns the internal date.
    pub(super) fn date(&self) -> DateTime {
        self.date.unwrap_or(DateTime { unix: 0 })
    }

    /// Returns the size as RFC822.SIZE counts it.
    pub(super) fn size(&self) -> u64 {
        self.size.unwrap_or(0)
    }

    /// Returns the scanned message, if an item needs it.
    pub(super) fn source(&self) -> Option<&Rc<MessageSource>> {
        self.source.as_ref()
    }

    /// Takes out the texts, one place for each item.
    pub(super) fn take_texts(&mut self) -> Vec<Option<TextContent>> {
        self.texts
            .as_mut()
            .map(TextFinder::take)
            .unwrap_or_default()
    }
}
