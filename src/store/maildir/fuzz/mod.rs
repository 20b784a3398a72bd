//! What the fuzzers do with the files of a Maildir: each function takes arbitrary octets and panics
//! if something does not hold.

mod file_names;
mod keywords;
mod subscriptions;
mod uid_list;

use std::fs;
use std::path::{Path, PathBuf};

pub(crate) use self::file_names::file_names;
pub(crate) use self::keywords::keywords;
pub(crate) use self::subscriptions::subscriptions;
pub(crate) use self::uid_list::{listed, uid_list};

thread_local! {
    static SCRATCH: Scratch = Scratch::new();
}

/// A directory of this thread in `TMPDIR`, for the files that are read and written. The next input
/// overwrites them.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let name = format!("imap2d-fuzz-{:?}", std::thread::current().id());
        let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays in a directory for temporary files does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Calls `use_it` with that directory.
pub(in crate::store) fn with_scratch(use_it: impl FnOnce(&Path)) {
    SCRATCH.with(|scratch| use_it(&scratch.0));
}
