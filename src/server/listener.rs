//! Sockets that clients connect to.

use super::error::ServerError;
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
pub(super) const ACCEPTS_A_TURN: usize = 10;

/// When the system is out of descriptors or memory, a connection stays in the kernel's queue, and accepting
/// fails again at once. Wait this long for somebody to leave.
const PAUSE: Duration = Duration::from_millis(500);

/// A listening socket.
pub(super) struct Listener {
    socket: TcpListener,
    /// The address it got: with port 0 the system picks one.
    pub(super) address: SocketAddr,
    /// True until `accept` answers `WouldBlock`.
    ready: bool,
    paused_until: Option<Instant>,
    /// Accepting has failed since it last worked; that is in the log once.
    failing: bool,
}

impl Listener {
    pub(super) fn bind(address: SocketAddr) -> Result<Self, ServerError> {
        let listen = || {
            let socket = TcpListener::bind(address)?;
            let address = socket.local_addr()?;
            Ok((socket, address))
        };
        let (socket, address) =
            listen().map_err(|source| ServerError::Listen { address, source })?;
        Ok(Self::new(socket, address))
    }

    /// A socket that listens already.
    pub(super) fn adopt(socket: net::TcpListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        Ok(Self::new(TcpListener::from_std(socket), address))
    }

    fn new(socket: TcpListener, address: SocketAddr) -> Self {
        Self {
            socket,
            address,
            ready: false,
            paused_until: None,
            failing: false,
        }
    }

    /// From now on whoever connects is served.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.socket, token, Interest::READABLE)?;
        log::info!("listening on {}", self.address);
        Ok(())
    }

    /// The poll says that somebody is at the door.
    pub(super) fn note_ready(&mut self) {
        self.ready = true;
    }

    /// True if it is worth calling [`Self::accept`].
    pub(super) fn is_ready(&self, now: Instant) -> bool {
        self.ready && self.paused_until.is_none_or(|until| until <= now)
    }

    /// When a pause ends.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.paused_until.filter(|_| self.ready)
    }

    /// The next client, if there is one.
    pub(super) fn accept(&mut self, now: Instant) -> Option<(TcpStream, SocketAddr)> {
        self.paused_until = None;
        match self.socket.accept() {
            Ok(client) => {
                self.failing = false;
                return Some(client);
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

/// Sends a client away who is one too many. Nobody else is disturbed.
pub(super) fn refuse(mut client: TcpStream) {
    // A new socket has room for one line. If the client has gone already, that is as good.
    let _ = client.write(b"* BYE Too many connections, try again later\r\n");
    let _ = client.shutdown(Shutdown::Write);
}

/// Sets what our connections have in common. It makes no difference to what is no TCP socket.
pub(super) fn tune(client: impl AsFd) {
    // Responses are written whole: there is nothing that the kernel should wait for.
    let _ = sockopt::set_tcp_nodelay(&client, true);
    // Without it a client that lost its power would look idle until the idle time-out.
    let _ = sockopt::set_socket_keepalive(&client, true);
}

/// Lets the process have as many descriptors as the system allows it: a login shell allows 1 024 by
/// default, and as many clients would use all of them up.
pub(super) fn raise_descriptor_limit() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = rustix::process::setrlimit(Resource::Nofile, raised) {
        log::warn!("the limit of open files stays as it is: {error}");
    }
}
