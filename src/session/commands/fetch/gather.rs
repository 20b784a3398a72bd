//! What a FETCH needs of one message before its response can be written.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use super::binary::{Binary, Decoding, transfer};
use super::structure;
use crate::budget::{COST_OPEN, COST_READ_16K, COST_SYSCALL, Step};
use crate::message::{
    Envelope, Extent, Layout, MAX_KEPT_HEADER, ScanDepth, SectionKind, find_section, header,
    to_crlf,
};
use crate::protocol::{Encoder, FetchItem, Section, SectionText};
use crate::ready;
use crate::session::job::{Cx, Retry};
use crate::session::output::FileRange;
use crate::session::reader::{Locate, Reader, unreadable};
use crate::store::{MessageRef, MessageStat, StoreError};
use crate::types::DateTime;

/// The text that an item stands for.
pub(super) enum Content {
    /// Part of the file.
    Range(FileRange),
    /// Put together from it.
    Bytes(Vec<u8>),
    /// Part of the file, decoded.
    Binary(Binary),
    /// There is no such part.
    Nothing,
}

/// What is known of the message so far.
pub(super) struct Gathered {
    needs_date: bool,
    needs_size: bool,
    depth: Option<ScanDepth>,
    date: Option<DateTime>,
    size: Option<u64>,
    reading: Option<(Rc<File>, Reader)>,
    layout: Option<(Rc<File>, Layout)>,
    /// One for each item that is a text, in their order.
    contents: Vec<Content>,
    locating: Option<Locate>,
    decoding: Option<Decoding>,
}

/// How deep the message has to be looked into for an item; `None`: not at all.
fn depth(item: &FetchItem) -> Option<ScanDepth> {
    match item {
        FetchItem::Envelope | FetchItem::Rfc822Header => Some(ScanDepth::Header),
        FetchItem::Rfc822 { .. } | FetchItem::Rfc822Text { .. } => Some(ScanDepth::Sizes),
        FetchItem::Body | FetchItem::BodyStructure => Some(ScanDepth::Structure),
        FetchItem::Section(section)
        | FetchItem::Binary(section)
        | FetchItem::BinarySize(section)
            if !section.part.is_empty() =>
        {
            Some(ScanDepth::Structure)
        }
        FetchItem::Binary(_) | FetchItem::BinarySize(_) => Some(ScanDepth::Sizes),
        FetchItem::Section(section) => match section.text {
            SectionText::All | SectionText::Text => Some(ScanDepth::Sizes),
            _ => Some(ScanDepth::Header),
        },
        _ => None,
    }
}

/// The section that an item names, of those that are texts.
fn wanted(item: &FetchItem) -> Option<(&[u32], SectionKind)> {
    match item {
        FetchItem::Rfc822 { .. } => Some((&[], SectionKind::All)),
        FetchItem::Rfc822Header => Some((&[], SectionKind::Header)),
        FetchItem::Rfc822Text { .. } => Some((&[], SectionKind::Text)),
        FetchItem::Section(section)
        | FetchItem::Binary(section)
        | FetchItem::BinarySize(section) => Some((&section.part, what(&section.text))),
        _ => None,
    }
}

fn what(text: &SectionText) -> SectionKind {
    match text {
        SectionText::All => SectionKind::All,
        SectionText::Header | SectionText::HeaderFields { .. } | SectionText::Part0 => {
            SectionKind::Header
        }
        SectionText::Text => SectionKind::Text,
        SectionText::Mime => SectionKind::Mime,
    }
}

/// Where the text of an item lies; `None` if the message has no such part, or the part no such thing.
fn extent(layout: &Layout, item: &FetchItem) -> Option<Extent> {
    let (part, what) = wanted(item)?;
    let found = find_section(layout, part, what);
    match item {
        FetchItem::Section(Section {
            text: SectionText::Part0,
            ..
        }) => found.or_else(|| find_section(layout, part, SectionKind::Mime)),
        _ => found,
    }
}

/// True if the item is a text, sent as a literal.
pub(super) fn is_text(item: &FetchItem) -> bool {
    wanted(item).is_some()
}

impl Gathered {
    pub(super) fn new(items: &[FetchItem]) -> Self {
        Self {
            needs_date: items.contains(&FetchItem::InternalDate),
            needs_size: items.contains(&FetchItem::Rfc822Size),
            depth: items.iter().filter_map(depth).max(),
            date: None,
            size: None,
            reading: None,
            layout: None,
            contents: Vec::new(),
            locating: None,
            decoding: None,
        }
    }

    /// Goes on gathering. `partial` cuts every text, as PARTIAL asks.
    pub(super) fn step(
        &mut self,
        message: &MessageRef,
        items: &[FetchItem],
        partial: Option<(u32, u32)>,
        retry: &mut Retry,
        cx: &mut Cx<'_, '_>,
    ) -> Step<Result<(), StoreError>> {
        if let Err(error) = ready!(self.status(message, retry, cx)) {
            return Step::Done(Err(error));
        }
        if let Err(error) = ready!(self.layout(message, retry, cx)) {
            return Step::Done(Err(error));
        }
        let texts = items.iter().filter(|item| is_text(item));
        for item in texts.skip(self.contents.len()) {
            if let FetchItem::Binary(_) | FetchItem::BinarySize(_) = item {
                match ready!(self.binary(item, cx)) {
                    Ok(content) => self.contents.push(content),
                    Err(error) => return Step::Done(Err(error)),
                }
                continue;
            }
            match ready!(self.content(message, item, partial, cx)) {
                Ok(content) => self.contents.push(content),
                Err(source) => return Step::Done(Err(unreadable(source))),
            }
        }
        Step::Done(Ok(()))
    }

    /// Date and size, from the mailbox or the file's status if they are to be had there. A file that has to
    /// be opened anyhow tells its status then.
    fn status(
        &mut self,
        message: &MessageRef,
        retry: &mut Retry,
        cx: &mut Cx<'_, '_>,
    ) -> Step<Result<(), StoreError>> {
        if self.reading.is_some() || self.layout.is_some() {
            return Step::Done(Ok(()));
        }
        if self.needs_size && self.size.is_none() {
            self.size = cx
                .core
                .view()
                .and_then(|view| cx.store.known_size(view, message));
        }
        let satisfied =
            (!self.needs_date || self.date.is_some()) && (!self.needs_size || self.size.is_some());
        if !satisfied && self.depth.is_none() {
            let status = ready!(retry.step(cx, |store, view, _| store.stat_message(view, message)));
            cx.budget.spend(COST_SYSCALL);
            match status {
                Ok(status) => self.learn(&status),
                Err(error) => return Step::Done(Err(error)),
            }
        }
        Step::Done(Ok(()))
    }

    /// A size that the status does not tell has to be measured.
    fn learn(&mut self, status: &MessageStat) {
        self.date = Some(status.date);
        self.size = self.size.or(status.size_hint);
        if self.needs_size && self.size.is_none() {
            self.depth = self.depth.max(Some(ScanDepth::Sizes));
        }
    }

    /// One pass over the file, as deep as it takes.
    fn layout(
        &mut self,
        message: &MessageRef,
        retry: &mut Retry,
        cx: &mut Cx<'_, '_>,
    ) -> Step<Result<(), StoreError>> {
        if self.depth.is_none() || self.layout.is_some() {
            return Step::Done(Ok(()));
        }
        if let Err(error) = ready!(self.open(message, retry, cx)) {
            return Step::Done(Err(error));
        }
        let (Some((file, reader)), Some(depth)) = (&mut self.reading, self.depth) else {
            return Step::Done(Ok(()));
        };
        let layout = match ready!(reader.step(cx.budget)) {
            Ok(layout) => layout,
            Err(source) => return Step::Done(Err(unreadable(source))),
        };
        if depth > ScanDepth::Header {
            self.size = Some(layout.whole.size);
            if let Some(view) = cx.core.view() {
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
        retry: &mut Retry,
        cx: &mut Cx<'_, '_>,
    ) -> Step<Result<(), StoreError>> {
        if self.reading.is_some() {
            return Step::Done(Ok(()));
        }
        let opened = ready!(retry.step(cx, |store, view, _| store.open_message(view, message)));
        cx.budget.spend(COST_OPEN);
        Step::Done(opened.map(|opened| {
            self.learn(&opened.status);
            let file = Rc::new(opened.file);
            let depth = self.depth.unwrap_or(ScanDepth::Header);
            self.reading = Some((Rc::clone(&file), Reader::new(file, depth)));
        }))
    }

    /// The text of one item.
    fn content(
        &mut self,
        message: &MessageRef,
        item: &FetchItem,
        partial: Option<(u32, u32)>,
        cx: &mut Cx<'_, '_>,
    ) -> Step<io::Result<Content>> {
        let Some((file, layout)) = &self.layout else {
            return Step::Done(Ok(Content::Nothing));
        };
        let Some(extent) = extent(layout, item) else {
            return Step::Done(Ok(Content::Nothing));
        };
        let section = if let FetchItem::Section(section) = item {
            Some(section)
        } else {
            None
        };
        let partial = section.and_then(|section| section.partial).or(partial);
        if let Some(SectionText::HeaderFields { not, names }) = section.map(|section| &section.text)
        {
            let fields = header_fields(file, &extent, names, *not, cx);
            return Step::Done(fields.map(|fields| Content::Bytes(cut(fields, partial))));
        }
        let (first, most) = partial.map_or((0, u64::MAX), |(first, most)| {
            (u64::from(first), u64::from(most))
        });
        let octets = extent.size.saturating_sub(first).min(most);
        if octets == 0 {
            // RFC 3501 §6.4.5: from beyond its end a text is empty, not missing.
            return Step::Done(Ok(Content::Bytes(Vec::new())));
        }
        let resume = cx
            .core
            .selected
            .as_mut()
            .map(|selected| &mut selected.resume);
        let locate = self.locating.get_or_insert_with(|| {
            let known = resume.as_ref().and_then(|resume| **resume);
            Locate::new(
                Rc::clone(file),
                message.uid,
                &extent,
                (first, octets),
                known,
            )
        });
        let range = ready!(locate.step(cx.budget));
        if let Some(resume) = resume.filter(|_| first > 0) {
            *resume = Some(locate.place());
        }
        self.locating = None;
        Step::Done(range.map(Content::Range))
    }

    /// The text of one item, decoded, or its size.
    fn binary(
        &mut self,
        item: &FetchItem,
        cx: &mut Cx<'_, '_>,
    ) -> Step<Result<Content, StoreError>> {
        let decoding = match &mut self.decoding {
            Some(decoding) => decoding,
            None => match begin_decoding(self.layout.as_ref(), item) {
                Ok(Some(decoding)) => self.decoding.insert(decoding),
                Ok(None) => return Step::Done(Ok(Content::Nothing)),
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
        match (item, layout) {
            (FetchItem::InternalDate, _) => {
                encoder.internal_date(self.date.unwrap_or(DateTime { unix: 0 }));
            }
            (FetchItem::Rfc822Size, _) => {
                encoder.number(self.size.unwrap_or(0));
            }
            (FetchItem::Envelope, Some(layout)) => {
                structure::envelope(encoder, &Envelope::parse(&layout.header_bytes));
            }
            (
                FetchItem::Body,
                Some(Layout {
                    part: Some(part), ..
                }),
            ) => structure::body(encoder, part, false),
            (
                FetchItem::BodyStructure,
                Some(Layout {
                    part: Some(part), ..
                }),
            ) => {
                structure::body(encoder, part, true);
            }
            _ => {
                encoder.nil();
            }
        }
    }

    /// The texts, in the order of their items.
    pub(super) fn take_contents(&mut self) -> Vec<Content> {
        std::mem::take(&mut self.contents)
    }
}

/// Begins to decode the part that an item names; `None` if there is no such part.
fn begin_decoding(
    layout: Option<&(Rc<File>, Layout)>,
    item: &FetchItem,
) -> Result<Option<Decoding>, StoreError> {
    let found = layout.and_then(|(file, layout)| Some((file, layout, extent(layout, item)?)));
    let (FetchItem::Binary(section) | FetchItem::BinarySize(section), Some(found)) = (item, found)
    else {
        return Ok(None);
    };
    let (file, layout, extent) = found;
    let refused = StoreError::Refused("the transfer encoding of the part is not known");
    let transfer = transfer(layout, &section.part).ok_or(refused)?;
    Ok(Some(match item {
        FetchItem::BinarySize(_) => Decoding::size(file, &extent, transfer),
        _ => Decoding::octets(file, &extent, transfer, section.partial),
    }))
}

/// The fields of those names, or the others, of the header that lies there. A header is looked at up to
/// [`MAX_KEPT_HEADER`].
fn header_fields(
    file: &File,
    extent: &Extent,
    names: &[Vec<u8>],
    not: bool,
    cx: &mut Cx<'_, '_>,
) -> io::Result<Vec<u8>> {
    let stored = usize::try_from(extent.stored_len()).unwrap_or(usize::MAX);
    let mut block = vec![0; stored.min(MAX_KEPT_HEADER)];
    file.read_exact_at(&mut block, extent.start)?;
    cx.budget.spend(COST_READ_16K);
    Ok(selected(&block, names, not, block.len() < stored))
}

/// The blank line is sent whatever is selected, if the header has one (RFC 3501 §6.4.5). A block that
/// was cut off in the middle of a line loses that line, and gets the blank line that is out of reach.
fn selected(block: &[u8], names: &[Vec<u8>], not: bool, is_cut: bool) -> Vec<u8> {
    let block = match memchr::memrchr(b'\n', block) {
        Some(end) if is_cut => &block[..=end],
        _ => block,
    };
    let mut fields = Vec::new();
    for range in header::select_fields(block, names, not) {
        fields.extend_from_slice(&to_crlf(&block[range]));
    }
    if is_cut {
        fields.extend_from_slice(b"\r\n");
    }
    fields
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Scanner;
    use crate::protocol::{Command, FetchArguments, parse_request};

    const MESSAGE: &str = "\
Subject: whole
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: image/gif

GIF
--b
Content-Type: message/rfc822

Subject: inner

text
--b--
";

    /// What a FETCH of that item shows, with the line ends as they are stored.
    fn shown(item: &str) -> Option<&'static str> {
        shown_of(MESSAGE, item)
    }

    fn shown_of<'m>(message: &'m str, item: &str) -> Option<&'m str> {
        let command = format!("a FETCH 1 {item}");
        let request = parse_request(command.as_bytes()).expect("a FETCH");
        let Command::Fetch(FetchArguments { items, .. }) = request.command else {
            panic!("{command} is no FETCH");
        };
        let depth = depth(&items[0]).expect("a text needs the file");
        let mut scanner = Scanner::new(depth);
        scanner.feed(message.as_bytes());
        let extent = extent(&scanner.finish(), &items[0])?;
        let offset = |at| usize::try_from(at).expect("small");
        Some(&message[offset(extent.start)..offset(extent.end)])
    }

    #[test]
    fn part_0_is_a_header_of_either_kind() {
        let whole = "Subject: whole\nContent-Type: multipart/mixed; boundary=b\n\n";
        assert_eq!(shown("BODY[0]"), Some(whole));
        assert_eq!(shown("BODY[2.0]"), Some("Subject: inner\n\n"), "a message");
        assert_eq!(
            shown("BODY[1.0]"),
            Some("Content-Type: image/gif\n\n"),
            "no message"
        );
        assert_eq!(shown("BODY[3.0]"), None);
        assert_eq!(shown("BODY[2.HEADER]"), shown("BODY[2.0]"));
        assert_eq!(shown("BODY[1.HEADER]"), None, "RFC 3501 has MIME for that");
    }

    #[test]
    fn a_header_is_sent_whole_however_long() {
        let header = format!("Subject: long\nX: {}\n\n", "x\n ".repeat(MAX_KEPT_HEADER));
        let message = format!("{header}text\n");
        for item in ["RFC822.HEADER", "BODY[HEADER]", "BODY[0]"] {
            assert_eq!(shown_of(&message, item), Some(&header[..]), "{item}");
        }
    }

    #[test]
    fn fields_come_with_the_blank_line_once() {
        let select = |block: &str, names: &[&str], not, is_cut| {
            let names: Vec<Vec<u8>> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
            String::from_utf8(selected(block.as_bytes(), &names, not, is_cut)).expect("ASCII")
        };
        let block = "A: 1\nB: 2\n 3\nC: 4\n\n";
        assert_eq!(select(block, &["b"], false, false), "B: 2\r\n 3\r\n\r\n");
        assert_eq!(select(block, &["b"], true, false), "A: 1\r\nC: 4\r\n\r\n");
        assert_eq!(select(block, &["x"], false, false), "\r\n");
        let unended = "A: 1\nB: 2\n";
        assert_eq!(select(unended, &["a"], false, false), "A: 1\r\n");
        let cut = "A: 1\nB: 2\nA: 3";
        assert_eq!(select(cut, &["a"], false, true), "A: 1\r\n\r\n");
    }

    #[test]
    fn peeking_shows_the_same() {
        assert_eq!(shown("RFC822.PEEK"), Some(MESSAGE));
        assert_eq!(shown("RFC822.TEXT.PEEK"), shown("BODY[TEXT]"));
        assert!(shown("RFC822.TEXT.PEEK").is_some_and(|text| text.starts_with("--b\n")));
    }
}
