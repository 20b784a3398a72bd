//! Signals as events of the loop.

use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;
use std::io;

/// The signals that the server listens to.
pub(super) struct StopSignals {
    signals: Signals,
    hang_up_stops: bool,
}

impl StopSignals {
    /// From now on `SIGTERM` and `SIGINT` are requests to shut down. So is `SIGHUP` if whoever started
    /// the program is to be served and nobody else; else it is ignored, and kept for re-reading what can
    /// be re-read.
    pub(super) fn new(hang_up_stops: bool) -> io::Result<Self> {
        Signals::new([SIGTERM, SIGINT, SIGHUP]).map(|signals| Self {
            signals,
            hang_up_stops,
        })
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.signals, token, Interest::READABLE)
    }

    /// True if a request to shut down has come in. Empties the queue.
    pub(super) fn ask_to_stop(&mut self) -> bool {
        let hang_up_stops = self.hang_up_stops;
        let received = self.signals.pending();
        received
            .filter(|&signal| signal != SIGHUP || hang_up_stops)
            .count()
            > 0
    }
}
