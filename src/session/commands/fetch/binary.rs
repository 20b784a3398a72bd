//! BINARY and BINARY.SIZE (RFC 3516): parts as they were before they were encoded for transfer.

use std::fs::File;
use std::io;
use std::rc::Rc;

use crate::budget::{Budget, Step};
use crate::message::{Extent, Layout, TransferEncoding, find_part};
use crate::ready;
use crate::session::decoded::{Cut, Decoded, Measure};

/// What is sent of a decoded text.
pub(super) enum Binary {
    /// How many octets it has.
    Size(u64),
    /// Octets of it, if there are any so far behind its start, and whether the octet 0 may be among them.
    Octets(Option<(Cut, bool)>),
}

/// A text that is first counted, then read up to where the client wants it from.
pub(super) struct Decoding {
    measure: Measure,
    counted: Option<(u64, bool)>,
    /// `None` if only the size is wanted.
    cut: Option<Cut>,
    /// The first octet that is wanted, and how many at most.
    range: (u64, u64),
}

impl Decoding {
    /// To count it.
    pub(super) fn size(file: &Rc<File>, extent: &Extent, transfer: TransferEncoding) -> Self {
        let decoded = Decoded::new(Rc::clone(file), extent, transfer);
        Self {
            measure: Measure::new(decoded, u64::MAX),
            counted: None,
            cut: None,
            range: (0, u64::MAX),
        }
    }

    /// To send it, or a part of it.
    pub(super) fn octets(
        file: &Rc<File>,
        extent: &Extent,
        transfer: TransferEncoding,
        partial: Option<(u32, u32)>,
    ) -> Self {
        let decoded = || Decoded::new(Rc::clone(file), extent, transfer);
        let (first, most) = partial.map_or((0, u64::MAX), |(first, most)| {
            (u64::from(first), u64::from(most))
        });
        Self {
            measure: Measure::new(decoded(), first.saturating_add(most)),
            counted: None,
            cut: Some(Cut::new(decoded(), first)),
            range: (first, most),
        }
    }

    /// To be stepped until done.
    pub(super) fn step(&mut self, budget: &mut Budget<'_>) -> Step<io::Result<Binary>> {
        let (octets, has_nul) = match self.counted {
            Some(counted) => counted,
            None => match ready!(self.measure.step(budget)) {
                Ok(counted) => *self.counted.insert(counted),
                Err(error) => return Step::Done(Err(error)),
            },
        };
        let Some(cut) = &mut self.cut else {
            return Step::Done(Ok(Binary::Size(octets)));
        };
        let (first, most) = self.range;
        let wanted = octets.saturating_sub(first).min(most);
        if wanted == 0 {
            return Step::Done(Ok(Binary::Octets(None)));
        }
        let sought = ready!(cut.seek(budget));
        let cut = self.cut.take().map(|cut| (cut.of(wanted), has_nul));
        Step::Done(sought.map(|()| Binary::Octets(cut)))
    }
}

/// How a part is encoded; `None` if nobody knows. The message itself is not, and neither is what is made
/// of parts (RFC 2045 §6.4).
pub(super) fn transfer(layout: &Layout, numbers: &[u32]) -> Option<TransferEncoding> {
    let root = layout.part.as_ref().filter(|_| !numbers.is_empty());
    let Some(part) = root.and_then(|root| find_part(root, numbers)) else {
        return Some(TransferEncoding::Identity);
    };
    if part.is_multipart() || part.message.is_some() {
        return Some(TransferEncoding::Identity);
    }
    let transfer = TransferEncoding::named(&part.encoding);
    let is_plain = |name: &&str| part.encoding.eq_ignore_ascii_case(name.as_bytes());
    let is_known =
        transfer != TransferEncoding::Identity || ["7bit", "8bit", "binary"].iter().any(is_plain);
    is_known.then_some(transfer)
}
