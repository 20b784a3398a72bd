//! Signals as events of the loop.

use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;
use std::io;

/// The signals that the server listens to.
pub(super) struct StopSignals(Signals);

impl StopSignals {
    /// From now on `SIGTERM` and `SIGINT` are requests to shut down, and `SIGHUP` is ignored: it is kept
    /// for re-reading what can be re-read.
    pub(super) fn new() -> io::Result<Self> {
        Signals::new([SIGTERM, SIGINT, SIGHUP]).map(Self)
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.0, token, Interest::READABLE)
    }

    /// True if a request to shut down has come in. Empties the queue.
    pub(super) fn ask_to_stop(&mut self) -> bool {
        let received = self.0.pending();
        received.filter(|&signal| signal != SIGHUP).count() > 0
    }
}
