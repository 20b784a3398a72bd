//! The directories that a process needs, and the list of them for the log.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Where the process may go; what is not in here it cannot open, make, move or remove.
///
/// A directory stands for all that is in it, now and later. Renewed files (certificates, lists of users) are
/// other files than those they replace, so their directories are what is needed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Territory {
    pub(super) read: Vec<PathBuf>,
    pub(super) write: Vec<PathBuf>,
    /// Why the files could not be limited, if they could not.
    pub(super) unlimited: Option<&'static str>,
}

impl Territory {
    /// Adds what is to be read only.
    pub(super) fn may_read(&mut self, directory: impl Into<PathBuf>) {
        add(&mut self.read, directory.into());
    }

    /// Adds a directory of mail. One that is not there yet has to be made, so that the nearest that is there
    /// is taken.
    pub(super) fn may_use(&mut self, directory: &Path, read_only: bool) {
        if read_only {
            return self.may_read(directory);
        }
        let existing = directory.ancestors().find(|path| path.exists());
        match existing {
            Some(found) if found != Path::new("/") => add(&mut self.write, found.into()),
            _ => log::warn!(
                "{}: there is no such directory, and nothing above it",
                directory.display()
            ),
        }
    }

    /// The files cannot be limited, for this reason.
    pub(super) fn give_up(&mut self, reason: &'static str) {
        self.unlimited = Some(reason);
    }

    /// Adds what is needed to read this file again after it has been replaced: the directory that its name
    /// is in, and the one that it is really in.
    pub(super) fn may_reread(&mut self, file: &Path) {
        let real = file.canonicalize().ok();
        for path in [Some(file), real.as_deref()].into_iter().flatten() {
            match path.parent() {
                Some(parent) if parent != Path::new("") => self.may_read(parent),
                _ => self.may_read("."),
            }
        }
    }
}

fn add(to: &mut Vec<PathBuf>, path: PathBuf) {
    if !to.iter().any(|known| path.starts_with(known)) {
        to.push(path);
    }
}

/// The most directories that are named in the log.
const NAMED: usize = 8;

/// `a, b and 3 more`
pub(super) fn names(paths: &[PathBuf]) -> String {
    let mut text = String::new();
    for (index, path) in paths.iter().take(NAMED).enumerate() {
        let _ = write!(
            text,
            "{}{}",
            if index > 0 { ", " } else { "" },
            path.display()
        );
    }
    match paths.len() {
        0 => "nothing".into(),
        count if count > NAMED => format!("{text} and {} more", count - NAMED),
        _ => text,
    }
}
