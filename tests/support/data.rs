//! Parses the server's responses into values. This parser shares no code with the server.
//!
//! It is stricter than a mail program, so that a test notices what a lenient client would forgive:
//! a response that does not parse panics and shows the line.

/// One parenthesised list, string or atom of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// A number, a name or a flag; also `BODY[HEADER.FIELDS (SUBJECT)]` with its brackets.
    Atom(String),
    /// A quoted string or literal.
    Text(Vec<u8>),
    /// `( … )`
    List(Vec<Self>),
}

impl Value {
    /// Returns the text of an atom or string, or `None` for NIL and lists.
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Self::Atom(atom) if atom.eq_ignore_ascii_case("NIL") => None,
            Self::Atom(atom) => Some(atom.clone()),
            Self::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            Self::List(_) => None,
        }
    }

    /// Returns the number that an atom represents, or `None` if it is not one.
    pub(crate) fn number(&self) -> Option<u32> {
        self.text()?.parse().ok()
    }

    /// Returns the members of a list; an empty slice for all other values.
    pub(crate) fn members(&self) -> &[Self] {
        match self {
            Self::List(members) => members,
            Self::Atom(_) | Self::Text(_) => &[],
        }
    }
}

/// The item names and values of one message, as in `FETCH` and `STORE` responses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Items(Vec<(String, Value)>);

impl Items {
    /// Returns the value of an item.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        let found = self
            .0
            .iter()
            .find(|(item, _)| item.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }

    /// Returns the text of an item.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name)?.text()
    }

    /// Returns the unique identifier.
    pub(crate) fn uid(&self) -> Option<u32> {
        self.get("UID")?.number()
    }

    /// Returns the flags in sorted order, without `\Recent`, which depends on which session looks
    /// first.
    pub(crate) fn flags(&self) -> Option<Vec<String>> {
        let flags = self.get("FLAGS")?.members().iter().filter_map(Value::text);
        let mut flags: Vec<String> = flags.filter(|flag| flag != "\\Recent").collect();
        flags.sort();
        Some(flags)
    }
}

/// One untagged response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Data {
    /// `* n EXISTS`
    Exists(u32),
    /// `* n RECENT`
    Recent(u32),
    /// `* n EXPUNGE`
    Expunge(u32),
    /// `* n COPY` (RFC 1064 p. 16)
    Copy(u32),
    /// `* n FETCH (…)`
    Fetch(u32, Items),
    /// `* n STORE (…)` (RFC 1064 p. 15)
    Store(u32, Items),
    /// `* SEARCH n n …`
    Search(Vec<u32>),
    /// `* MAILBOX name`: the rest of the line is the name.
    Mailbox(String),
    /// `* OK`, `* NO`, `* BAD`, `* BYE`, `* PREAUTH` and their text, code included.
    Status(String, String),
    /// Any other response: its keyword and the values after it.
    Other(String, Vec<Value>),
}

impl Data {
    /// Parses an untagged response: all its octets after `* `, literals inline, without the last
    /// CRLF.
    ///
    /// # Panics
    ///
    /// If the response is malformed.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let mut reader = Reader { bytes, at: 0 };
        let first = reader.word();
        match first.parse() {
            Ok(number) => reader.message_data(number),
            Err(_) => reader.other_data(&first.to_ascii_uppercase()),
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn message_data(&mut self, number: u32) -> Data {
        self.space();
        let data = match self.word().to_ascii_uppercase().as_str() {
            "EXISTS" => Data::Exists(number),
            "RECENT" => Data::Recent(number),
            "EXPUNGE" => Data::Expunge(number),
            "COPY" => Data::Copy(number),
            "FETCH" => Data::Fetch(number, self.items()),
            "STORE" => Data::Store(number, self.items()),
            _ => self.fail("an unknown kind of message data"),
        };
        if self.at != self.bytes.len() {
            self.fail("something follows the response");
        }
        data
    }

    fn other_data(&mut self, keyword: &str) -> Data {
        match keyword {
            "OK" | "NO" | "BAD" | "BYE" | "PREAUTH" => {
                Data::Status(keyword.to_owned(), self.rest_of_line())
            }
            "MAILBOX" => Data::Mailbox(self.rest_of_line()),
            "SEARCH" => Data::Search(self.values().iter().filter_map(Value::number).collect()),
            _ => Data::Other(keyword.to_owned(), self.values()),
        }
    }

    fn rest_of_line(&self) -> String {
        let rest = &self.bytes[(self.at + 1).min(self.bytes.len())..];
        String::from_utf8_lossy(rest).into_owned()
    }

    fn items(&mut self) -> Items {
        self.space();
        let Value::List(members) = self.value() else {
            self.fail("message data without a list")
        };
        if members.len() % 2 != 0 {
            self.fail("an item without a value");
        }
        let pairs = members.chunks(2).map(|pair| match pair[0].text() {
            Some(name) => (name, pair[1].clone()),
            None => self.fail("an item without a name"),
        });
        Items(pairs.collect())
    }

    /// Parses `*( SP value )` to the end of the line.
    fn values(&mut self) -> Vec<Value> {
        let mut values = Vec::new();
        while self.at < self.bytes.len() {
            self.space();
            // A bare `* SEARCH` may end in a space.
            if self.at < self.bytes.len() {
                values.push(self.value());
            }
        }
        values
    }

    fn value(&mut self) -> Value {
        match self.peek() {
            Some(b'(') => self.list(),
            Some(b'"') => Value::Text(self.quoted()),
            Some(b'{') => Value::Text(self.literal()),
            _ => Value::Atom(self.word()),
        }
    }

    fn list(&mut self) -> Value {
        self.at += 1;
        let mut members = Vec::new();
        while self.peek() != Some(b')') {
            // Address lists and body parts follow each other without a space.
            if self.peek() == Some(b' ') {
                self.at += 1;
            }
            members.push(self.value());
        }
        self.at += 1;
        Value::List(members)
    }

    fn quoted(&mut self) -> Vec<u8> {
        self.at += 1;
        let mut text = Vec::new();
        loop {
            match self.next() {
                b'"' => return text,
                b'\\' => text.push(self.next()),
                b'\r' | b'\n' => self.fail("a line end in a quoted string"),
                octet => text.push(octet),
            }
        }
    }

    fn literal(&mut self) -> Vec<u8> {
        let rest = &self.bytes[self.at..];
        let (size, length) = literal_size(rest).unwrap_or_else(|| self.fail("a bad literal"));
        let start = self.at + length;
        self.at = start + size;
        match self.bytes.get(start..self.at) {
            Some(text) => text.to_vec(),
            None => self.fail("a literal that is cut off"),
        }
    }

    /// Reads an atom; brackets belong to it, with everything inside them.
    fn word(&mut self) -> String {
        let start = self.at;
        let mut bracketed = false;
        while let Some(octet) = self.peek() {
            match octet {
                b'[' => bracketed = true,
                b']' => bracketed = false,
                b' ' | b'(' | b')' | b'"' if !bracketed => break,
                _ => {}
            }
            self.at += 1;
        }
        if start == self.at {
            self.fail("no atom");
        }
        String::from_utf8_lossy(&self.bytes[start..self.at]).into_owned()
    }

    fn space(&mut self) {
        if self.next() != b' ' {
            self.fail("no space");
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> u8 {
        let octet = self
            .peek()
            .unwrap_or_else(|| self.fail("it ends too early"));
        self.at += 1;
        octet
    }

    fn fail(&self, what: &str) -> ! {
        let line = String::from_utf8_lossy(self.bytes);
        panic!("bad response, {what} before octet {}: {line:?}", self.at)
    }
}

/// Returns the size of the literal that `{n}` CRLF at the start of `bytes` announces, and the
/// length of the announcement.
pub(crate) fn literal_size(bytes: &[u8]) -> Option<(usize, usize)> {
    let end = bytes.iter().position(|&octet| octet == b'}')?;
    let size = std::str::from_utf8(bytes.get(1..end)?).ok()?.parse().ok()?;
    let is_announcement = bytes[0] == b'{' && bytes[end..].starts_with(b"}\r\n");
    is_announcement.then_some((size, end + 3))
}

#[test]
fn responses_are_parsed() {
    let Data::Fetch(7, items) = Data::parse(
        b"7 FETCH (UID 42 FLAGS (\\Seen \\Recent Zed) RFC822.TEXT {4}\r\na)\r\n \
          BODY[HEADER.FIELDS (X-Id)] \"a \\\"b\\\"\" ENVELOPE (NIL ((\"x\" NIL)(\"y\" NIL))))",
    ) else {
        panic!("it is a FETCH response");
    };
    assert_eq!(items.uid(), Some(42));
    assert_eq!(
        items.flags(),
        Some(vec!["Zed".to_owned(), "\\Seen".to_owned()])
    );
    assert_eq!(items.text("RFC822.TEXT").as_deref(), Some("a)\r\n"));
    assert_eq!(
        items.text("BODY[HEADER.FIELDS (X-Id)]").as_deref(),
        Some("a \"b\"")
    );
    assert_eq!(
        items.get("envelope").unwrap().members()[1].members().len(),
        2
    );
    assert_eq!(Data::parse(b"SEARCH"), Data::Search(vec![]));
    assert_eq!(Data::parse(b"3 EXPUNGE"), Data::Expunge(3));
    assert_eq!(Data::parse(b"MAILBOX a b"), Data::Mailbox("a b".to_owned()));
    let status = Data::Status("OK".to_owned(), "[UNSEEN 2] x".to_owned());
    assert_eq!(Data::parse(b"OK [UNSEEN 2] x"), status);
}
