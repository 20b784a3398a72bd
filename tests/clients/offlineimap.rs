//! `offlineimap`. It learns the UIDs of uploaded messages by UIDPLUS or by a search for its own
//! header field.

use super::LIMIT;
use super::large_account::Folder;
use super::served_account::ServedAccount;
use super::two_way_sync::{TwoWays, syncs};
use crate::support::maildir::Maildir;
use crate::support::program::{Finished, Program, run};
use crate::support::site::{PASSWORD, Site, USER};

struct OfflineImap {
    offlineimap: Program,
    account: ServedAccount,
}

impl OfflineImap {
    fn configuration(&self) -> String {
        format!(
            "[general]\naccounts = a\nmetadata = {home}/metadata\nfsync = no\n\n\
             [Account a]\nlocalrepository = near\nremoterepository = far\n\n\
             [Repository near]\ntype = Maildir\nlocalfolders = {home}/near\n\n\
             [Repository far]\ntype = IMAP\nremotehost = 127.0.0.1\nremoteport = {port}\n\
             remoteuser = {USER}\nremotepass = {PASSWORD}\nssl = no\nstarttls = no\n\
             auth_mechanisms = LOGIN\n",
            home = self.account.site.home().display(),
            port = self.account.relay.port(),
        )
    }
}

impl TwoWays for OfflineImap {
    fn sync(&self) {
        let finished = self.run();
        finished.success();
        let said = format!("{}{}", finished.text(), finished.errors);
        assert!(!said.contains("ERROR"), "{finished}");
    }

    fn near(&self, folder: &Folder) -> Option<Maildir> {
        let path = self.account.site.home().join("near").join(folder.encoded);
        path.is_dir().then(|| Maildir::create(&path, None))
    }

    fn make_near(&self, folder: &Folder) -> Maildir {
        Maildir::create(
            &self.account.site.home().join("near").join(folder.encoded),
            None,
        )
    }

    fn run(&self) -> Finished {
        let file = self
            .account
            .site
            .write_home("offlineimaprc", &self.configuration());
        let mut command = self.offlineimap.command();
        command
            .args(["-o", "-u", "basic", "-c"])
            .arg(file)
            .env("HOME", self.account.site.home());
        run(&mut command, LIMIT)
    }

    fn account(&self) -> &ServedAccount {
        &self.account
    }

    fn account_mut(&mut self) -> &mut ServedAccount {
        &mut self.account
    }
}

#[test]
fn offlineimap_syncs_both_ways() {
    let Some(offlineimap) = Program::find("offlineimap") else {
        return;
    };
    let mut rig = OfflineImap {
        offlineimap,
        account: ServedAccount::new(Site::new()),
    };
    syncs(&mut rig);
    rig.account.relay.assert_said(" APPEND ", "[APPENDUID ");
}
