//! A hash of any of the functions.

use zeroize::Zeroizing;

use super::parts::{Fault, MAX_DIGEST, Parts};
use super::{argon2, bcrypt, sha_crypt, yescrypt};
use crate::auth::constant_time::constant_time_eq;

/// The longest password that can have a hash, in octets; `crypt(3)` of libxcrypt has the same
/// limit.
const MAX_PASSWORD: usize = 512;

/// A parsed hash.
pub(crate) struct Hash {
    function: Function,
    salt: Box<[u8]>,
    digest: Zeroizing<Vec<u8>>,
}

/// A function with its costs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Function {
    Sha256(::sha_crypt::Params),
    Sha512(::sha_crypt::Params),
    Bcrypt(bcrypt::Cost),
    Argon2(argon2::Setting),
    Yescrypt(::yescrypt::Params),
}

impl Hash {
    /// Parses the text of a hash.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let (name, rest) = text
            .strip_prefix('$')
            .and_then(|text| text.split_once('$'))
            .ok_or("the hash is of an unknown kind")?;
        match name {
            "5" => sha_crypt::parse_sha256(rest).map(|parts| Self::new(parts, Function::Sha256)),
            "6" => sha_crypt::parse_sha512(rest).map(|parts| Self::new(parts, Function::Sha512)),
            "2a" | "2b" | "2y" => {
                bcrypt::parse(rest).map(|parts| Self::new(parts, Function::Bcrypt))
            }
            "7" => yescrypt::parse_scrypt(rest).map(|parts| Self::new(parts, Function::Yescrypt)),
            "y" => yescrypt::parse(rest).map(|parts| Self::new(parts, Function::Yescrypt)),
            "argon2i" => argon2::parse(::argon2::Algorithm::Argon2i, rest)
                .map(|parts| Self::new(parts, Function::Argon2)),
            "argon2id" => argon2::parse(::argon2::Algorithm::Argon2id, rest)
                .map(|parts| Self::new(parts, Function::Argon2)),
            "1" | "apr1" => Err("hashes by MD5 are not safe"),
            _ => Err("the hash is of an unknown kind"),
        }
    }

    fn new<C>(parts: Parts<C>, function: fn(C) -> Function) -> Self {
        Self {
            function: function(parts.costs),
            salt: parts.salt,
            digest: parts.digest,
        }
    }

    /// True if the hash was made from `password`. Takes long.
    ///
    /// # Errors
    /// If there is not enough memory.
    pub(crate) fn verify(&self, password: &[u8]) -> Result<bool, Fault> {
        if password.len() > MAX_PASSWORD || password.contains(&0) {
            return Ok(false);
        }
        let mut digest = Zeroizing::new([0; MAX_DIGEST]);
        let digest = &mut digest[..self.digest.len()];
        self.function.digest(password, &self.salt, digest)?;
        Ok(constant_time_eq(digest, &self.digest))
    }

    /// True if both take equally long to verify.
    pub(crate) fn costs_like(&self, other: &Self) -> bool {
        self.function == other.function
    }
}

impl Function {
    /// Fills `digest`, whose length is that of the parsed digest.
    fn digest(self, password: &[u8], salt: &[u8], digest: &mut [u8]) -> Result<(), Fault> {
        match self {
            Self::Sha256(params) => sha_crypt::digest_sha256(params, password, salt, digest),
            Self::Sha512(params) => sha_crypt::digest_sha512(params, password, salt, digest),
            Self::Bcrypt(cost) => bcrypt::digest(cost, password, salt, digest),
            Self::Argon2(setting) => return setting.digest(password, salt, digest),
            Self::Yescrypt(params) => return yescrypt::digest(params, password, salt, digest),
        }
        Ok(())
    }
}
