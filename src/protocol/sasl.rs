//! The SASL exchanges PLAIN and LOGIN, in which the client sends its password.

use zeroize::Zeroizing;

use super::ast::{Credentials, Secret};

/// The state of an exchange: what the server asks for next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SaslExchange {
    /// The message of PLAIN.
    Message,
    /// The user name of LOGIN.
    User,
    /// The password of that user.
    Password(Vec<u8>),
}

/// What follows a response of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SaslProgress {
    /// The server sends another challenge.
    Challenge(SaslExchange),
    /// The exchange is complete.
    Done(Credentials),
    /// The exchange is complete, but a user asks to act as another user, which no user may.
    Denied,
}

impl SaslExchange {
    /// Returns the challenge in plain text. Clients expect exactly these texts of LOGIN.
    pub(crate) fn challenge(&self) -> &'static str {
        match self {
            Self::Message => "",
            Self::User => "Username:",
            Self::Password(_) => "Password:",
        }
    }

    /// Takes the decoded response of the client.
    ///
    /// # Errors
    /// The text for the client, which repeats nothing of the response.
    pub(crate) fn respond(self, response: Vec<u8>) -> Result<SaslProgress, &'static str> {
        match self {
            Self::Message => plain(&Zeroizing::new(response)),
            Self::User => Ok(SaslProgress::Challenge(Self::Password(response))),
            Self::Password(user) => Ok(SaslProgress::Done(Credentials {
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
/// The user *authcid* asks to act as *authzid*, or as itself if that is missing.
fn plain(message: &[u8]) -> Result<SaslProgress, &'static str> {
    let mut parts = message.split(|&octet| octet == 0);
    let (Some(acts_as), Some(user), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("a message of PLAIN has three parts");
    };
    if !acts_as.is_empty() && acts_as != user {
        return Ok(SaslProgress::Denied);
    }
    Ok(SaslProgress::Done(Credentials {
        user: user.to_vec(),
        password: Secret::new(password.to_vec()),
    }))
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
    fn plain_sends_user_and_password_in_one_message() {
        // RFC 4616 §4
        for (message, user, password) in [
            ("\0tim\0tanstaaftanstaaf", "tim", "tanstaaftanstaaf"),
            ("tim\0tim\0x", "tim", "x"),
            ("\0\0", "", ""),
        ] {
            let got = SaslExchange::Message.respond(message.into());
            assert_eq!(got, Ok(SaslProgress::Done(credentials(user, password))));
        }
        let got = SaslExchange::Message.respond("Ursel\0Kurt\0xipj3plmq".into());
        assert_eq!(got, Ok(SaslProgress::Denied));
        for message in ["", "tim", "\0tim", "\0tim\0a\0b"] {
            let got = SaslExchange::Message.respond(message.into());
            assert!(got.is_err(), "{message:?}");
        }
    }

    #[test]
    fn login_asks_for_user_and_password() {
        let first = SaslExchange::User;
        assert_eq!(first.challenge(), "Username:");
        let Ok(SaslProgress::Challenge(second)) = first.respond(b"tim".to_vec()) else {
            panic!("the password is missing");
        };
        assert_eq!(second.challenge(), "Password:");
        let got = second.respond(b"secret".to_vec());
        assert_eq!(got, Ok(SaslProgress::Done(credentials("tim", "secret"))));
    }
}
