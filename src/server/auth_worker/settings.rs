//! The command line of the supervisor and the worker: where the users are, and where the log goes.
//!
//! All users of the host can read it; there is no secret in it.

use crate::auth::Authenticator;
use crate::file_stamp::FileStamp;
use crate::options::{Mode, Options};
use log::LevelFilter;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// The options that the auth worker knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WorkerSettings {
    pub(super) users: UserSource,
    pub(super) log_level: LevelFilter,
    pub(super) syslog: bool,
    /// True if the faults of the users file are in the log already.
    pub(super) faults_are_logged: bool,
}

/// The place where the users are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum UserSource {
    /// There are no users.
    NoUsers,
    /// A passwd-file.
    PasswdFile(PathBuf),
    /// A program of `--checkpassword` and its arguments, with spaces between them.
    Checkpassword(String),
}

const NO_USERS: &str = "no-users";
const PASSWD_FILE: &str = "passwd-file";
const CHECKPASSWORD: &str = "checkpassword";
const LOGGED: &str = "logged";
const UNLOGGED: &str = "unlogged";
const STDERR: &str = "stderr";
const SYSLOG: &str = "syslog";

impl WorkerSettings {
    pub(super) fn new(options: &Options) -> Self {
        let users = match (&options.users, &options.checkpassword) {
            (Some(file), _) => UserSource::PasswdFile(file.clone()),
            (None, Some(program)) => UserSource::Checkpassword(program.clone()),
            (None, None) => UserSource::NoUsers,
        };
        Self {
            users,
            log_level: options.log_level,
            syslog: options.syslog || options.mode == Mode::Inetd,
            faults_are_logged: true,
        }
    }

    /// Returns arguments such as `info stderr logged passwd-file /etc/imap2d/users`.
    pub(super) fn to_args(&self) -> [OsString; 5] {
        let (kind, path) = match &self.users {
            UserSource::NoUsers => (NO_USERS, OsStr::new("")),
            UserSource::PasswdFile(path) => (PASSWD_FILE, path.as_os_str()),
            UserSource::Checkpassword(program) => (CHECKPASSWORD, OsStr::new(program)),
        };
        let log = if self.syslog { SYSLOG } else { STDERR };
        let level = self.log_level.as_str();
        let logged = if self.faults_are_logged {
            LOGGED
        } else {
            UNLOGGED
        };
        [
            level.into(),
            log.into(),
            logged.into(),
            kind.into(),
            path.into(),
        ]
    }

    /// Parses the arguments that [`Self::to_args`] returns.
    pub(super) fn from_args(args: impl IntoIterator<Item = OsString>) -> Option<Self> {
        let mut args = args.into_iter();
        let mut word = || args.next()?.into_string().ok();
        let log_level = word()?.parse().ok()?;
        let syslog = match word()?.as_str() {
            SYSLOG => true,
            STDERR => false,
            _ => return None,
        };
        let faults_are_logged = match word()?.as_str() {
            LOGGED => true,
            UNLOGGED => false,
            _ => return None,
        };
        let kind = word()?;
        let place = args.next()?;
        let users = match kind.as_str() {
            NO_USERS => UserSource::NoUsers,
            PASSWD_FILE => UserSource::PasswdFile(place.into()),
            CHECKPASSWORD => UserSource::Checkpassword(place.into_string().ok()?),
            _ => return None,
        };
        args.next().is_none().then_some(Self {
            users,
            log_level,
            syslog,
            faults_are_logged,
        })
    }

    /// Opens the users file. A worker lives for minutes: if each logged the faults of the file, the
    /// log would hold little else.
    pub(super) fn authenticator(&self) -> Authenticator {
        let level = log::max_level();
        if self.faults_are_logged {
            log::set_max_level(level.min(LevelFilter::Error));
        }
        let users = match &self.users {
            UserSource::NoUsers | UserSource::Checkpassword(_) => Authenticator::NoUsers,
            UserSource::PasswdFile(path) => Authenticator::new(Some(path)),
        };
        log::set_max_level(level);
        users
    }

    /// Returns a stamp that changes with the users file. The faults of a changed file have not been
    /// logged.
    pub(super) fn users_file_stamp(&self) -> Option<FileStamp> {
        match &self.users {
            UserSource::PasswdFile(path) => FileStamp::at_target(path),
            UserSource::NoUsers | UserSource::Checkpassword(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_parsed_as_they_were_written() {
        for users in [
            UserSource::NoUsers,
            UserSource::PasswdFile("/etc/some users".into()),
            UserSource::Checkpassword("/bin/checkpassword -x".into()),
        ] {
            for syslog in [true, false] {
                let settings = WorkerSettings {
                    users: users.clone(),
                    log_level: LevelFilter::Warn,
                    syslog,
                    faults_are_logged: !syslog,
                };
                assert_eq!(
                    WorkerSettings::from_args(settings.to_args()),
                    Some(settings)
                );
            }
        }
    }

    #[test]
    fn invalid_arguments_are_refused() {
        for wrong in [
            &[][..],
            &["info"],
            &["loud", "stderr", "logged", "no-users", ""],
            &["info", "paper", "logged", "no-users", ""],
            &["info", "stderr", "sung", "no-users", ""],
            &["info", "stderr", "logged", "all-users", ""],
            &["info", "stderr", "logged", "no-users"],
            &["info", "stderr", "logged", "no-users", "", ""],
        ] {
            let args = wrong.iter().map(OsString::from);
            assert_eq!(WorkerSettings::from_args(args), None, "{wrong:?}");
        }
    }
}
