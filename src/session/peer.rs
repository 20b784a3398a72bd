//! The client at the other end of a connection, as the server knows it before the session begins.

use std::fmt;
use std::net::IpAddr;

/// The client at the other end of a connection.
#[derive(Debug, Clone, Default)]
pub struct Peer {
    /// Number of the connection, unique in this process. Where a process serves one client it is
    /// the number of the process.
    pub id: u64,
    /// Address and port of the client, or a description of the descriptor it is connected by.
    pub name: String,
    /// The address of the client, if it has one.
    pub address: Option<IpAddr>,
    /// Whether the client is one that the operator trusts to speak for others, such as webmail.
    pub speaks_for_others: bool,
    /// The address of the client that such a client speaks for, once it has named one by ID.
    pub originating_address: Option<IpAddr>,
    /// Whether the server can verify logins by SCRAM.
    pub offers_scram: bool,
    /// Whether the client may send a password: under TLS, or where clear text is allowed.
    pub may_log_in: bool,
    /// The TLS session of the connection, if it is under TLS.
    pub tls: Option<Box<TlsInfo>>,
}

/// The form in which log lines name a connection.
impl fmt::Display for Peer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "connection {} from {}", self.id, self.name)
    }
}

/// The channel bindings of a TLS session: a login that is bound to one cannot be relayed by a third
/// party (RFC 5056).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsInfo {
    /// The channel binding `tls-exporter` (RFC 9266), which only TLS 1.3 has.
    pub exporter: Option<[u8; 32]>,
    /// The channel binding `tls-server-end-point`: the hash of the server's certificate (RFC 5929
    /// §4). It is `None` for a certificate whose signature algorithm does not determine the hash
    /// function.
    pub end_point: Option<Vec<u8>>,
}
