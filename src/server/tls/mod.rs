//! TLS 1.2 and 1.3 for the connections of this server, by rustls. No call waits, and the memory of
//! a connection is bounded: rustls keeps at most one incomplete record, or one handshake message,
//! and gets one record to send at a time.
//!
//! A connection begins TLS in two steps. First [`TlsStream`] reads the ClientHello, because the
//! name in it (SNI) tells which of several [`Certificates`] the client expects. Then it goes on
//! with the settings of that certificate: each has its own key for session tickets, so that a
//! resumed session has the same certificate as before, and its channel binding is right. Clients
//! keep the tickets; the server keeps nothing of old sessions.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `stream` | [`TlsStream`]: TLS on one connection |
//! | `certificates` | all certificates: which one a client gets, and how they are reloaded |
//! | `certificate_entry` | one certificate with its files |
//! | `expiry` | the reminders of certificates that are about to expire |
//!
//! A build without TLS has `no_tls.rs` instead of this folder.

mod certificate_entry;
mod certificates;
mod expiry;
mod stream;
#[cfg(test)]
mod tests;

pub(super) use self::certificates::Certificates;
pub(super) use self::stream::{Handshake, TlsStream};
