//! Whether a Maildir belongs to the system user that a daemon runs as.
//!
//! A daemon reads and writes all mail as one system user. If it wrote files into the Maildir of
//! another system user, that user could not read or remove them. Permissions that allow it are more
//! often an accident than a decision. So a daemon serves the Maildirs of its own user only. It
//! refuses the others, and logs who owns them.

use crate::auth::AccountInfo;
use rustix::process::geteuid;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Checks that this process may serve this user's mail. A Maildir that does not exist has no owner
/// yet.
///
/// # Errors
/// Names the owner, and what the operator can do.
pub(super) fn check(user: &AccountInfo, root: &Path) -> Result<(), String> {
    let ours = geteuid().as_raw();
    if let Some(theirs) = user.uid.filter(|uid| *uid != ours) {
        return Err(format!(
            "the users file says that the mail is owned by uid {theirs}, and this server runs as uid {ours}"
        ));
    }
    match std::fs::metadata(root) {
        Ok(found) if found.uid() != ours => Err(format!(
            "{} is owned by uid {}, and this server runs as uid {ours}: \
             one server serves the Maildirs of one uid; \
             under inetd or --wait as root, each user is served by a process of their own",
            root.display(),
            found.uid()
        )),
        Ok(_) => check_readable(root),
        Err(error) if error.kind() == io::ErrorKind::NotFound => check_can_be_created(root),
        Err(error) => Err(format!("{}: {error}", root.display())),
    }
}

/// Checks that the directory in which the Maildir would be created can be read.
fn check_can_be_created(root: &Path) -> Result<(), String> {
    let mut above = root.ancestors().skip(1);
    above
        .find(|path| path.is_dir())
        .map_or(Ok(()), check_readable)
        .map_err(|error| format!("{} does not exist, and {error}", root.display()))
}

/// Checks that a directory that exists can be read.
fn check_readable(root: &Path) -> Result<(), String> {
    std::fs::read_dir(root).map(drop).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::PermissionDenied => {
                "; if its permissions are right, the sandbox of this server does not include it: \
                 restart imap2d, which looks for Maildirs when it starts"
            }
            _ => "",
        };
        format!("{}: {error}{hint}", root.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(uid: Option<u32>) -> AccountInfo {
        AccountInfo {
            user: "ann".into(),
            home: None,
            mail: None,
            uid,
            gid: None,
        }
    }

    #[test]
    fn mail_of_the_servers_own_user_is_served() {
        let directory = tempfile::tempdir().expect("a directory");
        let ours = geteuid().as_raw();
        for uid in [None, Some(ours)] {
            assert_eq!(check(&user(uid), directory.path()), Ok(()));
            assert_eq!(check(&user(uid), &directory.path().join("none")), Ok(()));
        }
    }

    #[test]
    fn the_error_names_the_owner_of_other_mail() {
        let directory = tempfile::tempdir().expect("a directory");
        let ours = geteuid().as_raw();
        let reason = check(&user(Some(ours + 1)), directory.path()).expect_err("another's");
        assert!(reason.contains(&format!("uid {}", ours + 1)), "{reason}");
        if geteuid().is_root() {
            let given = directory.path().join("given");
            std::fs::create_dir(&given).expect("made");
            std::os::unix::fs::chown(&given, Some(12345), None).expect("given away");
            let reason = check(&user(None), &given).expect_err("another's");
            assert!(reason.contains("owned by uid 12345"), "{reason}");
        } else {
            assert!(check(&user(None), Path::new("/")).is_err());
        }
    }
}
