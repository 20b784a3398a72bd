//! yescrypt and scrypt. Debian's `/etc/shadow` holds `$y$` since 2021; `$7$` is libxcrypt's format
//! of scrypt, which yescrypt extends. <https://www.openwall.com/yescrypt/>

use yescrypt::{Mode, Params};
use zeroize::Zeroizing;

use super::parts::{Fault, MAX_MEMORY, MAX_WRITTEN, Parts};
use super::radix64;

/// The length of a digest, in octets.
const DIGEST_LENGTH: usize = 32;

/// The longest salt that yescrypt allows, in octets.
const MAX_SALT: usize = 64;

/// The highest parallelism; programs in use ask for 1.
const MAX_PARALLEL: u32 = 16;

/// Parses the text after `$y$`.
///
/// ```text
/// setting "$" salt "$" digest
/// ```
///
/// Accepts only the settings that `crypt(3)` writes: yescrypt's native mode with N, r and p.
pub(super) fn parse(text: &str) -> Result<Parts<Params>, Fault> {
    let mut parts = text.splitn(3, '$');
    let mut part = || parts.next().ok_or("the hash is incomplete");
    let (setting, salt, digest) = (part()?, part()?, part()?);
    let asked: Params = setting
        .parse()
        .map_err(|_| "the costs of yescrypt are not valid")?;
    let plain = Params::new(Mode::Rw, asked.n(), asked.r(), asked.p());
    if plain != Ok(asked) {
        return Err("crypt(3) does not write this setting of yescrypt");
    }
    let salt = radix64::decode(salt).ok_or("the salt is not valid")?;
    checked(asked, salt, digest)
}

/// Parses the text after `$7$`.
///
/// ```text
/// log2 of N (1 letter), r (5 letters), p (5 letters), salt without encoding, "$" digest
/// ```
pub(super) fn parse_scrypt(text: &str) -> Result<Parts<Params>, Fault> {
    let (setting, digest) = text.rsplit_once('$').ok_or("the hash is incomplete")?;
    let (costs, salt) = setting
        .as_bytes()
        .split_at_checked(11)
        .ok_or("the costs of scrypt are incomplete")?;
    let number = |letters: &[u8]| {
        let mut digits = letters.iter().rev().map(|&letter| radix64::digit(letter));
        digits.try_fold(0, |sum, digit| Some(sum << 6 | digit?))
    };
    let costs = (
        number(&costs[..1]),
        number(&costs[1..6]),
        number(&costs[6..]),
    );
    let (Some(n @ 1..=32), Some(r @ 1..), Some(p @ 1..)) = costs else {
        return Err("the costs of yescrypt are not valid");
    };
    let params = Params::new(Mode::Classic, 1 << n, r, p);
    checked(
        params.map_err(|_| "the costs of yescrypt are not valid")?,
        salt.to_vec(),
        digest,
    )
}

/// Checks the costs and decodes the digest.
fn checked(params: Params, salt: Vec<u8>, digest: &str) -> Result<Parts<Params>, Fault> {
    let memory = 128 * u128::from(params.n()) * u128::from(params.r());
    if memory > MAX_MEMORY.into() {
        return Err("the hash asks for more than 256 MiB of memory");
    }
    if params.p() > MAX_PARALLEL || memory * u128::from(params.p()) > MAX_WRITTEN.into() {
        return Err("the hash asks for too much time");
    }
    if salt.len() > MAX_SALT {
        return Err("the salt is too long");
    }
    let digest = radix64::decode(digest).filter(|digest| digest.len() == DIGEST_LENGTH);
    Ok(Parts {
        costs: params,
        salt: salt.into(),
        digest: Zeroizing::new(digest.ok_or("the hash is incomplete")?),
    })
}

/// Computes a digest into `out`.
pub(super) fn digest(
    params: Params,
    password: &[u8],
    salt: &[u8],
    out: &mut [u8],
) -> Result<(), Fault> {
    yescrypt::yescrypt(password, salt, &params, out).map_err(|_| "yescrypt refuses these costs")
}
