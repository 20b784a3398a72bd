//! Sockets that clients connect to.

use crate::server::error::ServerError;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use rustix::net::sockopt;
use rustix::process::{Resource, Rlimit};
use std::io::{self, ErrorKind, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// Accepting is cheap, greeting is not: so many a turn keep those who are connected served while a crowd
/// arrives.
pub(crate) const ACCEPTS_A_TURN: usize = 10;

/// The same where every client begins with a handshake, which takes a hundred times as long.
const TLS_ACCEPTS_A_TURN: usize = 1;

/// The port where connections begin with TLS (RFC 8314 §7.1), whoever listens there for us.
pub(crate) const IMAPS: u16 = 993;

/// When the system is out of descriptors or memory, a connection stays in the kernel's queue, and accepting
/// fails again at once. Wait this long for somebody to leave.
const PAUSE: Duration = Duration::from_millis(500);

/// A listening socket.
pub(crate) struct Listener {
    socket: TcpListener,
    /// The address it got: with port 0 the system picks one.
    pub(crate) address: SocketAddr,
    /// Connections begin with TLS.
    pub(crate) is_tls: bool,
    /// True until `accept` answers `WouldBlock`.
    ready: bool,
    paused_until: Option<Instant>,
    /// Accepting has failed since it last worked; that is in the log once.
    failing: bool,
}

/// Somebody who has connected.
pub(crate) struct AcceptedConnection {
    pub(crate) client: TcpStream,
    pub(crate) address: SocketAddr,
    /// The connection begins with TLS.
    pub(crate) is_tls: bool,
}

impl Listener {
    pub(crate) fn bind(address: SocketAddr, is_tls: bool) -> Result<Self, ServerError> {
        let listen = || {
            let socket = TcpListener::bind(address)?;
            let address = socket.local_addr()?;
            Ok((socket, address))
        };
        let (socket, address) =
            listen().map_err(|source| ServerError::Listen { address, source })?;
        Ok(Self::new(socket, address, is_tls))
    }

    /// A socket that listens already. That TLS is expected there only the port tells.
    pub(crate) fn adopt(socket: net::TcpListener) -> io::Result<Self> {
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
            ready: false,
            paused_until: None,
            failing: false,
        }
    }

    /// From now on whoever connects is served.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.socket, token, Interest::READABLE)?;
        let how = if self.is_tls { " with TLS" } else { "" };
        log::info!("listening on {}{how}", self.address);
        Ok(())
    }

    /// The poll says that somebody is at the door.
    pub(crate) fn note_ready(&mut self) {
        self.ready = true;
    }

    /// True if it is worth calling [`Self::accept`].
    pub(crate) fn is_ready(&self, now: Instant) -> bool {
        self.ready && self.paused_until.is_none_or(|until| until <= now)
    }

    /// When a pause ends.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.paused_until.filter(|_| self.ready)
    }

    /// How many clients are let in by one turn of the loop.
    pub(crate) fn accepts_a_turn(&self) -> usize {
        if self.is_tls {
            TLS_ACCEPTS_A_TURN
        } else {
            ACCEPTS_A_TURN
        }
    }

    /// The next client, if there is one.
    pub(crate) fn accept(&mut self, now: Instant) -> Option<AcceptedConnection> {
        self.paused_until = None;
        match self.socket.accept() {
            Ok((client, address)) => {
                self.failing = false;
                return Some(AcceptedConnection {
                    client,
                    address,
                    is_tls: self.is_tls,
                });
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.ready = false,
            Err(error) if is_about_one_client(&error) => {}
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    log::error!("{}: cannot accept connections: {error}", self.address);
                }
                self.paused_until = Some(now + PAUSE);
            }
        }
        None
    }
}

/// True for errors of a connection that came and went again (accept(2)).
fn is_about_one_client(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    )
}

impl AcceptedConnection {
    /// Sends a client away who is one too many. Nobody else is disturbed. A client that begins with TLS would
    /// not understand a line.
    pub(crate) fn refuse(mut self) {
        if !self.is_tls {
            // A new socket has room for one line. If the client has gone already, that is as good.
            let line = b"* BYE Too many connections, try again later\r\n";
            let _ = self.client.write(line);
        }
        let _ = self.client.shutdown(Shutdown::Write);
    }
}

/// Sets what our connections have in common. It makes no difference to what is no TCP socket.
pub(crate) fn tune(client: impl AsFd) {
    // Responses are written whole: there is nothing that the kernel should wait for.
    let _ = sockopt::set_tcp_nodelay(&client, true);
    // Without it a client that lost its power would look idle until the idle time-out.
    let _ = sockopt::set_socket_keepalive(&client, true);
}

/// Lets the process have as many descriptors as the system allows it: a login shell allows 1 024 by
/// default, and as many clients would use all of them up.
pub(crate) fn raise_descriptor_limit() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = rustix::process::setrlimit(Resource::Nofile, raised) {
        log::warn!("the limit of open files stays as it is: {error}");
    }
}
