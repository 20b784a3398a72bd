//! Where the texts that the items of a FETCH name lie in one message.
//!
//! A client may want a hundred ranges of one long text, each far from its start, and the octets
//! before a range have to be counted, or decoded. So the ranges are found in the order in which
//! they lie in the message, each from where the last one was found; a text that is decoded is
//! decoded once for all items. The message is read once for all ranges, and once for each text that
//! is decoded.

use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

use super::binary::{BinaryContent, Decoding, transfer_encoding};
use super::item;
use super::message_source::MessageSource;
use super::wanted::WantedItem;
use crate::budget::Step;
use crate::message::{Extent, FieldNames};
use crate::protocol::{FetchItem, Section};
use crate::session::job::Context;
use crate::session::output::{FileRange, Window};
use crate::session::range_locator::RangeLocator;
use crate::store::StoreError;
use crate::try_ready;
use crate::types::{Uid, memory};

/// The text of an item.
pub(super) enum TextContent {
    /// Part of the file.
    Range(FileRange),
    /// No octets: the client wants those from beyond the end of the text.
    Empty,
    /// Fields of the header that lies there, and which of their octets.
    Fields(Extent, Rc<FieldNames>, Window),
    /// Part of the file, decoded.
    Binary(BinaryContent),
    /// The message has no such part.
    Missing,
}

/// The search for the texts of one message.
pub(super) struct TextFinder {
    source: Rc<MessageSource>,
    uid: Uid,
    /// What is known of each item; `None` for items that are no text, and until it is known.
    found: Vec<Option<TextContent>>,
    /// Ranges that have to be counted to, in the order of the message.
    ranges: VecDeque<WantedRange>,
    locating: Option<RangeLocator>,
    /// Texts that have to be decoded.
    decodings: VecDeque<Decoding>,
}

/// A range of a text that is looked for.
struct WantedRange {
    /// Index of its item.
    item: usize,
    extent: Extent,
    window: Window,
}

impl TextFinder {
    /// Begins with the items of a message. `partial` cuts every text, as PARTIAL asks.
    ///
    /// # Errors
    /// If the transfer encoding of a part that is to be decoded is unknown.
    pub(super) fn new(
        source: &Rc<MessageSource>,
        uid: Uid,
        items: &[WantedItem],
        partial: Option<(u32, u32)>,
    ) -> Result<Self, StoreError> {
        let mut finder = Self {
            source: Rc::clone(source),
            uid,
            found: Vec::with_capacity(items.len()),
            ranges: VecDeque::new(),
            locating: None,
            decodings: VecDeque::new(),
        };
        for wanted in items {
            let content = match item::extent(&source.layout, &wanted.item) {
                Some(extent) => finder.begin(wanted, extent, partial)?,
                None => item::is_text(&wanted.item).then_some(TextContent::Missing),
            };
            finder.found.push(content);
        }
        let ranges = finder.ranges.make_contiguous();
        ranges.sort_by_key(|range| range.extent.sent_before + range.window.skip);
        Ok(finder)
    }

    /// Returns the text of an item if it is known without reading the file.
    fn begin(
        &mut self,
        wanted: &WantedItem,
        extent: Extent,
        partial: Option<(u32, u32)>,
    ) -> Result<Option<TextContent>, StoreError> {
        let section = match &wanted.item {
            FetchItem::Binary(section) | FetchItem::BinarySize(section) => {
                self.begin_decoding(&wanted.item, section, &extent)?;
                return Ok(None);
            }
            FetchItem::Section(section) => Some(section),
            _ => None,
        };
        let partial = section.and_then(|section| section.partial).or(partial);
        let mut window = window(partial);
        if let Some(names) = &wanted.names {
            let names = Rc::clone(names);
            return Ok(Some(TextContent::Fields(extent, names, window)));
        }
        window.octets = extent.size.saturating_sub(window.skip).min(window.octets);
        if window.octets == 0 {
            // RFC 3501 §6.4.5: from beyond its end a text is empty, not missing.
            return Ok(Some(TextContent::Empty));
        }
        self.ranges.push_back(WantedRange {
            item: self.found.len(),
            extent,
            window,
        });
        Ok(None)
    }

    fn begin_decoding(
        &mut self,
        item: &FetchItem,
        section: &Section,
        extent: &Extent,
    ) -> Result<(), StoreError> {
        let refused = StoreError::Refused("the transfer encoding of the part is not known");
        let encoding = transfer_encoding(&self.source.layout, &section.part).ok_or(refused)?;
        let known = self.decodings.iter().position(|known| known.is_of(extent));
        let index = known.unwrap_or_else(|| {
            let decoding = Decoding::new(&self.source.file, extent, encoding);
            self.decodings.push_back(decoding);
            self.decodings.len() - 1
        });
        let wants_size = matches!(item, FetchItem::BinarySize(_));
        let range = (!wants_size).then(|| window(section.partial));
        self.decodings[index].add(self.found.len(), range);
        Ok(())
    }

    /// Returns the octets of memory that the lists take: one place for each item.
    pub(super) fn memory(&self) -> usize {
        let decodings = self.decodings.iter().map(Decoding::memory);
        memory::of_list(&self.found)
            + memory::of_queue(&self.ranges)
            + memory::of_queue(&self.decodings)
            + decodings.sum::<usize>()
    }

    /// Goes on; done when all texts are known.
    pub(super) fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<io::Result<()>> {
        while let Some(range) = self.ranges.front() {
            let selected = cx.state.selected.as_mut();
            let position = selected.map(|selected| &mut selected.position);
            let locator = self.locating.get_or_insert_with(|| {
                let known = position.as_ref().and_then(|position| **position);
                let file = Rc::clone(&self.source.file);
                RangeLocator::new(file, self.uid, &range.extent, range.window, known)
            });
            let located = try_ready!(locator.step(cx.budget));
            if let Some(position) = position.filter(|_| range.window.skip > 0) {
                *position = Some(locator.position());
            }
            self.found[range.item] = Some(TextContent::Range(located));
            self.locating = None;
            self.ranges.pop_front();
        }
        while let Some(decoding) = self.decodings.front_mut() {
            try_ready!(decoding.step(cx.budget));
            for (item, content) in decoding.take() {
                self.found[item] = Some(TextContent::Binary(content));
            }
            self.decodings.pop_front();
        }
        Step::Done(Ok(()))
    }

    /// Takes out what was found of each item.
    pub(super) fn take(&mut self) -> Vec<Option<TextContent>> {
        std::mem::take(&mut self.found)
    }
}

/// Returns the octets that a client wants, whether the text has as many or not.
fn window(partial: Option<(u32, u32)>) -> Window {
    let (skip, octets) = partial.map_or((0, u64::MAX), |(first, most)| {
        (u64::from(first), u64::from(most))
    });
    Window { skip, octets }
}
