//! Message identifiers: Message-ID, References and In-Reply-To (RFC 5322 §3.6.4).
//!
//! ```text
//! msg-id = [CFWS] "<" id-left "@" id-right ">" [CFWS]
//! ```
//!
//! An id-left in quotes means the same as without them, so that identifiers are compared without
//! their quotes (RFC 5256 §3, REFERENCES). Case counts.

use super::header;

/// Most references returned of one message: the last ones, which are the nearest ancestors.
const MAX_REFERENCES: usize = 100;

/// Returns the identifier of the message with this header.
pub(crate) fn parse_own(block: &[u8]) -> Option<Vec<u8>> {
    parse_ids(&header::field_value(block, "Message-ID")?).next()
}

/// Returns the identifiers that a message refers to, its parent last: those of References, or if
/// there are none, the first of In-Reply-To.
pub(crate) fn parse_references(block: &[u8]) -> Vec<Vec<u8>> {
    let references = header::field_value(block, "References").unwrap_or_default();
    let mut found: Vec<Vec<u8>> = parse_ids(&references).collect();
    if found.is_empty() {
        let answered = header::field_value(block, "In-Reply-To").unwrap_or_default();
        found.extend(parse_ids(&answered).next());
    }
    let excess = found.len().saturating_sub(MAX_REFERENCES);
    found.drain(..excess);
    found
}

/// Returns the identifiers in a value. Skips all else between them.
fn parse_ids(value: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let starts = value.split(|&octet| octet == b'<').skip(1);
    starts.filter_map(parse_id)
}

/// Parses the identifier whose `<` stands before the text.
fn parse_id(text: &[u8]) -> Option<Vec<u8>> {
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
    fn identifiers_are_read_without_quotes_and_comments() {
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
    fn references_are_those_of_references_or_the_first_of_in_reply_to() {
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
        fn no_value_panics_and_every_identifier_has_an_at(value in "[<>@\"\\\\a ]{0,40}") {
            for id in parse_ids(value.as_bytes()) {
                prop_assert!(id.contains(&b'@'));
            }
        }
    }
}
