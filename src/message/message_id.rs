//! Message identifiers: Message-ID, References and In-Reply-To (RFC 5322 §3.6.4).
//!
//! ```text
//! msg-id = [CFWS] "<" id-left "@" id-right ">" [CFWS]
//! ```
//!
//! An id-left in quotes means the same as without them, so that identifiers are compared without
//! their quotes (RFC 5256 §3, REFERENCES). Case counts.

/// Most references returned of one message: the last ones, which are the nearest ancestors.
const MAX_REFERENCES: usize = 100;
/// Octets of a value that are looked at: the first ones of a Message-ID or In-Reply-To field, the
/// last ones of a References field. Identifiers fit on a line, so that a hundred have less.
const MAX_VALUE: usize = 32 * 1024;

/// Returns the first identifier in the value of a Message-ID or In-Reply-To field.
pub(crate) fn parse_first(value: &[u8]) -> Option<Vec<u8>> {
    parse_ids(&value[..value.len().min(MAX_VALUE)]).next()
}

/// Returns the last identifiers in the value of a References field, in their order.
pub(crate) fn parse_references(value: &[u8]) -> Vec<Vec<u8>> {
    let value = &value[value.len().saturating_sub(MAX_VALUE)..];
    let mut found: Vec<Vec<u8>> = parse_ids(value).collect();
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
            b'\r' | b'\n' | 0 => {}
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
            let first = parse_first(value.as_bytes()).map(text);
            assert_eq!(first.as_deref(), want, "{value}");
        }
    }

    #[test]
    fn the_last_references_are_returned() {
        let refer = |value: &str| {
            let ids = parse_references(value.as_bytes()).into_iter().map(text);
            ids.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(refer(" <a@b>\r\n <c\r\n @d>\r\n"), "a@b c@d");
        assert_eq!(refer("none"), "");
        for count in [MAX_REFERENCES + 1, 20_000] {
            let many: String = (1..=count).map(|n| format!("<{n}@x>")).collect();
            let kept = parse_references(many.as_bytes());
            let first = format!("{}@x", count - MAX_REFERENCES + 1);
            assert_eq!(
                (kept.len(), &kept[0][..]),
                (MAX_REFERENCES, first.as_bytes())
            );
        }
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
