//! Listening sockets that were there before us: `--wait`.
//!
//! Who starts a program when somebody connects listens itself, and hands the socket down. There are two
//! customs. inetd (`wait`) and xinetd (`wait = yes`) give one socket, as descriptor 0; systemd gives any
//! number of them from descriptor 3 on and says how many in `LISTEN_FDS`, and for whom in `LISTEN_PID`
//! (sd_listen_fds(3)). If the variables are there and meant for this process they count, else descriptor 0.
//!
//! The one who listens keeps the sockets open: clients who come while nobody serves them wait in the
//! kernel's queue, and are the reason why the next process is started. So it is safe to end at any time when nobody is
//! connected ([`IdleEnd`]).

use super::listener::Listener;
use crate::server::error::ServerError;
use listenfd::ListenFd;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// After so long without a client the process ends. To be started anew takes some milliseconds, so this need not be
/// long; but a client that polls every few seconds should find the process that knows its mailbox already.
pub(crate) const IDLE_TIME: Duration = Duration::from_secs(30);

/// The sockets that whoever started this process listens on; at least one.
pub(crate) fn listeners() -> Result<Vec<Listener>, ServerError> {
    let sockets = match from_systemd().map_err(ServerError::NoSocket)? {
        sockets if sockets.is_empty() => vec![descriptor_0().map_err(ServerError::NoSocket)?],
        sockets => sockets,
    };
    let adopt = |socket| Listener::adopt(socket).map_err(ServerError::system("adopt a socket"));
    sockets.into_iter().map(adopt).collect()
}

/// Nothing if the variables are not there or meant for another process. They are removed, for they
/// are not meant for any process that we start.
fn from_systemd() -> Result<Vec<TcpListener>, String> {
    let mut handed = ListenFd::from_env();
    let count = handed.len();
    let take = |index| match handed.take_tcp_listener(index) {
        Ok(Some(socket)) => listening(socket, &format!("socket {index} of LISTEN_FDS")),
        Ok(None) => Err(format!("socket {index} of LISTEN_FDS is missing")),
        Err(error) => Err(format!("socket {index} of LISTEN_FDS: {error}")),
    };
    (0..count).map(take).collect()
}

/// The descriptor is duplicated: nothing else may come to be called 0.
fn descriptor_0() -> Result<TcpListener, String> {
    let socket = io::stdin().as_fd().try_clone_to_owned();
    let socket = socket.map_err(|error| format!("descriptor 0: {error}"))?;
    listening(TcpListener::from(socket), "descriptor 0")
}

/// That it listens, and for TCP: what a file or the connection of a client would be taken for otherwise shows
/// only when clients come.
fn listening(socket: TcpListener, what: &str) -> Result<TcpListener, String> {
    let listens = rustix::net::sockopt::socket_acceptconn(&socket).map_err(io::Error::from);
    match listens.and_then(|listens| listens.then(|| socket.local_addr()).transpose()) {
        Ok(Some(_address)) => Ok(socket),
        Ok(None) => Err(format!("{what} is a socket that does not listen")),
        Err(error) if error.kind() == ErrorKind::InvalidInput => {
            Err(format!("{what} is no TCP socket"))
        }
        Err(error) => Err(format!("{what}: {error}")),
    }
}

/// Tells when nobody has been connected for [`IDLE_TIME`].
#[derive(Debug)]
pub(crate) struct IdleEnd {
    time: Duration,
    /// Since when nobody is.
    since: Option<Instant>,
}

impl IdleEnd {
    /// Begins with nobody.
    pub(crate) fn new(time: Duration, now: Instant) -> Self {
        Self {
            time,
            since: Some(now),
        }
    }

    /// To be called whenever the number of clients may have changed.
    pub(crate) fn note(&mut self, clients: usize, now: Instant) {
        self.since = (clients == 0).then(|| self.since.unwrap_or(now));
    }

    /// When it is time to end.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.since.map(|since| since + self.time)
    }

    /// True if that is now.
    pub(crate) fn has_come(&self, now: Instant) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixListener;

    #[test]
    fn only_a_tcp_socket_that_listens_will_do() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
        let address = listener.local_addr().expect("its address");
        let client = TcpStream::connect(address).expect("a connection");
        assert!(listening(listener, "it").is_ok());
        let fault = |descriptor: OwnedFd| listening(descriptor.into(), "it").unwrap_err();
        assert_eq!(fault(client.into()), "it is a socket that does not listen");
        let directory = tempfile::tempdir().expect("a directory");
        let local = UnixListener::bind(directory.path().join("s")).expect("a socket");
        assert_eq!(fault(local.into()), "it is no TCP socket");
        let file = tempfile::tempfile().expect("a file");
        assert!(fault(file.into()).starts_with("it: "));
    }

    #[test]
    fn the_end_comes_a_while_after_the_last_client() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut end = IdleEnd::new(Duration::from_secs(10), start);
        end.note(0, at(5));
        assert_eq!(end.deadline(), Some(at(10)));
        end.note(1, at(9));
        assert_eq!(end.deadline(), None, "somebody came");
        end.note(0, at(20));
        assert!(!end.has_come(at(29)));
        assert!(end.has_come(at(30)));
    }
}
