//! SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, the server's side (RFC 5802, RFC 7677). Client and server
//! prove to each other that they know the password, and neither sends it.
//!
//! ```text
//! client-first   n,,n=ann,r=NONCE1             gs2 header (channel binding, authzid), name, nonce
//! server-first   r=NONCE1NONCE2,s=SALT,i=4096
//! client-final   c=biws,r=NONCE1NONCE2,p=PROOF the gs2 header again, and the channel's data
//! server-final   v=SIGNATURE
//! ```
//!
//! Nothing is kept here between two messages: the caller keeps the messages and passes them in
//! again. So the two halves of an exchange may run in different processes. If the user's password
//! changes between them, the exchange fails.
//!
//! An unknown name gets an answer like any other, and fails at the end. Its salt must be the same
//! each time and differ from that of the next name, so it is an HMAC of the name under a secret
//! key. The same goes for users whose password itself is in the passwd-file.

mod channel_binding;
mod client_messages;
mod exchange;
mod keys;

pub(crate) use self::channel_binding::ChannelBinding;
pub(crate) use self::client_messages::ClientFirst;
pub(super) use self::keys::ScramKeys;

#[cfg(test)]
mod tests;
