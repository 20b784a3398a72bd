//! [`TlsStream`]: TLS on one connection.

use super::certificates::Certificates;
use crate::session::TlsInfo;
use rustls::server::{Accepted, AcceptedAlert, Acceptor};
use rustls::{Error, ProtocolVersion, ServerConnection};
use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

/// Octets that are encrypted at a time: the longest content of one record (RFC 8446 §5.1).
const RECORD: usize = 16 * 1024;
/// Octets that a record has besides its content, at most (RFC 5246 §6.2.3, RFC 8446 §5.2).
const RECORD_OVERHEAD: usize = 64;
/// Most octets that are kept of a record or a handshake message that is not complete.
const MAX_INCOMPLETE: usize = 64 * 1024;
/// Reads of a handshake in one turn. An ordinary one takes three.
const READS_PER_TURN: usize = 16;

/// The state of a handshake.
#[derive(Debug)]
pub(crate) enum Handshake {
    /// It is complete.
    Done(TlsInfo),
    /// It goes on when the client has sent something.
    NeedsInput,
    /// It goes on when there is room for output.
    NeedsRoom,
    /// It goes on in the next turn.
    Again,
}

/// The TLS of one connection. Each call gets the stream below it.
pub(crate) struct TlsStream {
    state: TlsState,
    /// Channel binding of the certificate, which the handshake reports when it is complete.
    end_point: Option<Vec<u8>>,
    held: HeldOctets,
}

/// Octets that TLS holds. `rustls` tells only part of them, and that only now and then.
#[derive(Debug, Default)]
struct HeldOctets {
    /// Octets that were read since a record was complete.
    incomplete: usize,
    /// Decrypted octets that were not read yet.
    unread: usize,
    /// Encrypted octets that were not sent yet.
    unsent: usize,
}

enum TlsState {
    /// Waits for a ClientHello.
    New(Acceptor),
    Begun(ServerConnection),
}

impl TlsStream {
    /// Returns TLS that begins with the next octet from the client. The server has certificates,
    /// otherwise there is no TLS.
    pub(crate) fn new(_: &Certificates) -> Self {
        Self {
            state: TlsState::New(Acceptor::default()),
            end_point: None,
            held: HeldOctets::default(),
        }
    }

    /// Returns the octets of memory that wait to be decrypted, read, or sent.
    pub(crate) fn memory(&self) -> usize {
        let HeldOctets {
            incomplete,
            unread,
            unsent,
        } = self.held;
        incomplete.min(MAX_INCOMPLETE) + unread + unsent
    }

    /// True until [`Self::handshake`] has been done.
    pub(crate) fn is_handshaking(&self) -> bool {
        match &self.state {
            TlsState::New(_) => true,
            TlsState::Begun(tls) => tls.is_handshaking(),
        }
    }

    /// Goes on with the handshake.
    ///
    /// # Errors
    /// If it has failed. The client gets an alert, as far as that is possible.
    pub(crate) fn handshake(
        &mut self,
        stream: &mut (impl Read + Write),
        certificates: &mut Certificates,
        now: Instant,
    ) -> io::Result<Handshake> {
        for _ in 0..READS_PER_TURN {
            match would_block(self.flush(stream))? {
                Some(()) if !self.is_handshaking() => {
                    self.held.incomplete = 0;
                    return Ok(Handshake::Done(self.info()));
                }
                Some(()) => {}
                None => return Ok(Handshake::NeedsRoom),
            }
            match would_block(self.read_tls(stream))? {
                Some(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Some(_) => self.process(stream, certificates, now)?,
                None => return Ok(Handshake::NeedsInput),
            }
        }
        Ok(Handshake::Again)
    }

    fn read_tls(&mut self, stream: &mut impl Read) -> io::Result<usize> {
        let count = match &mut self.state {
            TlsState::New(acceptor) => acceptor.read_tls(stream),
            TlsState::Begun(tls) => tls.read_tls(stream),
        }?;
        self.held.incomplete = self.held.incomplete.saturating_add(count);
        Ok(count)
    }

    fn process(
        &mut self,
        stream: &mut impl Write,
        certificates: &mut Certificates,
        now: Instant,
    ) -> io::Result<()> {
        match &mut self.state {
            TlsState::Begun(tls) => process(tls, &mut self.held, stream),
            TlsState::New(acceptor) => {
                let accepted = acceptor.accept();
                if let Some(hello) = accepted.map_err(|fault| refuse(fault, stream))? {
                    self.begin(hello, stream, certificates, now)?;
                }
                Ok(())
            }
        }
    }

    fn begin(
        &mut self,
        accepted: Accepted,
        stream: &mut impl Write,
        certificates: &mut Certificates,
        now: Instant,
    ) -> io::Result<()> {
        let chosen = certificates.choose(&accepted.client_hello(), now);
        self.end_point = chosen.end_point();
        let begun = accepted.into_connection(chosen.settings());
        self.state = TlsState::Begun(begun.map_err(|fault| refuse(fault, stream))?);
        Ok(())
    }

    fn info(&mut self) -> TlsInfo {
        TlsInfo {
            exporter: self.exporter(),
            end_point: self.end_point.take(),
        }
    }

    /// Returns the octets of RFC 9266 §2: this many, under this label, with no context. Before TLS
    /// 1.3 a host in the middle might have the same.
    fn exporter(&self) -> Option<[u8; 32]> {
        let TlsState::Begun(tls) = &self.state else {
            return None;
        };
        let is_new = tls.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        let export = || tls.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b""));
        is_new.then(export)?.ok()
    }

    /// Returns the version, the cipher suite, and the name that the client has asked for, for the
    /// log.
    pub(crate) fn summary(&self) -> String {
        let TlsState::Begun(tls) = &self.state else {
            return "no TLS yet".into();
        };
        let version = tls.protocol_version().and_then(|version| version.as_str());
        let suite = tls.negotiated_cipher_suite().map(|suite| suite.suite());
        format!(
            "{} {} {}",
            version.unwrap_or("TLS"),
            suite.and_then(|suite| suite.as_str()).unwrap_or("?"),
            tls.server_name().unwrap_or("(no name)")
        )
    }

    /// Reads data that the client has sent inside TLS, from one read of the stream. `Interrupted`
    /// means that records without data came. The end of the stream without the closing alert is an
    /// end like any other: commands and literals have ends of their own.
    pub(crate) fn read(
        &mut self,
        stream: &mut (impl Read + Write),
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        if let Some(count) = self.take_plaintext(buffer)? {
            return Ok(count);
        }
        self.read_tls(stream)?;
        if let TlsState::Begun(tls) = &mut self.state {
            process(tls, &mut self.held, stream)?;
        }
        let count = self.take_plaintext(buffer)?;
        count.ok_or_else(|| ErrorKind::Interrupted.into())
    }

    /// Reads decrypted octets: 0 at the end of the input, `None` if none are there.
    fn take_plaintext(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let TlsState::Begun(tls) = &mut self.state else {
            return Err(ErrorKind::WouldBlock.into());
        };
        let count = match tls.reader().read(buffer) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(Some(0)),
            other => would_block(other)?,
        };
        self.held.unread -= count.unwrap_or(0).min(self.held.unread);
        Ok(count)
    }

    /// Sends octets inside TLS, one record at most. They count as sent once they are encrypted;
    /// part of the last record may be [unsent](Self::has_unsent).
    pub(crate) fn write(&mut self, stream: &mut impl Write, octets: &[u8]) -> io::Result<usize> {
        self.flush(stream)?;
        let TlsState::Begun(tls) = &mut self.state else {
            return Err(ErrorKind::WouldBlock.into());
        };
        let count = tls.writer().write(&octets[..octets.len().min(RECORD)])?;
        self.held.unsent += count + RECORD_OVERHEAD;
        would_block(self.flush(stream))?;
        Ok(count)
    }

    /// True if encrypted octets wait for room.
    pub(crate) fn has_unsent(&self) -> bool {
        matches!(&self.state, TlsState::Begun(tls) if tls.wants_write())
    }

    /// Sends the encrypted octets.
    pub(crate) fn flush(&mut self, stream: &mut impl Write) -> io::Result<()> {
        let TlsState::Begun(tls) = &mut self.state else {
            return Ok(());
        };
        while tls.wants_write() {
            let count = tls.write_tls(stream)?;
            if count == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            self.held.unsent = self.held.unsent.saturating_sub(count);
        }
        self.held.unsent = 0;
        Ok(())
    }

    /// Sends the closing alert (RFC 8446 §6.1), if there is room for it.
    pub(crate) fn finish(&mut self, stream: &mut impl Write) {
        if let TlsState::Begun(tls) = &mut self.state {
            tls.send_close_notify();
        }
        // The connection is over in any case.
        let _ = self.flush(stream);
    }
}

fn would_block<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        other => other.map(Some),
    }
}

fn process(
    tls: &mut ServerConnection,
    held: &mut HeldOctets,
    stream: &mut impl Write,
) -> io::Result<()> {
    let processed = tls.process_new_packets().map(|state| {
        held.unread = state.plaintext_bytes_to_read();
        held.unsent = state.tls_bytes_to_write();
        if held.unread > 0 {
            held.incomplete = 0;
        }
    });
    processed.map_err(|error| {
        // This sends the alert. If there is no room for it, the client notices the end of the
        // connection.
        let _ = tls.write_tls(stream);
        failed(&error)
    })
}

/// Sends the alert, as far as there is room for it.
fn refuse((error, mut alert): (Error, AcceptedAlert), stream: &mut impl Write) -> io::Error {
    let _ = alert.write_all(stream);
    failed(&error)
}

fn failed(error: &Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("TLS: {error}"))
}
