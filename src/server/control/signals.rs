//! Signals as events of the loop.

use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook_mio::v1_0::Signals as Source;
use std::io;

/// The signals that this process handles.
pub(crate) struct Signals {
    source: Source,
    /// Meaning of `SIGHUP`.
    hang_up: SignalRequest,
}

/// What a signal requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignalRequest {
    /// Shut the server down.
    ShutDown,
    /// Read the options and the certificates again.
    Reload,
    /// Log how the server is.
    LogStatus,
    /// Look which child processes have ended.
    Reap,
}

impl Signals {
    /// Makes `SIGTERM` and `SIGINT` requests to shut down, and `SIGUSR1` one to log the status.
    /// `SIGHUP` requests `hang_up`: sent to a
    /// server it comes from the operator, otherwise from a terminal that is gone.
    pub(crate) fn new(hang_up: SignalRequest) -> io::Result<Self> {
        let source = Source::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1])?;
        Ok(Self { source, hang_up })
    }

    /// Makes the end of a child process an event too.
    pub(crate) fn watch_children(&self) -> io::Result<()> {
        self.source.add_signal(SIGCHLD)
    }

    /// Registers the signals with the poll.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.source, token, Interest::READABLE)
    }

    /// Returns the requests since the last call.
    pub(crate) fn requests(&mut self) -> Vec<SignalRequest> {
        let hang_up = self.hang_up;
        let meaning = |signal| match signal {
            SIGHUP => hang_up,
            SIGUSR1 => SignalRequest::LogStatus,
            SIGCHLD => SignalRequest::Reap,
            _ => SignalRequest::ShutDown,
        };
        self.source.pending().map(meaning).collect()
    }
}
