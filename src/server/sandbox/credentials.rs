//! The user, the group and the other groups of a process.

use crate::auth::AccountInfo;
use nix::errno::Errno;
use nix::unistd::{self, Gid, Group, Uid, User};
use std::ffi::CString;
use std::fmt;

/// The credentials of a system user, who need not be in the system's list of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// Name in the system's list, or the number.
    name: String,
    uid: Uid,
    gid: Gid,
    /// All groups, [`Self::gid`] included.
    groups: Vec<Gid>,
}

impl Credentials {
    /// Returns the credentials that `--run-as` names: `USER`, or `USER:GROUP`, each a name or a
    /// number. Without a group they have the user's own group and other groups; with one they have
    /// that group and no other.
    ///
    /// # Errors
    /// If there is no such user or group, or if it is root.
    pub(super) fn named(text: &str) -> Result<Self, String> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        let uid = match user.parse() {
            Ok(number) => Uid::from_raw(number),
            Err(_) => listed(User::from_name(user), user)?
                .map(|user| user.uid)
                .ok_or_else(|| format!("there is no user {user:?}"))?,
        };
        let gid = group.map(group_named).transpose()?;
        Self::with(uid, gid, gid.is_some())
    }

    /// Returns the credentials of a process that serves this user alone: those of the mail's owner,
    /// if the users file has the uid; otherwise `fallback`; otherwise those of the system user of
    /// that name.
    ///
    /// # Errors
    /// If there are none of these, or if it is root.
    pub(super) fn of_user(user: &AccountInfo, fallback: Option<&Self>) -> Result<Self, String> {
        match (user.uid, fallback) {
            (Some(uid), _) => Self::with(Uid::from_raw(uid), user.gid.map(Gid::from_raw), false),
            (None, Some(fallback)) => Ok(fallback.clone()),
            (None, None) => listed(User::from_name(&user.user), &user.user)?
                .ok_or("the users file gives no uid, and the system has no user of that name")
                .map_err(String::from)
                .and_then(|user| Self::with(user.uid, None, false)),
        }
    }

    fn with(uid: Uid, gid: Option<Gid>, no_other_group: bool) -> Result<Self, String> {
        if uid.is_root() {
            return Err("it would be root, and root reads no mail here".into());
        }
        let user = listed(User::from_uid(uid), uid)?;
        let gid = gid
            .or_else(|| user.as_ref().map(|user| user.gid))
            .ok_or_else(|| format!("uid {uid} has no group: the system does not know it"))?;
        let groups = match &user {
            Some(user) if !no_other_group => groups_of(&user.name, gid)?,
            _ => vec![gid],
        };
        Ok(Self {
            name: user.map_or_else(|| uid.to_string(), |user| user.name),
            uid,
            gid,
            groups,
        })
    }

    /// Returns the number of the user.
    pub(super) fn uid(&self) -> u32 {
        self.uid.as_raw()
    }

    /// True if the process has become this user already.
    pub(super) fn are_assumed(&self) -> bool {
        let [real, effective, saved] = user_ids();
        [real, effective, saved].iter().all(|id| *id == self.uid)
    }

    /// Makes the process become this user, and makes sure that it cannot go back. The process has
    /// to be root, or this user already.
    ///
    /// # Errors
    /// If the system refuses. Then the process may have become the user by half: it must not serve.
    pub(super) fn assume(&self) -> Result<(), String> {
        if self.are_assumed() && !Uid::effective().is_root() {
            return Ok(());
        }
        let refused = |error: Errno| {
            let hint = if Uid::effective().is_root() {
                ""
            } else {
                "; only root may"
            };
            format!("cannot become {self}: {}{hint}", error.desc())
        };
        unistd::setgroups(&self.groups).map_err(refused)?;
        unistd::setresgid(self.gid, self.gid, self.gid).map_err(refused)?;
        unistd::setresuid(self.uid, self.uid, self.uid).map_err(refused)?;
        self.check_final()
    }

    /// Checks the result, instead of trusting that the calls have worked.
    fn check_final(&self) -> Result<(), String> {
        let root = Uid::from_raw(0);
        let is_root_again = unistd::seteuid(root).is_ok() || unistd::setuid(root).is_ok();
        if is_root_again || !self.are_assumed() {
            return Err(format!("became {self}, but the change is not final"));
        }
        Ok(())
    }
}

impl fmt::Display for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} (uid {}, gid {})", self.name, self.uid, self.gid)
    }
}

/// Returns the real, the effective and the saved user.
fn user_ids() -> [Uid; 3] {
    let ids = unistd::getresuid();
    ids.map_or_else(
        |_| [Uid::current(), Uid::effective(), Uid::effective()],
        |ids| [ids.real, ids.effective, ids.saved],
    )
}

/// Returns the entry of the system's list, `None` if there is none, or why it cannot be read.
fn listed<T>(
    answer: nix::Result<Option<T>>,
    asked: impl fmt::Display,
) -> Result<Option<T>, String> {
    match answer {
        // glibc and musl may answer this where there is no entry (getpwnam(3)).
        Err(Errno::ENOENT | Errno::ESRCH) => Ok(None),
        other => other.map_err(|error| format!("cannot look up {asked}: {}", error.desc())),
    }
}

fn group_named(name: &str) -> Result<Gid, String> {
    match name.parse() {
        Ok(number) => Ok(Gid::from_raw(number)),
        Err(_) => listed(Group::from_name(name), name)?
            .map(|group| group.gid)
            .ok_or_else(|| format!("there is no group {name:?}")),
    }
}

fn groups_of(user: &str, gid: Gid) -> Result<Vec<Gid>, String> {
    let name = CString::new(user).map_err(|_| "the name of the user holds a NUL".to_string())?;
    unistd::getgrouplist(&name, gid)
        .map_err(|error| format!("cannot find the groups of {user}: {}", error.desc()))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn user(name: &str, uid: Option<u32>, gid: Option<u32>) -> AccountInfo {
        AccountInfo {
            user: name.into(),
            home: None,
            mail: None,
            uid,
            gid,
        }
    }

    #[test]
    fn run_as_takes_names_and_numbers() {
        let nobody = Credentials::named("nobody").expect("every Linux has nobody");
        assert_eq!(nobody.name, "nobody");
        assert!(nobody.groups.contains(&nobody.gid));
        assert_eq!(Credentials::named(&nobody.uid.to_string()), Ok(nobody));
        let with_group = Credentials::named("nobody:0").expect("a group by number");
        assert_eq!(with_group.groups, [Gid::from_raw(0)]);
        let unlisted = Credentials::named("61234:61235").expect("two numbers");
        assert_eq!(
            unlisted.to_string(),
            "61234 (uid 61234, gid 61235)",
            "it need not be in any list"
        );
        assert_eq!(unlisted.groups, [Gid::from_raw(61_235)]);
    }

    #[test]
    fn root_and_unknown_users_are_refused() {
        for (text, reason) in [
            ("root", "it would be root"),
            ("0:nogroup", "it would be root"),
            ("nobody of that name", "there is no user"),
            ("nobody:no such group", "there is no group"),
            ("61234", "has no group"),
            ("-1", "there is no user"),
        ] {
            let error = Credentials::named(text).expect_err(text);
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn the_users_file_comes_before_run_as_and_that_before_the_system() {
        let nobody = Credentials::named("nobody").expect("every Linux has nobody");
        let listed =
            Credentials::of_user(&user("nobody", Some(61_234), Some(61_235)), Some(&nobody));
        assert_eq!(listed, Credentials::named("61234:61235"));
        let fallback = Credentials::of_user(&user("daemon", None, None), Some(&nobody));
        assert_eq!(fallback, Ok(nobody.clone()));
        let system = Credentials::of_user(&user("nobody", None, None), None);
        assert_eq!(system, Ok(nobody));
        for (name, uid) in [("root", None), ("ann", Some(0)), ("no such user", None)] {
            assert!(
                Credentials::of_user(&user(name, uid, None), None).is_err(),
                "{name}"
            );
        }
    }

    #[test]
    fn a_process_may_become_its_own_user_only() {
        if Uid::effective().is_root() {
            // This bypasses the capture of the test harness.
            let _ = writeln!(std::io::stderr(), "NOT RUN: root may become any user");
            return;
        }
        let ours = format!("{}:{}", Uid::effective(), Gid::effective());
        assert_eq!(Credentials::named(&ours).expect("us").assume(), Ok(()));
        let error = Credentials::named("61234:61235").expect("numbers").assume();
        assert!(error.is_err_and(|text| text.contains("only root may")));
    }
}
