//! What stands in the place of TLS in a build without it: there are no certificates, so no connection is ever
//! under TLS.

use super::error::ServerError;
use crate::options::CertificateFiles;
use crate::session::TlsInfo;
use std::io::{self, Read, Write};
use std::time::{Instant, SystemTime};

/// There are none.
pub(super) enum Certificates {}

/// There is none.
pub(super) enum Link {}

/// What a handshake would have come to.
#[allow(dead_code, reason = "the same as with TLS, so that nobody has to ask")]
pub(super) enum Handshake {
    Done(TlsInfo),
    NeedsInput,
    NeedsRoom,
    Again,
}

impl Certificates {
    #[allow(clippy::unnecessary_wraps, reason = "the same as with TLS")]
    pub(super) fn load(_: &[CertificateFiles]) -> Result<Option<Self>, ServerError> {
        Ok(None)
    }

    pub(super) fn reload(&mut self) {
        match *self {}
    }

    pub(super) fn deadline(&self) -> Instant {
        match *self {}
    }

    pub(super) fn remind(&mut self, _: Instant, _: SystemTime) {
        match *self {}
    }

    pub(super) fn link(&self) -> Link {
        match *self {}
    }
}

impl Link {
    pub(super) fn is_handshaking(&self) -> bool {
        match *self {}
    }

    pub(super) fn handshake(
        &mut self,
        _: &mut (impl Read + Write),
        _: &mut Certificates,
        _: Instant,
    ) -> io::Result<Handshake> {
        match *self {}
    }

    pub(super) fn summary(&self) -> String {
        match *self {}
    }

    pub(super) fn read(&mut self, _: &mut (impl Read + Write), _: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }

    pub(super) fn write(&mut self, _: &mut impl Write, _: &[u8]) -> io::Result<usize> {
        match *self {}
    }

    pub(super) fn has_unsent(&self) -> bool {
        match *self {}
    }

    pub(super) fn flush(&mut self, _: &mut impl Write) -> io::Result<()> {
        match *self {}
    }

    pub(super) fn finish(&mut self, _: &mut impl Write) {
        match *self {}
    }
}
