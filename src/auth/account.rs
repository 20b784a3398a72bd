//! The account of a logged-in user.

use std::path::PathBuf;

use nix::unistd::{Group, Uid, User};

/// What the server knows about a user who has logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccountInfo {
    /// The name, as written in the passwd-file.
    pub user: String,
    /// The home directory.
    pub home: Option<PathBuf>,
    /// The user's own mail path, if the passwd-file gives one (`userdb_mail=maildir:~/Maildir`). It
    /// has the syntax of `--mail`, with or without `maildir:` before it.
    pub mail: Option<String>,
    /// The system user who owns the mail, if the passwd-file names one.
    pub uid: Option<u32>,
    /// The group of the mail, if the passwd-file names one.
    pub gid: Option<u32>,
}

/// An account as the passwd-file states it: names are not yet looked up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ListedAccount {
    pub(super) user: String,
    pub(super) home: Option<PathBuf>,
    pub(super) mail: Option<String>,
    /// A number, or the name of a system user.
    pub(super) uid: Option<String>,
    /// A number, or the name of a system group.
    pub(super) gid: Option<String>,
}

impl AccountInfo {
    /// Returns the account of the user who runs this process: from the environment variables
    /// LOGNAME, USER and HOME, or else from the system's user database.
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

    /// Returns the account of a system user, without a home directory if there is no such user.
    ///
    /// # Errors
    /// If the system's user database cannot be read.
    pub(super) fn of_system_user(user: &str) -> Result<Self, String> {
        let listed = ListedAccount {
            user: user.into(),
            ..ListedAccount::default()
        };
        listed.account(true)
    }
}

impl ListedAccount {
    /// Looks up the uid and the gid if they are names. If the passwd-file gives no home directory
    /// and `needs_home` is set, takes that of the system user of the same name; asking the system
    /// may take long. If the passwd-file gives no uid, the account has none: a virtual user may
    /// have the name of a system user.
    ///
    /// # Errors
    /// If the system does not know the name of a user or group, or its user database cannot be
    /// read.
    pub(super) fn account(&self, needs_home: bool) -> Result<AccountInfo, String> {
        let uid = self.uid.as_deref().map(uid_of).transpose()?;
        let home = match &self.home {
            None if needs_home => self.system_home(uid)?,
            listed => listed.clone(),
        };
        Ok(AccountInfo {
            user: self.user.clone(),
            home,
            mail: self.mail.clone(),
            uid,
            gid: self.gid.as_deref().map(gid_of).transpose()?,
        })
    }

    /// Returns the home directory of the system user of the same name, unless that user has another
    /// uid than this account.
    fn system_home(&self, uid: Option<u32>) -> Result<Option<PathBuf>, String> {
        let namesake = User::from_name(&self.user)
            .map_err(|error| format!("cannot look up user {:?}: {error}", self.user))?;
        let same = namesake.filter(|user| uid.is_none_or(|uid| uid == user.uid.as_raw()));
        Ok(same.map(|user| user.dir))
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

    fn listed(
        user: &str,
        uid: Option<&str>,
        gid: Option<&str>,
        home: Option<&str>,
    ) -> ListedAccount {
        ListedAccount {
            user: user.into(),
            uid: uid.map(Into::into),
            gid: gid.map(Into::into),
            home: home.map(Into::into),
            mail: None,
        }
    }

    #[test]
    fn a_system_user_has_a_home_and_an_unknown_one_has_none() {
        let root = AccountInfo::of_system_user("root").expect("a list");
        assert_eq!((root.uid, root.home), (None, Some("/root".into())));
        let unknown = AccountInfo::of_system_user("no such user").expect("a list");
        assert_eq!(
            (unknown.user.as_str(), unknown.home),
            ("no such user", None)
        );
    }

    #[test]
    fn names_become_numbers_and_the_home_comes_from_the_system_user_of_the_same_uid() {
        let account = |user, uid, gid, home| {
            let account = listed(user, uid, gid, home).account(true).expect("known");
            (account.uid, account.gid, account.home)
        };
        let home = |path: &str| Some(PathBuf::from(path));
        let root = account("root", Some("0"), Some("daemon"), None);
        assert_eq!(root, (Some(0), Some(1), home("/root")));
        let elsewhere = account("root", Some("root"), Some("7"), Some("/mail"));
        assert_eq!(elsewhere, (Some(0), Some(7), home("/mail")));
        let ann = account("ann@example.org", Some("root"), None, None);
        assert_eq!(ann, (Some(0), None, None), "the home is root's, not hers");
        let other = account("root", Some("4294967294"), None, None);
        assert_eq!(other.2, None, "this is another root");
        let unasked = listed("root", None, None, None).account(false);
        assert_eq!(unasked.expect("known").home, None);
    }

    #[test]
    fn unknown_system_users_and_groups_are_refused() {
        for (uid, gid) in [
            ("no such user", "0"),
            ("0", "no such group"),
            ("-1", "0"),
            ("4294967296", "0"),
        ] {
            let account = listed("ann", Some(uid), Some(gid), Some("/")).account(true);
            assert!(account.is_err(), "{account:?}");
        }
    }
}
