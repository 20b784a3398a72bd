//! What the verifier is told when it is started: where the users are, and where its log goes.
//!
//! It comes as arguments, which anybody on the machine can read; there is no secret in it.

use crate::auth::Authenticator;
use crate::options::{Mode, Options};
use log::LevelFilter;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// All that the verifier knows of the options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) users: Users,
    pub(super) log_level: LevelFilter,
    pub(super) syslog: bool,
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
        }
    }

    /// `info stderr passwd-file /etc/imap2d/users`
    pub(super) fn to_args(&self) -> [OsString; 4] {
        let (kind, path) = match &self.users {
            Users::Nobody => (NOBODY, OsStr::new("")),
            Users::PasswdFile(path) => (PASSWD_FILE, path.as_os_str()),
            Users::Checkpassword(program) => (CHECKPASSWORD, OsStr::new(program)),
        };
        let log = if self.syslog { SYSLOG } else { STDERR };
        let level = self.log_level.as_str();
        [level.into(), log.into(), kind.into(), path.into()]
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
        })
    }

    /// Opens what the users are in.
    pub(super) fn authenticator(&self) -> Authenticator {
        match &self.users {
            Users::Nobody | Users::Checkpassword(_) => Authenticator::Nobody,
            Users::PasswdFile(path) => Authenticator::new(Some(path)),
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
            &["loud", "stderr", "nobody", ""],
            &["info", "paper", "nobody", ""],
            &["info", "stderr", "everybody", ""],
            &["info", "stderr", "nobody"],
            &["info", "stderr", "nobody", "", ""],
        ] {
            let args = wrong.iter().map(OsString::from);
            assert_eq!(Settings::from_args(args), None, "{wrong:?}");
        }
    }
}
