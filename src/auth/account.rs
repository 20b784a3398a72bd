//! The account that a session works for.

use std::path::PathBuf;

use nix::unistd::{Group, Uid, User};

/// What is known about a user who has logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountInfo {
    /// The name, as it stands in the user list.
    pub user: String,
    /// The home directory.
    pub home: Option<PathBuf>,
    /// The user's own mail path, if the list gives one (`userdb_mail=maildir:~/Maildir`); in the syntax
    /// of `--mail`, with `maildir:` before it or not.
    pub mail: Option<String>,
    /// The system user who owns the mail, if the list or the system says so.
    pub uid: Option<u32>,
    /// That user's group.
    pub gid: Option<u32>,
}

/// An account as a user list has it. What it leaves open the system may know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) user: String,
    pub(super) home: Option<PathBuf>,
    pub(super) mail: Option<String>,
    /// A number or a name.
    pub(super) uid: Option<String>,
    /// A number or a name.
    pub(super) gid: Option<String>,
}

impl AccountInfo {
    /// Whoever runs this process, as the environment tells it, or else the system's user list.
    pub(super) fn of_this_process() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let uid = Uid::current();
        let listed = User::from_uid(uid).ok().flatten();
        let (name, home) = listed.map(|user| (user.name, user.dir)).unzip();
        let user = variable("LOGNAME").or_else(|| variable("USER")).or(name);
        Self {
            user: user.unwrap_or_else(|| uid.to_string()),
            home: variable("HOME").map(PathBuf::from).or(home),
            mail: None,
            uid: None,
            gid: None,
        }
    }

    /// A user of this system; one without a home directory if it does not know the name.
    ///
    /// # Errors
    /// If the system cannot tell.
    pub(super) fn of_system_user(user: &str) -> Result<Self, String> {
        let listed = Listed {
            user: user.into(),
            ..Listed::default()
        };
        listed.account()
    }
}

impl Listed {
    /// Fills in what the system knows: a user's numbers and home, if the list does not say them. The home
    /// of a uid is that of another user, unless both have the same name.
    ///
    /// # Errors
    /// If the system does not know a name that stands for a number, or cannot tell.
    pub(super) fn account(&self) -> Result<AccountInfo, String> {
        let uid = self.uid.as_deref().map(uid_of).transpose()?;
        let gid = self.gid.as_deref().map(gid_of).transpose()?;
        let is_complete = uid.is_some() && gid.is_some() && self.home.is_some();
        let system = if is_complete { None } else { self.system(uid)? };
        let (system_uid, system_gid) = system
            .as_ref()
            .map(|system| (system.uid.as_raw(), system.gid.as_raw()))
            .unzip();
        let namesake = system.filter(|system| system.name == self.user);
        Ok(AccountInfo {
            user: self.user.clone(),
            home: self.home.clone().or_else(|| Some(namesake?.dir)),
            mail: self.mail.clone(),
            uid: uid.or(system_uid),
            gid: gid.or(system_gid),
        })
    }

    fn system(&self, uid: Option<u32>) -> Result<Option<User>, String> {
        let found = match uid {
            Some(uid) => User::from_uid(Uid::from_raw(uid)),
            None => User::from_name(&self.user),
        };
        found.map_err(|error| format!("cannot look up user {:?}: {error}", self.user))
    }
}

fn uid_of(text: &str) -> Result<u32, String> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    match User::from_name(text) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        Ok(None) => Err(format!(
            "uid {text:?} is neither a number nor a user of this system"
        )),
        Err(error) => Err(format!("cannot look up user {text:?}: {error}")),
    }
}

fn gid_of(text: &str) -> Result<u32, String> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    match Group::from_name(text) {
        Ok(Some(group)) => Ok(group.gid.as_raw()),
        Ok(None) => Err(format!(
            "gid {text:?} is neither a number nor a group of this system"
        )),
        Err(error) => Err(format!("cannot look up group {text:?}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(user: &str, uid: Option<&str>, gid: Option<&str>, home: Option<&str>) -> Listed {
        Listed {
            user: user.into(),
            uid: uid.map(Into::into),
            gid: gid.map(Into::into),
            home: home.map(Into::into),
            mail: None,
        }
    }

    #[test]
    fn system_users() {
        let root = AccountInfo::of_system_user("root").expect("a list");
        assert_eq!((root.uid, root.gid), (Some(0), Some(0)));
        assert_eq!(root.home, Some("/root".into()));
        let nobody = AccountInfo::of_system_user("no such user").expect("a list");
        assert_eq!(
            (nobody.user.as_str(), nobody.uid, nobody.home),
            ("no such user", None, None)
        );
    }

    #[test]
    fn the_system_fills_in_what_is_missing() {
        let account = |user, uid, gid, home| {
            let account = listed(user, uid, gid, home).account().expect("known");
            (account.uid, account.gid, account.home)
        };
        let home = |path: &str| Some(PathBuf::from(path));
        let root = account("root", None, None, None);
        assert_eq!(root, (Some(0), Some(0), home("/root")));
        let elsewhere = account("root", None, Some("7"), Some("/mail"));
        assert_eq!(elsewhere, (Some(0), Some(7), home("/mail")));
        let named = account("ann@example.org", Some("root"), Some("daemon"), None);
        assert_eq!(
            named,
            (Some(0), Some(1), None),
            "the home is root's, not hers"
        );
        let other = account("root", Some("4294967294"), None, None);
        assert_eq!(
            other,
            (Some(4_294_967_294), None, None),
            "she is another root"
        );
    }

    #[test]
    fn names_nobody_has() {
        for (uid, gid) in [
            ("no such user", "0"),
            ("0", "no such group"),
            ("-1", "0"),
            ("4294967296", "0"),
        ] {
            let account = listed("ann", Some(uid), Some(gid), Some("/")).account();
            assert!(account.is_err(), "{account:?}");
        }
    }
}
