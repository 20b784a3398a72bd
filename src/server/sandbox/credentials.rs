//! Who a process is, to the kernel: a user, a group, and the other groups.

use crate::auth::AccountInfo;
use nix::errno::Errno;
use nix::unistd::{self, Gid, Group, Uid, User};
use std::ffi::CString;
use std::fmt;

/// A user of the system, who need not be in its list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// The name in the system's list, or else the number.
    name: String,
    uid: Uid,
    gid: Gid,
    /// All groups, [`Self::gid`] included.
    groups: Vec<Gid>,
}

impl Credentials {
    /// The value of `--run-as`: `USER`, or `USER:GROUP`, each a name or a number. Without a group it is the
    /// user's own with their other groups; with one it is that group and no other.
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

    /// Whom a process is to be that serves this person alone: the owner of the mail if the list of users says
    /// who that is; else `fallback`; else the user of the system who has the name of the person.
    ///
    /// # Errors
    /// If nothing says who that is, or if it is root.
    pub(super) fn of(person: &AccountInfo, fallback: Option<&Self>) -> Result<Self, String> {
        match (person.uid, fallback) {
            (Some(uid), _) => Self::with(Uid::from_raw(uid), person.gid.map(Gid::from_raw), false),
            (None, Some(fallback)) => Ok(fallback.clone()),
            (None, None) => listed(User::from_name(&person.user), &person.user)?
                .ok_or("the list of users gives no uid, and the system has no user of that name")
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

    /// The number of the user.
    pub(super) fn uid(&self) -> u32 {
        self.uid.as_raw()
    }

    /// True if the process is this user already.
    pub(super) fn is_assumed(&self) -> bool {
        let [real, effective, saved] = user_ids();
        [real, effective, saved].iter().all(|id| *id == self.uid)
    }

    /// Makes the process this user, and makes sure that it stays so. It has to be root for that, or be this
    /// user already.
    ///
    /// # Errors
    /// If the system refuses. The process may be half of one and half of another then: it must not serve.
    pub(super) fn assume(&self) -> Result<(), String> {
        if self.is_assumed() && !Uid::effective().is_root() {
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
        self.check_for_good()
    }

    /// Not what was asked for counts, but what is true afterwards.
    fn check_for_good(&self) -> Result<(), String> {
        let root = Uid::from_raw(0);
        let is_root_again = unistd::seteuid(root).is_ok() || unistd::setuid(root).is_ok();
        if is_root_again || !self.is_assumed() {
            return Err(format!("became {self}, but not for good"));
        }
        Ok(())
    }
}

impl fmt::Display for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} (uid {}, gid {})", self.name, self.uid, self.gid)
    }
}

/// The real, the effective and the saved user.
fn user_ids() -> [Uid; 3] {
    let ids = unistd::getresuid();
    ids.map_or_else(
        |_| [Uid::current(), Uid::effective(), Uid::effective()],
        |ids| [ids.real, ids.effective, ids.saved],
    )
}

/// What the system's list says, or why nobody can tell.
fn listed<T>(
    answer: nix::Result<Option<T>>,
    asked: impl fmt::Display,
) -> Result<Option<T>, String> {
    match answer {
        // What glibc and musl may answer where there is no entry (getpwnam(3)).
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

    fn person(user: &str, uid: Option<u32>, gid: Option<u32>) -> AccountInfo {
        AccountInfo {
            user: user.into(),
            home: None,
            mail: None,
            uid,
            gid,
        }
    }

    #[test]
    fn users_and_groups_by_name_and_number() {
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
            "need not be in any list"
        );
        assert_eq!(unlisted.groups, [Gid::from_raw(61_235)]);
    }

    #[test]
    fn who_nobody_becomes() {
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
    fn the_list_of_users_comes_before_run_as_and_that_before_the_system() {
        let nobody = Credentials::named("nobody").expect("every Linux has nobody");
        let listed = Credentials::of(&person("nobody", Some(61_234), Some(61_235)), Some(&nobody));
        assert_eq!(listed, Credentials::named("61234:61235"));
        let fallback = Credentials::of(&person("daemon", None, None), Some(&nobody));
        assert_eq!(fallback, Ok(nobody.clone()));
        let system = Credentials::of(&person("nobody", None, None), None);
        assert_eq!(system, Ok(nobody));
        for (user, uid) in [("root", None), ("ann", Some(0)), ("no such user", None)] {
            assert!(
                Credentials::of(&person(user, uid, None), None).is_err(),
                "{user}"
            );
        }
    }

    #[test]
    fn who_one_is_one_may_become() {
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
