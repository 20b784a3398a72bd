//! AUTHENTICATE (RFC 3501 §6.2.2): which mechanisms there are, their base64 wrapping, and what is said in those
//! that send a name and a password.

use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::cursor::{Cursor, Parsed};
use crate::protocol::ast::{AuthenticateArguments, Command, Secret};

/// What a client sends instead of a response to give up.
const CANCEL: &[u8] = b"*";

/// How a client can say who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// One message with everything (RFC 4616).
    Plain,
    /// First the name, then the password: never standardised, and widely used.
    Login,
    /// Both sides show that they know the password, and neither sends it (RFC 7677).
    ScramSha256,
    /// The same, bound to the TLS that it is said over.
    ScramSha256Plus,
}

impl Mechanism {
    /// All of them, the best first.
    pub const ALL: [Self; 4] = [
        Self::ScramSha256Plus,
        Self::ScramSha256,
        Self::Plain,
        Self::Login,
    ];

    /// The name in the list of mechanisms (RFC 4422 §3.1).
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
        }
    }

    fn named(name: &[u8]) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|mechanism| name.eq_ignore_ascii_case(mechanism.name().as_bytes()))
    }
}

/// A name and the password that goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// Who logs in.
    pub user: Vec<u8>,
    /// With what.
    pub password: Secret,
}

/// The state of an exchange in which a password is sent: what is asked for next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Exchange {
    /// The message of PLAIN.
    Message,
    /// The name.
    User,
    /// The password of that user.
    Password(Vec<u8>),
}

/// What a response comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Something more is asked for.
    Ask(Exchange),
    /// That was all.
    Done(Credentials),
    /// That was all, but one user wants to act as another, which nobody may.
    Denied,
}

impl Exchange {
    /// What to ask for with, in plain text. Those of LOGIN are what clients expect to see.
    pub(crate) fn challenge(&self) -> &'static str {
        match self {
            Self::Message => "",
            Self::User => "Username:",
            Self::Password(_) => "Password:",
        }
    }

    /// Takes a response that is out of its wrapping.
    ///
    /// # Errors
    /// Says what is wrong with it; nothing of it is repeated.
    pub(crate) fn respond(self, response: Vec<u8>) -> Result<Progress, &'static str> {
        match self {
            Self::Message => plain(&Zeroizing::new(response)),
            Self::User => Ok(Progress::Ask(Self::Password(response))),
            Self::Password(user) => Ok(Progress::Done(Credentials {
                user,
                password: Secret::new(response),
            })),
        }
    }
}

/// ```text
/// message = [authzid] UTF8NUL authcid UTF8NUL passwd             RFC 4616 §2
/// ```
///
/// The user *authcid* wants to act as *authzid*, or for itself if that is missing.
fn plain(message: &[u8]) -> Result<Progress, &'static str> {
    let mut parts = message.split(|&octet| octet == 0);
    let (Some(acts_as), Some(user), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("a message of PLAIN has three parts");
    };
    if !acts_as.is_empty() && acts_as != user {
        return Ok(Progress::Denied);
    }
    Ok(Progress::Done(Credentials {
        user: user.to_vec(),
        password: Secret::new(password.to_vec()),
    }))
}

/// Takes a response out of its wrapping.
///
/// ```text
/// base64 = *(4base64-char) [base64-terminal]                     RFC 3501 §9
/// ```
///
/// # Errors
/// It is no base64, or the client gives up.
pub(crate) fn unwrap_response(line: &[u8]) -> Result<Vec<u8>, &'static str> {
    if line == CANCEL {
        return Err("authentication was cancelled");
    }
    BASE64.decode(line).map_err(|_| "a response must be base64")
}

/// Wraps a challenge.
pub(crate) fn wrap(challenge: &str) -> String {
    BASE64.encode(challenge.as_bytes())
}

/// ```text
/// authenticate = "AUTHENTICATE" SP auth-type [SP (base64 / "=")]    RFC 4959 §7
/// ```
pub(super) fn authenticate(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let mechanism = Mechanism::named(cursor.atom()?);
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

/// RFC 4959 §3: an empty response is `=`, since nothing at all stands for no response.
fn initial_response(text: &[u8]) -> Parsed<Secret> {
    let text = if text == b"=" { b"" } else { text };
    unwrap_response(text).map(Secret::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(user: &str, password: &str) -> Credentials {
        Credentials {
            user: user.into(),
            password: Secret::new(password.into()),
        }
    }

    #[test]
    fn plain_messages() {
        // RFC 4616 §4
        for (message, user, password) in [
            ("\0tim\0tanstaaftanstaaf", "tim", "tanstaaftanstaaf"),
            ("tim\0tim\0x", "tim", "x"),
            ("\0\0", "", ""),
        ] {
            let got = Exchange::Message.respond(message.into());
            assert_eq!(got, Ok(Progress::Done(credentials(user, password))));
        }
        let got = Exchange::Message.respond("Ursel\0Kurt\0xipj3plmq".into());
        assert_eq!(got, Ok(Progress::Denied));
        for message in ["", "tim", "\0tim", "\0tim\0a\0b"] {
            let got = Exchange::Message.respond(message.into());
            assert!(got.is_err(), "{message:?}");
        }
    }

    #[test]
    fn login_asks_twice() {
        let first = Exchange::User;
        assert_eq!(first.challenge(), "Username:");
        let Ok(Progress::Ask(second)) = first.respond(b"tim".to_vec()) else {
            panic!("the password is missing");
        };
        assert_eq!(second.challenge(), "Password:");
        let got = second.respond(b"secret".to_vec());
        assert_eq!(got, Ok(Progress::Done(credentials("tim", "secret"))));
    }

    #[test]
    fn wrapping() {
        for text in ["", "a", "ab", "abc", "Username:"] {
            let wrapped = wrap(text);
            assert_eq!(unwrap_response(wrapped.as_bytes()), Ok(text.into()));
        }
        for line in [
            "*", "=", "YQ", "YQ=", "YQ==\r", " YQ==", "Y Q=", "YR==", "\u{e9}",
        ] {
            assert!(unwrap_response(line.as_bytes()).is_err(), "{line:?}");
        }
    }

    #[test]
    fn commands() {
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
