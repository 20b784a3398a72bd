//! Message identifiers: which message this is, and which it answers (RFC 5322 §3.6.4).
//!
//! ```text
//! msg-id = [CFWS] "<" id-left "@" id-right ">" [CFWS]
//! ```
//!
//! The left side may be written as a quoted string and mean the same as without quotes, so identifiers
//! are compared without them (RFC 5256 §3, REFERENCES). Case counts.

use super::header;

/// Most references of one message that are told: the last ones, which are the nearest.
pub(crate) const MAX_REFERENCES: usize = 100;

/// The identifier of the message that has this header.
pub(crate) fn parse_own(block: &[u8]) -> Option<Vec<u8>> {
    ids(&header::field_value(block, "Message-ID")?).next()
}

/// What the message refers to, its parent last: what References says, or else the first of In-Reply-To.
pub(crate) fn parse_references(block: &[u8]) -> Vec<Vec<u8>> {
    let references = header::field_value(block, "References").unwrap_or_default();
    let mut found: Vec<Vec<u8>> = ids(&references).collect();
    if found.is_empty() {
        let answered = header::field_value(block, "In-Reply-To").unwrap_or_default();
        found.extend(ids(&answered).next());
    }
    let excess = found.len().saturating_sub(MAX_REFERENCES);
    found.drain(..excess);
    found
}

/// The identifiers in a value; whatever stands between them is passed over.
fn ids(value: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let starts = value.split(|&octet| octet == b'<').skip(1);
    starts.filter_map(id)
}

/// The identifier that goes on here, behind its `<`.
fn id(text: &[u8]) -> Option<Vec<u8>> {
    let mut id = Vec::new();
    let mut quoted = false;
    let mut octets = text.iter();
    while let Some(&octet) = octets.next() {
        match octet {
            b'"' => quoted = !quoted,
            b'\\' if quoted => id.extend(octets.next()),
            b' ' | b'\t' if !quoted => {}
            b'>' if !quoted => {
                let at = id.iter().rposition(|&octet| octet == b'@')?;
                return (at > 0 && at + 1 < id.len()).then_some(id);
            }
            octet => id.push(octet),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(id: Vec<u8>) -> String {
        String::from_utf8_lossy(&id).into_owned()
    }

    #[test]
    fn own_identifiers() {
        for (value, want) in [
            ("<a@b>", Some("a@b")),
            // RFC 5256 §3.
            (
                "<\"01KF8JCEOCBS0045PS\"@xxx.yyy.com>",
                Some("01KF8JCEOCBS0045PS@xxx.yyy.com"),
            ),
            ("(comment) <A@b> x", Some("A@b")),
            ("<\"a\\\"b>\"@c>", Some("a\"b>@c")),
            ("<a @ b>", Some("a@b")),
            ("<ab>", None),
            ("<@b>", None),
            ("<a@>", None),
            ("<a@b", None),
            ("a@b", None),
            ("", None),
        ] {
            let block = format!("Message-ID: {value}\n");
            assert_eq!(
                parse_own(block.as_bytes()).map(text).as_deref(),
                want,
                "{value}"
            );
        }
    }

    #[test]
    fn what_is_referred_to() {
        let refer = |block: &str| {
            let ids = parse_references(block.as_bytes()).into_iter().map(text);
            ids.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            refer("References: <a@b>\n <c@d>\nIn-Reply-To: <e@f>\n"),
            "a@b c@d"
        );
        assert_eq!(
            refer("References: none\nIn-Reply-To: Jo's <e@f> <g@h>\n"),
            "e@f"
        );
        assert_eq!(refer("In-Reply-To: your message\n"), "");
        assert_eq!(refer("Subject: x\n"), "");
        let many: String = (0..=MAX_REFERENCES).map(|n| format!("<{n}@x>")).collect();
        let kept = parse_references(format!("References: {many}\n").as_bytes());
        assert_eq!((kept.len(), &kept[0][..]), (MAX_REFERENCES, &b"1@x"[..]));
    }

    proptest! {
        #[test]
        fn no_value_panics(value in "[<>@\"\\\\a ]{0,40}") {
            for id in ids(value.as_bytes()) {
                prop_assert!(id.contains(&b'@'));
            }
        }
    }
}
