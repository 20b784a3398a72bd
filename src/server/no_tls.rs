//! Types that replace TLS in a build without it: there are no certificates, so no connection uses
//! TLS. The rest of the server is the same.
#![allow(
    dead_code,
    clippy::needless_pass_by_ref_mut,
    clippy::unnecessary_wraps,
    reason = "the interface is the one of the folder tls"
)]

use super::error::ServerError;
use crate::options::CertificateFiles;
use crate::session::TlsInfo;
use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::time::{Instant, SystemTime};

/// No value exists.
pub(super) struct Certificates(Infallible);

/// No value exists.
pub(super) struct TlsStream(Infallible);

/// The state of a handshake, which never happens.
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
}

impl TlsStream {
    pub(super) fn new(certificates: &Certificates) -> Self {
        match certificates.0 {}
    }

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

    pub(super) fn memory(&self) -> usize {
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
