//! What a FETCH finds out of one message before it writes the response.

use std::fs::File;
use std::io;
use std::rc::Rc;

use super::binary::{BinaryContent, Decoding, transfer_encoding};
use super::{header_fields, item, structure};
use crate::budget::{COST_OPEN, COST_SYSCALL, Step};
use crate::message::{Envelope, Layout, ScanDepth};
use crate::protocol::{Encoder, FetchItem, SectionText};
use crate::session::job::Context;
use crate::session::layout_reader::{LayoutReader, unreadable};
use crate::session::output::{FileRange, Window};
use crate::session::range_locator::RangeLocator;
use crate::session::rename_retry::RenameRetry;
use crate::store::{MessageRef, MessageStat, StoreError};
use crate::types::DateTime;
use crate::{ready, try_ready};

/// The text of an item.
pub(super) enum Content {
    /// Part of the file.
    Range(FileRange),
    /// Octets that were put together from the file.
    Bytes(Vec<u8>),
    /// Part of the file, decoded.
    Binary(BinaryContent),
    /// The message has no such part.
    Missing,
}

/// What is known of the message so far.
pub(super) struct Gathered {
    needs_date: bool,
    needs_size: bool,
    /// How deep the file has to be scanned; `None` if not at all.
    depth: Option<ScanDepth>,
    date: Option<DateTime>,
    size: Option<u64>,
    /// The open file, and its scan in progress.
    reading: Option<(Rc<File>, LayoutReader)>,
    /// The open file, and what the scan has found.
    layout: Option<(Rc<File>, Layout)>,
    /// The texts so far, one for each item that is a text, in their order.
    contents: Vec<Content>,
    /// The search for the next text in the file.
    locating: Option<RangeLocator>,
    /// The decoding of the next text.
    decoding: Option<Decoding>,
}

impl Gathered {
    /// Begins with a message of which `items` are wanted.
    pub(super) fn new(items: &[FetchItem]) -> Self {
        Self {
            needs_date: items.contains(&FetchItem::InternalDate),
            needs_size: items.contains(&FetchItem::Rfc822Size),
            depth: items.iter().filter_map(item::depth).max(),
            date: None,
            size: None,
            reading: None,
            layout: None,
            contents: Vec::new(),
            locating: None,
            decoding: None,
        }
    }

    /// Goes on; done when the response can be written. `partial` cuts every text, as PARTIAL asks.
    pub(super) fn step(
        &mut self,
        message: &MessageRef,
        items: &[FetchItem],
        partial: Option<(u32, u32)>,
        retry: &mut RenameRetry,
        cx: &mut Context<'_, '_>,
    ) -> Step<Result<(), StoreError>> {
        try_ready!(self.find_status(message, retry, cx));
        try_ready!(self.scan(message, retry, cx));
        let texts = items.iter().filter(|item| item::is_text(item));
        for item in texts.skip(self.contents.len()) {
            let content = match item {
                FetchItem::Binary(_) | FetchItem::BinarySize(_) => self.decode(item, cx),
                _ => self.locate(message, item, partial, cx).map_err(unreadable),
            };
            self.contents.push(try_ready!(content));
        }
        Step::Done(Ok(()))
    }

    /// Finds out date and size, from the mailbox or the file's status if they have them. A file
    /// that has to be opened anyhow tells its status then.
    fn find_status(
        &mut self,
        message: &MessageRef,
        retry: &mut RenameRetry,
        cx: &mut Context<'_, '_>,
    ) -> Step<Result<(), StoreError>> {
        if self.reading.is_some() || self.layout.is_some() {
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
            match status {
                Ok(status) => self.take_status(&status),
                Err(error) => return Step::Done(Err(error)),
            }
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
        if self.depth.is_none() || self.layout.is_some() {
            return Step::Done(Ok(()));
        }
        try_ready!(self.open(message, retry, cx));
        let (Some((file, reader)), Some(depth)) = (&mut self.reading, self.depth) else {
            return Step::Done(Ok(()));
        };
        let layout = try_ready!(reader.step(cx.budget).map_err(unreadable));
        if depth > ScanDepth::Header {
            self.size = Some(layout.whole.size);
            if let Some(view) = cx.state.view() {
                cx.store.remember_size(view, message, layout.whole.size);
            }
        }
        self.layout = Some((Rc::clone(file), layout));
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
            let file = Rc::new(opened.file);
            let depth = self.depth.unwrap_or(ScanDepth::Header);
            self.reading = Some((Rc::clone(&file), LayoutReader::new(file, depth)));
        }))
    }

    /// Finds the text of one item in the file.
    fn locate(
        &mut self,
        message: &MessageRef,
        item: &FetchItem,
        partial: Option<(u32, u32)>,
        cx: &mut Context<'_, '_>,
    ) -> Step<io::Result<Content>> {
        let Some((file, layout)) = &self.layout else {
            return Step::Done(Ok(Content::Missing));
        };
        let Some(extent) = item::extent(layout, item) else {
            return Step::Done(Ok(Content::Missing));
        };
        let section = match item {
            FetchItem::Section(section) => Some(section),
            _ => None,
        };
        let partial = section.and_then(|section| section.partial).or(partial);
        if let Some(SectionText::HeaderFields { not, names }) = section.map(|section| &section.text)
        {
            let fields = header_fields::read(file, &extent, names, *not, cx);
            return Step::Done(fields.map(|fields| Content::Bytes(cut(fields, partial))));
        }
        let (skip, most) = partial.map_or((0, u64::MAX), |(first, most)| {
            (u64::from(first), u64::from(most))
        });
        let octets = extent.size.saturating_sub(skip).min(most);
        if octets == 0 {
            // RFC 3501 §6.4.5: from beyond its end a text is empty, not missing.
            return Step::Done(Ok(Content::Bytes(Vec::new())));
        }
        let selected = cx.state.selected.as_mut();
        let position = selected.map(|selected| &mut selected.position);
        let locator = self.locating.get_or_insert_with(|| {
            let known = position.as_ref().and_then(|position| **position);
            let window = Window { skip, octets };
            RangeLocator::new(Rc::clone(file), message.uid, &extent, window, known)
        });
        let range = ready!(locator.step(cx.budget));
        if let Some(position) = position.filter(|_| skip > 0) {
            *position = Some(locator.position());
        }
        self.locating = None;
        Step::Done(range.map(Content::Range))
    }

    /// Decodes the text of one item, or finds out its decoded size.
    fn decode(
        &mut self,
        item: &FetchItem,
        cx: &mut Context<'_, '_>,
    ) -> Step<Result<Content, StoreError>> {
        let decoding = match &mut self.decoding {
            Some(decoding) => decoding,
            None => match begin_decoding(self.layout.as_ref(), item) {
                Ok(Some(decoding)) => self.decoding.insert(decoding),
                Ok(None) => return Step::Done(Ok(Content::Missing)),
                Err(error) => return Step::Done(Err(error)),
            },
        };
        let binary = ready!(decoding.step(cx.budget));
        self.decoding = None;
        Step::Done(binary.map(Content::Binary).map_err(unreadable))
    }

    /// Writes an item that is not a text.
    pub(super) fn encode(&self, item: &FetchItem, encoder: &mut Encoder<'_>) {
        encoder.raw(item.name()).raw(" ");
        let layout = self.layout.as_ref().map(|(_, layout)| layout);
        let part = layout.and_then(|layout| layout.part.as_ref());
        match (item, layout, part) {
            (FetchItem::InternalDate, _, _) => {
                encoder.internal_date(self.date.unwrap_or(DateTime { unix: 0 }));
            }
            (FetchItem::Rfc822Size, _, _) => {
                encoder.number(self.size.unwrap_or(0));
            }
            (FetchItem::Envelope, Some(layout), _) => {
                structure::envelope(encoder, &Envelope::parse(&layout.header_bytes));
            }
            (FetchItem::Body, _, Some(part)) => structure::body(encoder, part, false),
            (FetchItem::BodyStructure, _, Some(part)) => structure::body(encoder, part, true),
            _ => {
                encoder.nil();
            }
        }
    }

    /// Takes out the texts, which are in the order of their items.
    pub(super) fn take_contents(&mut self) -> Vec<Content> {
        std::mem::take(&mut self.contents)
    }
}

/// Begins to decode the part that an item names; `None` if there is no such part.
fn begin_decoding(
    layout: Option<&(Rc<File>, Layout)>,
    item: &FetchItem,
) -> Result<Option<Decoding>, StoreError> {
    let found = layout.and_then(|(file, layout)| Some((file, layout, item::extent(layout, item)?)));
    let (FetchItem::Binary(section) | FetchItem::BinarySize(section), Some(found)) = (item, found)
    else {
        return Ok(None);
    };
    let (file, layout, extent) = found;
    let refused = StoreError::Refused("the transfer encoding of the part is not known");
    let encoding = transfer_encoding(layout, &section.part).ok_or(refused)?;
    Ok(Some(match item {
        FetchItem::BinarySize(_) => Decoding::size(file, &extent, encoding),
        _ => Decoding::octets(file, &extent, encoding, section.partial),
    }))
}

/// Cuts a text as a partial FETCH asks.
fn cut(bytes: Vec<u8>, partial: Option<(u32, u32)>) -> Vec<u8> {
    let Some((first, most)) = partial else {
        return bytes;
    };
    bytes
        .into_iter()
        .skip(first as usize)
        .take(most as usize)
        .collect()
}
