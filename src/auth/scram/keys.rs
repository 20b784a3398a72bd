//! The keys that a server derives from a password for SCRAM (RFC 5802 §3). They are enough to check
//! a client's proof and to give the server's own, but not enough to log in.

use std::fmt;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::auth::constant_time::constant_time_eq;

/// The length of a hash or HMAC by SHA-256, in octets.
pub(super) const KEY_LENGTH: usize = 32;

/// A key, wiped when it is dropped.
pub(super) type Key = Zeroizing<[u8; KEY_LENGTH]>;

/// More would take longer than some seconds.
const MAX_ITERATIONS: u32 = 5_000_000;

/// The most octets of a salt.
const MAX_SALT: usize = 64;

/// The keys of one user.
pub(crate) struct ScramKeys {
    pub(super) iterations: u32,
    pub(super) salt: Box<[u8]>,
    /// StoredKey, by which the server checks the client's proof.
    pub(super) stored: Key,
    /// ServerKey, by which the server proves itself.
    pub(super) server: Key,
}

impl ScramKeys {
    /// Parses the part of the password field after `{SCRAM-SHA-256}`.
    ///
    /// ```text
    /// iterations "," base64 salt "," base64 StoredKey "," base64 ServerKey
    /// ```
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut parts = text.split(',');
        let mut part = || parts.next().ok_or("the SCRAM keys are incomplete");
        let (iterations, salt, stored, server) = (part()?, part()?, part()?, part()?);
        let iterations = iterations.parse().ok();
        let iterations = iterations.filter(|count| (1..=MAX_ITERATIONS).contains(count));
        let salt = BASE64.decode(salt.as_bytes()).ok();
        let salt = salt.filter(|salt| (1..=MAX_SALT).contains(&salt.len()));
        if parts.next().is_some() {
            return Err("there is text after the SCRAM keys");
        }
        Ok(Self {
            iterations: iterations
                .ok_or("the number of SCRAM iterations is not from 1 to 5000000")?,
            salt: salt.ok_or("the SCRAM salt is not valid")?.into(),
            stored: key(stored)?,
            server: key(server)?,
        })
    }

    /// Derives the keys from a password that [`saslprep`](crate::auth::saslprep) has prepared.
    /// Takes long.
    pub(crate) fn derive(password: &[u8], salt: &[u8], iterations: u32) -> Self {
        let mut salted = Key::default();
        pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut *salted);
        let client = hmac(&*salted, &[b"Client Key"]);
        Self {
            iterations,
            salt: salt.into(),
            stored: hash(&*client),
            server: hmac(&*salted, &[b"Server Key"]),
        }
    }

    /// True if the keys were derived from `password`. Takes long.
    pub(crate) fn verify(&self, password: &[u8]) -> bool {
        let given = Self::derive(password, &self.salt, self.iterations);
        constant_time_eq(&*given.stored, &*self.stored)
    }

    /// True if both take equally long to verify.
    pub(crate) fn costs_like(&self, other: &Self) -> bool {
        self.iterations == other.iterations
    }
}

/// Writes what [`ScramKeys::parse`] reads: for a passwd-file, not for a log.
impl fmt::Display for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [salt, stored, server] = [&*self.salt, &*self.stored, &*self.server]
            .map(|octets| Zeroizing::new(BASE64.encode(octets)));
        write!(f, "{},{},{},{}", self.iterations, *salt, *stored, *server)
    }
}

fn key(text: &str) -> Result<Key, &'static str> {
    let octets = BASE64.decode(text.as_bytes()).map(Zeroizing::new).ok();
    let octets: Option<[u8; KEY_LENGTH]> =
        octets.and_then(|octets| octets.as_slice().try_into().ok());
    octets
        .map(Zeroizing::new)
        .ok_or("a SCRAM key is incomplete")
}

/// Returns the HMAC-SHA-256 of the concatenated parts.
pub(super) fn hmac(key: &[u8], parts: &[&[u8]]) -> Key {
    let mac = Hmac::<Sha256>::new_from_slice(key);
    let mut mac = mac.expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// Returns the SHA-256 hash.
pub(super) fn hash(octets: &[u8]) -> Key {
    Zeroizing::new(Sha256::digest(octets).into())
}
