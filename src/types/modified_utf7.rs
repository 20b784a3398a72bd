//! Modified UTF-7, the encoding of mailbox names in ASCII (RFC 3501 §5.1.3).
//!
//! Each text has exactly one encoding: a character that can stand for itself must do so, and a run
//! of other characters is one run of base64. So two names denote the same mailbox only if their
//! octets are equal, and [`decode`] refuses everything that [`encode`] does not write.

use data_encoding::BASE64_NOPAD;

/// Encodes a text.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut shifted: Vec<u8> = Vec::new();
    for c in text.chars() {
        if is_direct(c) {
            flush(&mut shifted, &mut out);
            out.push(c);
            if c == '&' {
                out.push('-');
            }
        } else {
            let mut units = [0; 2];
            shifted.extend(
                c.encode_utf16(&mut units)
                    .iter()
                    .flat_map(|u| u.to_be_bytes()),
            );
        }
    }
    flush(&mut shifted, &mut out);
    out
}

/// Writes a run of characters that do not stand for themselves.
fn flush(shifted: &mut Vec<u8>, out: &mut String) {
    if shifted.is_empty() {
        return;
    }
    out.push('&');
    out.push_str(&BASE64_NOPAD.encode(shifted).replace('/', ","));
    out.push('-');
    shifted.clear();
}

/// Decodes a name. Returns `None` if it is not valid, or not the one encoding of its text.
///
/// ```text
/// name    = *(direct / "&-" / shifted)        ; no two shifted in a row
/// direct  = %x20-25 / %x27-7E
/// shifted = "&" base64 "-"
/// ```
pub(crate) fn decode(name: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(name.len());
    let mut rest = name;
    let mut after_shifted = false;
    while let Some((&first, behind)) = rest.split_first() {
        if first != b'&' {
            text.push(Some(char::from(first)).filter(|&c| is_direct(c))?);
            (rest, after_shifted) = (behind, false);
            continue;
        }
        let end = memchr::memchr(b'-', behind)?;
        let (run, behind) = (&behind[..end], &behind[end + 1..]);
        if run.is_empty() {
            text.push('&');
        } else if after_shifted {
            return None;
        } else {
            decode_run(run, &mut text)?;
        }
        (rest, after_shifted) = (behind, !run.is_empty());
    }
    Some(text)
}

/// Decodes a run of base64 to the end of `text`.
fn decode_run(run: &[u8], text: &mut String) -> Option<()> {
    if run.contains(&b'/') {
        return None;
    }
    let run: Vec<u8> = run
        .iter()
        .map(|&b| if b == b',' { b'/' } else { b })
        .collect();
    let octets = BASE64_NOPAD.decode(&run).ok()?;
    let units = octets
        .chunks(2)
        .map(|pair| Some(u16::from_be_bytes(pair.try_into().ok()?)));
    let units = units.collect::<Option<Vec<u16>>>()?;
    for c in char::decode_utf16(units) {
        text.push(c.ok().filter(|&c| !is_direct(c) && c != '\0')?);
    }
    Some(())
}

/// True for printable ASCII, which stands for itself; only `&` is followed by a hyphen.
fn is_direct(c: char) -> bool {
    matches!(c, ' '..='~')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PAIRS: [(&str, &str); 7] = [
        ("", ""),
        ("Sent Mail", "Sent Mail"),
        ("Café.Sub", "Caf&AOk-.Sub"),
        ("R&D", "R&-D"),
        ("é&é", "&AOk-&-&AOk-"),
        // RFC 3501 §5.1.3
        ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
        ("\u{1F4EC}", "&2D3c7A-"),
    ];

    #[test]
    fn known_names() {
        for (text, name) in PAIRS {
            assert_eq!(encode(text), name);
            assert_eq!(decode(name.as_bytes()).as_deref(), Some(text), "{name}");
        }
    }

    #[test]
    fn refuses_what_encode_does_not_write() {
        for bad in [
            "&",
            "a&",
            "&AOk",
            "&A-",
            "&AO-",
            "&AOk=-",
            "&AOl-",
            "&U/BTFw-",
            "é",
            "\t",
            "\u{7f}",
            "&AGE-",      // a letter, which stands for itself
            "&ACY-",      // the ampersand, which is written &-
            "&AAA-",      // NUL
            "&2D0-",      // half a surrogate pair
            "&3ADYPQ-",   // a surrogate pair in the wrong order
            "&AOk-&AOk-", // one run cut in two
            "&*-",
        ] {
            assert_eq!(decode(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(decode(b"caf\xe9"), None);
    }

    proptest! {
        #[test]
        fn encoding_can_be_decoded(text in "[^\0]{0,40}") {
            let name = encode(&text);
            prop_assert!(name.is_ascii());
            prop_assert_eq!(decode(name.as_bytes()), Some(text));
        }

        #[test]
        fn decoding_can_be_encoded(name in "[&A-F,+/a-e-]{0,20}") {
            if let Some(text) = decode(name.as_bytes()) {
                prop_assert_eq!(encode(&text), name);
            }
        }
    }
}
