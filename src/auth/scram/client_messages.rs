//! The two messages of a client and their grammar (RFC 5802 §7).

use std::fmt;

use data_encoding::BASE64;

use super::channel_binding::ChannelBinding;
use super::keys::KEY_LENGTH;

/// No client has longer names and nonces.
const MAX_NAME: usize = 1024;
const MAX_NONCE: usize = 1024;

/// The `server-error-value` for a client-first-message that is malformed or not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ScramError(pub(super) &'static str);

impl fmt::Display for ScramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A client-first-message, which begins an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientFirst {
    /// The gs2 header, with both commas.
    header: String,
    /// The name of the channel binding that the client uses, for SCRAM-SHA-256-PLUS.
    binding: Option<String>,
    /// The user name, decoded.
    user: String,
    /// The client's part of the nonce.
    nonce: String,
    /// The message without the gs2 header.
    bare: String,
}

/// A client-final-message, which carries the proof.
pub(in crate::auth) struct ClientFinal<'m> {
    /// The message up to `,p=`.
    pub(in crate::auth) without_proof: &'m str,
    pub(in crate::auth) proof: Vec<u8>,
}

impl ClientFirst {
    /// Parses a client-first-message.
    ///
    /// ```text
    /// client-first-message = gs2-header client-first-message-bare
    /// gs2-header           = ( "n" / "y" / "p=" cb-name ) "," [ "a=" saslname ] ","
    /// bare                 = "n=" saslname "," "r=" nonce [ "," extensions ]
    /// ```
    ///
    /// `plus` is set if the client chose SCRAM-SHA-256-PLUS. `channel` has the channel bindings
    /// that the server offered; it is empty if the server did not offer SCRAM-SHA-256-PLUS.
    ///
    /// # Errors
    /// If the message is malformed, if the client wants to act for another user, or if the client
    /// did not see the server's offer of SCRAM-SHA-256-PLUS: then a machine in the middle removed
    /// it from the list (RFC 5802 §6).
    pub(crate) fn parse(
        message: &[u8],
        plus: bool,
        channel: &[ChannelBinding],
    ) -> Result<Self, ScramError> {
        let message = std::str::from_utf8(message).map_err(|_| ScramError("invalid-encoding"))?;
        let mut parts = message.splitn(3, ',');
        let mut part = || parts.next().ok_or(ScramError("invalid-encoding"));
        let (flag, authzid, bare) = (part()?, part()?, part()?);
        let binding = binding(flag, plus, channel)?;
        let (user, nonce) = bare_parts(bare)?;
        match authzid.strip_prefix("a=").map(name).transpose()? {
            None if !authzid.is_empty() => return Err(ScramError("invalid-encoding")),
            Some(other) if other != user => return Err(ScramError("other-error")),
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

    /// The name of the user who wants to log in.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    pub(in crate::auth) fn nonce(&self) -> &str {
        &self.nonce
    }

    pub(super) fn bare(&self) -> &str {
        &self.bare
    }

    /// Parses a client-final-message, except for checking the proof.
    ///
    /// ```text
    /// client-final-message = "c=" base64 "," "r=" nonce [ "," extensions ] ",p=" base64
    /// ```
    pub(in crate::auth) fn client_final<'m>(
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
        let proof = proof.filter(|proof| proof.len() == KEY_LENGTH);
        Ok(ClientFinal {
            without_proof,
            proof: proof.ok_or("invalid-encoding")?,
        })
    }

    /// Returns the value that `c=` must have: the gs2 header again, and the data of the channel
    /// binding.
    fn bound_to(&self, channel: &[ChannelBinding]) -> Result<String, &'static str> {
        let mut octets = self.header.clone().into_bytes();
        if let Some(name) = &self.binding {
            let offered = channel.iter().find(|offered| offered.name == *name);
            octets.extend(&offered.ok_or("unsupported-channel-binding-type")?.data);
        }
        Ok(BASE64.encode(&octets))
    }
}

/// Reads the flag that begins the gs2 header: which channel binding the client uses.
fn binding<'m>(
    flag: &'m str,
    plus: bool,
    channel: &[ChannelBinding],
) -> Result<Option<&'m str>, ScramError> {
    match (flag, flag.strip_prefix("p=")) {
        ("n", _) if !plus => Ok(None),
        ("y", _) if !plus && channel.is_empty() => Ok(None),
        ("y", _) if !plus => Err(ScramError("server-does-support-channel-binding")),
        (_, Some(name)) if plus => {
            let offered = channel.iter().any(|offered| offered.name == name);
            let name = offered.then_some(Some(name));
            name.ok_or(ScramError("unsupported-channel-binding-type"))
        }
        _ => Err(ScramError("invalid-encoding")),
    }
}

/// Splits client-first-message-bare into the user name and the nonce.
fn bare_parts(bare: &str) -> Result<(String, &str), ScramError> {
    let mut parts = bare.split(',');
    let user = match parts.next().and_then(|part| part.split_once('=')) {
        Some(("n", user)) => name(user)?,
        Some(("m", _)) => return Err(ScramError("extensions-not-supported")),
        _ => return Err(ScramError("invalid-encoding")),
    };
    let nonce = parts.next().and_then(|part| part.strip_prefix("r="));
    let is_printable = |nonce: &str| nonce.bytes().all(|octet| octet.is_ascii_graphic());
    let nonce = nonce.filter(|nonce| (1..=MAX_NONCE).contains(&nonce.len()) && is_printable(nonce));
    Ok((user, nonce.ok_or(ScramError("invalid-encoding"))?))
}

/// Decodes a user name.
///
/// ```text
/// saslname = 1*( character / "=2C" / "=3D" )
/// ```
fn name(text: &str) -> Result<String, ScramError> {
    let mut pieces = text.split('=');
    let mut name = pieces.next().unwrap_or("").to_string();
    for piece in pieces {
        let (letter, rest) = match piece.split_at_checked(2) {
            Some(("2C", rest)) => (',', rest),
            Some(("3D", rest)) => ('=', rest),
            _ => return Err(ScramError("invalid-username-encoding")),
        };
        name.push(letter);
        name.push_str(rest);
    }
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(ScramError("invalid-username-encoding"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_escapes_are_decoded_and_others_refused() {
        assert_eq!(name("a=2Cb=3Dc=3D").as_deref(), Ok("a,b=c="));
        for wrong in ["", "a=", "a=2", "=2c", "a=2Dx", "=\u{e9}"] {
            assert_eq!(
                name(wrong),
                Err(ScramError("invalid-username-encoding")),
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
