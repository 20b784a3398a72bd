//! SHA-256-crypt and SHA-512-crypt, which Debian's `/etc/shadow` held until 2021 and
//! `doveadm pw -s SHA512-CRYPT` writes. <https://www.akkadia.org/drepper/SHA-crypt.txt>

use sha_crypt::Params;
use zeroize::Zeroizing;

use super::parts::{Fault, Parts};
use super::radix64;

/// A thousand times the usual number: some seconds.
const MAX_ROUNDS: u32 = 5_000_000;

/// The most octets of a salt.
const MAX_SALT: usize = 16;

/// Returns the positions of a digest's octets in the order in which the text has them: in threes,
/// one from each of three parts of the digest. The part that goes first changes with each three.
fn written(first: [usize; 3], turn: fn([usize; 3]) -> [usize; 3]) -> impl Iterator<Item = usize> {
    let threes = std::iter::successors(Some(first), move |&last| Some(turn(last)));
    threes.flatten()
}

fn written_sha256() -> impl Iterator<Item = usize> {
    let turn = |[c, b, a]: [usize; 3]| [b + 1, a + 1, c + 1];
    written([20, 10, 0], turn).take(30).chain([30, 31])
}

fn written_sha512() -> impl Iterator<Item = usize> {
    let turn = |[c, b, a]: [usize; 3]| [a + 1, c + 1, b + 1];
    written([42, 21, 0], turn).take(63).chain([63])
}

/// Parses the text after `$5$`.
pub(super) fn parse_sha256(text: &str) -> Result<Parts<Params>, Fault> {
    parse(text, 32)
}

/// Parses the text after `$6$`.
pub(super) fn parse_sha512(text: &str) -> Result<Parts<Params>, Fault> {
    parse(text, 64)
}

/// ```text
/// [ "rounds=" number "$" ] salt "$" digest
/// ```
fn parse(text: &str, octets: usize) -> Result<Parts<Params>, Fault> {
    let (params, rest) = match text.strip_prefix("rounds=") {
        Some(rest) => rounds(rest)?,
        None => (Params::RECOMMENDED, text),
    };
    let (salt, digest) = rest.split_once('$').ok_or("the hash is incomplete")?;
    let digest = radix64::decode(digest).filter(|digest| digest.len() == octets);
    if salt.len() > MAX_SALT {
        return Err("the salt is too long");
    }
    Ok(Parts {
        costs: params,
        salt: salt.as_bytes().into(),
        digest: Zeroizing::new(digest.ok_or("the hash is incomplete")?),
    })
}

fn rounds(text: &str) -> Result<(Params, &str), Fault> {
    let (number, rest) = text.split_once('$').ok_or("the hash is incomplete")?;
    let number = number.parse().ok().filter(|rounds| *rounds <= MAX_ROUNDS);
    let params = number.and_then(|rounds| Params::new(rounds).ok());
    Ok((
        params.ok_or("the number of rounds is not from 1000 to 5000000")?,
        rest,
    ))
}

/// Computes a digest by SHA-256-crypt into `out`.
pub(super) fn digest_sha256(params: Params, password: &[u8], salt: &[u8], out: &mut [u8]) {
    let digest = Zeroizing::new(sha_crypt::sha256_crypt(password, salt, params));
    write(&*digest, written_sha256(), out);
}

/// Computes a digest by SHA-512-crypt into `out`.
pub(super) fn digest_sha512(params: Params, password: &[u8], salt: &[u8], out: &mut [u8]) {
    let digest = Zeroizing::new(sha_crypt::sha512_crypt(password, salt, params));
    write(&*digest, written_sha512(), out);
}

fn write(digest: &[u8], written: impl Iterator<Item = usize>, out: &mut [u8]) {
    for (octet, at) in out.iter_mut().zip(written) {
        *octet = digest[at];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_of_a_digest_is_written_once() {
        for (mut order, octets) in [
            (written_sha256().collect::<Vec<_>>(), 32),
            (written_sha512().collect(), 64),
        ] {
            order.sort_unstable();
            assert_eq!(order, (0..octets).collect::<Vec<_>>());
        }
    }
}
