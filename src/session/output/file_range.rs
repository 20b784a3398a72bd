//! Part of a message file, sent with every line end as CRLF.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use super::window::Window;
use crate::message::CrlfConverter;

/// Octets of a message file that are read at once.
pub(in crate::session) const PIECE: usize = 16 * 1024;

/// Part of a message file, to be sent with every line end as CRLF.
#[derive(Debug, Clone)]
pub(in crate::session) struct FileRange {
    /// The opened file; it stays readable if its name is changed or removed.
    pub(in crate::session) file: Rc<File>,
    /// Offset of the first octet.
    pub(in crate::session) start: u64,
    /// Offset behind the last octet.
    pub(in crate::session) end: u64,
    /// The octets to send, counted with CRLF for every line end.
    pub(in crate::session) window: Window,
    /// What is sent instead of the octet 0; 0 if that is sent as it is.
    pub(in crate::session) nul: u8,
}

impl FileRange {
    /// Reads the next piece of the range and appends it in the form in which it is sent.
    pub(super) fn read(&mut self, lines: &mut CrlfConverter, out: &mut Vec<u8>) -> io::Result<()> {
        let mut buffer = [0; PIECE];
        // With its line ends as CRLF a text is never shorter than in the file.
        let useful = self.window.skip.saturating_add(self.window.octets);
        let wanted = usize::try_from(useful.min(self.end - self.start))
            .unwrap_or(PIECE)
            .min(PIECE);
        let count = self.file.read_at(&mut buffer[..wanted], self.start)?;
        if count == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the message file became shorter while it was sent",
            ));
        }
        self.start += count as u64;
        let before = out.len();
        lines.convert(&buffer[..count], out);
        self.window.cut(out, before);
        replace_nul(&mut out[before..], self.nul);
        Ok(())
    }
}

/// Replaces every octet 0 by the octet `nul` that the dialect has for it, unless that is 0 too.
pub(in crate::session) fn replace_nul(octets: &mut [u8], nul: u8) {
    let mut from = 0;
    while let Some(at) = memchr::memchr(0, &octets[from..]).filter(|_| nul != 0) {
        octets[from + at] = nul;
        from += at + 1;
    }
}
