//! Values to octets: the strings, numbers, flags and dates inside a response.

use std::io::Write as _;

use crate::types::date::MONTHS;
use crate::types::mutf7;
use crate::types::{DateTime, Flags, Keyword, NumberSet};

use crate::protocol::dialect::Dialect;

/// Longest quoted string; what is longer goes as a literal, for clients read lines into buffers.
const MAX_QUOTED: usize = 1000;

/// Writes responses in the ways of a dialect, to the end of a buffer.
pub(crate) struct Encoder<'o> {
    out: &'o mut Vec<u8>,
    dialect: Dialect,
}

impl<'o> Encoder<'o> {
    /// Writes to the end of `out`.
    pub(crate) fn new(out: &'o mut Vec<u8>, dialect: Dialect) -> Self {
        Self { out, dialect }
    }

    /// The dialect it writes.
    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Octets as they are.
    pub(crate) fn raw(&mut self, octets: impl AsRef<[u8]>) -> &mut Self {
        self.out.extend_from_slice(octets.as_ref());
        self
    }

    /// A decimal number.
    pub(crate) fn number(&mut self, number: u64) -> &mut Self {
        self.format(format_args!("{number}"))
    }

    /// Numbers, in the shortest way.
    ///
    /// ```text
    /// sequence-set = (seq-number / seq-range) *("," sequence-set)    RFC 3501 §9
    /// ```
    pub(crate) fn number_set(&mut self, set: &NumberSet) -> &mut Self {
        for (position, &(low, high)) in set.ranges().iter().enumerate() {
            let comma = if position > 0 { "," } else { "" };
            self.format(format_args!("{comma}{low}"));
            if high > low {
                self.format(format_args!(":{high}"));
            }
        }
        self
    }

    /// NIL.
    pub(crate) fn nil(&mut self) -> &mut Self {
        self.raw("NIL")
    }

    /// A string, quoted if the dialect can quote it, else as a literal.
    ///
    /// ```text
    /// string ::= """" 1*character """" / literal                     RFC 1064 p. 26
    /// ```
    pub(crate) fn string(&mut self, octets: &[u8]) -> &mut Self {
        if self.can_quote(octets) {
            self.raw("\"").raw(octets).raw("\"")
        } else {
            self.literal(octets.len() as u64).raw(octets)
        }
    }

    /// ```text
    /// nstring = string / nil
    /// ```
    pub(crate) fn nstring(&mut self, octets: Option<impl AsRef<[u8]>>) -> &mut Self {
        match octets {
            Some(octets) => self.string(octets.as_ref()),
            None => self.nil(),
        }
    }

    /// The name of a mailbox, which comes in modified UTF-7. Where it is sent in UTF-8 it is quoted, for an
    /// atom has no such characters.
    pub(crate) fn name(&mut self, name: &str) -> &mut Self {
        match mutf7::decode(name.as_bytes()) {
            Some(text) if self.dialect.names_in_utf8() => self.astring(text.as_bytes()),
            _ => self.astring(name.as_bytes()),
        }
    }

    /// An atom if it can be one, else a string.
    ///
    /// ```text
    /// astring = 1*ASTRING-CHAR / string                              RFC 3501 §9
    /// ```
    pub(crate) fn astring(&mut self, octets: &[u8]) -> &mut Self {
        let is_atom = octets
            .iter()
            .all(|octet| octet.is_ascii_graphic() && !b"(){%*\"\\".contains(octet));
        if is_atom && !octets.is_empty() && !octets.eq_ignore_ascii_case(b"NIL") {
            self.raw(octets)
        } else {
            self.string(octets)
        }
    }

    /// The announcement of a literal; its `size` octets have to follow.
    pub(crate) fn literal(&mut self, size: u64) -> &mut Self {
        self.format(format_args!("{{{size}}}\r\n"))
    }

    /// Announces octets among which the octet 0 may be.
    ///
    /// ```text
    /// literal8 = "~{" number "}" CRLF *OCTET                         RFC 3516 §7
    /// ```
    pub(crate) fn literal8(&mut self, size: u64) -> &mut Self {
        self.raw("~").literal(size)
    }

    /// Flags in parentheses: the system flags that the dialect shows, and the keywords.
    pub(crate) fn flags<'k>(
        &mut self,
        system: Flags,
        keywords: impl IntoIterator<Item = &'k Keyword>,
    ) -> &mut Self {
        let system = system
            .without(self.dialect.hidden_flags())
            .names()
            .map(|name| name as &str);
        self.list(system.chain(keywords.into_iter().map(Keyword::as_str)))
    }

    /// Atoms in parentheses.
    pub(super) fn list<'a>(&mut self, atoms: impl Iterator<Item = &'a str>) -> &mut Self {
        self.raw("(");
        for (position, atom) in atoms.enumerate() {
            if position > 0 {
                self.raw(" ");
            }
            self.raw(atom);
        }
        self.raw(")")
    }

    /// An internal date, always in UTC, which old clients read by its name GMT.
    ///
    /// ```text
    /// date    ::= string in form "dd-mmm-yy hh:mm:ss-zzz"            RFC 1064 p. 24
    /// date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE
    /// ```
    pub(crate) fn internal_date(&mut self, date: DateTime) -> &mut Self {
        let ((year, month, day), (hour, minute, second)) = date.parts();
        // `parts` counts months from 1 to 12.
        let month = MONTHS[(month - 1) as usize % MONTHS.len()];
        let year = year.max(0);
        if self.dialect.short_internal_date() {
            let year = year % 100;
            self.format(format_args!(
                "\"{day:2}-{month}-{year:02} {hour:02}:{minute:02}:{second:02}-GMT\""
            ))
        } else {
            self.format(format_args!(
                "\"{day:2}-{month}-{year:04} {hour:02}:{minute:02}:{second:02} +0000\""
            ))
        }
    }

    /// ```text
    /// A CHARACTER is any ASCII character except """", "{", CR, LF, "%", or "\".     RFC 1064 p. 8
    /// QUOTED-CHAR = <any TEXT-CHAR except quoted-specials> / "\" quoted-specials    RFC 3501 §9
    /// ```
    fn can_quote(&self, octets: &[u8]) -> bool {
        let strict = self.dialect.quotes_strictly();
        let utf8 = self.dialect.quotes_utf8();
        let plain = |octet: &u8| match octet {
            b'"' | b'\\' | b'\r' | b'\n' | 0 => false,
            0x80.. => utf8,
            b'{' | b'%' => !strict,
            _ => true,
        };
        let is_short = octets.len() <= MAX_QUOTED;
        is_short && octets.iter().all(plain) && (!utf8 || std::str::from_utf8(octets).is_ok())
    }

    pub(super) fn format(&mut self, arguments: std::fmt::Arguments<'_>) -> &mut Self {
        // Writing to a vector cannot fail.
        let _ = self.out.write_fmt(arguments);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::dialect::Level;
    use crate::protocol::parse::Cursor;
    use crate::types::KeywordSet;

    const LEVELS: [Level; 3] = [Level::Imap2, Level::Imap2bis, Level::Imap4];

    fn encoded(level: Level, write: impl FnOnce(&mut Encoder<'_>)) -> String {
        let mut out = Vec::new();
        write(&mut Encoder::new(&mut out, Dialect::pinned(level)));
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn strings_by_dialect() {
        for (text, strict, lenient) in [
            ("", "\"\"", "\"\""),
            ("a b", "\"a b\"", "\"a b\""),
            ("100%", "{4}\r\n100%", "\"100%\""),
            ("{", "{1}\r\n{", "\"{\""),
            ("a\"b", "{3}\r\na\"b", "{3}\r\na\"b"),
            ("a\\b", "{3}\r\na\\b", "{3}\r\na\\b"),
            ("a\r\n", "{3}\r\na\r\n", "{3}\r\na\r\n"),
            ("\0", "{1}\r\n\0", "{1}\r\n\0"),
            ("\u{e9}", "{2}\r\n\u{e9}", "{2}\r\n\u{e9}"),
        ] {
            let string = |level| {
                encoded(level, |e| {
                    e.string(text.as_bytes());
                })
            };
            assert_eq!(LEVELS.map(string), [strict, strict, lenient], "{text:?}");
        }
    }

    #[test]
    fn what_is_written_can_be_read() {
        proptest::proptest!(|(octets in proptest::collection::vec(proptest::num::u8::ANY, 0..40))| {
            for level in LEVELS {
                let dialect = Dialect::pinned(level);
                let mut out = Vec::new();
                Encoder::new(&mut out, dialect).string(&octets).raw(" ").astring(&octets);
                let mut cursor = Cursor::new(&out);
                for _ in 0..2 {
                    let string = cursor.string().expect("a string");
                    proptest::prop_assert_eq!(&string[..], &octets[..]);
                    cursor.skip_spaces();
                }
            }
        });
    }

    #[test]
    fn nil_and_names() {
        let got = encoded(Level::Imap4, |e| {
            e.nstring(None::<&[u8]>).raw(" ").nstring(Some("NIL"));
            for name in ["INBOX", "a b", "NIL", "a]", "a*", ""] {
                e.raw(" ").astring(name.as_bytes());
            }
        });
        assert_eq!(got, "NIL \"NIL\" INBOX \"a b\" \"NIL\" a] \"a*\" \"\"");
    }

    #[test]
    fn long_strings_are_literals() {
        let long = "x".repeat(MAX_QUOTED + 1);
        let got = encoded(Level::Imap4, |e| {
            e.string(long.as_bytes());
        });
        assert!(got.starts_with("{1001}\r\n"));
    }

    #[test]
    fn flags_by_dialect() {
        let names = ["$Junk", "Todo"].map(|name| Keyword::new(name).expect("a keyword"));
        let system = Flags::SEEN.with(Flags::DRAFT).with(Flags::RECENT);
        let flags = |level| {
            encoded(level, |e| {
                // A bit without a name is a keyword that another session has just made.
                let keywords = KeywordSet::of(1).with(KeywordSet::of(7));
                e.flags(system, keywords.iter().filter_map(|index| names.get(index)));
            })
        };
        let old = "(\\Seen \\Recent Todo)";
        let new = "(\\Seen \\Draft \\Recent Todo)";
        assert_eq!(LEVELS.map(flags), [old, old, new]);
        let none = encoded(Level::Imap2, |e| {
            e.flags(Flags::DRAFT, []);
        });
        assert_eq!(none, "()");
    }

    #[test]
    fn internal_dates_by_dialect() {
        let date = |level| {
            encoded(level, |e| {
                e.internal_date(DateTime { unix: 581_889_343 });
            })
        };
        let new = "\" 9-Jun-1988 19:55:43 +0000\"";
        assert_eq!(LEVELS.map(date), ["\" 9-Jun-88 19:55:43-GMT\"", new, new]);
    }

    #[test]
    fn internal_dates_can_be_read() {
        for unix in [0, 581_889_343, 1_700_000_000, 2_000_000_000] {
            for level in LEVELS {
                let text = encoded(level, |e| {
                    e.internal_date(DateTime { unix });
                });
                let read = crate::protocol::parse::date_time(&mut Cursor::new(text.as_bytes()));
                assert_eq!(read, Ok(DateTime { unix }), "{text}");
            }
        }
    }

    #[test]
    fn extreme_dates_do_not_panic() {
        for unix in [i64::MIN, i64::MAX] {
            for level in LEVELS {
                encoded(level, |e| {
                    e.internal_date(DateTime { unix });
                });
            }
        }
    }
}
