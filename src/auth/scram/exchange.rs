//! The server's answers to the two messages of a client.

use data_encoding::BASE64;

use super::channel_binding::ChannelBinding;
use super::client_messages::ClientFirst;
use super::keys::{self, ScramKeys};
use crate::auth::claimed_user::ClaimedUser;
use crate::auth::constant_time::constant_time_eq;
use crate::auth::credential::Kind;
use crate::auth::outcome::AuthOutcome;
use crate::auth::saslprep;

/// The least that RFC 7677 §4 asks for. It is enough here, because no derived key is kept that
/// could be stolen.
const ITERATIONS: u32 = 4096;

/// The length of a salt that is made here, in octets.
const SALT_LENGTH: usize = 16;

/// The end of an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScramOutcome {
    /// Whether the login succeeds.
    pub outcome: AuthOutcome,
    /// The server-final-message: the server's own proof, or the `server-error-value`.
    pub server_final: String,
}

impl ClientFirst {
    /// Returns the server-first-message. `claimed` belongs to [`ClientFirst::user`]; `nonce` is new
    /// each time; `key` is secret and stays the same, so that an unknown user has the same salt
    /// tomorrow.
    pub(crate) fn answer(&self, claimed: &ClaimedUser, nonce: &[u8], key: &[u8]) -> String {
        let (salt, iterations) = self.setting(claimed, key);
        let (salt, nonce) = (BASE64.encode(&salt), BASE64.encode(nonce));
        format!("r={}{nonce},s={salt},i={iterations}", self.nonce())
    }

    /// Checks the client-final-message. `claimed` and `key` are those of [`Self::answer`],
    /// `server_first` is what it returned, `channel` has the channel bindings that the server
    /// offered. May take long.
    pub(crate) fn finish(
        &self,
        claimed: &ClaimedUser,
        key: &[u8],
        server_first: &str,
        client_final: &[u8],
        channel: &[ChannelBinding],
    ) -> ScramOutcome {
        let given = match self.client_final(client_final, server_first, channel) {
            Ok(given) => given,
            Err(error) => return ScramOutcome::denied(error),
        };
        let message = format!("{},{server_first},{}", self.bare(), given.without_proof);
        let check = |keys: &ScramKeys| check_proof(keys, message.as_bytes(), &given.proof);
        let (is_right, signature) = match claimed.credential.kind() {
            Kind::Scram(keys) => check(keys),
            Kind::Plain(password) => {
                let (salt, iterations) = self.setting(claimed, key);
                let password = saslprep::prepare(password);
                check(&ScramKeys::derive(&password, &salt, iterations))
            }
            Kind::Hash(_) | Kind::Locked => return ScramOutcome::denied("other-error"),
        };
        match claimed.outcome(is_right) {
            AuthOutcome::Denied => ScramOutcome::denied("invalid-proof"),
            outcome => ScramOutcome {
                outcome,
                server_final: format!("v={signature}"),
            },
        }
    }

    /// Returns the salt and the number of iterations for the server-first-message.
    fn setting(&self, claimed: &ClaimedUser, key: &[u8]) -> (Vec<u8>, u32) {
        let made = keys::hmac(key, &[b"salt of ", self.user().as_bytes()]);
        match claimed.credential.kind() {
            Kind::Scram(keys) if claimed.listed.is_some() => (keys.salt.to_vec(), keys.iterations),
            Kind::Scram(keys) => {
                let octets = made.iter().cycle().take(keys.salt.len());
                (octets.copied().collect(), keys.iterations)
            }
            _ => (made[..SALT_LENGTH].to_vec(), ITERATIONS),
        }
    }
}

impl ScramOutcome {
    pub(super) fn denied(error: &str) -> Self {
        Self {
            outcome: AuthOutcome::Denied,
            server_final: format!("e={error}"),
        }
    }
}

/// Returns whether the client's proof is right, and the signature by which the server proves itself
/// (RFC 5802 §3).
fn check_proof(keys: &ScramKeys, message: &[u8], proof: &[u8]) -> (bool, String) {
    let mut client_key = keys::hmac(&*keys.stored, &[message]);
    for (octet, given) in client_key.iter_mut().zip(proof) {
        *octet ^= given;
    }
    let is_right = constant_time_eq(&*keys::hash(&*client_key), &*keys.stored);
    let signature = keys::hmac(&*keys.server, &[message]);
    (is_right, BASE64.encode(&*signature))
}
