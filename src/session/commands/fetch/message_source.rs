//! A message whose layout is known: what the rest of a FETCH reads of it.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use crate::message::{Extent, Layout, MAX_KEPT_HEADER, Part};

/// The open file of a message, and where its pieces lie.
pub(super) struct MessageSource {
    pub(super) file: Rc<File>,
    pub(super) layout: Layout,
    /// The header of the message, at most [`MAX_KEPT_HEADER`] octets.
    header: Rc<Vec<u8>>,
    /// The header of an embedded message that was read last, and its offset: many items may name
    /// the same one.
    embedded: RefCell<Option<(u64, Rc<Vec<u8>>)>>,
    /// Octets of memory that the layout takes.
    layout_memory: usize,
}

impl MessageSource {
    /// Takes over what the scan of the file has found.
    pub(super) fn new(file: Rc<File>, mut layout: Layout) -> Self {
        let header = Rc::new(std::mem::take(&mut layout.header_bytes));
        let layout_memory = layout.memory();
        Self {
            file,
            layout,
            header,
            embedded: RefCell::default(),
            layout_memory,
        }
    }

    /// Returns the octets of memory that the layout and the headers take.
    pub(super) fn memory(&self) -> usize {
        let embedded = self.embedded.borrow();
        let embedded = embedded.as_ref().map_or(0, |(_, block)| block.capacity());
        size_of::<Self>() + self.layout_memory + self.header.capacity() + embedded
    }

    /// Returns the header of the message.
    pub(super) fn header(&self) -> Rc<Vec<u8>> {
        Rc::clone(&self.header)
    }

    /// Returns the header of the message, or of an embedded message, that lies at `extent`. Of a
    /// header longer than [`MAX_KEPT_HEADER`] only the beginning is read.
    pub(super) fn header_at(&self, extent: &Extent) -> io::Result<Rc<Vec<u8>>> {
        if extent.start == self.layout.header.start {
            return Ok(self.header());
        }
        let mut embedded = self.embedded.borrow_mut();
        if let Some((_, block)) = embedded.as_ref().filter(|(at, _)| *at == extent.start) {
            return Ok(Rc::clone(block));
        }
        let stored = usize::try_from(extent.stored_len()).unwrap_or(usize::MAX);
        let block = self.read(extent.start, stored.min(MAX_KEPT_HEADER))?;
        *embedded = Some((extent.start, Rc::clone(&block)));
        Ok(block)
    }

    /// Returns the octets of the header of a part that count for its fields.
    pub(super) fn header_of(&self, part: &Part) -> io::Result<Rc<Vec<u8>>> {
        if part.header.start == self.layout.header.start {
            return Ok(self.header());
        }
        self.read(part.header.start, part.kept_header)
    }

    fn read(&self, start: u64, length: usize) -> io::Result<Rc<Vec<u8>>> {
        let mut block = vec![0; length];
        self.file.read_exact_at(&mut block, start)?;
        Ok(Rc::new(block))
    }
}
