//! [`AuthWorker`]: the event loop's end of the socket.

use super::messages::{Serial, WorkerMessage};
use super::packet::{self, MAX_PACKET, Octets};
use super::request_socket::RequestSocket;
use super::settings::WorkerSettings;
use super::{process, worker};
use crate::options::Options;
use crate::session::LoginRequest;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Child;

/// Where passwords are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placement {
    /// In other threads of this process.
    Threads,
    /// In separate processes.
    Processes,
}

/// The auth worker as the event loop sees it. No call waits.
pub(crate) struct AuthWorker {
    settings: WorkerSettings,
    placement: Placement,
    /// Where the socket is registered.
    poll: Option<(Registry, Token)>,
    link: Option<WorkerLink>,
    /// Why no password can be checked any more.
    fault: Option<io::Error>,
}

/// The connection to the supervisor and the worker, or to the threads.
struct WorkerLink {
    socket: OwnedFd,
    supervisor: Option<Child>,
    /// Packets that the socket had no room for yet.
    unsent: VecDeque<Octets>,
}

impl AuthWorker {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            settings: WorkerSettings::new(options),
            placement: Placement::Threads,
            poll: None,
            link: None,
            fault: None,
        }
    }

    /// Makes separate processes check the passwords.
    pub(crate) fn use_processes(&mut self) {
        self.placement = Placement::Processes;
    }

    /// Registers the socket, now and whenever there is a new one: `token` is an event when
    /// [`Self::receive`] may return something.
    pub(crate) fn register(&mut self, registry: Registry, token: Token) -> io::Result<()> {
        self.poll = Some((registry, token));
        self.link
            .as_ref()
            .map_or(Ok(()), |link| self.register_link(link))
    }

    fn register_link(&self, link: &WorkerLink) -> io::Result<()> {
        let Some((registry, token)) = &self.poll else {
            return Ok(());
        };
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut SourceFd(&link.socket.as_raw_fd()), *token, interest)
    }

    /// Starts the supervisor or the threads, unless they run. Otherwise the first request starts
    /// them.
    pub(crate) fn start(&mut self) -> io::Result<()> {
        if self.link.is_none() {
            let link = WorkerLink::new(&self.settings, self.placement)?;
            self.register_link(&link)?;
            self.link = Some(link);
        }
        Ok(())
    }

    /// Sends a request. [`Self::receive`] returns the reply later.
    pub(crate) fn send(&mut self, serial: Serial, request: &LoginRequest) -> io::Result<()> {
        let packet = packet::from_request(serial, request);
        let packet = packet.ok_or_else(|| io::Error::other("the request is too long"))?;
        self.start()?;
        if let Some(link) = &mut self.link {
            link.unsent.push_back(packet);
            // If it fails, the next receive reports the end of the connection.
            let _ = link.flush();
        }
        Ok(())
    }

    /// Returns the next message, or `None` if there is none for now.
    pub(crate) fn receive(&mut self) -> Option<WorkerMessage> {
        let link = self.link.as_mut()?;
        match link.flush().and_then(|()| link.receive()) {
            Ok(message) => message,
            Err(error) => {
                log::error!("the auth worker has ended: {error}");
                self.hang_up();
                self.restart();
                Some(WorkerMessage::Lost)
            }
        }
    }

    /// Starts the supervisor again. A process in a sandbox cannot start another.
    fn restart(&mut self) {
        let started = self.start();
        self.fault = started
            .err()
            .filter(|error| error.kind() == io::ErrorKind::PermissionDenied);
    }

    /// Returns, once, why no password can be checked any more.
    pub(crate) fn take_fault(&mut self) -> Option<io::Error> {
        self.fault.take()
    }

    /// Closes the connection. The next request opens another, if the process still may.
    pub(crate) fn hang_up(&mut self) {
        let Some(link) = self.link.take() else {
            return;
        };
        if let Some((registry, _)) = &self.poll {
            // Closing the socket does the same.
            let _ = registry.deregister(&mut SourceFd(&link.socket.as_raw_fd()));
        }
        drop(link.socket);
        if let Some(mut supervisor) = link.supervisor {
            // It has ended, or ends now that the socket is closed: it waits for nothing but the
            // socket and its worker, and the worker ends with the socket too.
            let _ = supervisor.try_wait();
        }
    }
}

impl WorkerLink {
    fn new(settings: &WorkerSettings, placement: Placement) -> io::Result<Self> {
        let (family, kind) = (AddressFamily::UNIX, SocketType::SEQPACKET);
        let (socket, other) = rustix::net::socketpair(family, kind, SocketFlags::CLOEXEC, None)?;
        let supervisor = match placement {
            Placement::Processes => Some(process::start(settings, other)?),
            Placement::Threads => {
                let settings = settings.clone();
                std::thread::Builder::new()
                    .name("auth worker".into())
                    .spawn(move || {
                        let socket = RequestSocket::new(&other, None, None);
                        worker::serve(&socket, &worker::PasswordChecker::new(&settings));
                    })?;
                None
            }
        };
        Ok(Self {
            socket,
            supervisor,
            unsent: VecDeque::new(),
        })
    }

    /// Sends the packets that there is room for.
    fn flush(&mut self) -> io::Result<()> {
        while let Some(packet) = self.unsent.front() {
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            match rustix::net::send(&self.socket, packet, flags) {
                Ok(_) => drop(self.unsent.pop_front()),
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Returns the next message, or `None` if there is none yet.
    fn receive(&self) -> io::Result<Option<WorkerMessage>> {
        let mut octets = [0; MAX_PACKET + 1];
        loop {
            match rustix::net::recv(&self.socket, &mut octets[..], RecvFlags::DONTWAIT) {
                Ok((0, _)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok((length, _)) => {
                    let message = packet::parse_message(&octets[..length]);
                    let invalid = || io::Error::other("it has sent an invalid packet");
                    return message.ok_or_else(invalid).map(Some);
                }
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
