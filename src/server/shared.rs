//! What all connections work with in their turns.

use super::login::Logins;
use super::tls::Certificates;
use crate::options::Options;
use crate::session::SessionConfig;
use crate::store::Store;
use std::rc::Rc;

/// One read. A command is far shorter; for an APPEND it makes the system calls few enough.
const READ_BUFFER: usize = 16 * 1024;

/// Lent to one connection at a time.
pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) logins: Logins,
    /// With them, connections may be under TLS.
    pub(super) tls: Option<Certificates>,
    pub(super) config: Rc<SessionConfig>,
    /// For one read, by whoever has the turn. Nothing stays in it.
    pub(super) buffer: Box<[u8]>,
}

impl Shared {
    pub(super) fn new(
        store: Store,
        logins: Logins,
        tls: Option<Certificates>,
        config: SessionConfig,
    ) -> Self {
        Self {
            store,
            logins,
            tls,
            config: Rc::new(config),
            buffer: vec![0; READ_BUFFER].into_boxed_slice(),
        }
    }

    /// What can change of the options while the server runs.
    pub(super) fn change(&mut self, options: &Options) {
        self.config = Rc::new(super::server::changed_config(options, &self.config));
        self.logins.change(options);
    }
}
