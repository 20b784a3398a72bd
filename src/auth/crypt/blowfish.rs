//! bcrypt: what `htpasswd -B` and `doveadm pw -s BLF-CRYPT` write.
//!
//! `$2a$`, `$2b$` and `$2y$` mean the same function here. They tell apart what faulty programs of
//! the past wrote, for passwords nobody has.

use zeroize::Zeroizing;

use super::{Fault, Function, Hash, radix64};

/// What 2 is raised to.
pub(super) type Cost = u32;

/// Two thousand times what `doveadm pw` asks for: some seconds.
const COSTS: std::ops::RangeInclusive<Cost> = 4..=16;

/// Of a password and the NUL behind it, so many octets count.
const MAX_KEY: usize = 72;

/// ```text
/// 2 digits "$" 22 letters of salt, 31 letters of digest
/// ```
pub(super) fn parse(text: &str) -> Result<Hash, Fault> {
    let (cost, rest) = text.split_once('$').ok_or("the hash is not complete")?;
    let cost = Some(cost).filter(|cost| cost.len() == 2);
    let cost = cost.and_then(|cost| cost.parse().ok());
    let cost = cost.filter(|cost| COSTS.contains(cost));
    let (salt, digest) = rest.split_at_checked(22).unwrap_or((rest, ""));
    let salt = radix64::decode_bcrypt(salt).filter(|salt| salt.len() == 16);
    let digest = radix64::decode_bcrypt(digest).filter(|digest| digest.len() == 23);
    Ok(Hash {
        function: Function::Bcrypt(cost.ok_or("the cost is none of 04 to 16")?),
        salt: salt.ok_or("the salt is not complete")?.into(),
        digest: Zeroizing::new(digest.ok_or("the hash is not complete")?),
    })
}

pub(super) fn digest(cost: Cost, password: &[u8], salt: &[u8], out: &mut [u8]) {
    let mut key = Zeroizing::new([0; MAX_KEY]);
    let used = password.len().min(MAX_KEY);
    key[..used].copy_from_slice(&password[..used]);
    let salt = salt.try_into().expect("the parser saw 16 octets");
    let digest = Zeroizing::new(bcrypt::bcrypt(cost, salt, &key[..MAX_KEY.min(used + 1)]));
    out.copy_from_slice(&digest[..out.len()]);
}
