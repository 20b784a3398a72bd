//! The channel bindings of a TLS connection.

/// Data that both ends of one TLS connection know, and that a machine in the middle cannot have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelBinding {
    /// `tls-exporter` (RFC 9266) or `tls-server-end-point` (RFC 5929).
    pub name: String,
    /// The data of this connection.
    pub data: Vec<u8>,
}
