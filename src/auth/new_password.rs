//! The passwd-file's text for a new password.
//!
//! It holds the keys of SCRAM-SHA-256. Where every user has them, no client has to send its
//! password any more; Dovecot reads them too. Deriving them takes almost no memory, which matters
//! on a router with 32 MiB that several clients log in to at once. Where memory is plentiful,
//! Argon2 protects a stolen file better; imap2d accepts such hashes from `doveadm pw`.

use super::passwd_line;
use super::saslprep;
use super::scram::ScramKeys;

/// The most that every client accepts: Cyrus SASL, which most clients on Unix use, refuses more.
const ITERATIONS: u32 = 65_536;

/// The length of the salt, in octets.
pub(crate) const SALT_LENGTH: usize = 16;

/// Returns the password field for a passwd-file, or with `user` the whole line. Takes a moment.
/// `salt` must be random.
///
/// # Errors
/// If the password is empty or has a control character, or a passwd-file cannot hold that user.
pub(crate) fn new_password(
    user: Option<&str>,
    password: &[u8],
    salt: [u8; SALT_LENGTH],
) -> Result<String, &'static str> {
    if password.is_empty() {
        return Err("the password is empty");
    }
    if password.iter().any(u8::is_ascii_control) {
        return Err("the password has a control character");
    }
    let keys = ScramKeys::derive(&saslprep::prepare(password), &salt, ITERATIONS);
    let field = format!("{{SCRAM-SHA-256}}{keys}");
    let Some(user) = user else { return Ok(field) };
    let line = format!("{user}:{field}");
    is_entry_of(user, &line)
        .then_some(line)
        .ok_or("the user name is empty, begins with \"#\", or has a colon or control character")
}

fn is_entry_of(user: &str, line: &str) -> bool {
    let mut is_valid = !user.starts_with('#');
    let entry = passwd_line::parse(line.as_bytes(), &mut |_| is_valid = false);
    is_valid && entry.is_ok_and(|entry| entry.listed.user == user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::credential::Credential;

    #[test]
    fn the_field_verifies_its_password_and_the_line_begins_with_the_user() {
        let password = "p\u{e9}ncil".as_bytes();
        let field = new_password(None, password, [7; SALT_LENGTH]).expect("valid");
        assert!(
            field.starts_with("{SCRAM-SHA-256}65536,BwcHBwcHBwcHBwcHBwcHBw==,"),
            "{field}"
        );
        let credential = Credential::parse(&field).expect("valid");
        assert_eq!(credential.verify(password), Ok(true));
        assert_eq!(credential.verify(b"pencil"), Ok(false));
        let line = new_password(Some("ann@example.org"), password, [7; SALT_LENGTH]);
        assert_eq!(line, Ok(format!("ann@example.org:{field}")));
    }

    #[test]
    fn impossible_users_and_passwords_are_refused() {
        for user in ["", "a:b", "#ann", "a\nb", "a\u{7f}"] {
            assert!(
                new_password(Some(user), b"x", [7; SALT_LENGTH]).is_err(),
                "{user:?}"
            );
        }
        for password in [&b""[..], b"a\0b", b"a\tb", b"\x7f"] {
            assert!(
                new_password(None, password, [7; SALT_LENGTH]).is_err(),
                "{password:?}"
            );
        }
    }
}
