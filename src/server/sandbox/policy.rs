//! Who a process becomes, and where it may go, in each of the ways to be started.

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

/// A daemon, which has its ports.
pub(super) fn become_daemon(options: &Options, run_as: Option<&Credentials>) -> Result<(), String> {
    let owner = run_as.map_or_else(|| geteuid().as_raw(), Credentials::uid);
    let ruleset = of_daemon(options, owner);
    match run_as {
        Some(user) => user.assume()?,
        None if process::is_root() => {
            return Err(
                "imap2d does not serve as root: say --run-as USER, the one who owns the Maildirs \
                 (it takes its ports first)"
                    .into(),
            );
        }
        None => {}
    }
    process::leave_no_traces()?;
    process::renounce_privileges()?;
    let enforcement = landlock::enclose(ruleset)?;
    if enforcement.is_open() {
        log::warn!("{enforcement}");
    } else {
        log::info!("{enforcement}");
    }
    Ok(())
}

/// A process of one client, who has logged in: from now on it is theirs.
pub(super) fn become_person(
    person: &AccountInfo,
    account: &Account,
    fallback: Option<&Credentials>,
    read_only: bool,
) -> Result<(), String> {
    if geteuid().is_root() {
        let credentials = Credentials::of(person, fallback)?;
        credentials.assume().unwrap_or_else(|error| give_up(&error));
        process::show_to_be_somebodys();
        log::info!("{:?} is served as {credentials}", person.user);
    }
    let fenced = restrict_to_account(account, read_only).unwrap_or_else(|error| give_up(&error));
    log::info!("{fenced}");
    Ok(())
}

/// A process that is somebody by half serves nobody, and there is nobody else it was to serve.
fn give_up(error: &str) -> ! {
    log::error!("{error}");
    std::process::exit(1)
}

fn restrict_to_account(account: &Account, read_only: bool) -> Result<Enforcement, String> {
    process::leave_no_traces()?;
    process::renounce_privileges()?;
    let mut ruleset = Ruleset::default();
    if !read_only {
        make_root(&account.root);
    }
    // What cannot be made does not open what it would be in.
    if account.root.exists() {
        ruleset.may_use(&account.root, read_only);
    }
    if let Some(boards) = &account.bboards {
        ruleset.may_use_boards(boards, read_only);
    }
    landlock::enclose(ruleset)
}

/// The Maildir itself is made now: later, that would take the right to write beside it.
fn make_root(root: &Path) {
    if let Err(error) = DirBuilder::new().recursive(true).mode(0o700).create(root) {
        log::error!("{}: the Maildir cannot be made: {error}", root.display());
    }
}

/// True if the Maildir is there or this user may be able to make it: so that one home that is missing does not
/// open what all homes are in.
fn can_be(root: &Path, owner: u32) -> bool {
    let nearest = root.ancestors().find_map(|path| path.metadata().ok());
    root.exists() || nearest.is_some_and(|found| found.uid() == owner || found.mode() & 0o022 != 0)
}

/// Where all the mail is: asked while the list of users, and the homes, can still be read.
fn of_daemon(options: &Options, owner: u32) -> Ruleset {
    let mut ruleset = Ruleset::default();
    if let Some(boards) = &options.bboards {
        ruleset.may_use_boards(boards, options.read_only);
    }
    for files in &options.tls {
        ruleset.may_reread(&files.certificate);
        files.key.iter().for_each(|key| ruleset.may_reread(key));
    }
    let root = options.mail.fixed_part();
    match (&root, &options.users) {
        (Some(root), _) if root == Path::new("/") => ruleset.give_up("--mail begins with %"),
        (Some(root), _) => ruleset.may_use(root, options.read_only),
        (None, Some(_)) => {}
        (None, None) => ruleset.give_up("the homes are not known before somebody logs in"),
    }
    if let Some(users) = &options.users {
        add_listed(users, options, owner, &mut ruleset);
        if ruleset.includes(users) {
            log::warn!(
                "{}: its directory stays open, for what else is in there; elsewhere it would be out of reach",
                users.display()
            );
        }
    }
    ruleset
}

/// Only whom a server of this owner will serve. Lists made from the system's name others too, whose homes are
/// `/root`, `/dev` or `/usr/games`.
fn add_listed(users: &Path, options: &Options, owner: u32, ruleset: &mut Ruleset) {
    let home_matters = |own: Option<&str>| match own.map(MailTemplate::parse) {
        None => options.mail.needs_home(),
        Some(own) => own.is_ok_and(|own| own.needs_home()),
    };
    let people = PasswdFile::accounts(users, home_matters).unwrap_or_else(|error| {
        log::error!("{}: {error}", users.display());
        Vec::new()
    });
    let ours = |person: &AccountInfo| person.uid.is_none_or(|uid| uid == owner);
    for person in people.into_iter().filter(ours) {
        // Who has no mail here is told so, and the log why, when they log in.
        let root = mail_root(&person, &options.mail);
        if let Some(root) = root.ok().filter(|root| can_be(root, owner)) {
            ruleset.may_use(&root, options.read_only);
            ruleset.may_follow(&root, options.read_only);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_list_only_those_are_let_in_who_will_be_served() {
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
        let opened = |owner: u32| of_daemon(&options, owner).write;
        assert_eq!(
            opened(12_345),
            [Path::new(&path("ann/Maildir"))],
            "who is not there could not be made there either"
        );
        let owner = directory.path().metadata().expect("there").uid();
        if owner != 0 {
            assert_eq!(opened(owner), [directory.path()]);
        }
    }
}
