//! The files of a mail host in a temporary directory: one user with a Maildir and a home directory.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::maildir::Maildir;

/// The only user.
pub(crate) const USER: &str = "joe";

/// The user's password.
pub(crate) const PASSWORD: &str = "secret";

/// The UID of an unprivileged user. imap2d does not serve mail as root, so this user owns the mail
/// when the tests run as root.
const UNPRIVILEGED: u32 = 65534;

/// The directory and its files; all are deleted when the value is dropped.
#[derive(Debug)]
pub(crate) struct Site {
    directory: TempDir,
    /// The UID of the owner of the mail, if it is not the user who runs the tests.
    owner: Option<u32>,
    /// The UID of the owner of the home directory, if it is not the user who runs the tests.
    home_owner: Option<u32>,
}

impl Site {
    /// Creates a host with an empty Maildir and a home directory for clients that run as the user
    /// who runs the tests.
    pub(crate) fn new() -> Self {
        Self::with_home_of(None)
    }

    /// Creates a host where Dovecot works too.
    pub(crate) fn with_dovecot() -> Self {
        Self::of_a_user()
    }

    /// Creates a host whose programs run as the owner of the mail: see [`Self::as_owner`].
    pub(crate) fn of_a_user() -> Self {
        Self::with_home_of(unprivileged_owner())
    }

    fn with_home_of(home_owner: Option<u32>) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("imap2d-site-")
            .tempdir()
            .expect("a temporary directory");
        let site = Self {
            directory,
            owner: unprivileged_owner(),
            home_owner,
        };
        fs::set_permissions(site.path(""), fs::Permissions::from_mode(0o755)).expect("chmod");
        for (name, owner) in [("mail", site.owner), ("home", home_owner)] {
            fs::create_dir(site.path(name)).expect("mkdir");
            give_away(&site.path(name), owner);
        }
        let id = site.owner.map_or_else(String::new, |id| id.to_string());
        let home = site.home();
        let entry = format!("{USER}:{{PLAIN}}{PASSWORD}:{id}:{id}::{}\n", home.display());
        fs::write(site.users(), entry).expect("the passwd-file");
        site.maildir();
        site
    }

    /// Returns a path below the directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Returns the home directory, where clients keep their own files.
    pub(crate) fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// Returns the path of the passwd-file.
    pub(crate) fn users(&self) -> PathBuf {
        self.path("users")
    }

    /// Returns the user's Maildir.
    pub(crate) fn maildir(&self) -> Maildir {
        self.maildir_at(&format!("mail/{USER}"))
    }

    /// Creates another Maildir of the user, below the directory.
    pub(crate) fn maildir_at(&self, name: &str) -> Maildir {
        Maildir::create(&self.path(name), self.owner)
    }

    /// Writes a file into the home directory that only its owner may read, as fetchmail requires.
    pub(crate) fn write_home(&self, name: &str, contents: &str) -> PathBuf {
        let path = self.home().join(name);
        fs::write(&path, contents).expect("a file in the home directory");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("chmod");
        give_away(&path, self.home_owner);
        path
    }

    /// Makes a command run as the owner of the mail.
    pub(crate) fn as_owner(&self, command: &mut Command) {
        if let Some(id) = self.owner {
            command.uid(id).gid(id);
        }
    }

    /// Returns the UID of the owner of the mail, if it is not the user who runs the tests.
    pub(crate) fn owner(&self) -> Option<u32> {
        self.owner
    }

    /// Returns the option that lets imap2d serve this mail when it is started as root.
    pub(crate) fn run_as(&self) -> Option<String> {
        self.owner.map(|id| format!("--run-as={id}:{id}"))
    }

    /// Returns a copy of the program at `path` that the owner of the mail can run.
    pub(crate) fn runnable(&self, path: &Path) -> PathBuf {
        if self.owner.is_none() {
            return path.to_owned();
        }
        let copy = self.path("program");
        if !copy.exists() && fs::hard_link(path, &copy).is_err() {
            // Another process copies it: a file that this process has just written cannot be
            // executed while a child that another thread started in the meantime holds its
            // descriptor.
            let copied = Command::new("cp").args([path, &copy]).status();
            assert!(
                copied.is_ok_and(|status| status.success()),
                "a copy of the program"
            );
        }
        copy
    }
}

fn unprivileged_owner() -> Option<u32> {
    rustix::process::geteuid().is_root().then_some(UNPRIVILEGED)
}

fn give_away(path: &Path, owner: Option<u32>) {
    if owner.is_some() {
        chown(path, owner, owner).expect("root may give files away");
    }
}
