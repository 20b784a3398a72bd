//! The hashes of `crypt(3)`, as `/etc/shadow`, `mkpasswd`, `htpasswd` and `doveadm pw` write them.
//!
//! ```text
//! hash = "$" function "$" setting "$" salt "$" digest      more or less
//! ```
//!
//! | begins with | function | |
//! | --- | --- | --- |
//! | `$5$` `$6$` | SHA-256-crypt, SHA-512-crypt | `sha.rs` |
//! | `$2a$` `$2b$` `$2y$` | bcrypt | `blowfish.rs` |
//! | `$7$` `$y$` | scrypt, yescrypt | `yescrypt.rs` |
//! | `$argon2i$` `$argon2id$` | Argon2 | `argon2.rs` |
//!
//! Each function has a file that takes such a text apart and computes a digest; the work itself is
//! done by a crate made for it. A text says what a login costs, so that is bounded when it is read:
//! a user list with a slip in it is not to stop a server.

mod argon2;
mod blowfish;
mod radix64;
mod sha;
mod yescrypt;

use zeroize::Zeroizing;

use super::constant_time;

/// The most memory one login may take: four times what `doveadm pw` asks for, and what the stronger
/// presets of others do.
const MAX_MEMORY: u64 = 256 << 20;

/// The most octets that a function which is made to fill memory may write: some seconds.
const MAX_WRITTEN: u64 = 4 << 30;

/// The longest password there is a hash of; `crypt(3)` takes no more either (libxcrypt).
const MAX_PASSWORD: usize = 512;

/// The longest digest there is.
const MAX_DIGEST: usize = 64;

/// A hash, taken apart.
pub(super) struct Hash {
    function: Function,
    salt: Box<[u8]>,
    digest: Zeroizing<Vec<u8>>,
}

/// A function with its costs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Function {
    Sha256(sha_crypt::Params),
    Sha512(sha_crypt::Params),
    Bcrypt(blowfish::Cost),
    Argon2(argon2::Setting),
    Yescrypt(::yescrypt::Params),
}

/// Why a text is no hash; holds no part of it.
type Fault = &'static str;

impl Hash {
    /// Takes a text apart.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let Some((name, rest)) = text.strip_prefix('$').and_then(|text| text.split_once('$'))
        else {
            return Err("this is no hash that is known here");
        };
        match name {
            "5" => sha::parse_sha256(rest),
            "6" => sha::parse_sha512(rest),
            "2a" | "2b" | "2y" => blowfish::parse(rest),
            "7" => yescrypt::parse_scrypt(rest),
            "y" => yescrypt::parse(rest),
            "argon2i" => argon2::parse(::argon2::Algorithm::Argon2i, rest),
            "argon2id" => argon2::parse(::argon2::Algorithm::Argon2id, rest),
            "1" | "apr1" => Err("hashes by MD5 are not safe"),
            _ => Err("this is no hash that is known here"),
        }
    }

    /// True if it was made from `password`. Takes long.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub(super) fn verify(&self, password: &[u8]) -> Result<bool, Fault> {
        if password.len() > MAX_PASSWORD || password.contains(&0) {
            return Ok(false);
        }
        let mut digest = Zeroizing::new([0; MAX_DIGEST]);
        let digest = &mut digest[..self.digest.len()];
        self.function.digest(password, &self.salt, digest)?;
        Ok(constant_time::equal(digest, &self.digest))
    }

    /// True if both take as long as each other.
    pub(super) fn costs_like(&self, other: &Self) -> bool {
        self.function == other.function
    }
}

impl Function {
    /// Fills `digest`, which is as long as [`Hash::parse`] found it.
    fn digest(self, password: &[u8], salt: &[u8], digest: &mut [u8]) -> Result<(), Fault> {
        match self {
            Self::Sha256(params) => sha::digest_sha256(params, password, salt, digest),
            Self::Sha512(params) => sha::digest_sha512(params, password, salt, digest),
            Self::Bcrypt(cost) => blowfish::digest(cost, password, salt, digest),
            Self::Argon2(setting) => return setting.digest(password, salt, digest),
            Self::Yescrypt(params) => return yescrypt::digest(params, password, salt, digest),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
