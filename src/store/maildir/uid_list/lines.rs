//! The lines of a file, read through one buffer.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use super::error::UidListError;
use crate::work;

/// How much of the file is in memory at a time, in octets.
pub(super) const BUFFER: usize = 64 * 1024;

/// The complete lines of a file; what is behind the last line feed is not returned.
#[derive(Debug)]
pub(super) struct Lines {
    file: File,
    buffer: Box<[u8]>,
    /// The part of the buffer that was read from the file and not returned yet.
    ahead: Range<usize>,
    /// Where that part starts in the file.
    offset: u64,
    /// How many lines were returned.
    number: u64,
}

/// One line: where it starts in the file, and where its text is in the buffer, without the line
/// end.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) start: u64,
    text: Range<usize>,
}

impl Lines {
    pub(super) fn new(file: File) -> Self {
        Self {
            file,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            ahead: 0..0,
            offset: 0,
            number: 0,
        }
    }

    /// Returns the next complete line, or `None` if there is no further one yet.
    ///
    /// # Errors
    /// [`UidListError::File`] if a line does not fit into the buffer.
    pub(super) fn next(&mut self) -> Result<Option<Line>, UidListError> {
        loop {
            if let Some(length) = memchr::memchr(b'\n', &self.buffer[self.ahead.clone()]) {
                return Ok(Some(self.take(length)));
            }
            if self.ahead.len() == self.buffer.len() {
                return Err(UidListError::File("a line has no end"));
            }
            if self.fill()? == 0 {
                return Ok(None);
            }
        }
    }

    fn take(&mut self, length: usize) -> Line {
        work::things(1);
        work::octets(length);
        let (start, end) = (self.ahead.start, self.ahead.start + length);
        let line = Line {
            start: self.offset,
            text: match self.buffer[start..end] {
                [.., b'\r'] => start..end - 1,
                _ => start..end,
            },
        };
        self.ahead.start = end + 1;
        self.offset += length as u64 + 1;
        self.number += 1;
        line
    }

    fn fill(&mut self) -> io::Result<usize> {
        self.buffer.copy_within(self.ahead.clone(), 0);
        self.ahead = 0..self.ahead.len();
        let got = self.file.read(&mut self.buffer[self.ahead.end..])?;
        self.ahead.end += got;
        Ok(got)
    }

    /// Returns the text of the line that was returned last.
    pub(super) fn text(&self, line: &Line) -> &[u8] {
        &self.buffer[line.text.clone()]
    }

    /// Continues at another place in the file.
    pub(super) fn seek(&mut self, offset: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(offset))?;
        self.offset = offset;
        self.ahead = 0..0;
        Ok(())
    }

    /// Returns where in the file the next line starts.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns how many lines were returned.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// True if there is something behind the last complete line. Only meaningful once
    /// [`Self::next`] has returned `None`.
    pub(super) fn is_torn(&self) -> bool {
        !self.ahead.is_empty()
    }
}
