//! BINARY and BINARY.SIZE (RFC 3516): parts with their transfer encoding undone.

use std::fs::File;
use std::io;
use std::rc::Rc;

use crate::budget::{Budget, COST_READ_16K, Step, Why};
use crate::message::{Extent, Layout, TransferEncoding, find_part};
use crate::session::output::{DecodedRange, DecodedText, Window};
use crate::try_done;
use crate::types::memory;

/// What is sent of a decoded text.
pub(super) enum BinaryContent {
    /// How many octets it has.
    Size(u64),
    /// No octets: the client wants those from beyond its end.
    Empty,
    /// Octets of it, and whether the octet 0 is among them.
    Octets { range: DecodedRange, has_nul: bool },
}

/// A text that is decoded once, for all items that want its size or a range of its octets. The
/// ranges begin where the decoder is when it comes to them, so that sending them need not begin at
/// the start of the text.
pub(super) struct Decoding {
    /// Offset of the text in the file.
    start: u64,
    text: DecodedText,
    /// Octets that have been decoded.
    octets: u64,
    wants: Vec<BinaryWant>,
}

/// What one item wants of the text.
struct BinaryWant {
    /// Index of the item.
    item: usize,
    /// Octets of the text; `None` if only its size is wanted.
    window: Option<Window>,
    /// The range, once its first octet was decoded.
    range: Option<DecodedRange>,
    /// Whether the octet 0 is among those of the range that were decoded.
    has_nul: bool,
}

impl Decoding {
    /// Begins with the text at `extent`.
    pub(super) fn new(file: &Rc<File>, extent: &Extent, encoding: TransferEncoding) -> Self {
        Self {
            start: extent.start,
            text: DecodedText::new(Rc::clone(file), extent, encoding),
            octets: 0,
            wants: Vec::new(),
        }
    }

    /// Returns the octets of memory that the decoder and what the items want of it take.
    pub(super) fn memory(&self) -> usize {
        let ranges = self.wants.iter().filter_map(|want| want.range.as_ref());
        let ranges = ranges.map(DecodedRange::memory).sum::<usize>();
        memory::of_list(&self.wants) + self.text.memory() + ranges
    }

    /// True if this is the text at `extent`.
    pub(super) fn is_of(&self, extent: &Extent) -> bool {
        self.start == extent.start && self.text.end() == extent.end
    }

    /// Adds an item, which wants these octets or, without any, the size of the text.
    pub(super) fn add(&mut self, item: usize, window: Option<Window>) {
        self.wants.push(BinaryWant {
            item,
            window,
            range: None,
            has_nul: false,
        });
    }

    /// Decodes on; done when it is known what is sent for each item.
    pub(super) fn step(&mut self, budget: &mut Budget<'_>) -> Step<io::Result<()>> {
        let mut piece = Vec::new();
        while self.octets < self.needed() {
            piece.clear();
            let before = self.text.clone();
            if !try_done!(self.text.read(&mut piece)) {
                break;
            }
            for want in &mut self.wants {
                want.take_piece(&before, self.octets, &piece);
            }
            self.octets += piece.len() as u64;
            budget.spend(COST_READ_16K);
            budget.spend_records(self.wants.len());
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
        Step::Done(Ok(()))
    }

    /// Returns how many octets have to be decoded, if the text has as many.
    fn needed(&self) -> u64 {
        self.wants.iter().map(BinaryWant::end).max().unwrap_or(0)
    }

    /// Takes out what is sent for each item.
    pub(super) fn take(&mut self) -> impl Iterator<Item = (usize, BinaryContent)> + use<> {
        let octets = self.octets;
        let wants = std::mem::take(&mut self.wants);
        wants
            .into_iter()
            .map(move |want| (want.item, want.into_content(octets)))
    }
}

impl BinaryWant {
    /// Returns the number of octets of the text up to the last one that is wanted.
    fn end(&self) -> u64 {
        let end = |window: &Window| window.skip.saturating_add(window.octets);
        self.window.as_ref().map_or(u64::MAX, end)
    }

    /// Looks at the piece of the text that begins after `start` octets. `before` is the text before
    /// the piece was read.
    fn take_piece(&mut self, before: &DecodedText, start: u64, piece: &[u8]) {
        let Some(window) = &self.window else { return };
        let end = start + piece.len() as u64;
        if self.range.is_none() && window.skip < end {
            let skip = window.skip.saturating_sub(start);
            self.range = Some(DecodedRange::new(before.clone(), skip));
        }
        let index = |octet: u64| usize::try_from(octet.saturating_sub(start)).unwrap_or(usize::MAX);
        let first = index(window.skip).min(piece.len());
        let last = index(self.end()).clamp(first, piece.len());
        self.has_nul |= memchr::memchr(0, &piece[first..last]).is_some();
    }

    /// Returns what is sent, of a text that has so many octets.
    fn into_content(self, octets: u64) -> BinaryContent {
        let Some(window) = &self.window else {
            return BinaryContent::Size(octets);
        };
        let wanted = octets.saturating_sub(window.skip).min(window.octets);
        match self.range.filter(|_| wanted > 0) {
            Some(range) => BinaryContent::Octets {
                range: range.with_length(wanted),
                has_nul: self.has_nul,
            },
            None => BinaryContent::Empty,
        }
    }
}

/// Returns the transfer encoding of a part; `None` if it is unknown. The message itself has none,
/// and neither has a part that consists of parts (RFC 2045 §6.4).
pub(super) fn transfer_encoding(layout: &Layout, numbers: &[u32]) -> Option<TransferEncoding> {
    let root = layout.part.as_ref().filter(|_| !numbers.is_empty());
    let Some(part) = root.and_then(|root| find_part(root, numbers)) else {
        return Some(TransferEncoding::Identity);
    };
    if part.media_type.is_multipart() || part.message.is_some() {
        return Some(TransferEncoding::Identity);
    }
    let encoding = TransferEncoding::named(&part.encoding);
    let is_plain = |name: &&str| part.encoding.eq_ignore_ascii_case(name.as_bytes());
    let is_known =
        encoding != TransferEncoding::Identity || ["7bit", "8bit", "binary"].iter().any(is_plain);
    is_known.then_some(encoding)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::budget::FakeClock;
    use crate::session::output::Output;

    const BEFORE: &[u8] = b"before\n";

    fn decoding(text: &[u8], encoding: TransferEncoding) -> Decoding {
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(&[BEFORE, text, b"\n--behind"].concat())
            .expect("written");
        let start = BEFORE.len() as u64;
        let extent = Extent {
            start,
            end: start + text.len() as u64,
            ..Extent::default()
        };
        Decoding::new(&Rc::new(file), &extent, encoding)
    }

    /// Steps with a budget that every piece uses up. Returns what was found, and the steps.
    fn decoded(mut decoding: Decoding) -> (Vec<BinaryContent>, usize) {
        let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
        for steps in 1.. {
            let mut budget = Budget::new(&clock, 1, Duration::from_secs(1));
            if let Step::Done(done) = decoding.step(&mut budget) {
                done.expect("the file is there");
                let mut contents: Vec<_> = decoding.take().collect();
                contents.sort_by_key(|(item, _)| *item);
                return (
                    contents.into_iter().map(|(_, content)| content).collect(),
                    steps,
                );
            }
        }
        unreachable!("the text ends");
    }

    fn sent(content: BinaryContent) -> (Vec<u8>, bool) {
        let BinaryContent::Octets { range, has_nul } = content else {
            return (Vec::new(), false);
        };
        let mut output = Output::default();
        output.decoded(range);
        let mut out = Vec::new();
        while !output.poll().is_empty() {
            let octets = output.poll().len();
            out.extend_from_slice(output.poll());
            output.consume(octets);
        }
        (out, has_nul)
    }

    fn window(skip: usize, octets: usize) -> Window {
        Window {
            skip: skip as u64,
            octets: octets as u64,
        }
    }

    #[test]
    fn many_ranges_of_a_text_are_found_in_one_pass() {
        let plain: Vec<u8> = (0..100_000_u32).map(|at| (at % 251 + 1) as u8).collect();
        let base64 = data_encoding::BASE64_MIME.encode(&plain).into_bytes();
        let (_, pieces) = {
            let mut whole = decoding(&base64, TransferEncoding::Base64);
            whole.add(0, None);
            decoded(whole)
        };
        let mut many = decoding(&base64, TransferEncoding::Base64);
        let ranges = [
            (99_999, 1),
            (0, 100_000),
            (1, 2),
            (70_001, 20_000),
            (100_000, 5),
        ];
        for (item, (skip, octets)) in ranges.into_iter().cycle().take(100).enumerate() {
            many.add(item, Some(window(skip, octets)));
        }
        many.add(100, None);
        let (mut contents, steps) = decoded(many);
        assert_eq!(steps, pieces, "as many steps as for one range");
        let size = contents.pop();
        assert!(matches!(size, Some(BinaryContent::Size(100_000))));
        for (content, (skip, octets)) in contents.into_iter().zip(ranges.into_iter().cycle()) {
            let (out, has_nul) = sent(content);
            let want = plain
                .get(skip..plain.len().min(skip + octets))
                .unwrap_or_default();
            assert!(out == want && !has_nul);
        }
    }

    #[test]
    fn a_nul_counts_if_it_is_in_the_range() {
        let mut text = vec![b'x'; 50_000];
        text[40_000] = 0;
        for (skip, octets, want) in [(0, 40_000, false), (40_000, 1, true), (40_001, 9, false)] {
            let mut range = decoding(&text, TransferEncoding::Identity);
            range.add(0, Some(window(skip, octets)));
            let (contents, _) = decoded(range);
            let (out, has_nul) = contents.into_iter().map(sent).next().expect("one item");
            assert_eq!((out.len(), has_nul), (octets, want));
        }
    }

    #[test]
    fn decoding_stops_behind_the_last_octet_that_is_wanted() {
        let mut first = decoding(&vec![b'x'; 200_000], TransferEncoding::Identity);
        first.add(0, Some(window(0, 10)));
        assert_eq!(decoded(first).1, 2);
    }
}
