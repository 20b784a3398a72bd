//! The two messages of a client (RFC 5802 §7).

use std::fmt;

use data_encoding::BASE64;

use super::ChannelBinding;
use super::keys::OCTETS;

/// Longer names and nonces nobody has.
const MAX_NAME: usize = 1024;
const MAX_NONCE: usize = 1024;

/// A message that is none, or that may not be sent here. The reason is a `server-error-value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed(pub(super) &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The message that an exchange begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientFirst {
    /// With its commas.
    header: String,
    /// The name of the channel binding that the client wants.
    binding: Option<String>,
    user: String,
    nonce: String,
    bare: String,
}

/// The message with the proof.
pub(super) struct ClientFinal<'m> {
    pub(super) without_proof: &'m str,
    pub(super) proof: Vec<u8>,
}

impl ClientFirst {
    /// ```text
    /// client-first-message = gs2-header client-first-message-bare
    /// gs2-header           = ( "n" / "y" / "p=" cb-name ) "," [ "a=" saslname ] ","
    /// bare                 = "n=" saslname "," "r=" nonce [ "," extensions ]
    /// ```
    /// `plus` says which of the two mechanisms the client chose, `channel` what it was offered:
    /// nothing if SCRAM-SHA-256-PLUS was not.
    ///
    /// # Errors
    /// If it is not of this form, wants to act for somebody else, or if the client did not see that
    /// there is SCRAM-SHA-256-PLUS (RFC 5802 §6): then somebody took it out of the list.
    pub(crate) fn parse(
        message: &[u8],
        plus: bool,
        channel: &[ChannelBinding],
    ) -> Result<Self, Malformed> {
        let message = std::str::from_utf8(message).map_err(|_| Malformed("invalid-encoding"))?;
        let mut parts = message.splitn(3, ',');
        let mut part = || parts.next().ok_or(Malformed("invalid-encoding"));
        let (flag, authzid, bare) = (part()?, part()?, part()?);
        let binding = binding(flag, plus, channel)?;
        let (user, nonce) = bare_parts(bare)?;
        match authzid.strip_prefix("a=").map(name).transpose()? {
            None if !authzid.is_empty() => return Err(Malformed("invalid-encoding")),
            Some(other) if other != user => return Err(Malformed("other-error")),
            _ => {}
        }
        Ok(Self {
            header: format!("{flag},{authzid},"),
            binding: binding.map(Into::into),
            user,
            nonce: nonce.into(),
            bare: bare.into(),
        })
    }

    /// The name of the user.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    pub(super) fn nonce(&self) -> &str {
        &self.nonce
    }

    pub(super) fn bare(&self) -> &str {
        &self.bare
    }

    /// ```text
    /// client-final-message = "c=" base64 "," "r=" nonce [ "," extensions ] ",p=" base64
    /// ```
    pub(super) fn client_final<'m>(
        &self,
        message: &'m [u8],
        server_first: &str,
        channel: &[ChannelBinding],
    ) -> Result<ClientFinal<'m>, &'static str> {
        let message = std::str::from_utf8(message).map_err(|_| "invalid-encoding")?;
        let (without_proof, proof) = message.rsplit_once(",p=").ok_or("invalid-encoding")?;
        let mut parts = without_proof.split(',');
        let bound = parts.next().and_then(|part| part.strip_prefix("c="));
        let nonce = parts.next().ok_or("invalid-encoding")?;
        if server_first.split(',').next() != Some(nonce) {
            return Err("other-error");
        }
        if bound != Some(&self.bound_to(channel)?) {
            return Err("channel-bindings-dont-match");
        }
        let proof = BASE64.decode(proof.as_bytes()).ok();
        let proof = proof.filter(|proof| proof.len() == OCTETS);
        Ok(ClientFinal {
            without_proof,
            proof: proof.ok_or("invalid-encoding")?,
        })
    }

    /// What `c=` has to be: the header once more, and the data that only this connection has.
    fn bound_to(&self, channel: &[ChannelBinding]) -> Result<String, &'static str> {
        let mut octets = self.header.clone().into_bytes();
        if let Some(name) = &self.binding {
            let offered = channel.iter().find(|offered| offered.name == *name);
            octets.extend(&offered.ok_or("unsupported-channel-binding-type")?.data);
        }
        Ok(BASE64.encode(&octets))
    }
}

/// Reads the first part of the header: which channel binding the client wants.
fn binding<'m>(
    flag: &'m str,
    plus: bool,
    channel: &[ChannelBinding],
) -> Result<Option<&'m str>, Malformed> {
    match (flag, flag.strip_prefix("p=")) {
        ("n", _) if !plus => Ok(None),
        ("y", _) if !plus && channel.is_empty() => Ok(None),
        ("y", _) if !plus => Err(Malformed("server-does-support-channel-binding")),
        (_, Some(name)) if plus => {
            let offered = channel.iter().any(|offered| offered.name == name);
            let name = offered.then_some(Some(name));
            name.ok_or(Malformed("unsupported-channel-binding-type"))
        }
        _ => Err(Malformed("invalid-encoding")),
    }
}

fn bare_parts(bare: &str) -> Result<(String, &str), Malformed> {
    let mut parts = bare.split(',');
    let user = match parts.next().and_then(|part| part.split_once('=')) {
        Some(("n", user)) => name(user)?,
        Some(("m", _)) => return Err(Malformed("extensions-not-supported")),
        _ => return Err(Malformed("invalid-encoding")),
    };
    let nonce = parts.next().and_then(|part| part.strip_prefix("r="));
    let is_printable = |nonce: &str| nonce.bytes().all(|octet| octet.is_ascii_graphic());
    let nonce = nonce.filter(|nonce| (1..=MAX_NONCE).contains(&nonce.len()) && is_printable(nonce));
    Ok((user, nonce.ok_or(Malformed("invalid-encoding"))?))
}

/// ```text
/// saslname = 1*( character / "=2C" / "=3D" )
/// ```
fn name(text: &str) -> Result<String, Malformed> {
    let mut pieces = text.split('=');
    let mut name = pieces.next().unwrap_or("").to_string();
    for piece in pieces {
        let (letter, rest) = match piece.split_at_checked(2) {
            Some(("2C", rest)) => (',', rest),
            Some(("3D", rest)) => ('=', rest),
            _ => return Err(Malformed("invalid-username-encoding")),
        };
        name.push(letter);
        name.push_str(rest);
    }
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(Malformed("invalid-username-encoding"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(name("a=2Cb=3Dc=3D").as_deref(), Ok("a,b=c="));
        for wrong in ["", "a=", "a=2", "=2c", "a=2Dx", "=\u{e9}"] {
            assert_eq!(
                name(wrong),
                Err(Malformed("invalid-username-encoding")),
                "{wrong}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(message in "[nyp]?=?,?(a=)?.{0,8},?n=.{0,8},r=.{0,8}", last in "c=.{0,9},r=.{0,9},p=.{0,9}") {
            if let Ok(first) = ClientFirst::parse(message.as_bytes(), false, &[]) {
                let _ = first.client_final(last.as_bytes(), "r=x,s=,i=1", &[]);
            }
        }
    }
}
