//! What the fuzzers do with this room: each function takes arbitrary octets and panics if something
//! does not hold. No password is hashed.

use super::passwd_file;
use super::scram::{ChannelBinding, ClientFirst};

/// The shortest secret that is looked for in the faults: a shorter one may be there by chance.
const SECRET: usize = 8;

/// True if no word of a fault can be the secret by chance.
fn is_unlike_words(secret: &str) -> bool {
    let is_of_secret = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'$';
    secret.len() >= SECRET
        && secret.bytes().all(is_of_secret)
        && secret.bytes().any(|octet| octet.is_ascii_digit())
}

/// Reads octets as a passwd-file. No fault repeats a secret.
pub(crate) fn users(text: &[u8]) {
    let (users, faults) = passwd_file::parse(text);
    let lines: Vec<&[u8]> = text.split(|&octet| octet == b'\n').collect();
    assert!(users.len() <= lines.len());
    for name in users.keys() {
        assert!(!name.is_empty() && !name.contains(&b':'));
    }
    for fault in faults {
        let line = lines[fault.line - 1];
        if let Some((before, secret)) = secret_of(line) {
            let is_hidden = before.contains(secret) || !fault.text.contains(secret);
            assert!(is_hidden, "{:?} shows a secret", fault.text);
        }
    }
}

/// Returns what of the password field of a line is secret, behind what is before it: the user and
/// the scheme, which a fault may name.
fn secret_of(line: &[u8]) -> Option<(&str, &str)> {
    let line = std::str::from_utf8(line).ok()?;
    let (_, rest) = line.split_once(':')?;
    let password = rest.split(':').next()?;
    let tagged = password
        .strip_prefix('{')
        .and_then(|rest| rest.split_once('}'));
    let secret = tagged.map_or(password, |(_, secret)| secret);
    // The secret ends where the password field ends.
    let before = line.len() - rest.len() + password.len() - secret.len();
    is_unlike_words(secret).then_some((&line[..before], secret))
}

/// Reads octets as the two messages of a SCRAM client, which a line feed separates.
///
/// A user has a name, and a proof has the length of a hash.
pub(crate) fn scram(messages: &[u8]) {
    let mut parts = messages.splitn(2, |&octet| octet == b'\n');
    let (first, last) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let channel = [ChannelBinding {
        name: "tls-exporter".into(),
        data: b"data".to_vec(),
    }];
    for (plus, channel) in [
        (false, &[][..]),
        (false, &channel[..]),
        (true, &channel[..]),
    ] {
        if let Ok(first) = ClientFirst::parse(first, plus, channel) {
            assert!(!first.user().is_empty());
            let server_first = format!("r={},s=,i=4096", first.nonce());
            if let Ok(last) = first.client_final(last, &server_first, channel) {
                assert_eq!(last.proof.len(), 32);
                assert!(last.without_proof.starts_with("c="));
            }
        }
    }
}
