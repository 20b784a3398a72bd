//! The arguments of LOGIN and AUTHENTICATE.

use std::fmt;

use zeroize::Zeroizing;

/// A password. Its `Debug` output does not show it, and it is overwritten with zeros when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the vector over without copying it.
    pub(crate) fn new(password: Vec<u8>) -> Self {
        Self(Zeroizing::new(password))
    }

    /// Returns the password, for the code that verifies it.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A user name and its password: the arguments of LOGIN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// The user who logs in.
    pub(crate) user: Vec<u8>,
    /// The password of that user.
    pub(crate) password: Secret,
}

/// The arguments of AUTHENTICATE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuthenticateArguments {
    /// The mechanism; `None` if the server does not know the name.
    pub(crate) mechanism: Option<Mechanism>,
    /// The initial response, decoded from base64, if the client sent one (RFC 4959).
    pub(crate) initial: Option<Secret>,
}

/// A SASL mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// One message with user name and password (RFC 4616).
    Plain,
    /// First the user name, then the password. Never standardised, but in wide use.
    Login,
    /// Each side proves that it knows the password, and neither sends it (RFC 7677).
    ScramSha256,
    /// SCRAM-SHA-256 bound to the TLS connection that carries it.
    ScramSha256Plus,
}

impl Mechanism {
    /// All mechanisms, the strongest first.
    pub(crate) const ALL: [Self; 4] = [
        Self::ScramSha256Plus,
        Self::ScramSha256,
        Self::Plain,
        Self::Login,
    ];

    /// Returns the registered name (RFC 4422 §3.1).
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
        }
    }

    /// Returns the mechanism of that name, in any case.
    pub(crate) fn by_name(name: &[u8]) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|mechanism| name.eq_ignore_ascii_case(mechanism.name().as_bytes()))
    }
}
