//! The arguments of AUTHENTICATE and the responses that follow it (RFC 3501 §6.2.2).

use data_encoding::BASE64;

use crate::protocol::ast::{AuthenticateArguments, Command, Mechanism, Secret};

use super::cursor::{Cursor, Parsed};

/// The line that a client sends instead of a response to cancel the authentication.
const CANCEL: &[u8] = b"*";

/// ```text
/// authenticate = "AUTHENTICATE" SP auth-type [SP (base64 / "=")]    RFC 4959 §7
/// ```
pub(super) fn authenticate(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let mechanism = Mechanism::by_name(cursor.atom()?);
    let initial = match cursor.is_at_end() {
        true => None,
        false => {
            cursor.space()?;
            Some(initial_response(cursor.atom()?)?)
        }
    };
    Ok(Command::Authenticate(AuthenticateArguments {
        mechanism,
        initial,
    }))
}

/// RFC 4959 §3: an empty initial response is written `=`, because the empty string means that there
/// is no initial response.
fn initial_response(text: &[u8]) -> Parsed<Secret> {
    let text = if text == b"=" { b"" } else { text };
    decode_response(text).map(Secret::new)
}

/// Decodes a response of the client.
///
/// ```text
/// base64 = *(4base64-char) [base64-terminal]                     RFC 3501 §9
/// ```
///
/// # Errors
/// The response is not base64, or the client cancels.
pub(crate) fn decode_response(line: &[u8]) -> Result<Vec<u8>, &'static str> {
    if line == CANCEL {
        return Err("authentication was cancelled");
    }
    BASE64.decode(line).map_err(|_| "a response must be base64")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_base64() {
        for text in ["", "a", "ab", "abc", "Username:"] {
            let encoded = BASE64.encode(text.as_bytes());
            assert_eq!(decode_response(encoded.as_bytes()), Ok(text.into()));
        }
        for line in [
            "*", "=", "YQ", "YQ=", "YQ==\r", " YQ==", "Y Q=", "YR==", "\u{e9}",
        ] {
            assert!(decode_response(line.as_bytes()).is_err(), "{line:?}");
        }
    }

    #[test]
    fn mechanism_and_initial_response() {
        let parse = |text: &str| {
            let mut cursor = Cursor::new(text.as_bytes());
            authenticate(&mut cursor)
        };
        let is = |mechanism, initial: Option<&str>| {
            let initial = initial.map(|text| Secret::new(text.into()));
            Ok(Command::Authenticate(AuthenticateArguments {
                mechanism,
                initial,
            }))
        };
        assert_eq!(parse("plain"), is(Some(Mechanism::Plain), None));
        assert_eq!(parse("LOGIN ="), is(Some(Mechanism::Login), Some("")));
        assert_eq!(
            parse("PLAIN AGEAYg=="),
            is(Some(Mechanism::Plain), Some("\0a\0b"))
        );
        assert_eq!(parse("CRAM-MD5"), is(None, None));
        for mechanism in Mechanism::ALL {
            assert_eq!(parse(mechanism.name()), is(Some(mechanism), None));
        }
        for wrong in ["", "PLAIN *", "PLAIN a", "PLAIN \"\""] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
