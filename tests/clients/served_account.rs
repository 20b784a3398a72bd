//! A large account on a server that clients reach through a relay.

use super::large_account;
use crate::support::relay::Relay;
use crate::support::server::TestServer;
use crate::support::site::Site;

/// The mail of [`large_account`], its server and the relay.
pub(super) struct ServedAccount {
    pub(super) relay: Relay,
    // Declared before the site, so that the server ends before its files are deleted.
    pub(super) server: TestServer,
    pub(super) site: Site,
}

impl ServedAccount {
    /// Fills the site's mail and starts the server.
    pub(super) fn new(site: Site) -> Self {
        large_account::fill(&site.maildir());
        let server = TestServer::start(&site, &[]);
        Self {
            relay: Relay::to(server.address()),
            server,
            site,
        }
    }

    /// Restarts the server, and the relay to it.
    pub(super) fn restart(&mut self) {
        self.server = TestServer::start(&self.site, &[]);
        self.relay = Relay::to(self.server.address());
    }
}
