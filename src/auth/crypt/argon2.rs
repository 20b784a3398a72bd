//! Argon2 (RFC 9106) in the PHC string format, which `doveadm pw -s ARGON2ID` and `argon2` write.

use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::BASE64_NOPAD;
use zeroize::Zeroizing;

use super::parts::{Fault, MAX_DIGEST, MAX_MEMORY, MAX_WRITTEN, Parts};

/// The most octets of a salt.
const MAX_SALT: usize = 64;

/// The most lanes. They are computed one after the other here, so more gain nothing.
const MAX_LANES: u32 = 16;

/// The variant of Argon2 and its costs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Setting {
    algorithm: Algorithm,
    version: Version,
    /// In KiB.
    memory: u32,
    passes: u32,
    lanes: u32,
}

/// Parses the text after the name of the function.
///
/// ```text
/// [ "v=" number "$" ] "m=" KiB ",t=" passes ",p=" lanes "$" salt "$" digest
/// ```
pub(super) fn parse(algorithm: Algorithm, text: &str) -> Result<Parts<Setting>, Fault> {
    let (version, rest) = match text.strip_prefix("v=") {
        Some(rest) => rest.split_once('$').ok_or("the hash is incomplete")?,
        None => ("16", text),
    };
    let version = match version {
        "16" => Version::V0x10,
        "19" => Version::V0x13,
        _ => return Err("the version of Argon2 is neither 16 nor 19"),
    };
    let mut parts = rest.splitn(3, '$');
    let mut part = || parts.next().ok_or("the hash is incomplete");
    let (costs, salt, digest) = (part()?, part()?, part()?);
    let (memory, passes, lanes) = numbers(costs).ok_or("the costs of Argon2 are not valid")?;
    let setting = Setting {
        algorithm,
        version,
        memory,
        passes,
        lanes,
    };
    setting.check()?;
    Ok(Parts {
        costs: setting,
        salt: octets(salt, argon2::MIN_SALT_LEN, MAX_SALT)?.into(),
        digest: Zeroizing::new(octets(digest, 16, MAX_DIGEST)?),
    })
}

/// Parses memory, passes and lanes.
fn numbers(costs: &str) -> Option<(u32, u32, u32)> {
    let mut costs = costs.split(',');
    let mut cost = |name| costs.next()?.strip_prefix(name)?.parse().ok();
    let numbers = (cost("m=")?, cost("t=")?, cost("p=")?);
    costs.next().is_none().then_some(numbers)
}

/// Decodes base64 that has from `least` to `most` octets.
fn octets(text: &str, least: usize, most: usize) -> Result<Vec<u8>, Fault> {
    let octets = BASE64_NOPAD.decode(text.as_bytes()).ok();
    let octets = octets.filter(|octets| (least..=most).contains(&octets.len()));
    octets.ok_or("the hash is incomplete")
}

impl Setting {
    /// Fails if a login would cost too much.
    fn check(self) -> Result<(), Fault> {
        let memory = u64::from(self.memory) << 10;
        if memory > MAX_MEMORY {
            return Err("the hash asks for more than 256 MiB of memory");
        }
        if self.lanes > MAX_LANES || memory * u64::from(self.passes) > MAX_WRITTEN {
            return Err("the hash asks for too much time");
        }
        self.params().map(drop)
    }

    fn params(self) -> Result<Params, Fault> {
        let params = Params::new(self.memory, self.passes, self.lanes, None);
        params.map_err(|_| "the costs of Argon2 are not valid")
    }

    /// Computes a digest into `out`.
    pub(super) fn digest(self, password: &[u8], salt: &[u8], out: &mut [u8]) -> Result<(), Fault> {
        let function = Argon2::new(self.algorithm, self.version, self.params()?);
        let done = function.hash_password_into(password, salt, out);
        done.map_err(|_| "there is not enough memory for Argon2")
    }
}
