//! Scanner, MIME structure, sections and envelope.

use crate::message::crlf::{crlf_size, to_crlf};
use crate::message::envelope::Envelope;
use crate::message::{
    Content, ContentReader, CrlfConverter, Extent, Layout, Part, PassageDecoder, ScanDepth,
    Scanner, SectionKind, find_part, find_section, list_passages,
};

/// Scans a message in chunks of different sizes, at every depth.
///
/// The layout must not depend on the chunks. Headers and bodies lie inside the parts around them,
/// sizes and lines are those of the octets as the client receives them, and they add up. A message
/// with CRLF has the same parts and sizes as with LF. Every section lies inside the message.
pub(crate) fn structure(message: &[u8]) {
    let size = [1, 2, 7, 64][message.len() % 4];
    let layout = check_chunks(message, size);
    check_line_ends(message);
    if let Some(root) = &layout.part {
        check_sections(message, &layout, root, &mut Vec::new());
        check_content(message, root);
    }
    check_passages(message, &layout);
}

fn scan(message: &[u8], size: usize, depth: ScanDepth) -> Layout {
    let mut scanner = Scanner::new(depth);
    for chunk in message.chunks(size) {
        scanner.feed(chunk);
    }
    scanner.finish()
}

/// Returns the layout with all parts, after comparing those of chunks and of the whole.
pub(in crate::message) fn check_chunks(message: &[u8], size: usize) -> Layout {
    let header = scan(message, usize::MAX, ScanDepth::Header);
    assert_eq!(scan(message, size, ScanDepth::Header), header);
    let whole = scan(message, usize::MAX, ScanDepth::Structure);
    assert_eq!(scan(message, size, ScanDepth::Structure), whole);
    check_layout(message, &whole);
    let sizes = Layout {
        part: None,
        ..whole.clone()
    };
    assert_eq!(scan(message, size, ScanDepth::Sizes), sizes);
    whole
}

fn check_layout(message: &[u8], layout: &Layout) {
    assert_eq!(layout.header.size + layout.text.size, layout.whole.size);
    assert_eq!(layout.header.lines + layout.text.lines, layout.whole.lines);
    assert_eq!(layout.whole.size, crlf_size(message));
    assert_eq!(&layout.header_bytes[..], at(message, layout.header));
    let root = layout.part.as_ref().expect("the depth is Structure");
    check_tree(message, &sent_before(message), root, layout.whole);
}

/// Returns how many octets a client receives for the octets before each offset of the message.
fn sent_before(message: &[u8]) -> Vec<u64> {
    let mut sent = vec![0];
    for (at, &octet) in message.iter().enumerate() {
        let is_bare = octet == b'\n' && (at == 0 || message[at - 1] != b'\r');
        sent.push(sent[at] + 1 + u64::from(is_bare));
    }
    sent
}

/// Returns the octets of an extent.
fn at(message: &[u8], extent: Extent) -> &[u8] {
    let offset = |at| usize::try_from(at).expect("the offset fits");
    &message[offset(extent.start)..offset(extent.end)]
}

fn check_tree(message: &[u8], sent: &[u64], part: &Part, within: Extent) {
    assert_eq!(part.header.end, part.body.start);
    assert!(within.start <= part.header.start && part.body.end <= within.end);
    assert_eq!(part.media_type.is_multipart(), !part.children.is_empty());
    assert_eq!(
        part.media_type.is("message", "rfc822"),
        part.message.is_some()
    );
    check_extent(message, sent, part.header);
    check_extent(message, sent, part.body);
    for pair in part.children.windows(2) {
        assert!(pair[0].body.end <= pair[1].header.start);
    }
    if let Some(inner) = &part.message {
        assert_eq!(inner.header.start, part.body.start);
        assert_eq!(inner.body.end, part.body.end);
        assert_eq!(inner.kept_header as u64, inner.header.stored_len());
        check_tree(message, sent, inner, part.body);
    }
    for child in &part.children {
        check_tree(message, sent, child, part.body);
    }
}

/// The sizes are those of what a client receives.
fn check_extent(message: &[u8], sent: &[u64], extent: Extent) {
    let stored = at(message, extent);
    let lines = stored.iter().filter(|&&octet| octet == b'\n').count();
    assert_eq!(lines as u64, extent.lines);
    let offset = |at| usize::try_from(at).expect("the offset fits");
    let before = sent[offset(extent.start)];
    assert_eq!(extent.sent_before, before);
    assert_eq!(extent.size, sent[offset(extent.end)] - before);
    let mut out = Vec::new();
    let mut converter = CrlfConverter::new();
    for piece in stored.chunks(50) {
        converter.convert(piece, &mut out);
    }
    assert_eq!(out.len() as u64, extent.size);
}

/// With CRLF at the end of each line, a message has the same parts, sizes and envelope.
pub(in crate::message) fn check_line_ends(message: &[u8]) {
    let stored = scan(message, usize::MAX, ScanDepth::Structure);
    let sent = scan(&to_crlf(message), usize::MAX, ScanDepth::Structure);
    let envelope = |layout: &Layout| Envelope::parse(&layout.header_bytes);
    assert_eq!(envelope(&stored), envelope(&sent));
    let roots = (stored.part.as_ref(), sent.part.as_ref());
    let (Some(stored), Some(sent)) = roots else {
        panic!("the depth is Structure");
    };
    assert_eq!(outline(stored), outline(sent));
}

/// Returns what a client sees of all parts: type and sizes.
fn outline(part: &Part) -> Vec<(Vec<u8>, Vec<u8>, [u64; 4])> {
    let sizes = [
        part.header.size,
        part.header.lines,
        part.body.size,
        part.body.lines,
    ];
    let kind = &part.media_type;
    let mut all = vec![(kind.top_level.clone(), kind.subtype.clone(), sizes)];
    let message = part.message.as_deref().into_iter();
    for child in message.chain(&part.children) {
        all.extend(outline(child));
    }
    all
}

/// Looks up every section of a part and of those below it, and one part more than there are.
fn check_sections(message: &[u8], layout: &Layout, part: &Part, numbers: &mut Vec<u32>) {
    for kind in [
        SectionKind::All,
        SectionKind::Header,
        SectionKind::Text,
        SectionKind::Mime,
    ] {
        if let Some(extent) = find_section(layout, numbers, kind) {
            let _ = at(message, extent);
        }
    }
    let inner = part.message.as_deref();
    let around = inner.filter(|_| !numbers.is_empty()).unwrap_or(part);
    let has_one = around.children.is_empty() && (numbers.is_empty() || inner.is_some());
    let count = if has_one { 1 } else { around.children.len() };
    for number in 1..=count + 1 {
        numbers.push(u32::try_from(number).expect("few parts"));
        let root = layout.part.as_ref().expect("the depth is Structure");
        let found = find_part(root, numbers);
        assert_eq!(found.is_some(), number <= count, "{numbers:?}");
        if let Some(child) = found.filter(|_| !has_one) {
            check_sections(message, layout, child, numbers);
        }
        numbers.pop();
    }
}

/// Reads the Content-* fields of every part again. They must say what the scanner has read.
fn check_content(message: &[u8], part: &Part) {
    let header = at(message, part.header);
    let content = read_content(&header[..part.kept_header], part);
    assert_eq!(content.media_type, part.media_type);
    assert_eq!(content.encoding, part.encoding);
    let inner = part.message.as_deref().into_iter();
    for child in inner.chain(&part.children) {
        check_content(message, child);
    }
}

fn read_content(header: &[u8], part: &Part) -> Content {
    let mut reader = ContentReader::new(part.in_digest);
    while let Some(work) = reader.pass(header) {
        assert!(work > 0, "a field costs something");
    }
    let mut content = reader.finish();
    part.settle(&mut content);
    content
}

/// The passages that SEARCH reads lie inside the message, and the chunks make no difference.
fn check_passages(message: &[u8], layout: &Layout) {
    for passage in list_passages(layout) {
        assert!(passage.start <= passage.end && passage.end <= layout.whole.end);
        let offset = |at| usize::try_from(at).expect("the offset fits");
        let octets = &message[offset(passage.start)..offset(passage.end)];
        let decode = |size| {
            let (mut decoder, mut text) = (PassageDecoder::new(), Vec::new());
            decoder.begin(passage.kind);
            for chunk in octets.chunks(size) {
                text.extend_from_slice(decoder.feed(chunk));
            }
            while let Some((more, _)) = decoder.end() {
                text.extend_from_slice(more);
            }
            text
        };
        assert_eq!(decode(usize::MAX), decode(1), "{:?}", passage.kind);
    }
}
