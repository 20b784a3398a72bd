//! The tokens of a command: a cursor over its text, literals included.
//!
//! The syntax of tokens differs between the protocols, but not so much that one text could mean two
//! things, so one cursor reads them all:
//!
//! - In RFC 1064 an atom ends at the next space or at the end of the text, and clients of all ages
//!   send passwords that contain `*`, `(` or `]` as atoms. In RFC 3501 an atom also ends at a
//!   parenthesis. Here an atom ends at `)` inside parentheses only, and never at `(`.
//! - RFC 1064 has no way to quote `"` or `\`; in RFC 3501 a backslash precedes them. A backslash
//!   before any other character stands for itself.
//! - Every literal, quoted string and number ends within the text, the length of which the framer
//!   limits.
//!
//! The cursor also records the [`Level`] of what it has read: see [`Cursor::needs`].

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use super::literal::LiteralAnnouncement;
use crate::protocol::dialect::Level;

/// A parsed value, or the reason why the client's text is refused. The reason is sent to the client
/// and repeats nothing of the text, which may contain a password.
pub(crate) type Parsed<T> = Result<T, &'static str>;

/// A position in the text of a command.
#[derive(Clone)]
pub(crate) struct Cursor<'a> {
    /// The text not read yet.
    rest: &'a [u8],
    /// How many parentheses are open.
    parentheses: u32,
    /// See [`Self::level`].
    level: Level,
    /// See [`Self::client_level`].
    client_level: Level,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self {
            rest: text,
            parentheses: 0,
            level: Level::Imap2,
            client_level: Level::Imap2,
        }
    }

    /// Records that the text needs `level`: no lower level has what was just read.
    pub(crate) fn needs(&mut self, level: Level) {
        self.level = self.level.max(level);
        self.hints_at(level);
    }

    /// Records that the text shows a client of `level`, although every level accepts it.
    pub(crate) fn hints_at(&mut self, level: Level) {
        self.client_level = self.client_level.max(level);
    }

    /// Records that the text is of RFC 1730, the IMAP4 before RFC 3501. IMAP2bis accepts such text
    /// too, and so does a dialect pinned to IMAP2: fetchmail 6.4 takes a server that answers
    /// CAPABILITY with BAD for one of RFC 1730, and could fetch nothing if that server refused
    /// `RFC822.TEXT.PEEK`.
    pub(crate) fn needs_rfc_1730(&mut self) {
        self.needs(Level::Imap2bis);
        self.hints_at(Level::Imap4);
    }

    /// Returns the lowest level that has everything read so far.
    pub(crate) fn level(&self) -> Level {
        self.level
    }

    /// Returns the level that the text read so far shows the client to speak; not below
    /// [`Self::level`].
    pub(crate) fn client_level(&self) -> Level {
        self.client_level
    }

    /// Returns the next octet without consuming it.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Consumes and returns all that is left.
    pub(crate) fn take_rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// True if only spaces are left.
    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.iter().all(|&octet| octet == b' ')
    }

    /// Fails unless only spaces are left.
    pub(crate) fn end(&self) -> Parsed<()> {
        self.is_at_end()
            .then_some(())
            .ok_or("there are too many arguments")
    }

    /// Consumes one or more spaces. The RFCs allow only one, but no argument begins with a space.
    pub(crate) fn space(&mut self) -> Parsed<()> {
        if self.skip_spaces() {
            Ok(())
        } else if self.rest.is_empty() {
            Err("an argument is missing")
        } else {
            Err("a space was expected")
        }
    }

    /// Consumes any number of spaces. True if there was one.
    pub(crate) fn skip_spaces(&mut self) -> bool {
        !self.take_while(|octet| octet == b' ').is_empty()
    }

    /// Consumes `octet` if it is next. True if it was.
    pub(crate) fn eat(&mut self, octet: u8) -> bool {
        let rest = self.rest.strip_prefix(&[octet]);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Consumes `(` if it is next. True if it was.
    pub(crate) fn open(&mut self) -> bool {
        let opened = self.eat(b'(');
        self.parentheses += u32::from(opened);
        opened
    }

    /// Consumes `)` if it is next. True if it was.
    pub(crate) fn close(&mut self) -> bool {
        let closed = self.eat(b')');
        self.parentheses = self.parentheses.saturating_sub(u32::from(closed));
        closed
    }

    /// Consumes `(`.
    pub(crate) fn expect_open(&mut self) -> Parsed<()> {
        self.open().then_some(()).ok_or("( was expected")
    }

    /// Consumes `)`.
    pub(crate) fn expect_close(&mut self) -> Parsed<()> {
        self.close().then_some(()).ok_or(") was expected")
    }

    /// Consumes the octets up to the first that `accept` rejects.
    pub(crate) fn take_while(&mut self, accept: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|&octet| !accept(octet));
        let (taken, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// Consumes a keyword of the protocol: the name of a command, an item or a search key. It may
    /// be empty.
    pub(crate) fn word(&mut self) -> &'a [u8] {
        self.take_while(|octet| octet.is_ascii_alphanumeric() || b".+-".contains(&octet))
    }

    /// Consumes `word`, in any case, if it is next. True if it was.
    pub(crate) fn eat_word(&mut self, word: &str) -> bool {
        let before = self.rest;
        let found = self.word().eq_ignore_ascii_case(word.as_bytes());
        if !found {
            self.rest = before;
        }
        found
    }

    /// Parses a list: elements between parentheses, separated by spaces, at most `at_most` of them.
    ///
    /// ```text
    /// "(" [element *(SP element)] ")"
    /// ```
    pub(crate) fn list<T>(
        &mut self,
        at_most: usize,
        mut element: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        if !self.open() {
            return Err("a list in parentheses was expected");
        }
        let mut elements = Vec::new();
        self.skip_spaces();
        while !self.close() {
            if elements.len() == at_most {
                return Err("a list is too long");
            }
            elements.push(element(self)?);
            if !self.skip_spaces() && self.peek() != Some(b')') {
                return Err("a list does not end");
            }
        }
        Ok(elements)
    }

    /// Parses the parameters or modifiers at the end of a command of IMAP4, which may be missing.
    ///
    /// ```text
    /// [SP "(" element *(SP element) ")"]                         RFC 4466 §2.1, §2.4
    /// ```
    pub(crate) fn parameters<T>(
        &mut self,
        at_most: usize,
        element: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        if self.is_at_end() {
            return Ok(Vec::new());
        }
        self.needs(Level::Imap4);
        self.space()?;
        self.list(at_most, element)
    }

    /// ```text
    /// number = 1*DIGIT                     ; unsigned 32-bit integer
    /// ```
    pub(crate) fn number(&mut self) -> Parsed<u32> {
        let digits = self.take_while(|octet| octet.is_ascii_digit());
        if digits.is_empty() {
            return Err("a number was expected");
        }
        let number = digits.iter().try_fold(0_u32, |number, digit| {
            number.checked_mul(10)?.checked_add(u32::from(digit - b'0'))
        });
        number.ok_or("a number is too large")
    }

    /// ```text
    /// nz-number = digit-nz *DIGIT
    /// ```
    pub(crate) fn nonzero(&mut self) -> Parsed<u32> {
        match self.number()? {
            0 => Err("a number must not be 0"),
            number => Ok(number),
        }
    }

    /// Parses a string argument in any of its forms.
    ///
    /// ```text
    /// string  ::= atom / """" 1*character """" / literal         RFC 1064 p. 26
    /// astring   = 1*ASTRING-CHAR / string                        RFC 3501 §9
    /// ```
    pub(crate) fn string(&mut self) -> Parsed<Cow<'a, [u8]>> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{') => self.literal().map(Cow::Borrowed),
            _ => self.atom().map(Cow::Borrowed),
        }
    }

    /// ```text
    /// An ATOM is a sequence of ASCII characters delimited by SP or CRLF.     RFC 1064 p. 8
    /// ```
    pub(crate) fn atom(&mut self) -> Parsed<&'a [u8]> {
        let is_in_list = self.parentheses > 0;
        let atom = self
            .take_while(|octet| octet > b' ' && octet != 0x7f && !(is_in_list && octet == b')'));
        match self.peek() {
            _ if atom.is_empty() => Err("an argument is missing"),
            None | Some(b' ' | b')') => Ok(atom),
            Some(_) => Err("an argument contains a control character"),
        }
    }

    /// ```text
    /// quoted      = DQUOTE *QUOTED-CHAR DQUOTE
    /// QUOTED-CHAR = <any TEXT-CHAR except quoted-specials> / "\" quoted-specials
    /// ```
    pub(crate) fn quoted(&mut self) -> Parsed<Cow<'a, [u8]>> {
        if !self.eat(b'"') {
            return Err("a quoted string was expected");
        }
        let mut string = self.unescaped()?;
        loop {
            match self.rest {
                [b'"', rest @ ..] => {
                    self.rest = rest;
                    break;
                }
                [b'\\', special @ (b'"' | b'\\'), rest @ ..] => {
                    string.to_mut().push(*special);
                    self.rest = rest;
                }
                [octet, rest @ ..] => {
                    string.to_mut().push(*octet);
                    self.rest = rest;
                }
                [] => return Err("a quoted string does not end"),
            }
            string.to_mut().extend_from_slice(&self.unescaped()?);
        }
        if string.iter().any(|octet| b"\r\n\0".contains(octet)) {
            return Err("a quoted string contains CR, LF or NUL");
        }
        Ok(string)
    }

    /// Consumes the octets of a quoted string up to the next `"` or `\`.
    fn unescaped(&mut self) -> Parsed<Cow<'a, [u8]>> {
        let end = memchr2(b'"', b'\\', self.rest).ok_or("a quoted string does not end")?;
        let (plain, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(Cow::Borrowed(plain))
    }

    /// ```text
    /// literal ::= "{" NUMBER ["+"] "}" CRLF ASCII-STRING
    /// ```
    fn literal(&mut self) -> Parsed<&'a [u8]> {
        let announcement = self.announcement()?;
        let octets = self
            .rest
            .strip_prefix(b"\r\n")
            .ok_or("a literal must end its line")?;
        let size = usize::try_from(announcement.size).ok();
        let split = size.and_then(|size| octets.split_at_checked(size));
        let (literal, rest) = split.ok_or("a literal is cut off")?;
        self.rest = rest;
        Ok(literal)
    }

    /// Parses the announcement of a literal, without the line end behind it.
    pub(crate) fn announcement(&mut self) -> Parsed<LiteralAnnouncement> {
        const REASON: &str = "an argument must not begin with \"{\" unless it is a literal";
        let close = memchr(b'}', self.rest).ok_or(REASON)?;
        let (announcement, rest) = self.rest.split_at(close + 1);
        let announcement = LiteralAnnouncement::parse(announcement).ok_or(REASON)?;
        if !announcement.synchronizing {
            self.needs(Level::Imap4);
        }
        self.rest = rest;
        Ok(announcement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(text: &[u8]) -> Parsed<Vec<Vec<u8>>> {
        let mut cursor = Cursor::new(text);
        let mut strings = vec![cursor.string()?.into_owned()];
        while !cursor.is_at_end() {
            cursor.space()?;
            strings.push(cursor.string()?.into_owned());
        }
        Ok(strings)
    }

    #[test]
    fn reads_strings_in_all_forms() {
        let text = b"a*(]%\"\\b \"\" \"a\\\"b\\\\c\\d e)\" {4}\r\n\0\r\n\" z  {0+}\r\n";
        let want = [
            b"a*(]%\"\\b".as_slice(),
            b"",
            b"a\"b\\c\\d e)",
            b"\0\r\n\"",
            b"z",
            b"",
        ];
        assert_eq!(strings(text).expect("strings"), want);
    }

    #[test]
    fn strings_without_escapes_are_not_copied() {
        let borrowed = |text: &'static [u8]| match Cursor::new(text).string() {
            Ok(Cow::Borrowed(_)) => true,
            Ok(Cow::Owned(_)) | Err(_) => false,
        };
        assert!(borrowed(b"{1}\r\na") && borrowed(b"a"));
    }

    #[test]
    fn refused_strings() {
        for text in [
            &b""[..],
            b" a",
            b"\"",
            b"\"a",
            b"\"a\\",
            b"\"a\\\"",
            b"\"a\r\nb\"",
            b"\"\0\"",
            b"a\0",
            b"a\x7f",
            b"{",
            b"{1",
            b"{1}",
            b"{1}\n1",
            b"{2}\r\n1",
            b"{99999999999999999999}\r\n1",
            b"{x}\r\n1",
            b"\"a\"b",
        ] {
            assert!(strings(text).is_err(), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn an_atom_ends_at_a_parenthesis_only_inside_a_list() {
        let mut cursor = Cursor::new(b"(a) b)");
        let list = cursor.list(2, |cursor| cursor.atom());
        assert_eq!(list, Ok(vec![b"a".as_slice()]));
        assert!(cursor.space().is_ok());
        assert_eq!(cursor.atom(), Ok(b"b)".as_slice()));
    }

    #[test]
    fn lists_are_bounded_and_end() {
        let list = |text: &[u8]| Cursor::new(text).list(2, Cursor::number);
        assert_eq!(list(b"()"), Ok(vec![]));
        assert_eq!(list(b"( 1  2 )"), Ok(vec![1, 2]));
        for text in ["", "(", "(1", "(1 ", "(1 2 3)", "(1,2)", "1"] {
            assert!(list(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_32_bits() {
        let number = |text: &str| Cursor::new(text.as_bytes()).number().ok();
        assert_eq!(number("4294967295"), Some(u32::MAX));
        assert_eq!(number("007"), Some(7));
        assert_eq!(number("4294967296"), None);
        assert_eq!(number("99999999999999999999999"), None);
        assert_eq!(number("-1"), None);
        assert!(Cursor::new(b"0").nonzero().is_err());
    }

    #[test]
    fn a_non_synchronizing_literal_is_imap4() {
        for (text, level) in [("{1}\r\na", Level::Imap2), ("{1+}\r\na", Level::Imap4)] {
            let mut cursor = Cursor::new(text.as_bytes());
            assert!(cursor.string().is_ok());
            assert_eq!(cursor.level(), level);
        }
    }
}
