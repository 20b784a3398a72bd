//! The octets of one client: over a TCP socket, or over the two descriptors that inetd, ssh or a
//! shell has given this process, with or without TLS. No read or write waits.

use super::tls::{Certificates, Handshake, TlsStream};
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

/// A stream of octets in both directions that answers `WouldBlock` instead of waiting.
pub(super) struct Transport {
    stream: Stream,
    /// Boxed, because a client in clear text has none.
    tls: Option<Box<TlsStream>>,
}

/// The stream below TLS.
enum Stream {
    /// A connection that a listener accepted.
    Tcp(TcpStream),
    /// Descriptors that the process was started with.
    Descriptors(Descriptors),
}

impl Transport {
    /// Returns the transport of an accepted connection.
    pub(super) fn tcp(stream: TcpStream) -> Self {
        Self {
            stream: Stream::Tcp(stream),
            tls: None,
        }
    }

    /// Returns a transport over descriptors that the process was started with.
    pub(super) fn descriptors(descriptors: Descriptors) -> Self {
        Self {
            stream: Stream::Descriptors(descriptors),
            tls: None,
        }
    }

    /// Sends all octets through TLS from now on.
    pub(super) fn begin_tls(&mut self, tls: TlsStream) {
        self.tls = Some(Box::new(tls));
    }

    /// True while the TLS handshake is not complete. Nothing can be read or written meanwhile.
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

    /// Returns version, cipher suite and name of the TLS, for the log. The caller calls it after
    /// the handshake.
    pub(super) fn tls_summary(&self) -> String {
        let tls = self.tls.as_ref();
        tls.map_or_else(String::new, |tls| tls.summary())
    }

    /// True if octets that were taken are not sent yet.
    pub(super) fn has_unsent(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.has_unsent())
    }

    /// Returns the octets of memory that TLS holds which are not sent, or not read, yet.
    pub(super) fn memory(&self) -> usize {
        self.tls.as_ref().map_or(0, |tls| tls.memory())
    }

    /// Registers the stream with the poll. Returns true if its input counts as readable, now and
    /// always.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<bool> {
        match &mut self.stream {
            Stream::Tcp(stream) => {
                let interest = Interest::READABLE | Interest::WRITABLE;
                registry.register(stream, token, interest).map(|()| false)
            }
            Stream::Descriptors(pair) => pair.register(registry, token),
        }
    }

    /// Removes the stream from the poll.
    pub(super) fn deregister(&mut self, registry: &Registry) {
        // Closing the socket does the same; an error here changes nothing.
        let _ = match &mut self.stream {
            Stream::Tcp(stream) => stream.deregister(registry),
            Stream::Descriptors(pair) => pair.deregister(registry),
        };
    }

    /// Reads octets that are discarded, without TLS.
    pub(super) fn discard(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }

    /// Tells the client that no more octets follow, so that it reads those that were sent before.
    pub(super) fn finish_writing(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.finish(&mut self.stream);
        }
        if let Stream::Tcp(stream) = &self.stream {
            // It fails if the client has disconnected already.
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

/// Under TLS, written octets may be unsent until a flush succeeds.
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
/// If both are the same open file, the second to be set finds it set. Hence the order: the output
/// is set first and, as fields are dropped in the order of their declaration, set back last.
pub(super) struct Descriptors {
    input: NonBlocking,
    output: NonBlocking,
}

impl Descriptors {
    pub(super) fn new(input: OwnedFd, output: OwnedFd) -> io::Result<Self> {
        Ok(Self {
            output: NonBlocking::new(output)?,
            input: NonBlocking::new(input)?,
        })
    }

    /// Registers both with the poll. A plain file cannot be polled (`EPERM`), but a read or a write
    /// of it never waits: it is always ready. An output counts as writable from the start, so only
    /// the input matters.
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

/// A descriptor that was set not to block, and is set back at the end: the program that has started
/// this one may share it, as a shell shares its terminal.
struct NonBlocking {
    file: File,
    before: OFlags,
}

impl NonBlocking {
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

impl Drop for NonBlocking {
    fn drop(&mut self) {
        // A failure cannot be handled, and the client has disconnected.
        let _ = rustix::fs::fcntl_setfl(self.file.as_fd(), self.before);
    }
}
