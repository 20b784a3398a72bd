//! Listening sockets that another program opened: `--wait`.
//!
//! A program that starts services on demand listens itself and hands the listening sockets down.
//! There are two conventions. inetd (`wait`) and xinetd (`wait = yes`) give one socket, as
//! descriptor 0. systemd gives any number of them from descriptor 3 on, and says how many in
//! `LISTEN_FDS` and for which process in `LISTEN_PID` (sd_listen_fds(3)). If these variables are
//! set and meant for this process they count, otherwise descriptor 0.
//!
//! That program keeps the sockets open: clients that connect while no process serves them wait in
//! the kernel's queue, and make it start the next process. So this process may end whenever no
//! client is connected ([`IdleEnd`](super::IdleEnd)).

use super::listener::Listener;
use crate::server::error::ServerError;
use listenfd::ListenFd;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::fd::AsFd;

/// Takes the listening sockets that this process was started with; at least one.
pub(crate) fn inherited_listeners() -> Result<Vec<Listener>, ServerError> {
    let sockets = match from_systemd().map_err(ServerError::NoSocket)? {
        sockets if sockets.is_empty() => vec![descriptor_0().map_err(ServerError::NoSocket)?],
        sockets => sockets,
    };
    let adopt = |socket| Listener::adopt(socket).map_err(ServerError::system("adopt a socket"));
    sockets.into_iter().map(adopt).collect()
}

/// Returns the sockets of `LISTEN_FDS`: none if the variables are not set or are meant for another
/// process. Removes the variables, which are not meant for processes that this one starts.
fn from_systemd() -> Result<Vec<TcpListener>, String> {
    let mut inherited = ListenFd::from_env();
    let count = inherited.len();
    let take = |index| match inherited.take_tcp_listener(index) {
        Ok(Some(socket)) => require_listening(socket, &format!("socket {index} of LISTEN_FDS")),
        Ok(None) => Err(format!("socket {index} of LISTEN_FDS is missing")),
        Err(error) => Err(format!("socket {index} of LISTEN_FDS: {error}")),
    };
    (0..count).map(take).collect()
}

/// Duplicates the descriptor, so that no file that is opened later becomes descriptor 0.
fn descriptor_0() -> Result<TcpListener, String> {
    let socket = io::stdin().as_fd().try_clone_to_owned();
    let socket = socket.map_err(|error| format!("descriptor 0: {error}"))?;
    require_listening(TcpListener::from(socket), "descriptor 0")
}

/// Checks that the socket listens, and for TCP. Without the check a file, or the connection of a
/// client, would be noticed only when clients connect.
fn require_listening(socket: TcpListener, name: &str) -> Result<TcpListener, String> {
    let listens = rustix::net::sockopt::socket_acceptconn(&socket).map_err(io::Error::from);
    match listens.and_then(|listens| listens.then(|| socket.local_addr()).transpose()) {
        Ok(Some(_address)) => Ok(socket),
        Ok(None) => Err(format!("{name} is a socket that does not listen")),
        Err(error) if error.kind() == ErrorKind::InvalidInput => {
            Err(format!("{name} is no TCP socket"))
        }
        Err(error) => Err(format!("{name}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixListener;

    #[test]
    fn only_a_tcp_socket_that_listens_is_taken() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
        let address = listener.local_addr().expect("its address");
        let client = TcpStream::connect(address).expect("a connection");
        assert!(require_listening(listener, "it").is_ok());
        let fault = |descriptor: OwnedFd| require_listening(descriptor.into(), "it").unwrap_err();
        assert_eq!(fault(client.into()), "it is a socket that does not listen");
        let directory = tempfile::tempdir().expect("a directory");
        let local = UnixListener::bind(directory.path().join("s")).expect("a socket");
        assert_eq!(fault(local.into()), "it is no TCP socket");
        let file = tempfile::tempfile().expect("a file");
        assert!(fault(file.into()).starts_with("it: "));
    }
}
