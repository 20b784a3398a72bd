//! The directories that a process needs, and the list of them for the log.

use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where the process may go; what is not in here it cannot open, make, move or remove.
///
/// A directory stands for all that is in it, now and later. Renewed files (certificates, lists of users) are
/// other files than those they replace, so their directories are what is needed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ruleset {
    pub(super) read: Vec<PathBuf>,
    pub(super) write: Vec<PathBuf>,
    /// Why the files could not be limited, if they could not.
    pub(super) unlimited: Option<&'static str>,
}

impl Ruleset {
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
        let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.into());
        let existing = directory.ancestors().find(|path| path.exists());
        match existing {
            Some(found) if found != Path::new("/") => add(&mut self.write, found.into()),
            _ => log::warn!(
                "{}: there is no such directory, and nothing above it",
                directory.display()
            ),
        }
    }

    /// Adds a Maildir that may be a symbolic link to where it really is. Only root's links lead out of the
    /// territory: whoever has taken over a server could have made others, for its next start to follow.
    pub(super) fn may_follow(&mut self, directory: &Path, read_only: bool) {
        let link = directory.symlink_metadata();
        let is_roots = link.is_ok_and(|found| found.is_symlink() && found.uid() == 0);
        if let (true, Ok(target)) = (is_roots, directory.canonicalize()) {
            self.may_use(&target, read_only);
        }
    }

    /// Adds the bulletin boards: a directory of Maildirs.
    pub(super) fn may_use_boards(&mut self, directory: &Path, read_only: bool) {
        self.may_use(directory, read_only);
        for board in directory.read_dir().into_iter().flatten().flatten() {
            self.may_follow(&board.path(), read_only);
        }
    }

    /// True if this file can be read too.
    pub(super) fn includes(&self, file: &Path) -> bool {
        let real = file.canonicalize().unwrap_or_else(|_| file.into());
        let mut open = self.read.iter().chain(&self.write);
        open.any(|path| path.canonicalize().is_ok_and(|path| real.starts_with(path)))
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
                Some(parent) if parent == Path::new("") => self.may_read("."),
                Some(parent) if holds_more(parent) => {
                    log::warn!(
                        "{}: if it is replaced, restart imap2d: {} holds too much to be left open",
                        path.display(),
                        parent.display()
                    );
                    self.may_read(path);
                }
                Some(parent) => self.may_read(parent),
                None => {}
            }
        }
    }
}

/// `/`, and what is in it, such as `/etc`.
fn holds_more(directory: &Path) -> bool {
    directory.is_absolute() && directory.components().count() <= 2
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_lies_within_is_not_said_again() {
        let mut ruleset = Ruleset::default();
        for path in [
            "/etc/imap2d",
            "/etc/imap2d/tls",
            "/etc/imap2d-2",
            "/etc/imap2d",
        ] {
            ruleset.may_read(path);
        }
        assert_eq!(
            ruleset.read,
            ["/etc/imap2d", "/etc/imap2d-2"].map(PathBuf::from)
        );
    }

    #[test]
    fn mail_that_is_not_there_yet_can_be_made() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut ruleset = Ruleset::default();
        ruleset.may_use(&directory.path().join("ann/Maildir"), false);
        assert_eq!(ruleset.write, [directory.path()]);
        assert!(ruleset.includes(&directory.path().join("users")));
        assert!(!ruleset.includes(Path::new("/etc/imap2d/users")));
        ruleset.may_use(Path::new("/none/of/this"), false);
        assert_eq!(ruleset.write.len(), 1, "but not below the root");
    }

    #[test]
    fn read_only_mail_is_not_written() {
        let mut ruleset = Ruleset::default();
        ruleset.may_use(Path::new("/srv/mail"), true);
        assert_eq!((ruleset.read.len(), ruleset.write.len()), (1, 0));
    }

    #[test]
    fn only_roots_links_lead_out() {
        let elsewhere = tempfile::tempdir().expect("a directory");
        let boards = tempfile::tempdir().expect("a directory");
        let link = boards.path().join("news");
        std::os::unix::fs::symlink(elsewhere.path(), &link).expect("a link");
        let use_boards = || {
            let mut ruleset = Ruleset::default();
            ruleset.may_use_boards(boards.path(), false);
            ruleset.write
        };
        let is_root = rustix::process::geteuid().is_root();
        assert_eq!(use_boards().len(), if is_root { 2 } else { 1 });
        if is_root {
            std::os::unix::fs::lchown(&link, Some(12345), None).expect("given away");
            assert_eq!(use_boards(), [boards.path()]);
        }
    }

    /// As certbot has it: the name is a link, and a renewal makes it point to another file.
    #[test]
    fn a_link_is_followed_to_where_the_next_file_will_be() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        for name in ["live", "archive"] {
            fs::create_dir(path(name)).expect("mkdir");
        }
        fs::write(path("archive/cert1.pem"), "").expect("a file");
        let link = path("live/cert.pem");
        std::os::unix::fs::symlink("../archive/cert1.pem", &link).expect("a link");
        let mut ruleset = Ruleset::default();
        ruleset.may_reread(&link);
        assert_eq!(ruleset.read, [path("live"), path("archive")]);
        ruleset.may_reread(Path::new("here"));
        ruleset.may_reread(Path::new("/etc/passwd"));
        assert_eq!(ruleset.read[2..], [".", "/etc/passwd"].map(PathBuf::from));
    }

    #[test]
    fn a_log_line_has_an_end() {
        assert_eq!(names(&[]), "nothing");
        let many: Vec<PathBuf> = (0..20).map(|number| format!("/{number}").into()).collect();
        assert_eq!(names(&many[..2]), "/0, /1");
        assert!(names(&many).ends_with("/7 and 12 more"), "{}", names(&many));
    }
}
