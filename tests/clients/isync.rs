//! `mbsync` of isync, with UIDPLUS and without.

use std::fs;
use std::process::Command;

use super::LIMIT;
use super::large_account::{CREATED, FOLDERS, Folder, header};
use super::served_account::ServedAccount;
use super::two_way_sync::{TwoWays, syncs};
use crate::support::maildir::Maildir;
use crate::support::program::{Finished, Program, run};
use crate::support::site::{PASSWORD, Site, USER};

/// The error of isync 1.4 when the response to APPEND does not contain the UID: it does not expect
/// the result of its own search for the message. The next run finds the message by the journal.
const UPLOADED_WITHOUT_UID: &str = "received extraneous data in FETCH response";

/// The warning that it always prints, and the one that it prints after its connection was broken.
const EXPECTED: [&str; 2] = ["*** IMAP Warning *** Password is", "Warning: lost track of"];

/// The program, with a full account.
pub(super) struct Mbsync {
    mbsync: Program,
    account: ServedAccount,
    near: Maildir,
    /// Lines for the account section of the configuration.
    options: &'static str,
}

impl Mbsync {
    pub(super) fn new(site: Site, options: &'static str) -> Option<Self> {
        let mbsync = Program::find("mbsync")?;
        let near = Maildir::create(&site.home().join("near"), None);
        fs::create_dir(site.home().join("state")).expect("mkdir");
        Some(Self {
            mbsync,
            account: ServedAccount::new(site),
            near,
            options,
        })
    }

    fn configuration(&self) -> String {
        format!(
            "FSync no\n\n\
             IMAPAccount a\nHost 127.0.0.1\nPort {port}\nUser {USER}\nPass {PASSWORD}\n\
             SSLType None\nAuthMechs LOGIN\n{options}\n\n\
             IMAPStore far\nAccount a\n\n\
             MaildirStore near\nInbox {near}\nSubFolders Maildir++\n\n\
             Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nRemove Both\n\
             Expunge Both\nSyncState {state}/\n",
            port = self.account.relay.port(),
            options = self.options,
            near = self.near.path().display(),
            state = self.account.site.home().join("state").display(),
        )
    }

    fn command(&self) -> Command {
        let file = self
            .account
            .site
            .write_home("mbsyncrc", &self.configuration());
        let mut command = self.mbsync.command();
        command
            .arg("-c")
            .arg(file)
            .args(["-V", "all"])
            .env("HOME", self.account.site.home());
        command
    }
}

impl TwoWays for Mbsync {
    fn sync(&self) {
        let mut finished = self.run();
        // It stops at the first folder.
        for _ in FOLDERS {
            if finished.errors.contains(UPLOADED_WITHOUT_UID) {
                finished = self.run();
            }
        }
        finished.success();
        let mut lines = finished.errors.lines();
        let is_expected = |line: &str| EXPECTED.iter().any(|&start| line.starts_with(start));
        assert!(lines.all(is_expected), "{finished}");
    }

    /// Since 1.5 it decodes folder names.
    fn near(&self, folder: &Folder) -> Option<Maildir> {
        let by_name = || self.near.existing_folder(folder.name);
        folder.if_on_server(&self.near).or_else(by_name)
    }

    /// Creates a folder without the file `maildirfolder`, with which mbsync would never remove the
    /// directory.
    fn make_near(&self, folder: &Folder) -> Maildir {
        let path = self.near.path().join(format!(".{}", folder.encoded));
        Maildir::create(&path, None)
    }

    fn run(&self) -> Finished {
        run(&mut self.command(), LIMIT)
    }

    fn account(&self) -> &ServedAccount {
        &self.account
    }

    fn account_mut(&mut self) -> &mut ServedAccount {
        &mut self.account
    }
}

#[test]
fn mbsync_syncs_with_uidplus() {
    let Some(mut rig) = Mbsync::new(Site::new(), "") else {
        return;
    };
    syncs(&mut rig);
    rig.account.relay.assert_said("+}\r\n", "[APPENDUID ");
    removed_folders_are_synchronised(&rig);
}

#[test]
fn mbsync_syncs_without_uidplus() {
    let options = "DisableExtensions UIDPLUS LITERAL+";
    let Some(mut rig) = Mbsync::new(Site::new(), options) else {
        return;
    };
    syncs(&mut rig);
    let commands = rig.account.relay.commands();
    assert!(commands.contains(" APPEND ") && !commands.contains("+}\r\n"));
}

/// mbsync removes only empty folders, never mail with its folder.
fn removed_folders_are_synchronised(rig: &Mbsync) {
    let [near, far] = rig.sides(&CREATED);
    fs::remove_file(far.the(&header("created-1")).path).expect("it is there");
    rig.sync();
    assert_eq!(near.entries(), []);
    fs::remove_dir_all(far.path()).expect("a folder may go");
    rig.sync();
    assert!(!near.path().exists());
}
