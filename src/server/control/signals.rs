//! Signals as events of the loop.

use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals as Source;
use std::io;
use std::sync::Arc;

/// The signals that are for a server are nothing to its helpers: whoever sends them by a name, or to all
/// processes of a service, means the server. Helpers end when it has gone.
pub(crate) fn leave_to_the_server() -> io::Result<()> {
    for signal in [SIGTERM, SIGINT, SIGHUP] {
        signal_hook::flag::register(signal, Arc::default())?;
    }
    Ok(())
}

/// The signals that a process of ours listens to.
pub(crate) struct Signals {
    source: Source,
    hang_up: SignalRequest,
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignalRequest {
    /// To end.
    Stop,
    /// To read again what can be read again.
    Reread,
    /// To look which children have ended.
    Reap,
}

impl Signals {
    /// From now on `SIGTERM` and `SIGINT` are requests to end. What `SIGHUP` asks for depends on who it comes
    /// from: to a server it comes from the operator, to anyone else from a terminal that is gone.
    pub(crate) fn new(hang_up: SignalRequest) -> io::Result<Self> {
        let source = Source::new([SIGTERM, SIGINT, SIGHUP])?;
        Ok(Self { source, hang_up })
    }

    /// From now on the end of a child is an event too.
    pub(crate) fn watch_children(&self) -> io::Result<()> {
        self.source.add_signal(SIGCHLD)
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.source, token, Interest::READABLE)
    }

    /// What has been asked for since the last call.
    pub(crate) fn asked(&mut self) -> Vec<SignalRequest> {
        let hang_up = self.hang_up;
        let meaning = |signal| match signal {
            SIGHUP => hang_up,
            SIGCHLD => SignalRequest::Reap,
            _ => SignalRequest::Stop,
        };
        self.source.pending().map(meaning).collect()
    }
}
