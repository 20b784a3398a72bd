//! The encoder of responses, and the strings, numbers, flags and dates inside them.

use std::io::Write as _;

use crate::types::{DateTime, Flags, Keyword, MONTHS, NumberSet, modified_utf7};

use crate::protocol::dialect::Dialect;
use crate::work;

/// Longest quoted string, in octets. A longer string is sent as a literal, because clients read
/// lines into buffers of a fixed size.
const MAX_QUOTED: usize = 1000;

/// Appends responses to a buffer, in the form that a dialect asks for.
pub(crate) struct Encoder<'o> {
    out: &'o mut Vec<u8>,
    dialect: Dialect,
}

impl<'o> Encoder<'o> {
    /// Returns an encoder that appends to `out`.
    pub(crate) fn new(out: &'o mut Vec<u8>, dialect: Dialect) -> Self {
        Self { out, dialect }
    }

    /// Returns the dialect of the responses.
    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Writes octets unchanged.
    pub(crate) fn raw(&mut self, octets: impl AsRef<[u8]>) -> &mut Self {
        work::octets(octets.as_ref().len());
        self.out.extend_from_slice(octets.as_ref());
        self
    }

    /// Writes a decimal number.
    pub(crate) fn number(&mut self, number: u64) -> &mut Self {
        self.format(format_args!("{number}"))
    }

    /// Writes a set of numbers in its shortest form.
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

    /// Writes NIL.
    pub(crate) fn nil(&mut self) -> &mut Self {
        self.raw("NIL")
    }

    /// Writes a string, quoted if the dialect can quote it, otherwise as a literal.
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

    /// Writes a string, or NIL.
    ///
    /// ```text
    /// nstring = string / nil
    /// ```
    pub(crate) fn nstring(&mut self, octets: Option<impl AsRef<[u8]>>) -> &mut Self {
        match octets {
            Some(octets) => self.string(octets.as_ref()),
            None => self.nil(),
        }
    }

    /// Writes the name of a mailbox, which is given in modified UTF-7. If the dialect has names in
    /// UTF-8, a name with other characters than ASCII is quoted, because an atom is ASCII.
    pub(crate) fn name(&mut self, name: &str) -> &mut Self {
        match modified_utf7::decode(name.as_bytes()) {
            Some(text) if self.dialect.names_in_utf8() => self.astring(text.as_bytes()),
            _ => self.astring(name.as_bytes()),
        }
    }

    /// Writes an atom if the octets can be one, otherwise a string.
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

    /// Writes the announcement of a literal. Its `size` octets have to follow.
    pub(crate) fn literal(&mut self, size: u64) -> &mut Self {
        self.format(format_args!("{{{size}}}\r\n"))
    }

    /// Writes the announcement of a literal that may contain the octet 0. Its `size` octets have to
    /// follow.
    ///
    /// ```text
    /// literal8 = "~{" number "}" CRLF *OCTET                         RFC 3516 §7
    /// ```
    pub(crate) fn literal8(&mut self, size: u64) -> &mut Self {
        self.raw("~").literal(size)
    }

    /// Writes flags in parentheses: the system flags that the dialect shows, and the keywords.
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

    /// Writes atoms in parentheses.
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

    /// Writes an internal date in UTC. Old clients know the zone by its name GMT.
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

    /// True if the dialect can send the octets as a quoted string.
    ///
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

    /// Ends a line.
    pub(crate) fn end_line(&mut self) -> &mut Self {
        self.raw("\r\n")
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
    use crate::protocol::encode::testing::encoded;
    use crate::protocol::parse::Cursor;
    use crate::types::KeywordSet;

    const LEVELS: [Level; 3] = [Level::Imap2, Level::Imap2bis, Level::Imap4];

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
    fn the_parser_reads_what_the_encoder_writes() {
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
    fn nil_and_astrings() {
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
                // A bit without a name is a keyword that another session has just created.
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
    fn the_parser_reads_internal_dates() {
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
