//! What carries the octets of one client: a TCP socket, or the two descriptors that inetd, ssh or a shell
//! gave us, with or without TLS above it. All of it is read and written without ever waiting.

use super::tls::{Certificates, Handshake, Link};
use mio::event::Source;
use mio::net::TcpStream;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::fs::OFlags;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Instant;

/// A two-way stream of octets that answers `WouldBlock`.
pub(super) struct Transport {
    stream: Stream,
    /// Boxed, for a client in clear text has none.
    tls: Option<Box<Link>>,
}

/// What is below TLS.
enum Stream {
    /// A connection that a listener accepted.
    Tcp(TcpStream),
    /// Descriptors that were there when the program started.
    Descriptors(Descriptors),
}

impl Transport {
    /// A connection that a listener accepted.
    pub(super) fn tcp(stream: TcpStream) -> Self {
        Self {
            stream: Stream::Tcp(stream),
            tls: None,
        }
    }

    /// Descriptors that were there when the program started.
    pub(super) fn descriptors(descriptors: Descriptors) -> Self {
        Self {
            stream: Stream::Descriptors(descriptors),
            tls: None,
        }
    }

    /// From now on all octets go through TLS.
    pub(super) fn begin_tls(&mut self, link: Link) {
        self.tls = Some(Box::new(link));
    }

    /// True while there is TLS that has not come to stand. Nothing can be read or written meanwhile.
    pub(super) fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_handshaking())
    }

    /// Goes on with the handshake.
    ///
    /// # Errors
    /// If it has failed.
    pub(super) fn handshake(
        &mut self,
        certificates: &mut Certificates,
        now: Instant,
    ) -> io::Result<Handshake> {
        match &mut self.tls {
            Some(tls) => tls.handshake(&mut self.stream, certificates, now),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// For the log, after the handshake.
    pub(super) fn tls_summary(&self) -> String {
        let tls = self.tls.as_ref();
        tls.map_or_else(String::new, |tls| tls.summary())
    }

    /// True if octets that were taken wait for room.
    pub(super) fn has_unsent(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.has_unsent())
    }

    /// Puts the stream under the eyes of the poll. Returns true if its input has to be taken as readable,
    /// now and always.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<bool> {
        match &mut self.stream {
            Stream::Tcp(stream) => {
                let interest = Interest::READABLE | Interest::WRITABLE;
                registry.register(stream, token, interest).map(|()| false)
            }
            Stream::Descriptors(pair) => pair.register(registry, token),
        }
    }

    /// Takes the stream out of the poll.
    pub(super) fn deregister(&mut self, registry: &Registry) {
        // Closing the socket does the same; an error here changes nothing.
        let _ = match &mut self.stream {
            Stream::Tcp(stream) => stream.deregister(registry),
            Stream::Descriptors(pair) => pair.deregister(registry),
        };
    }

    /// Reads what nobody is going to look at, as it comes.
    pub(super) fn discard(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }

    /// Tells the other side that nothing follows, so that it reads what was sent before.
    pub(super) fn finish_writing(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.finish(&mut self.stream);
        }
        if let Stream::Tcp(stream) = &self.stream {
            // It fails if the other side has gone already, and then nobody is left to be told.
            let _ = stream.shutdown(Shutdown::Write);
        }
    }
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            Some(tls) => tls.read(&mut self.stream, buffer),
            None => self.stream.read(buffer),
        }
    }
}

/// Under TLS, octets that were written may be unsent, until a flush succeeds.
impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            Some(tls) => tls.write(&mut self.stream, bytes),
            None => self.stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => tls.flush(&mut self.stream),
            None => Ok(()),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Descriptors(pair) => pair.input.file.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Descriptors(pair) => pair.output.file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An input and an output: one socket twice, two pipes, terminals, or plain files.
///
/// If both are the same open file, the second to be unblocked finds it so. Hence the order: the output is
/// unblocked first and, as fields are dropped in the order in which they stand here, set back last.
pub(super) struct Descriptors {
    input: Unblocked,
    output: Unblocked,
}

impl Descriptors {
    pub(super) fn new(input: OwnedFd, output: OwnedFd) -> io::Result<Self> {
        Ok(Self {
            output: Unblocked::new(output)?,
            input: Unblocked::new(input)?,
        })
    }

    /// A plain file cannot be polled (`EPERM`), but neither does it make anyone wait: it is always ready.
    /// An output is taken as ready to begin with, so only the input has to be told apart.
    fn register(&self, registry: &Registry, token: Token) -> io::Result<bool> {
        let input = pollable(self.input.register(registry, token, Interest::READABLE))?;
        pollable(self.output.register(registry, token, Interest::WRITABLE))?;
        Ok(!input)
    }

    fn deregister(&self, registry: &Registry) -> io::Result<()> {
        SourceFd(&self.input.file.as_raw_fd()).deregister(registry)?;
        SourceFd(&self.output.file.as_raw_fd()).deregister(registry)
    }
}

fn pollable(registered: io::Result<()>) -> io::Result<bool> {
    match registered {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(false),
        Err(error) => Err(error),
    }
}

/// A descriptor that was set not to block, and is set back in the end: whoever started us may share it,
/// as a shell shares its terminal.
struct Unblocked {
    file: File,
    before: OFlags,
}

impl Unblocked {
    fn new(descriptor: OwnedFd) -> io::Result<Self> {
        let before = rustix::fs::fcntl_getfl(&descriptor)?;
        rustix::fs::fcntl_setfl(&descriptor, before | OFlags::NONBLOCK)?;
        let file = File::from(descriptor);
        Ok(Self { file, before })
    }

    fn register(&self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        SourceFd(&self.file.as_raw_fd()).register(registry, token, interest)
    }
}

impl Drop for Unblocked {
    fn drop(&mut self) {
        // Nothing can be done about a failure, and nobody is left to be told.
        let _ = rustix::fs::fcntl_setfl(self.file.as_fd(), self.before);
    }
}
