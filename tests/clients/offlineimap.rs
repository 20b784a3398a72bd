//! `offlineimap`. It learns the UIDs of uploaded messages by UIDPLUS or by a search for its own
//! header field.

use super::LIMIT;
use super::large_account::{self, Folder};
use super::two_way_sync::{SOME_MAIL, TwoWays, syncs};
use crate::support::maildir::Maildir;
use crate::support::program::{Finished, Program, run};
use crate::support::relay::Relay;
use crate::support::server::TestServer;
use crate::support::site::{PASSWORD, Site, USER};

struct OfflineImap {
    offlineimap: Program,
    relay: Relay,
    server: TestServer,
    site: Site,
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
            home = self.site.home().display(),
            port = self.relay.port(),
        )
    }

    fn run(&self) -> Finished {
        let file = self.site.write_home("offlineimaprc", &self.configuration());
        let mut command = self.offlineimap.command();
        command
            .args(["-o", "-u", "basic", "-c"])
            .arg(file)
            .env("HOME", self.site.home());
        run(&mut command, LIMIT)
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
        let path = self.site.home().join("near").join(folder.encoded);
        path.is_dir().then(|| Maildir::create(&path, None))
    }

    fn make_near(&self, folder: &Folder) -> Maildir {
        Maildir::create(&self.site.home().join("near").join(folder.encoded), None)
    }

    fn site(&self) -> &Site {
        &self.site
    }

    fn server(&self) -> &TestServer {
        &self.server
    }

    fn restart(&mut self) {
        self.server = TestServer::start(&self.site, &[]);
        self.relay = Relay::to(self.server.address());
    }

    fn sync_in_vain(&self) {
        self.relay.cut_after(SOME_MAIL);
        let finished = self.run();
        assert!(!finished.status.success(), "{finished}");
    }
}

#[test]
fn offlineimap_syncs_both_ways() {
    let Some(offlineimap) = Program::find("offlineimap") else {
        return;
    };
    let site = Site::new();
    large_account::fill(&site.maildir());
    let server = TestServer::start(&site, &[]);
    let mut rig = OfflineImap {
        offlineimap,
        relay: Relay::to(server.address()),
        server,
        site,
    };
    syncs(&mut rig);
    rig.relay.assert_said(" APPEND ", "[APPENDUID ");
}
