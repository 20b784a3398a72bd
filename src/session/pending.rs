//! What the command in progress waits for from outside the session.

use zeroize::Zeroizing;

use super::login_request::{LoginRequest, LoginVerdict};

/// The one thing from outside that the command in progress waits for.
#[derive(Default)]
pub(super) enum Pending {
    /// The command waits for nothing, or there is none.
    #[default]
    Nothing,
    /// A login request that the server has not fetched yet.
    Request(LoginRequest),
    /// The server's verdict on the login request that it has fetched.
    Verdict,
    /// A verdict that the command has not taken yet.
    ReceivedVerdict(LoginVerdict),
    /// A line from the client that continues the command: a SASL response, or DONE.
    Line,
    /// That line without its end, which the command has not taken yet. It is empty if the client
    /// sent a literal in it or made it too long.
    ReceivedLine(Zeroizing<Vec<u8>>),
    /// The TLS handshake. STARTTLS was answered.
    Tls,
}

impl Pending {
    /// Hands out a login request, once.
    pub(super) fn take_request(&mut self) -> Option<LoginRequest> {
        match std::mem::take(self) {
            Self::Request(request) => {
                *self = Self::Verdict;
                Some(request)
            }
            other => {
                *self = other;
                None
            }
        }
    }

    /// Takes in the server's verdict. Ignores it if the command waits for none.
    pub(super) fn receive_verdict(&mut self, verdict: LoginVerdict) {
        if matches!(self, Self::Request(_) | Self::Verdict) {
            *self = Self::ReceivedVerdict(verdict);
        }
    }

    /// Hands the verdict to the command, if it has arrived.
    pub(super) fn take_verdict(&mut self) -> Option<LoginVerdict> {
        match std::mem::take(self) {
            Self::ReceivedVerdict(verdict) => Some(verdict),
            other => {
                *self = other;
                None
            }
        }
    }

    /// Takes in the line that the command waits for.
    pub(super) fn receive_line(&mut self, line: Zeroizing<Vec<u8>>) {
        *self = Self::ReceivedLine(line);
    }

    /// Hands the line to the command, if it has arrived; else waits for it.
    pub(super) fn take_line(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        match std::mem::take(self) {
            Self::ReceivedLine(line) => Some(line),
            _ => {
                *self = Self::Line;
                None
            }
        }
    }

    /// True if the command waits for a line from the client.
    pub(super) fn is_line(&self) -> bool {
        matches!(self, Self::Line)
    }

    /// True from STARTTLS to the end of the handshake.
    pub(super) fn is_tls(&self) -> bool {
        matches!(self, Self::Tls)
    }

    /// True if the server has to act before the session can go on.
    pub(super) fn is_external(&self) -> bool {
        matches!(self, Self::Request(_) | Self::Verdict | Self::Tls)
    }
}
