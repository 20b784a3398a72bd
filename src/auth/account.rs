//! The account that a session works for.

use std::path::PathBuf;

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
    /// The system user who owns the mail, if the list says so.
    pub uid: Option<u32>,
    /// That user's group.
    pub gid: Option<u32>,
}

impl AccountInfo {
    /// Whoever runs this process, as the environment tells it, or else the system's user list.
    pub(super) fn of_this_process() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let uid = rustix::process::getuid().as_raw().to_string();
        let listed = system_user(|fields| fields.get(2) == Some(&uid.as_str()));
        let user = variable("LOGNAME").or_else(|| variable("USER"));
        let (listed_name, listed_home) = listed.unzip();
        Self {
            user: user.or(listed_name).unwrap_or(uid),
            home: variable("HOME").map(PathBuf::from).or(listed_home),
            mail: None,
            uid: None,
            gid: None,
        }
    }

    /// A user of this system; one without a home directory if it does not know the name.
    pub(super) fn of_system_user(user: &str) -> Self {
        let listed = system_user(|fields| fields.first() == Some(&user));
        Self {
            user: user.into(),
            home: listed.map(|(_, home)| home),
            mail: None,
            uid: None,
            gid: None,
        }
    }
}

/// The name and home of the first entry of `/etc/passwd` that is wanted.
fn system_user(wanted: impl Fn(&[&str]) -> bool) -> Option<(String, PathBuf)> {
    let list = std::fs::read_to_string("/etc/passwd").ok()?;
    list.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let found = wanted(&fields) && fields.len() >= 6;
        found.then(|| (fields[0].to_string(), PathBuf::from(fields[5])))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_users() {
        let root = AccountInfo::of_system_user("root");
        assert_eq!(root.home, Some("/root".into()));
        let nobody = AccountInfo::of_system_user("no such user");
        assert_eq!((nobody.user.as_str(), nobody.home), ("no such user", None));
    }
}
