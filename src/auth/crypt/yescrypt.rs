//! yescrypt and scrypt: `$y$` is what Debian's `/etc/shadow` holds since 2021; `$7$` is libxcrypt's
//! way to write scrypt, of which yescrypt is an extension. <https://www.openwall.com/yescrypt/>

use yescrypt::{Mode, Params};
use zeroize::Zeroizing;

use super::{Fault, Function, Hash, MAX_MEMORY, MAX_WRITTEN, radix64};

/// Digests are that long, whatever the setting.
const DIGEST: usize = 32;

/// As long as yescrypt allows.
const MAX_SALT: usize = 64;

/// Nobody takes more than one.
const MAX_PARALLEL: u32 = 16;

/// ```text
/// setting "$" salt "$" digest
/// ```
/// Only the settings that `crypt(3)` writes: yescrypt's native mode, N, r and p.
pub(super) fn parse(text: &str) -> Result<Hash, Fault> {
    let mut parts = text.splitn(3, '$');
    let mut part = || parts.next().ok_or("the hash is not complete");
    let (setting, salt, digest) = (part()?, part()?, part()?);
    let asked: Params = setting.parse().map_err(|_| "the setting is not valid")?;
    let plain = Params::new(Mode::Rw, asked.n(), asked.r(), asked.p());
    if plain != Ok(asked) {
        return Err("the setting is none that crypt(3) writes");
    }
    let salt = radix64::decode(salt).ok_or("the salt is not valid")?;
    hash(asked, salt, digest)
}

/// ```text
/// N (1 letter, what 2 is raised to), r (5 letters), p (5 letters), salt as it is, "$" digest
/// ```
pub(super) fn parse_scrypt(text: &str) -> Result<Hash, Fault> {
    let (setting, digest) = text.rsplit_once('$').ok_or("the hash is not complete")?;
    let (costs, salt) = setting
        .as_bytes()
        .split_at_checked(11)
        .ok_or("the setting is not complete")?;
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
        return Err("the setting is not valid");
    };
    let params = Params::new(Mode::Classic, 1 << n, r, p);
    hash(
        params.map_err(|_| "the setting is not valid")?,
        salt.to_vec(),
        digest,
    )
}

fn hash(params: Params, salt: Vec<u8>, digest: &str) -> Result<Hash, Fault> {
    let memory = 128 * u128::from(params.n()) * u128::from(params.r());
    if memory > MAX_MEMORY.into() {
        return Err("it asks for more than 256 MiB of memory");
    }
    if params.p() > MAX_PARALLEL || memory * u128::from(params.p()) > MAX_WRITTEN.into() {
        return Err("it asks for too much time");
    }
    if salt.len() > MAX_SALT {
        return Err("the salt is too long");
    }
    let digest = radix64::decode(digest).filter(|digest| digest.len() == DIGEST);
    Ok(Hash {
        function: Function::Yescrypt(params),
        salt: salt.into(),
        digest: Zeroizing::new(digest.ok_or("the hash is not complete")?),
    })
}

pub(super) fn digest(
    params: Params,
    password: &[u8],
    salt: &[u8],
    out: &mut [u8],
) -> Result<(), Fault> {
    yescrypt::yescrypt(password, salt, &params, out).map_err(|_| "yescrypt refuses the setting")
}
