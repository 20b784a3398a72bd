//! What stands in the place of TLS in a build without it: there are no certificates, so no connection is ever
//! under TLS. The rest of the server does not have to know.
#![allow(
    dead_code,
    clippy::needless_pass_by_ref_mut,
    clippy::unnecessary_wraps,
    reason = "all is as it is with TLS"
)]

use super::error::ServerError;
use crate::options::CertificateFiles;
use crate::session::TlsInfo;
use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::time::{Instant, SystemTime};

/// There are none.
pub(super) struct Certificates(Infallible);

/// There is none.
pub(super) struct Link(Infallible);

/// What a handshake would have come to.
pub(super) enum Handshake {
    Done(TlsInfo),
    NeedsInput,
    NeedsRoom,
    Again,
}

impl Certificates {
    pub(super) fn load(_: &[CertificateFiles]) -> Result<Option<Self>, ServerError> {
        Ok(None)
    }

    pub(super) fn reload(&mut self) {
        match self.0 {}
    }

    pub(super) fn deadline(&self) -> Instant {
        match self.0 {}
    }

    pub(super) fn remind(&mut self, _: Instant, _: SystemTime) {
        match self.0 {}
    }

    pub(super) fn link(&self) -> Link {
        match self.0 {}
    }
}

impl Link {
    pub(super) fn is_handshaking(&self) -> bool {
        match self.0 {}
    }

    pub(super) fn handshake(
        &mut self,
        _: &mut (impl Read + Write),
        _: &mut Certificates,
        _: Instant,
    ) -> io::Result<Handshake> {
        match self.0 {}
    }

    pub(super) fn summary(&self) -> String {
        match self.0 {}
    }

    pub(super) fn read(&mut self, _: &mut (impl Read + Write), _: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }

    pub(super) fn write(&mut self, _: &mut impl Write, _: &[u8]) -> io::Result<usize> {
        match self.0 {}
    }

    pub(super) fn has_unsent(&self) -> bool {
        match self.0 {}
    }

    pub(super) fn flush(&mut self, _: &mut impl Write) -> io::Result<()> {
        match self.0 {}
    }

    pub(super) fn finish(&mut self, _: &mut impl Write) {
        match self.0 {}
    }
}
