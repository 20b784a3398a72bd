//! The user and the files of each kind of process.

use super::credentials::Credentials;
use super::landlock::{self, Enforcement};
use super::process;
use super::ruleset::Ruleset;
use crate::auth::{AccountInfo, PasswdFile};
use crate::options::{MailTemplate, Options};
use crate::server::mail_root::mail_root;
use crate::store::Account;
use rustix::process::geteuid;
use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

/// Makes this process, which has bound its ports, a daemon: it becomes the user of `--run-as`, and
/// may open all mail that it serves.
pub(super) fn become_daemon(options: &Options, run_as: Option<&Credentials>) -> Result<(), String> {
    let owner = run_as.map_or_else(|| geteuid().as_raw(), Credentials::uid);
    let ruleset = daemon_ruleset(options, owner);
    match run_as {
        Some(user) => user.assume()?,
        None if process::is_root() => {
            return Err(
                "imap2d does not serve as root: say --run-as USER, the user who owns the Maildirs \
                 (it binds its ports first)"
                    .into(),
            );
        }
        None => {}
    }
    process::forbid_core_dumps()?;
    process::renounce_privileges()?;
    let enforcement = landlock::enforce(ruleset)?;
    if enforcement.is_absent() {
        log::warn!("{enforcement}");
    } else {
        log::info!("{enforcement}");
    }
    Ok(())
}

/// Makes this process, which serves one client, the process of the user who has logged in.
pub(super) fn become_user(
    user: &AccountInfo,
    account: &Account,
    fallback: Option<&Credentials>,
    read_only: bool,
) -> Result<(), String> {
    if geteuid().is_root() {
        let credentials = Credentials::of_user(user, fallback)?;
        credentials.assume().unwrap_or_else(|error| exit(&error));
        process::mark_as_a_users();
        log::info!("{:?} is served as {credentials}", user.user);
    }
    let enforcement = restrict_to_account(account, read_only).unwrap_or_else(|error| exit(&error));
    log::info!("{enforcement}");
    Ok(())
}

/// Ends the process: one that has become a user by half must not serve, and has no other client.
fn exit(error: &str) -> ! {
    log::error!("{error}");
    std::process::exit(1)
}

fn restrict_to_account(account: &Account, read_only: bool) -> Result<Enforcement, String> {
    process::forbid_core_dumps()?;
    process::renounce_privileges()?;
    let mut ruleset = Ruleset::default();
    if !read_only {
        create_root(&account.root);
    }
    // If the Maildir cannot be created, the directory that it would be in stays closed.
    if account.root.exists() {
        ruleset.allow_mail(&account.root, read_only);
    }
    if let Some(boards) = &account.bboards {
        ruleset.allow_boards(boards, read_only);
    }
    landlock::enforce(ruleset)
}

/// Creates the Maildir itself, which later would take the right to write beside it.
fn create_root(root: &Path) {
    if let Err(error) = DirBuilder::new().recursive(true).mode(0o700).create(root) {
        log::error!("{}: cannot create the Maildir: {error}", root.display());
    }
}

/// True if the Maildir exists or this user may be able to create it. Without this check one missing
/// home would open the directory of all homes.
fn may_exist(root: &Path, owner: u32) -> bool {
    let nearest = root.ancestors().find_map(|path| path.metadata().ok());
    root.exists() || nearest.is_some_and(|found| found.uid() == owner || found.mode() & 0o022 != 0)
}

/// Returns the directories of all mail, while the process can still read the users file and the
/// homes.
fn daemon_ruleset(options: &Options, owner: u32) -> Ruleset {
    let mut ruleset = Ruleset::default();
    if let Some(boards) = &options.bboards {
        ruleset.allow_boards(boards, options.read_only);
    }
    for files in &options.tls {
        ruleset.allow_reading_again(&files.certificate);
        files
            .key
            .iter()
            .for_each(|key| ruleset.allow_reading_again(key));
    }
    let root = options.mail.fixed_part();
    match (&root, &options.users) {
        (Some(root), _) if root == Path::new("/") => ruleset.set_unlimited("--mail begins with %"),
        (Some(root), _) => ruleset.allow_mail(root, options.read_only),
        (None, Some(_)) => {}
        (None, None) => ruleset.set_unlimited("the homes are not known before users log in"),
    }
    if let Some(users) = &options.users {
        allow_listed_users(users, options, owner, &mut ruleset);
        if ruleset.includes(users) {
            log::warn!(
                "{}: the server can read the users file after it has entered its sandbox, because other \
                 files in its directory are needed; move it to another directory",
                users.display()
            );
        }
    }
    ruleset
}

/// Allows the mail of the users that a server of this owner will serve. Lists that are made from
/// the system's users name others too, whose homes are `/root`, `/dev` or `/usr/games`.
fn allow_listed_users(users: &Path, options: &Options, owner: u32, ruleset: &mut Ruleset) {
    let home_matters = |own: Option<&str>| match own.map(MailTemplate::parse) {
        None => options.mail.needs_home(),
        Some(own) => own.is_ok_and(|own| own.needs_home()),
    };
    let listed = PasswdFile::accounts(users, home_matters).unwrap_or_else(|error| {
        log::error!("{}: {error}", users.display());
        Vec::new()
    });
    let ours = |user: &AccountInfo| user.uid.is_none_or(|uid| uid == owner);
    for user in listed.into_iter().filter(ours) {
        // A user without mail gets an error at the login, and the log gets the reason.
        let root = mail_root(&user, &options.mail);
        if let Some(root) = root.ok().filter(|root| may_exist(root, owner)) {
            ruleset.allow_mail(&root, options.read_only);
            ruleset.allow_link_target(&root, options.read_only);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_mail_of_users_who_will_be_served_is_allowed() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name).display().to_string();
        std::fs::create_dir_all(path("ann/Maildir")).expect("a Maildir");
        let list = [
            format!("ann:*::::{}", path("ann")),
            format!("bob:*::::{}", path("bob")),
            "root:*:0:0::/root".into(),
            "games:*:5:60::/usr/games".into(),
            "ghost:*::::/nonexistent".into(),
        ];
        std::fs::write(path("users"), list.join("\n")).expect("a list");
        let options = Options::from_args(["--listen", "127.0.0.1:0", "--users", &path("users")]);
        let options = options.expect("good options");
        let opened = |owner: u32| daemon_ruleset(&options, owner).write;
        assert_eq!(
            opened(12_345),
            [Path::new(&path("ann/Maildir"))],
            "a missing Maildir that the server could not create is left out"
        );
        let owner = directory.path().metadata().expect("there").uid();
        if owner != 0 {
            assert_eq!(opened(owner), [directory.path()]);
        }
    }
}
