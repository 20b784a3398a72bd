//! Files in `tmp/`.

use std::path::PathBuf;
use std::time::SystemTime;

use crate::store::index::mailbox::Mailbox;
use crate::store::maildir::filename::{self, UniqueNames, fresh_base};
use crate::store::maildir::files;
use crate::store::maildir::subdir::Subdir;
use crate::types::{Flags, Keyword, KeywordSet, Uid, memory};

/// A file in `tmp/`, removed when this value is dropped.
#[derive(Debug)]
pub(in crate::store::ops) struct TemporaryFile {
    pub(in crate::store::ops) path: PathBuf,
}

impl TemporaryFile {
    /// Forgets the file, which is not in `tmp/` any more.
    pub(super) fn forget(mut self) {
        self.path = PathBuf::new();
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        if self.path.as_os_str().is_empty() {
            return;
        }
        if let Err(error) = files::remove(&self.path) {
            log::warn!("cannot remove {}: {error}", self.path.display());
        }
    }
}

/// Octets of memory that a delivery takes for each message besides its names: in the lists, and for
/// its UIDs.
const MEMORY_PER_MESSAGE: usize = 2 * size_of::<ReadyFile>() + 2 * size_of::<Uid>();

/// A message that is complete in `tmp/`.
#[derive(Debug)]
pub(in crate::store::ops) struct ReadyFile {
    pub(in crate::store::ops) file: TemporaryFile,
    /// The name that the file gets, with the info part of the original if it is a copy.
    pub(in crate::store::ops) name: Vec<u8>,
    pub(in crate::store::ops) flags: Flags,
    pub(in crate::store::ops) keywords: Vec<Keyword>,
}

impl ReadyFile {
    /// Returns the octets of memory that it takes, and takes while it is delivered.
    pub(super) fn memory(&self) -> usize {
        let path = self.file.path.as_os_str().len();
        let keywords = self.keywords.iter().map(|keyword| keyword.as_str().len());
        let keywords = keywords.sum::<usize>() + memory::of_list(&self.keywords);
        // Another name may follow the name, and the flags it.
        path + 2 * self.name.capacity() + keywords + MEMORY_PER_MESSAGE
    }

    /// Chooses a base name that no file has.
    pub(in crate::store::ops) fn rename(&mut self, names: &mut UniqueNames, wall: SystemTime) {
        let base = filename::base(&self.name);
        let mut fresh = fresh_base(names, base, wall);
        fresh.extend_from_slice(&self.name[base.len()..]);
        self.name = fresh;
    }

    /// Chooses the directory and the name of the message. A message without flags goes to `new/`,
    /// where other programs expect new messages, unless a session would only have to move it on.
    pub(super) fn destination(&self, mailbox: &Mailbox, keywords: KeywordSet) -> (Subdir, Vec<u8>) {
        let is_plain = self.flags.is_empty() && keywords.is_empty();
        let has_info = memchr::memchr(b':', &self.name).is_some();
        if is_plain && !has_info && !mailbox.has_writer() {
            return (Subdir::New, self.name.clone());
        }
        let mut name = Vec::new();
        filename::with_flags(&self.name, self.flags, keywords, &mut name);
        (Subdir::Cur, name)
    }
}
