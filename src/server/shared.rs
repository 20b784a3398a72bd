//! What all connections of a server share.

use super::login::Logins;
use super::setup;
use super::tls::Certificates;
use crate::options::Options;
use crate::session::SessionConfig;
use crate::store::Store;
use std::rc::Rc;

/// Size of one read, in octets. A command is far shorter; for an APPEND it makes system calls few
/// enough.
const READ_BUFFER: usize = 16 * 1024;

/// What all connections share. One of them at a time has it, in its turn.
pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) logins: Logins,
    /// The certificates, if connections may use TLS.
    pub(super) tls: Option<Certificates>,
    pub(super) config: Rc<SessionConfig>,
    /// Holds the octets of one read, while the connection that has the turn handles them.
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

    /// Applies the options that can change while the server runs.
    pub(super) fn change(&mut self, options: &Options) {
        self.config = Rc::new(setup::changed_config(options, &self.config));
        self.logins.change(options);
    }
}
