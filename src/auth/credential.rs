//! What somebody has to know to log in, as it stands in a user list.
//!
//! ```text
//! password = "{" scheme "}" secret
//!          / hash                    crypt(3)'s, as with {CRYPT}
//!          / ( "!" / "*" ) ...       nobody knows it
//! ```

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::crypt::Hash;
use super::scram::Keys;
use super::{constant_time, saslprep};

/// What one user has to know. Cheap to clone; wiped when the last clone goes.
#[derive(Clone)]
pub(super) struct Credential(Arc<Kind>);

/// The kinds of it.
pub(super) enum Kind {
    /// Nothing helps.
    Locked,
    /// The password itself.
    Plain(Zeroizing<Box<[u8]>>),
    /// A hash of `crypt(3)`.
    Hash(Hash),
    /// What SCRAM keeps of a password.
    Scram(Keys),
}

/// Schemes whose secret is a hash that says itself what it is.
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
    /// What nobody can have.
    pub(super) fn locked() -> Self {
        Self(Arc::new(Kind::Locked))
    }

    /// Reads the password field.
    ///
    /// # Errors
    /// Says what is wrong with it, without any part of the secret.
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

    /// True if SCRAM can be spoken with it.
    pub(super) fn is_for_scram(&self) -> bool {
        matches!(*self.0, Kind::Plain(_) | Kind::Scram(_))
    }

    /// True if `password` is right. Takes long, except with the password itself.
    ///
    /// # Errors
    /// If that cannot be told; the reason is for the log.
    pub(super) fn verify(&self, password: &[u8]) -> Result<bool, &'static str> {
        match &*self.0 {
            Kind::Locked => Ok(false),
            Kind::Plain(secret) => Ok(constant_time::equal(password, secret)),
            Kind::Hash(hash) => hash.verify(password),
            Kind::Scram(keys) => Ok(keys.verify(&saslprep::password(password))),
        }
    }

    /// True if it takes as long to verify as the other.
    pub(super) fn costs_like(&self, other: &Self) -> bool {
        match (&*self.0, &*other.0) {
            (Kind::Locked, Kind::Locked) | (Kind::Plain(_), Kind::Plain(_)) => true,
            (Kind::Hash(one), Kind::Hash(other)) => one.costs_like(other),
            (Kind::Scram(one), Kind::Scram(other)) => one.cost_like(other),
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
            Ok(Self::Scram(Keys::parse(secret)?))
        } else {
            Err(format!("scheme {{{scheme}}} is not known here"))
        }
    }

    fn plain(secret: &str) -> Result<Self, String> {
        if secret.is_empty() {
            return Err("the password is empty".into());
        }
        Ok(Self::Plain(Zeroizing::new(secret.as_bytes().into())))
    }

    /// A lock is put before the hash, which comes back when it is taken off: `passwd -l`.
    fn crypt(text: &str) -> Result<Self, String> {
        match text.as_bytes().first() {
            None => Err("there is no password".into()),
            Some(b'!' | b'*') => Ok(Self::Locked),
            Some(b'$') => Ok(Self::Hash(Hash::parse(text)?)),
            Some(_) => {
                Err("there is neither a hash nor a scheme, such as {PLAIN}, in the password".into())
            }
        }
    }
}

/// The one that costs what is usual among `all`: it is verified in place of one there is not, so
/// that time does not tell which.
pub(super) fn usual<'c>(all: impl Iterator<Item = &'c Credential>) -> Credential {
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
    // The first of the largest.
    let largest = groups.iter().rev().max_by_key(|(_, members)| *members);
    largest.map_or_else(Credential::locked, |(first, _)| (*first).clone())
}
