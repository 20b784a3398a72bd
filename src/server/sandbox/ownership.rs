//! Whose a Maildir is.
//!
//! A daemon reads and writes all mail as one user. What it would write into somebody else's Maildir, that
//! somebody could not read or remove; and that the permissions let it in there is more often an accident than a
//! decision. So it serves its own, and says of the others whose they are.

use crate::auth::AccountInfo;
use rustix::process::geteuid;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Checks that this person's mail is this process's to serve. A Maildir that does not exist is nobody's yet.
///
/// # Errors
/// Says whose it is, and what can be done.
pub(super) fn check(person: &AccountInfo, root: &Path) -> Result<(), String> {
    let ours = geteuid().as_raw();
    if let Some(theirs) = person.uid.filter(|uid| *uid != ours) {
        return Err(format!(
            "it is said of this user that the mail is owned by uid {theirs}, and this server runs as uid {ours}"
        ));
    }
    match std::fs::metadata(root) {
        Ok(found) if found.uid() != ours => Err(format!(
            "{} is owned by uid {}, and this server runs as uid {ours}: \
             one server serves the Maildirs of one uid; \
             from inetd, started by root, each user is served as themselves",
            root.display(),
            found.uid()
        )),
        Ok(_) => check_open(root),
        Err(error) if error.kind() == io::ErrorKind::NotFound => check_can_be_made(root),
        Err(error) => Err(format!("{}: {error}", root.display())),
    }
}

/// What it would be made in may be out of reach too.
fn check_can_be_made(root: &Path) -> Result<(), String> {
    let mut above = root.ancestors().skip(1);
    above
        .find(|path| path.is_dir())
        .map_or(Ok(()), check_open)
        .map_err(|error| format!("{} does not exist, and {error}", root.display()))
}

/// A Maildir may be there and yet be out of reach.
fn check_open(root: &Path) -> Result<(), String> {
    std::fs::read_dir(root).map(drop).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::PermissionDenied => {
                "; if its permissions are right, it was not among the directories that this server \
                 kept for itself when it started: restart it"
            }
            _ => "",
        };
        format!("{}: {error}{hint}", root.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(uid: Option<u32>) -> AccountInfo {
        AccountInfo {
            user: "ann".into(),
            home: None,
            mail: None,
            uid,
            gid: None,
        }
    }

    #[test]
    fn ones_own_mail_is_served() {
        let directory = tempfile::tempdir().expect("a directory");
        let ours = geteuid().as_raw();
        for uid in [None, Some(ours)] {
            assert_eq!(check(&person(uid), directory.path()), Ok(()));
            assert_eq!(check(&person(uid), &directory.path().join("none")), Ok(()));
        }
    }

    #[test]
    fn it_is_said_whose_the_others_are() {
        let directory = tempfile::tempdir().expect("a directory");
        let ours = geteuid().as_raw();
        let reason = check(&person(Some(ours + 1)), directory.path()).expect_err("another's");
        assert!(reason.contains(&format!("uid {}", ours + 1)), "{reason}");
        if geteuid().is_root() {
            let given = directory.path().join("given");
            std::fs::create_dir(&given).expect("made");
            std::os::unix::fs::chown(&given, Some(12345), None).expect("given away");
            let reason = check(&person(None), &given).expect_err("another's");
            assert!(reason.contains("owned by uid 12345"), "{reason}");
        } else {
            assert!(check(&person(None), Path::new("/")).is_err());
        }
    }
}
