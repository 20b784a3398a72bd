//! What the verifier is told when it is started: where the users are, and where its log goes.
//!
//! It comes as arguments, which anybody on the machine can read; there is no secret in it.

use crate::auth::Authenticator;
use crate::options::{Mode, Options};
use log::LevelFilter;
use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// All that the verifier knows of the options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) users: Users,
    pub(super) log_level: LevelFilter,
    pub(super) syslog: bool,
    /// What is wrong with the list of users is in the log already.
    pub(super) faults_are_told: bool,
}

/// Changes with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(file: &Metadata) -> Self {
        Self {
            inode: file.ino(),
            size: file.len(),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }
}

/// Where the users are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Users {
    Nobody,
    PasswdFile(PathBuf),
    /// A program and its arguments, with spaces between them.
    Checkpassword(String),
}

const NOBODY: &str = "nobody";
const PASSWD_FILE: &str = "passwd-file";
const CHECKPASSWORD: &str = "checkpassword";
const TOLD: &str = "told";
const UNTOLD: &str = "untold";
const STDERR: &str = "stderr";
const SYSLOG: &str = "syslog";

impl Settings {
    pub(super) fn new(options: &Options) -> Self {
        let users = match (&options.users, &options.checkpassword) {
            (Some(file), _) => Users::PasswdFile(file.clone()),
            (None, Some(program)) => Users::Checkpassword(program.clone()),
            (None, None) => Users::Nobody,
        };
        Self {
            users,
            log_level: options.log_level,
            syslog: options.syslog || options.mode == Mode::Inetd,
            faults_are_told: true,
        }
    }

    /// `info stderr told passwd-file /etc/imap2d/users`
    pub(super) fn to_args(&self) -> [OsString; 5] {
        let (kind, path) = match &self.users {
            Users::Nobody => (NOBODY, OsStr::new("")),
            Users::PasswdFile(path) => (PASSWD_FILE, path.as_os_str()),
            Users::Checkpassword(program) => (CHECKPASSWORD, OsStr::new(program)),
        };
        let log = if self.syslog { SYSLOG } else { STDERR };
        let level = self.log_level.as_str();
        let told = if self.faults_are_told { TOLD } else { UNTOLD };
        [
            level.into(),
            log.into(),
            told.into(),
            kind.into(),
            path.into(),
        ]
    }

    /// The other way round; nothing if that was not said by [`Self::to_args`].
    pub(super) fn from_args(args: impl IntoIterator<Item = OsString>) -> Option<Self> {
        let mut args = args.into_iter();
        let mut word = || args.next()?.into_string().ok();
        let log_level = word()?.parse().ok()?;
        let syslog = match word()?.as_str() {
            SYSLOG => true,
            STDERR => false,
            _ => return None,
        };
        let faults_are_told = match word()?.as_str() {
            TOLD => true,
            UNTOLD => false,
            _ => return None,
        };
        let kind = word()?;
        let place = args.next()?;
        let users = match kind.as_str() {
            NOBODY => Users::Nobody,
            PASSWD_FILE => Users::PasswdFile(place.into()),
            CHECKPASSWORD => Users::Checkpassword(place.into_string().ok()?),
            _ => return None,
        };
        args.next().is_none().then_some(Self {
            users,
            log_level,
            syslog,
            faults_are_told,
        })
    }

    /// Opens what the users are in. A worker lives for minutes: if each told what is wrong with the list the
    /// log would hold little else.
    pub(super) fn authenticator(&self) -> Authenticator {
        let level = log::max_level();
        if self.faults_are_told {
            log::set_max_level(level.min(LevelFilter::Error));
        }
        let users = match &self.users {
            Users::Nobody | Users::Checkpassword(_) => Authenticator::NoUsers,
            Users::PasswdFile(path) => Authenticator::new(Some(path)),
        };
        log::set_max_level(level);
        users
    }

    /// The state of the list of users: another one has to be looked at again.
    pub(super) fn list(&self) -> Option<Stamp> {
        match &self.users {
            Users::PasswdFile(path) => std::fs::metadata(path).map(|file| Stamp::of(&file)).ok(),
            Users::Nobody | Users::Checkpassword(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for users in [
            Users::Nobody,
            Users::PasswdFile("/etc/some users".into()),
            Users::Checkpassword("/bin/checkpassword -x".into()),
        ] {
            for syslog in [true, false] {
                let settings = Settings {
                    users: users.clone(),
                    log_level: LevelFilter::Warn,
                    syslog,
                    faults_are_told: !syslog,
                };
                assert_eq!(Settings::from_args(settings.to_args()), Some(settings));
            }
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for wrong in [
            &[][..],
            &["info"],
            &["loud", "stderr", "told", "nobody", ""],
            &["info", "paper", "told", "nobody", ""],
            &["info", "stderr", "sung", "nobody", ""],
            &["info", "stderr", "told", "everybody", ""],
            &["info", "stderr", "told", "nobody"],
            &["info", "stderr", "told", "nobody", "", ""],
        ] {
            let args = wrong.iter().map(OsString::from);
            assert_eq!(Settings::from_args(args), None, "{wrong:?}");
        }
    }
}
