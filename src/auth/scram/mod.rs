//! SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, the server's side (RFC 5802, RFC 7677): both ends show
//! that they know the password, and neither sends it.
//!
//! ```text
//! client-first   n,,n=ann,r=NONCE1             gs2 header (channel binding, authzid), name, nonce
//! server-first   r=NONCE1NONCE2,s=SALT,i=4096
//! client-final   c=biws,r=NONCE1NONCE2,p=PROOF the gs2 header again, and the channel's data
//! server-final   v=SIGNATURE
//! ```
//!
//! Nothing is kept here from one message to the next: whoever drives the exchange keeps the
//! messages, and hands them in again. So the two halves may run in different processes. A user
//! whose password changes meanwhile fails.
//!
//! A name that is not known gets an answer like any other, and fails at the end. Its salt has to be
//! the same each time and different from that of the next name: it is made from the name with a
//! secret key, and so is the salt of those whose password itself is in the user list.

mod keys;
mod message;

use data_encoding::BASE64;

use super::candidate::Candidate;
use super::credential::Kind;
use super::{Verdict, constant_time, saslprep};
pub(super) use keys::Keys;
pub(crate) use message::ClientFirst;

/// What RFC 7677 §4 asks for at least, and enough where nothing is kept that could be stolen.
const ITERATIONS: u32 = 4096;

/// Octets of a salt that is made here.
const SALT: usize = 16;

/// Data that both ends of one TLS connection know, and nobody in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelBinding {
    /// `tls-exporter` (RFC 9266) or `tls-server-end-point` (RFC 5929).
    pub name: String,
    /// What it is for this connection.
    pub data: Vec<u8>,
}

/// How an exchange ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Whether the client is let in.
    pub verdict: Verdict,
    /// The last message: by which the client knows us, or why it failed.
    pub server_final: String,
}

impl ClientFirst {
    /// Answers by the server-first-message. `candidate` is the one of [`ClientFirst::user`];
    /// `nonce` is new each time; `key` is secret and stays the same, so that an unknown user has
    /// the same salt tomorrow.
    pub(crate) fn answer(&self, candidate: &Candidate, nonce: &[u8], key: &[u8]) -> String {
        let (salt, iterations) = self.setting(candidate, key);
        let (salt, nonce) = (BASE64.encode(&salt), BASE64.encode(nonce));
        format!("r={}{nonce},s={salt},i={iterations}", self.nonce())
    }

    /// Judges the client-final-message. `candidate` and `key` are as before, `server_first` is what
    /// was answered then, `channel` is what both mechanisms were offered with. May take long.
    pub(crate) fn finish(
        &self,
        candidate: &Candidate,
        key: &[u8],
        server_first: &str,
        client_final: &[u8],
        channel: &[ChannelBinding],
    ) -> Answer {
        let given = match self.client_final(client_final, server_first, channel) {
            Ok(given) => given,
            Err(error) => return Answer::denied(error),
        };
        let message = format!("{},{server_first},{}", self.bare(), given.without_proof);
        let proved = |keys: &Keys| proved(keys, message.as_bytes(), &given.proof);
        let (is_right, signature) = match candidate.credential.kind() {
            Kind::Scram(keys) => proved(keys),
            Kind::Plain(password) => {
                let (salt, iterations) = self.setting(candidate, key);
                let password = saslprep::password(password);
                proved(&Keys::derive(&password, &salt, iterations))
            }
            Kind::Hash(_) | Kind::Locked => return Answer::denied("other-error"),
        };
        match candidate.verdict(is_right) {
            Verdict::Denied => Answer::denied("invalid-proof"),
            verdict => Answer {
                verdict,
                server_final: format!("v={signature}"),
            },
        }
    }

    /// The salt and the iterations that the client is told.
    fn setting(&self, candidate: &Candidate, key: &[u8]) -> (Vec<u8>, u32) {
        let made = keys::hmac(key, &[b"salt of ", self.user().as_bytes()]);
        match candidate.credential.kind() {
            Kind::Scram(keys) if candidate.listed.is_some() => {
                (keys.salt.to_vec(), keys.iterations)
            }
            Kind::Scram(keys) => {
                let octets = made.iter().cycle().take(keys.salt.len());
                (octets.copied().collect(), keys.iterations)
            }
            _ => (made[..SALT].to_vec(), ITERATIONS),
        }
    }
}

impl Answer {
    fn denied(error: &str) -> Self {
        Self {
            verdict: Verdict::Denied,
            server_final: format!("e={error}"),
        }
    }
}

/// Whether the proof is right, and what proves to the client that we know (RFC 5802 §3).
fn proved(keys: &Keys, message: &[u8], proof: &[u8]) -> (bool, String) {
    let mut client_key = keys::hmac(&*keys.stored, &[message]);
    for (octet, given) in client_key.iter_mut().zip(proof) {
        *octet ^= given;
    }
    let is_right = constant_time::equal(&*keys::hash(&*client_key), &*keys.stored);
    let signature = keys::hmac(&*keys.server, &[message]);
    (is_right, BASE64.encode(&*signature))
}

#[cfg(test)]
mod tests;
