//! What a server keeps of a password for SCRAM (RFC 5802 §3): enough to check a proof and to give
//! one, not enough to log in with.

use std::fmt;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::auth::constant_time;

/// The length of everything that is made with SHA-256.
pub(super) const OCTETS: usize = 32;

/// A key, wiped when it goes.
pub(super) type Key = Zeroizing<[u8; OCTETS]>;

/// Some seconds.
const MAX_ITERATIONS: u32 = 5_000_000;

const MAX_SALT: usize = 64;

/// The keys of one user.
pub(in crate::auth) struct Keys {
    pub(super) iterations: u32,
    pub(super) salt: Box<[u8]>,
    /// StoredKey: tells whether the client knows the password.
    pub(super) stored: Key,
    /// ServerKey: tells the client that we do.
    pub(super) server: Key,
}

impl Keys {
    /// ```text
    /// iterations "," base64 salt "," base64 StoredKey "," base64 ServerKey
    /// ```
    pub(in crate::auth) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut parts = text.split(',');
        let mut part = || parts.next().ok_or("the keys are not complete");
        let (iterations, salt, stored, server) = (part()?, part()?, part()?, part()?);
        let iterations = iterations.parse().ok();
        let iterations = iterations.filter(|count| (1..=MAX_ITERATIONS).contains(count));
        let salt = BASE64.decode(salt.as_bytes()).ok();
        let salt = salt.filter(|salt| (1..=MAX_SALT).contains(&salt.len()));
        if parts.next().is_some() {
            return Err("there is something behind the keys");
        }
        Ok(Self {
            iterations: iterations.ok_or("the iterations are none of 1 to 5000000")?,
            salt: salt.ok_or("the salt is not valid")?.into(),
            stored: key(stored)?,
            server: key(server)?,
        })
    }

    /// Makes the keys of a password that is prepared already. Takes long.
    pub(in crate::auth) fn derive(password: &[u8], salt: &[u8], iterations: u32) -> Self {
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

    /// True if they are those of `password`. Takes long.
    pub(in crate::auth) fn verify(&self, password: &[u8]) -> bool {
        let given = Self::derive(password, &self.salt, self.iterations);
        constant_time::equal(&*given.stored, &*self.stored)
    }

    /// True if both take as long to verify as each other.
    pub(in crate::auth) fn cost_like(&self, other: &Self) -> bool {
        self.iterations == other.iterations
    }
}

/// As [`Keys::parse`] reads it: for a user list, not for a log.
impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [salt, stored, server] = [&*self.salt, &*self.stored, &*self.server]
            .map(|octets| Zeroizing::new(BASE64.encode(octets)));
        write!(f, "{},{},{},{}", self.iterations, *salt, *stored, *server)
    }
}

fn key(text: &str) -> Result<Key, &'static str> {
    let octets = BASE64.decode(text.as_bytes()).map(Zeroizing::new).ok();
    let octets: Option<[u8; OCTETS]> = octets.and_then(|octets| octets.as_slice().try_into().ok());
    octets.map(Zeroizing::new).ok_or("a key is not complete")
}

/// HMAC-SHA-256 over the parts, one after the other.
pub(super) fn hmac(key: &[u8], parts: &[&[u8]]) -> Key {
    let mac = Hmac::<Sha256>::new_from_slice(key);
    let mut mac = mac.expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    Zeroizing::new(mac.finalize().into_bytes().into())
}

pub(super) fn hash(octets: &[u8]) -> Key {
    Zeroizing::new(Sha256::digest(octets).into())
}
