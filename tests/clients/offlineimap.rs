//! `offlineimap`, whose UIDs of uploaded messages come from UIDPLUS or from a search for its own header.

use super::LIMIT;
use super::account::{self, Folder};
use super::two_ways::{TwoWays, syncs};
use crate::support::maildir::Maildir;
use crate::support::program::{Program, run};
use crate::support::server::TestServer;
use crate::support::site::{PASSWORD, Site, USER};

struct OfflineImap {
    offlineimap: Program,
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
            port = self.server.port(),
        )
    }
}

impl TwoWays for OfflineImap {
    fn sync(&self) {
        let file = self.site.write_home("offlineimaprc", &self.configuration());
        let mut command = self.offlineimap.command();
        command
            .args(["-o", "-u", "basic", "-c"])
            .arg(file)
            .env("HOME", self.site.home());
        let finished = run(&mut command, LIMIT);
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
    }
}

#[test]
fn syncs_both_ways() {
    let Some(offlineimap) = Program::find("offlineimap") else {
        return;
    };
    let site = Site::new();
    account::fill(&site.maildir());
    let server = TestServer::start(&site, &[]);
    syncs(&mut OfflineImap {
        offlineimap,
        server,
        site,
    });
}
