//! What is to be written into a passwd-file for a new password.
//!
//! It is the keys of SCRAM-SHA-256: where they are all there is, nobody has to send a password any
//! more, and Dovecot reads them too. Hashing takes no memory to speak of, which matters on a router
//! with 32 MiB that several clients log in to at once; Argon2, with memory to spare, would be the
//! better guard of a file that is stolen, and is accepted from `doveadm pw`.

use super::passwd_line;
use super::saslprep;
use super::scram::Keys;

/// As many as all clients take: Cyrus SASL, which most of those on Unix use, refuses to compute
/// more.
const ITERATIONS: u32 = 65_536;

/// Octets of a salt.
pub(crate) const SALT: usize = 16;

/// The password field, or with a user the line, of a passwd-file. Takes a moment. `salt` is by
/// chance.
///
/// # Errors
/// If there can be no such password or no such user.
pub(crate) fn new_password(
    user: Option<&str>,
    password: &[u8],
    salt: [u8; SALT],
) -> Result<String, &'static str> {
    if password.is_empty() {
        return Err("the password is empty");
    }
    if password.iter().any(u8::is_ascii_control) {
        return Err("there is a control character in the password");
    }
    let keys = Keys::derive(&saslprep::password(password), &salt, ITERATIONS);
    let field = format!("{{SCRAM-SHA-256}}{keys}");
    let Some(user) = user else { return Ok(field) };
    let line = format!("{user}:{field}");
    is_line_of(user, &line)
        .then_some(line)
        .ok_or("there can be no such user in a passwd-file")
}

fn is_line_of(user: &str, line: &str) -> bool {
    let mut is_right = !user.starts_with('#');
    let entry = passwd_line::parse(line.as_bytes(), &mut |_| is_right = false);
    is_right && entry.is_ok_and(|entry| entry.listed.user == user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::credential::Credential;

    #[test]
    fn a_field_and_a_line() {
        let password = "p\u{e9}ncil".as_bytes();
        let field = new_password(None, password, [7; SALT]).expect("valid");
        assert!(
            field.starts_with("{SCRAM-SHA-256}65536,BwcHBwcHBwcHBwcHBwcHBw==,"),
            "{field}"
        );
        let credential = Credential::parse(&field).expect("valid");
        assert_eq!(credential.verify(password), Ok(true));
        assert_eq!(credential.verify(b"pencil"), Ok(false));
        let line = new_password(Some("ann@example.org"), password, [7; SALT]);
        assert_eq!(line, Ok(format!("ann@example.org:{field}")));
    }

    #[test]
    fn what_there_cannot_be() {
        for user in ["", "a:b", "#ann", "a\nb", "a\u{7f}"] {
            assert!(
                new_password(Some(user), b"x", [7; SALT]).is_err(),
                "{user:?}"
            );
        }
        for password in [&b""[..], b"a\0b", b"a\tb", b"\x7f"] {
            assert!(
                new_password(None, password, [7; SALT]).is_err(),
                "{password:?}"
            );
        }
    }
}
