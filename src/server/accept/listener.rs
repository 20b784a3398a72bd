//! One listening socket, and the connections that it accepts.

use crate::server::error::ServerError;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use rustix::net::sockopt;
use rustix::process::{Resource, Rlimit};
use socket2::SockRef;
use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// Connections that one listener accepts in one turn of the loop. Accepting is cheap, greeting is
/// not: the limit keeps connected clients served while many others connect.
pub(super) const ACCEPTS_PER_TURN: usize = 10;

/// The same where each client begins with a TLS handshake, which takes a hundred times as long.
const TLS_ACCEPTS_PER_TURN: usize = 1;

/// The port on which connections begin with TLS (RFC 8314 §7.1), whichever program listens there.
pub(super) const IMAPS: u16 = 993;

/// Time without accepting after the system ran out of descriptors or memory: the connection stays
/// in the kernel's queue, and accepting would fail again at once. Meanwhile other clients may
/// leave.
const PAUSE: Duration = Duration::from_millis(500);

/// Octets that the kernel may keep of one connection and has not sent, to the nearest segments: two
/// chunks of the output queue, so that a fast client never waits for the event loop. By default the
/// kernel takes up to 4 MB for a client that does not read, which no limit of this server counts.
const MAX_UNSENT: u32 = 128 * 1024;

/// Connections that the kernel accepts before the server does. A client beyond them waits a second
/// until it tries again: many come at once after a restart. `net.core.somaxconn` may be lower.
const BACKLOG: i32 = 4096;

/// A listening socket.
pub(crate) struct Listener {
    socket: TcpListener,
    /// Address that the socket is bound to; for port 0 the port is the one that the system picked.
    pub(crate) address: SocketAddr,
    /// True if connections begin with TLS.
    pub(crate) is_tls: bool,
    /// True until `accept` answers `WouldBlock`.
    is_readable: bool,
    paused_until: Option<Instant>,
    /// True if accepting has failed since it last worked, so that the failure is logged once.
    is_failing: bool,
}

/// A connection that a listener has accepted.
pub(crate) struct AcceptedConnection {
    /// Number of the connection in this process, which the log names it by.
    pub(crate) id: u64,
    pub(crate) stream: TcpStream,
    /// Address of the other end, which is a client or a proxy.
    pub(crate) address: SocketAddr,
    /// True if the connection begins with TLS.
    pub(crate) is_tls: bool,
}

impl Listener {
    /// Listens on an address.
    ///
    /// # Errors
    /// If the system refuses the address.
    pub(crate) fn bind(address: SocketAddr, is_tls: bool) -> Result<Self, ServerError> {
        let listen = || {
            let socket = TcpListener::bind(address)?;
            rustix::net::listen(&socket, BACKLOG)?;
            let address = socket.local_addr()?;
            Ok((socket, address))
        };
        let (socket, address) =
            listen().map_err(|source| ServerError::Listen { address, source })?;
        Ok(Self::new(socket, address, is_tls))
    }

    /// Takes over a socket that listens already. Its port tells whether connections begin with TLS.
    pub(super) fn adopt(socket: net::TcpListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let is_tls = address.port() == IMAPS;
        Ok(Self::new(TcpListener::from_std(socket), address, is_tls))
    }

    fn new(socket: TcpListener, address: SocketAddr, is_tls: bool) -> Self {
        Self {
            socket,
            address,
            is_tls,
            is_readable: false,
            paused_until: None,
            is_failing: false,
        }
    }

    /// Registers the socket with the poll; from now on connections are accepted.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.socket, token, Interest::READABLE)?;
        let how = if self.is_tls { " with TLS" } else { "" };
        log::info!("listening on {}{how}", self.address);
        Ok(())
    }

    /// Notes an event of the poll: a connection waits.
    pub(super) fn note_readable(&mut self) {
        self.is_readable = true;
    }

    /// True if [`Self::accept`] may return a connection.
    pub(super) fn is_ready(&self, now: Instant) -> bool {
        self.is_readable && self.paused_until.is_none_or(|until| until <= now)
    }

    /// Returns the end of a pause.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.paused_until.filter(|_| self.is_readable)
    }

    /// Returns how many connections the event loop accepts in one turn.
    pub(super) fn accepts_per_turn(&self) -> usize {
        if self.is_tls {
            TLS_ACCEPTS_PER_TURN
        } else {
            ACCEPTS_PER_TURN
        }
    }

    /// Accepts the next connection, if one waits.
    pub(super) fn accept(&mut self, id: u64, now: Instant) -> Option<AcceptedConnection> {
        self.paused_until = None;
        match self.socket.accept() {
            Ok((stream, address)) => {
                self.is_failing = false;
                return Some(AcceptedConnection {
                    id,
                    stream,
                    address,
                    is_tls: self.is_tls,
                });
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_readable = false,
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    log::error!("{}: cannot accept connections: {error}", self.address);
                }
                self.paused_until = Some(now + PAUSE);
            }
        }
        None
    }
}

/// True for errors of a connection that ended before it was accepted (accept(2)).
fn is_about_one_connection(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    )
}

impl AcceptedConnection {
    /// Sends BYE and closes the connection. A client that begins with TLS would not understand the
    /// line, so it gets none.
    pub(super) fn refuse(mut self) {
        if !self.is_tls {
            // A new socket has room for one line. If the client has gone already, it needs none.
            let line = b"* BYE Too many connections, try again later\r\n";
            let _ = self.stream.write(line);
        }
        let _ = self.stream.shutdown(Shutdown::Write);
    }
}

/// For the log, as in all lines about a connection: `connection 7 from 192.0.2.1:40000`.
impl fmt::Display for AcceptedConnection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "connection {} from {}", self.id, self.address)
    }
}

/// Sets the options that all connections have. They have no effect on a descriptor that is no TCP
/// socket.
pub(crate) fn set_socket_options(socket: impl AsFd) {
    // Responses are written whole: the kernel need not wait for more.
    let _ = sockopt::set_tcp_nodelay(&socket, true);
    // Without it a client whose host lost its power would count as connected until the idle
    // time-out.
    let _ = sockopt::set_socket_keepalive(&socket, true);
    let _ = SockRef::from(&socket).set_tcp_notsent_lowat(MAX_UNSENT);
}

/// Raises the limit of open descriptors as far as the system allows. A login shell allows 1 024 by
/// default, and as many clients would use all of them.
pub(crate) fn raise_descriptor_limit() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = rustix::process::setrlimit(Resource::Nofile, raised) {
        log::warn!("cannot raise the limit of open files: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_does_not_read_has_little_memory_of_the_kernel() {
        let listener = net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let _client = net::TcpStream::connect(address).expect("a connection");
        let (socket, _) = listener.accept().expect("a connection");
        set_socket_options(&socket);
        let unsent = SockRef::from(&socket).tcp_notsent_lowat();
        assert_eq!(unsent.expect("TCP"), MAX_UNSENT);
    }
}
