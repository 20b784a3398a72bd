//! TLS 1.2 and 1.3 for the connections of this server, by rustls. Nothing here waits, and what a connection
//! holds is bounded: rustls keeps at most one incomplete record, or one handshake message, and
//! we give it one record to send at a time.
//!
//! A connection meets TLS in two steps. First [`Link`] reads the ClientHello, for the name in it (SNI) tells
//! which of several [`Certificates`] the client expects. Then it goes on with the settings that belong to that
//! certificate: each has its own key for session tickets, so that a session that is resumed is one with the
//! same certificate, and the channel binding that is made of it is right. Tickets are kept by the clients;
//! the server keeps nothing of old sessions.
//!
//! In a build without TLS `no_tls.rs` stands in the place of this module.

mod certificates;
mod expiry;
mod link;
#[cfg(test)]
mod tests;

pub(super) use self::certificates::Certificates;
pub(super) use self::link::{Handshake, Link};
