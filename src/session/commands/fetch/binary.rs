//! BINARY and BINARY.SIZE (RFC 3516): parts with their transfer encoding undone.

use std::fs::File;
use std::io;
use std::rc::Rc;

use crate::budget::{Budget, Step};
use crate::message::{Extent, Layout, TransferEncoding, find_part};
use crate::session::output::{DecodedLength, DecodedRange, DecodedText};
use crate::try_ready;

/// What is sent of a decoded text.
pub(super) enum BinaryContent {
    /// How many octets it has.
    Size(u64),
    /// No octets: the client wants those from beyond its end.
    Empty,
    /// Octets of it, and whether the octet 0 may be among them.
    Octets { range: DecodedRange, has_nul: bool },
}

/// A text that is decoded once to be counted, and once more up to the first octet that the client
/// wants.
pub(super) struct Decoding {
    length: DecodedLength,
    /// Octets, and whether one of them is 0; once they were counted.
    counted: Option<(u64, bool)>,
    /// `None` if the client wants only the size.
    range: Option<DecodedRange>,
    /// The first octet that the client wants, and how many at most.
    wanted: (u64, u64),
}

impl Decoding {
    /// Begins to count the text.
    pub(super) fn size(file: &Rc<File>, extent: &Extent, encoding: TransferEncoding) -> Self {
        let text = DecodedText::new(Rc::clone(file), extent, encoding);
        Self {
            length: DecodedLength::new(text, u64::MAX),
            counted: None,
            range: None,
            wanted: (0, u64::MAX),
        }
    }

    /// Begins to decode the text, or part of it, to be sent.
    pub(super) fn octets(
        file: &Rc<File>,
        extent: &Extent,
        encoding: TransferEncoding,
        partial: Option<(u32, u32)>,
    ) -> Self {
        let text = || DecodedText::new(Rc::clone(file), extent, encoding);
        let (first, most) = partial.map_or((0, u64::MAX), |(first, most)| {
            (u64::from(first), u64::from(most))
        });
        Self {
            length: DecodedLength::new(text(), first.saturating_add(most)),
            counted: None,
            range: Some(DecodedRange::new(text(), first)),
            wanted: (first, most),
        }
    }

    /// Decodes on; done with what is to be sent.
    pub(super) fn step(&mut self, budget: &mut Budget<'_>) -> Step<io::Result<BinaryContent>> {
        let (octets, has_nul) = match self.counted {
            Some(counted) => counted,
            None => *self.counted.insert(try_ready!(self.length.step(budget))),
        };
        let (first, most) = self.wanted;
        let wanted = octets.saturating_sub(first).min(most);
        match &mut self.range {
            None => return Step::Done(Ok(BinaryContent::Size(octets))),
            Some(range) if wanted > 0 => try_ready!(range.seek(budget)),
            Some(_) => self.range = None,
        }
        Step::Done(Ok(match self.range.take() {
            Some(range) => BinaryContent::Octets {
                range: range.with_length(wanted),
                has_nul,
            },
            None => BinaryContent::Empty,
        }))
    }
}

/// Returns the transfer encoding of a part; `None` if it is unknown. The message itself has none,
/// and neither has a part that consists of parts (RFC 2045 §6.4).
pub(super) fn transfer_encoding(layout: &Layout, numbers: &[u32]) -> Option<TransferEncoding> {
    let root = layout.part.as_ref().filter(|_| !numbers.is_empty());
    let Some(part) = root.and_then(|root| find_part(root, numbers)) else {
        return Some(TransferEncoding::Identity);
    };
    if part.is_multipart() || part.message.is_some() {
        return Some(TransferEncoding::Identity);
    }
    let encoding = TransferEncoding::named(&part.encoding);
    let is_plain = |name: &&str| part.encoding.eq_ignore_ascii_case(name.as_bytes());
    let is_known =
        encoding != TransferEncoding::Identity || ["7bit", "8bit", "binary"].iter().any(is_plain);
    is_known.then_some(encoding)
}
