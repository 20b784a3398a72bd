//! What a user has to know to log in: the password field of the passwd-file.
//!
//! ```text
//! password = "{" scheme "}" secret
//!          / hash                    of crypt(3), as with {CRYPT}
//!          / ( "!" / "*" ) ...       locked: no password is right
//! ```

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::constant_time::constant_time_eq;
use super::crypt::Hash;
use super::saslprep;
use super::scram::ScramKeys;

/// What one user has to know. Cheap to clone; wiped when the last clone is dropped.
#[derive(Clone)]
pub(super) struct Credential(Arc<Kind>);

/// The kinds of credentials.
pub(super) enum Kind {
    /// No password is right.
    Locked,
    /// The password itself.
    Plain(Zeroizing<Box<[u8]>>),
    /// A hash of `crypt(3)`.
    Hash(Hash),
    /// The keys that SCRAM derives from a password.
    Scram(ScramKeys),
}

/// Schemes whose secret is a hash that names its own function.
const CRYPT: &[&str] = &[
    "CRYPT",
    "SHA256-CRYPT",
    "SHA512-CRYPT",
    "BLF-CRYPT",
    "ARGON2I",
    "ARGON2ID",
];

/// Schemes whose secret is the password.
const PLAIN: &[&str] = &["PLAIN", "CLEAR", "CLEARTEXT"];

impl Credential {
    /// Returns a credential for which no password is right.
    pub(super) fn locked() -> Self {
        Self(Arc::new(Kind::Locked))
    }

    /// Parses the password field.
    ///
    /// # Errors
    /// Returns the fault, in a text that holds no part of the secret.
    pub(super) fn parse(field: &str) -> Result<Self, String> {
        let tagged = field
            .strip_prefix('{')
            .and_then(|field| field.split_once('}'));
        let kind = match tagged {
            Some((scheme, secret)) => Kind::tagged(scheme, secret)?,
            None => Kind::crypt(field)?,
        };
        Ok(Self(Arc::new(kind)))
    }

    pub(super) fn kind(&self) -> &Kind {
        &self.0
    }

    pub(super) fn is_locked(&self) -> bool {
        matches!(*self.0, Kind::Locked)
    }

    /// True if the user can log in by SCRAM.
    pub(super) fn supports_scram(&self) -> bool {
        matches!(*self.0, Kind::Plain(_) | Kind::Scram(_))
    }

    /// True if `password` is right. Takes long, except where the password itself is kept.
    ///
    /// # Errors
    /// If it cannot be checked; the reason is for the log.
    pub(super) fn verify(&self, password: &[u8]) -> Result<bool, &'static str> {
        match &*self.0 {
            Kind::Locked => Ok(false),
            Kind::Plain(secret) => Ok(constant_time_eq(password, secret)),
            Kind::Hash(hash) => hash.verify(password),
            Kind::Scram(keys) => Ok(keys.verify(&saslprep::prepare(password))),
        }
    }

    /// True if both take equally long to verify.
    pub(super) fn costs_like(&self, other: &Self) -> bool {
        match (&*self.0, &*other.0) {
            (Kind::Locked, Kind::Locked) | (Kind::Plain(_), Kind::Plain(_)) => true,
            (Kind::Hash(one), Kind::Hash(other)) => one.costs_like(other),
            (Kind::Scram(one), Kind::Scram(other)) => one.costs_like(other),
            _ => false,
        }
    }
}

/// Shows the kind, never the secret.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self.0 {
            Kind::Locked => "Locked",
            Kind::Plain(_) => "Plain",
            Kind::Hash(_) => "Hash",
            Kind::Scram(_) => "Scram",
        })
    }
}

impl Kind {
    fn tagged(scheme: &str, secret: &str) -> Result<Self, String> {
        let is_one_of = |names: &[&str]| names.iter().any(|name| scheme.eq_ignore_ascii_case(name));
        if is_one_of(PLAIN) {
            Self::plain(secret)
        } else if is_one_of(CRYPT) {
            Self::crypt(secret)
        } else if is_one_of(&["SCRAM-SHA-256"]) {
            Ok(Self::Scram(ScramKeys::parse(secret)?))
        } else {
            Err(format!(
                "imap2d does not know the password scheme {{{scheme}}}"
            ))
        }
    }

    fn plain(secret: &str) -> Result<Self, String> {
        if secret.is_empty() {
            return Err("the password is empty".into());
        }
        Ok(Self::Plain(Zeroizing::new(secret.as_bytes().into())))
    }

    /// `passwd -l` locks an account by putting `!` before the hash, and `passwd -u` removes it.
    fn crypt(text: &str) -> Result<Self, String> {
        match text.as_bytes().first() {
            None => Err("the password field is empty".into()),
            Some(b'!' | b'*') => Ok(Self::Locked),
            Some(b'$') => Ok(Self::Hash(Hash::parse(text)?)),
            Some(_) => {
                Err("the password field has neither a hash nor a scheme such as {PLAIN}".into())
            }
        }
    }
}

/// Returns the first credential of the most common cost among `all`. It is verified for unknown
/// users, so that the time a login takes does not show which users exist.
pub(super) fn of_most_common_cost<'c>(all: impl Iterator<Item = &'c Credential>) -> Credential {
    let mut groups: Vec<(&Credential, usize)> = Vec::new();
    for credential in all.filter(|credential| !credential.is_locked()) {
        match groups
            .iter_mut()
            .find(|(first, _)| first.costs_like(credential))
        {
            Some((_, members)) => *members += 1,
            None => groups.push((credential, 1)),
        }
    }
    // Of groups of equal size, `rev` and `max_by_key` find the first.
    let largest = groups.iter().rev().max_by_key(|(_, members)| *members);
    largest.map_or_else(Credential::locked, |(first, _)| (*first).clone())
}
