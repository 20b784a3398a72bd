//! The directories that a process may open, and their list for the log.

use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The directories and files that the process may open, create, move or remove; all others are
/// closed to it.
///
/// A directory stands for all that is in it, now and later. Renewed files (certificates, users
/// files) are other files than those they replace, so their directories are allowed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ruleset {
    /// To be read only.
    pub(super) read: Vec<PathBuf>,
    /// To be read and written.
    pub(super) write: Vec<PathBuf>,
    /// Why all files are allowed, if they are.
    pub(super) unlimited: Option<&'static str>,
}

impl Ruleset {
    /// Allows reading below a directory, or reading a file.
    pub(super) fn allow_reading(&mut self, directory: impl Into<PathBuf>) {
        add(&mut self.read, directory.into());
    }

    /// Allows a directory of mail. For one that does not exist yet, and has to be created, allows
    /// the nearest directory above it that exists.
    pub(super) fn allow_mail(&mut self, directory: &Path, read_only: bool) {
        if read_only {
            return self.allow_reading(directory);
        }
        let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.into());
        let existing = directory.ancestors().find(|path| path.exists());
        match existing {
            Some(found) if found != Path::new("/") => add(&mut self.write, found.into()),
            _ => log::warn!(
                "{}: neither this directory nor one above it exists",
                directory.display()
            ),
        }
    }

    /// Allows the target of a Maildir that is a symbolic link, if root owns the link: an attacker
    /// who has taken over a server could have made other links, for its next start to follow.
    pub(super) fn allow_link_target(&mut self, directory: &Path, read_only: bool) {
        let link = directory.symlink_metadata();
        let is_roots = link.is_ok_and(|found| found.is_symlink() && found.uid() == 0);
        if let (true, Ok(target)) = (is_roots, directory.canonicalize()) {
            self.allow_mail(&target, read_only);
        }
    }

    /// Allows the bulletin boards: a directory of Maildirs.
    pub(super) fn allow_boards(&mut self, directory: &Path, read_only: bool) {
        self.allow_mail(directory, read_only);
        for board in directory.read_dir().into_iter().flatten().flatten() {
            self.allow_link_target(&board.path(), read_only);
        }
    }

    /// True if the rules allow this file too.
    pub(super) fn includes(&self, file: &Path) -> bool {
        let real = file.canonicalize().unwrap_or_else(|_| file.into());
        let mut open = self.read.iter().chain(&self.write);
        open.any(|path| path.canonicalize().is_ok_and(|path| real.starts_with(path)))
    }

    /// Allows all files, for this reason.
    pub(super) fn set_unlimited(&mut self, reason: &'static str) {
        self.unlimited = Some(reason);
    }

    /// Allows what is needed to read this file again after it has been replaced: the directory that
    /// its name is in, and the one that a link leads to.
    pub(super) fn allow_reading_again(&mut self, file: &Path) {
        let real = file.canonicalize().ok();
        for path in [Some(file), real.as_deref()].into_iter().flatten() {
            match path.parent() {
                Some(parent) if parent == Path::new("") => self.allow_reading("."),
                Some(parent) if is_too_wide(parent) => {
                    log::warn!(
                        "{}: restart imap2d when it is replaced: {} holds too many other files to be allowed",
                        path.display(),
                        parent.display()
                    );
                    self.allow_reading(path);
                }
                Some(parent) => self.allow_reading(parent),
                None => {}
            }
        }
    }
}

/// True for `/`, and for the directories in it, such as `/etc`.
fn is_too_wide(directory: &Path) -> bool {
    directory.is_absolute() && directory.components().count() <= 2
}

/// Adds a path, unless one above it is there.
fn add(to: &mut Vec<PathBuf>, path: PathBuf) {
    if !to.iter().any(|known| path.starts_with(known)) {
        to.push(path);
    }
}

/// Directories that the log names at most.
const NAMED: usize = 8;

/// Returns a list such as `a, b and 3 more`.
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
    fn a_directory_below_an_allowed_one_is_not_added() {
        let mut ruleset = Ruleset::default();
        for path in [
            "/etc/imap2d",
            "/etc/imap2d/tls",
            "/etc/imap2d-2",
            "/etc/imap2d",
        ] {
            ruleset.allow_reading(path);
        }
        assert_eq!(
            ruleset.read,
            ["/etc/imap2d", "/etc/imap2d-2"].map(PathBuf::from)
        );
    }

    #[test]
    fn a_missing_maildir_can_be_created() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut ruleset = Ruleset::default();
        ruleset.allow_mail(&directory.path().join("ann/Maildir"), false);
        assert_eq!(ruleset.write, [directory.path()]);
        assert!(ruleset.includes(&directory.path().join("users")));
        assert!(!ruleset.includes(Path::new("/etc/imap2d/users")));
        ruleset.allow_mail(Path::new("/none/of/this"), false);
        assert_eq!(ruleset.write.len(), 1, "but not below the root");
    }

    #[test]
    fn with_read_only_mail_is_not_written() {
        let mut ruleset = Ruleset::default();
        ruleset.allow_mail(Path::new("/srv/mail"), true);
        assert_eq!((ruleset.read.len(), ruleset.write.len()), (1, 0));
    }

    #[test]
    fn only_links_of_root_are_followed() {
        let elsewhere = tempfile::tempdir().expect("a directory");
        let boards = tempfile::tempdir().expect("a directory");
        let link = boards.path().join("news");
        std::os::unix::fs::symlink(elsewhere.path(), &link).expect("a link");
        let use_boards = || {
            let mut ruleset = Ruleset::default();
            ruleset.allow_boards(boards.path(), false);
            ruleset.write
        };
        let is_root = rustix::process::geteuid().is_root();
        assert_eq!(use_boards().len(), if is_root { 2 } else { 1 });
        if is_root {
            std::os::unix::fs::lchown(&link, Some(12345), None).expect("given away");
            assert_eq!(use_boards(), [boards.path()]);
        }
    }

    /// certbot makes the name a link, and a renewal makes it point to another file.
    #[test]
    fn the_directory_of_the_next_certificate_is_allowed() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        for name in ["live", "archive"] {
            fs::create_dir(path(name)).expect("mkdir");
        }
        fs::write(path("archive/cert1.pem"), "").expect("a file");
        let link = path("live/cert.pem");
        std::os::unix::fs::symlink("../archive/cert1.pem", &link).expect("a link");
        let mut ruleset = Ruleset::default();
        ruleset.allow_reading_again(&link);
        assert_eq!(ruleset.read, [path("live"), path("archive")]);
        ruleset.allow_reading_again(Path::new("here"));
        ruleset.allow_reading_again(Path::new("/etc/passwd"));
        assert_eq!(ruleset.read[2..], [".", "/etc/passwd"].map(PathBuf::from));
    }

    #[test]
    fn the_log_names_a_limited_number_of_directories() {
        assert_eq!(names(&[]), "nothing");
        let many: Vec<PathBuf> = (0..20).map(|number| format!("/{number}").into()).collect();
        assert_eq!(names(&many[..2]), "/0, /1");
        assert!(names(&many).ends_with("/7 and 12 more"), "{}", names(&many));
    }
}
