//! Reading the header of a proxy from a socket, and not one octet more.

use super::client_origin::ClientOrigin;
use super::header::{Parsed, parse};
use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// Time that a proxy has for its header. It sends it at once.
pub(super) const HEADER_TIME: Duration = Duration::from_secs(5);

/// The beginning of a header.
#[derive(Default)]
pub(super) struct PartialHeader {
    octets: Vec<u8>,
}

impl PartialHeader {
    /// Returns the origin of the client, once the header is complete.
    ///
    /// # Errors
    /// If what the other end has sent is no header.
    pub(super) fn origin(&self, proxy: SocketAddr) -> io::Result<Option<ClientOrigin>> {
        match parse(&self.octets) {
            Parsed::Header(header) => Ok(Some(ClientOrigin::behind(proxy, header))),
            Parsed::Invalid => Err(io::Error::new(
                ErrorKind::InvalidData,
                "it did not begin with a valid header of the PROXY protocol",
            )),
            Parsed::More(_) => Ok(None),
        }
    }

    /// Reads on, in one call.
    ///
    /// # Errors
    /// If reading fails or would block.
    pub(super) fn read(&mut self, from: &mut impl Read) -> io::Result<()> {
        match parse(&self.octets) {
            Parsed::More(count) => read_some(from, count, &mut self.octets),
            Parsed::Header(_) | Parsed::Invalid => Ok(()),
        }
    }
}

/// Waits for the header on a socket that this process has for itself.
///
/// # Errors
/// If the header is late or invalid.
pub(crate) fn read_header(socket: impl AsFd, proxy: SocketAddr) -> io::Result<ClientOrigin> {
    let mut socket = TcpStream::from(socket.as_fd().try_clone_to_owned()?);
    let deadline = Instant::now() + HEADER_TIME;
    let mut header = PartialHeader::default();
    loop {
        if let Some(origin) = header.origin(proxy)? {
            socket.set_read_timeout(None)?;
            return Ok(origin);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        header.read(&mut socket)?;
    }
}

/// Reads at most `count` octets, in one call.
fn read_some(from: &mut impl Read, count: usize, octets: &mut Vec<u8>) -> io::Result<()> {
    let before = octets.len();
    octets.resize(before + count, 0);
    let read = from.read(&mut octets[before..]);
    octets.truncate(before + *read.as_ref().unwrap_or(&0));
    match read {
        Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Ok(()),
    }
}
