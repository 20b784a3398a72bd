//! Replacing the content of a file at once: write a new file beside it, flush it, rename it over
//! the old one, flush the directory.
//!
//! A program that reads in the meantime sees the whole old content or the whole new one, and so
//! does the next start after a power cut. The name of the new file while it is being written is
//! part of the format that it belongs to, because in two formats that name is the lock.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files;
use crate::budget::{Budget, Step, Why};
use crate::file_stamp::FileStamp;
use crate::store::flush::{Flush, FlushQueue, FlushTarget};
use crate::{try_done, try_ready};

/// Octets of the content that are in memory at a time.
pub(super) const BUFFER: usize = 64 * 1024;

/// What to do if a file with the name of the new file exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfExists {
    /// The caller holds another lock, so the file was left behind by a process that died: overwrite
    /// it.
    Overwrite,
    /// The file is a lock: fail with [`io::ErrorKind::AlreadyExists`].
    Fail,
}

/// A new file that is being written. Dropped before [`Self::end`], it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct AtomicReplace {
    /// `None` after the end.
    file: Option<BufWriter<File>>,
    temporary: PathBuf,
    target: PathBuf,
}

impl AtomicReplace {
    /// Creates `dir/temporary`, which will become `dir/target`.
    ///
    /// # Errors
    /// The file cannot be created.
    pub(crate) fn create(
        dir: &Path,
        temporary: &str,
        target: &str,
        taken: IfExists,
    ) -> io::Result<Self> {
        let temporary = dir.join(temporary);
        if taken == IfExists::Overwrite {
            files::remove(&temporary)?;
        }
        let file = files::create_new(&temporary, files::creation_mode(&temporary)?)?;
        Ok(Self {
            file: Some(BufWriter::with_capacity(BUFFER, file)),
            temporary,
            target: dir.join(target),
        })
    }

    /// Ends the content. `prepare` may change the finished file before other programs see it. The
    /// caller flushes [`WrittenReplacement::file`] before
    /// [`WrittenReplacement::rename`].
    ///
    /// # Errors
    /// Writing fails; the old content is then still there.
    pub(crate) fn end(
        mut self,
        prepare: impl FnOnce(&File) -> io::Result<()>,
    ) -> io::Result<WrittenReplacement> {
        let buffered = self.file.take();
        let buffered = buffered.ok_or_else(|| io::Error::other("the file was ended already"))?;
        let (file, buffer) = buffered.into_parts();
        let written = WrittenReplacement {
            file: Arc::new(file),
            temporary: std::mem::take(&mut self.temporary),
            target: std::mem::take(&mut self.target),
            is_renamed: false,
        };
        let buffer = buffer.map_err(io::Error::other)?;
        (&*written.file).write_all(&buffer)?;
        prepare(&written.file)?;
        Ok(written)
    }
}

/// A new file that is written, and perhaps not flushed. Dropped before [`Self::rename`], it leaves
/// nothing behind.
#[derive(Debug)]
pub(crate) struct WrittenReplacement {
    file: Arc<File>,
    temporary: PathBuf,
    target: PathBuf,
    is_renamed: bool,
}

impl WrittenReplacement {
    /// Returns the file, to flush it.
    pub(crate) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Renames the file over the old one.
    ///
    /// # Errors
    /// Renaming fails; the old content is then still there.
    pub(crate) fn rename(mut self) -> io::Result<FileStamp> {
        fs::rename(&self.temporary, &self.target)?;
        self.is_renamed = true;
        Ok(FileStamp::of(&self.file.metadata()?))
    }
}

impl WrittenReplacement {
    /// Submits the flush of the file.
    pub(crate) fn submit(self, flushes: &FlushQueue) -> FlushingReplacement {
        FlushingReplacement {
            flush: flushes.submit(FlushTarget::content(self.file())),
            written: Some(self),
            renamed: None,
            flushes: flushes.clone(),
        }
    }
}

/// A new file that is being flushed, to be renamed after that. Dropped before it is renamed, it
/// leaves nothing behind.
#[derive(Debug)]
pub(crate) struct FlushingReplacement {
    /// The flush of the file, or of its directory once the file has its name.
    flush: Flush,
    /// `None` once the file has its name.
    written: Option<WrittenReplacement>,
    /// The stamp of the file once it has its name.
    renamed: Option<FileStamp>,
    flushes: FlushQueue,
}

impl FlushingReplacement {
    /// Waits until the file is flushed, renames it over the old one, and waits until the directory
    /// is flushed.
    ///
    /// # Errors
    /// Flushing or renaming fails. Programs then see the old content, or the new one; the new one
    /// may become the old one again in a power cut.
    pub(crate) fn poll(&mut self, budget: &mut Budget<'_>) -> Step<io::Result<FileStamp>> {
        let stamp = match self.renamed {
            Some(stamp) => stamp,
            None => {
                let dir = self.directory();
                let stamp = try_ready!(self.poll_renamed(budget));
                self.flush = try_done!(self.flushes.submit_directory(&dir));
                self.renamed = Some(stamp);
                if budget.is_spent() {
                    return Step::Yield(Why::Budget);
                }
                stamp
            }
        };
        try_ready!(self.flush.poll(budget));
        Step::Done(Ok(stamp))
    }

    /// Waits until the file is flushed, and renames it over the old one. The caller flushes the
    /// directory.
    ///
    /// # Errors
    /// Flushing or renaming fails; the old content is then still there.
    pub(crate) fn poll_renamed(&mut self, budget: &mut Budget<'_>) -> Step<io::Result<FileStamp>> {
        try_ready!(self.flush.poll(budget));
        let written = self.written.take();
        let written = written.ok_or_else(|| io::Error::other("the file was renamed already"));
        Step::Done(written.and_then(WrittenReplacement::rename))
    }

    fn directory(&self) -> PathBuf {
        let target = self.written.as_ref().map(|written| &written.target);
        let dir = target.and_then(|target| target.parent());
        dir.map_or_else(PathBuf::new, Path::to_path_buf)
    }
}

impl Drop for WrittenReplacement {
    fn drop(&mut self) {
        if !self.is_renamed {
            discard(&self.temporary);
        }
    }
}

fn discard(temporary: &Path) {
    if let Err(error) = files::remove(temporary) {
        log::warn!(
            "cannot remove the unfinished file {}: {error}",
            temporary.display()
        );
    }
}

impl Write for AtomicReplace {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.file {
            Some(file) => file.write(bytes),
            None => Err(io::Error::other("the file was ended already")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), BufWriter::flush)
    }
}

impl Drop for AtomicReplace {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            // Discards what is still in the buffer.
            let _ = file.into_parts();
            discard(&self.temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(dir: &Path) -> Vec<String> {
        let names = fs::read_dir(dir).expect("a directory").map(|entry| {
            let name = entry.expect("an entry").file_name();
            name.into_string().expect("a name")
        });
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    fn commit(new: AtomicReplace) -> io::Result<FileStamp> {
        let written = new.end(|_| Ok(()))?;
        written.file().sync_data()?;
        written.rename()
    }

    #[test]
    fn a_dropped_file_leaves_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path();
        let mut dropped =
            AtomicReplace::create(path, "f.tmp", "f", IfExists::Fail).expect("a new file");
        dropped.write_all(b"lost").expect("written");
        assert_eq!(entries(path), ["f.tmp"]);
        drop(dropped);
        assert!(entries(path).is_empty());

        let mut kept =
            AtomicReplace::create(path, "f.tmp", "f", IfExists::Fail).expect("a new file");
        kept.write_all(b"kept").expect("written");
        let stamp = commit(kept).expect("committed");
        assert_eq!(entries(path), ["f"]);
        assert_eq!(stamp.size(), 4);
    }

    #[test]
    fn a_failed_commit_leaves_the_old_content() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("f"), "old").expect("written");
        let mut new =
            AtomicReplace::create(dir.path(), "f.tmp", "f", IfExists::Fail).expect("a new file");
        new.write_all(b"new").expect("written");
        assert!(new.end(|_| Err(io::Error::other("no"))).is_err());
        assert_eq!(entries(dir.path()), ["f"]);
        assert_eq!(fs::read(dir.path().join("f")).expect("read"), b"old");
    }

    #[test]
    fn an_existing_temporary_file_is_a_lock_or_a_leftover() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("f.tmp"), "whose?").expect("written");
        let refused = AtomicReplace::create(dir.path(), "f.tmp", "f", IfExists::Fail);
        let kind = refused.map(drop).map_err(|error| error.kind());
        assert_eq!(kind, Err(io::ErrorKind::AlreadyExists));
        let taken = AtomicReplace::create(dir.path(), "f.tmp", "f", IfExists::Overwrite);
        let stamp = taken.and_then(commit).expect("committed");
        assert_eq!(stamp.size(), 0);
    }
}
