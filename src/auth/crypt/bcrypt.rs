//! bcrypt, which `htpasswd -B` and `doveadm pw -s BLF-CRYPT` write.
//!
//! `$2a$`, `$2b$` and `$2y$` are the same function here. The letters tell apart the hashes that
//! faulty programs of the past wrote for passwords that do not occur in practice.

use zeroize::Zeroizing;

use super::parts::{Fault, Parts};
use super::radix64;

/// The base-2 logarithm of the number of rounds.
pub(super) type Cost = u32;

/// At most two thousand times what `doveadm pw` asks for: some seconds.
const COSTS: std::ops::RangeInclusive<Cost> = 4..=16;

/// bcrypt uses so many octets of a password and the NUL after it.
const MAX_KEY: usize = 72;

/// Parses the text after the name of the function.
///
/// ```text
/// 2 digits "$" 22 letters of salt, 31 letters of digest
/// ```
pub(super) fn parse(text: &str) -> Result<Parts<Cost>, Fault> {
    let (cost, rest) = text.split_once('$').ok_or("the hash is incomplete")?;
    let cost = Some(cost).filter(|cost| cost.len() == 2);
    let cost = cost.and_then(|cost| cost.parse().ok());
    let cost = cost.filter(|cost| COSTS.contains(cost));
    let (salt, digest) = rest.split_at_checked(22).unwrap_or((rest, ""));
    let salt = radix64::decode_bcrypt(salt).filter(|salt| salt.len() == 16);
    let digest = radix64::decode_bcrypt(digest).filter(|digest| digest.len() == 23);
    Ok(Parts {
        costs: cost.ok_or("the cost of bcrypt is not from 04 to 16")?,
        salt: salt.ok_or("the salt is incomplete")?.into(),
        digest: Zeroizing::new(digest.ok_or("the hash is incomplete")?),
    })
}

/// Computes a digest into `out`.
pub(super) fn digest(cost: Cost, password: &[u8], salt: &[u8], out: &mut [u8]) {
    let mut key = Zeroizing::new([0; MAX_KEY]);
    let used = password.len().min(MAX_KEY);
    key[..used].copy_from_slice(&password[..used]);
    let salt = salt
        .try_into()
        .expect("the parser accepts salts of 16 octets only");
    let digest = Zeroizing::new(bcrypt::bcrypt(cost, salt, &key[..MAX_KEY.min(used + 1)]));
    out.copy_from_slice(&digest[..out.len()]);
}
