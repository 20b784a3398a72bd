//! Lists of addresses, parsed for the envelope.
//!
//! ```text
//! address     = mailbox / group                                       RFC 822 §6.1
//! group       = phrase ":" [#mailbox] ";"
//! mailbox     = addr-spec / phrase route-addr
//! route-addr  = "<" [route] addr-spec ">"
//! route       = 1#("@" domain) ":"
//! addr-spec   = local-part "@" domain
//! ```
//!
//! Comments may stand anywhere. If there is no phrase, a comment is the personal name, as in
//! `jo@x.org (Jo Doe)`: this is how mailers wrote names at the time of RFC 1064. The parser never
//! fails, and keeps as much as it can of a list that does not follow the grammar.

use crate::message::tokens::{self, Token, Tokenizer, TokenizerPosition, Words};

/// Most addresses parsed of one field. The longest header that the scanner keeps has room for about
/// as many real addresses.
pub(super) const MAX_ADDRESSES: usize = 8192;

/// One address, or the start or end of a group (RFC 1064 p. 16, RFC 3501 §7.4.2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Address {
    /// Personal name without quotes. Encoded words (RFC 2047) stay encoded.
    pub(crate) name: Option<Vec<u8>>,
    /// Source route, such as `@a,@b`.
    pub(crate) route: Option<Vec<u8>>,
    /// Local part without quotes. At the start of a group the name of the group, at its end `None`.
    pub(crate) mailbox: Option<Vec<u8>>,
    /// Domain. Empty for an address without one, because `None` marks a group.
    pub(crate) host: Option<Vec<u8>>,
}

impl Address {
    /// Returns the marker of the start of a group.
    fn group_start(name: Vec<u8>) -> Self {
        Self {
            mailbox: Some(name),
            ..Self::default()
        }
    }

    /// Returns the marker of the end of a group.
    fn group_end() -> Self {
        Self::default()
    }
}

/// Returns the addresses in the value of a field, folded or not: at most [`MAX_ADDRESSES`], and the
/// end of the group that is still open then.
#[cfg(any(test, feature = "fuzzing"))]
pub(in crate::message) fn parse(value: &[u8]) -> Vec<Address> {
    let mut parser = AddressParser::default();
    let mut list = Vec::new();
    while parser.step(value) {
        list.extend(parser.take());
    }
    list.extend(parser.take());
    list
}

/// Returns the first address in the value of a field, which may be the start of a group.
pub(crate) fn parse_first(value: &[u8]) -> Option<Address> {
    let mut parser = AddressParser::default();
    while parser.parsed.is_empty() && parser.step(value) {}
    parser.take().next()
}

/// The parser of the addresses in the value of one field, a cursor: it reads one token at a time,
/// and its caller stops between two tokens when the budget is spent.
#[derive(Debug, Default)]
pub(crate) struct AddressParser {
    position: TokenizerPosition,
    place: Place,
    draft: AddressDraft,
    in_group: bool,
    /// Addresses that are complete and not taken yet: two at most.
    parsed: Vec<Address>,
    /// Number of addresses that have been completed.
    count: usize,
    is_at_end: bool,
}

/// Where in an address the next token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    #[default]
    Outside,
    /// Behind a `<`.
    Angle,
    /// Behind a `<@`, up to the colon.
    Route,
}

/// What the parser has read of the current address.
#[derive(Debug, Default)]
struct AddressDraft {
    spec: AddrSpec,
    /// Route and address in angle brackets. If they are there, `spec` is the personal name before
    /// them.
    angle: Option<(Option<Vec<u8>>, AddrSpec)>,
    comment: Option<Vec<u8>>,
}

/// An addr-spec, or a phrase: which of the two is known only at the end of the address.
#[derive(Debug, Default)]
struct AddrSpec {
    local: Words,
    domain: Option<Words>,
}

impl AddressParser {
    /// Reads the next token of `value`, the same value in each call. Returns false at its end. Then
    /// or before, [`Self::take`] the addresses that are complete.
    pub(crate) fn step(&mut self, value: &[u8]) -> bool {
        if self.is_at_end {
            return false;
        }
        let mut tokenizer = Tokenizer::at(value, self.position);
        let token = tokenizer.next(tokens::ADDRESS_SPECIALS);
        self.position = tokenizer.position(value);
        match token.filter(|_| self.count < MAX_ADDRESSES) {
            Some(token) => self.take_token(token),
            None => {
                self.end_address();
                self.end_group();
                self.is_at_end = true;
            }
        }
        !self.is_at_end
    }

    /// Takes out the addresses that are complete.
    pub(crate) fn take(&mut self) -> std::vec::Drain<'_, Address> {
        self.parsed.drain(..)
    }

    /// Returns how many octets of the value have been read.
    pub(crate) fn octets(&self) -> usize {
        self.position.offset()
    }

    fn take_token(&mut self, token: Token) {
        match (self.place, token) {
            (Place::Route, Token::Comment(_)) => {}
            (_, Token::Comment(text)) => self.draft.comment = Some(text),
            (Place::Outside, token) => self.take_outside(token),
            (Place::Angle, token) => self.take_in_angle(token),
            (Place::Route, token) => self.take_in_route(token),
        }
    }

    fn take_outside(&mut self, token: Token) {
        match token {
            Token::Special(b'<') => {
                self.draft.angle = Some(Default::default());
                self.place = Place::Angle;
            }
            Token::Special(b',') => self.end_address(),
            Token::Special(b':') => self.start_group(),
            // Outside a group, some mailers write a semicolon instead of a comma.
            Token::Special(b';') => {
                self.end_address();
                self.end_group();
            }
            token => self.draft.spec.add(token),
        }
    }

    /// Handles what follows a `<`. Without a `>` it ends at the first comma outside a route.
    fn take_in_angle(&mut self, token: Token) {
        let (route, spec) = self.draft.angle.get_or_insert_default();
        match token {
            Token::Special(b'>') => self.place = Place::Outside,
            Token::Special(b'@') if spec.is_empty() && route.is_none() => {
                *route = Some(vec![b'@']);
                self.place = Place::Route;
            }
            Token::Special(b',') => self.end_address(),
            token => spec.add(token),
        }
    }

    /// Handles what follows the first `@` of a route, up to its colon.
    fn take_in_route(&mut self, token: Token) {
        let (route, _) = self.draft.angle.get_or_insert_default();
        let route = route.get_or_insert_default();
        match token {
            Token::Special(b':') => self.place = Place::Angle,
            // This was not a route.
            Token::Special(b'>') => self.place = Place::Outside,
            Token::Special(special) => route.push(special),
            Token::Word(word) => route.extend_from_slice(&word.text),
            Token::Comment(_) => {}
        }
    }

    /// Handles a `:`. Groups do not nest, so that inside a group it is part of an address.
    fn start_group(&mut self) {
        if self.in_group {
            return self.draft.spec.add(Token::Special(b':'));
        }
        let name = std::mem::take(&mut self.draft).spec.into_text();
        self.complete(Address::group_start(name));
        self.in_group = true;
    }

    fn end_group(&mut self) {
        if std::mem::take(&mut self.in_group) {
            self.complete(Address::group_end());
        }
    }

    fn end_address(&mut self) {
        self.place = Place::Outside;
        if let Some(address) = std::mem::take(&mut self.draft).into_address() {
            self.complete(address);
        }
    }

    fn complete(&mut self, address: Address) {
        self.parsed.push(address);
        self.count += 1;
    }
}

impl AddressDraft {
    fn into_address(self) -> Option<Address> {
        let Self {
            spec,
            angle,
            comment,
        } = self;
        let (name, route, spec) = match angle {
            Some((route, inner)) => (spec.into_text(), route, inner),
            None if spec.is_empty() => return None,
            None => (Vec::new(), None, spec),
        };
        let name = if name.is_empty() {
            comment.unwrap_or_default().trim_ascii().to_vec()
        } else {
            name
        };
        Some(Address {
            name: Some(name).filter(|name| !name.is_empty()),
            route,
            mailbox: Some(spec.local.join_dotted()),
            host: Some(spec.domain.unwrap_or_default().join_dotted()),
        })
    }
}

impl AddrSpec {
    fn is_empty(&self) -> bool {
        self.local.is_empty() && self.domain.is_none()
    }

    fn add(&mut self, token: Token) {
        match token {
            Token::Word(word) => self.words().push(&word),
            Token::Special(b'@') => self.split_here(),
            // These specials have no meaning here and stay part of the address. All others are
            // dropped.
            Token::Special(special @ (b':' | b'<')) => self.words().push_special(special),
            Token::Special(_) | Token::Comment(_) => {}
        }
    }

    fn words(&mut self) -> &mut Words {
        self.domain.as_mut().unwrap_or(&mut self.local)
    }

    /// Handles an `@`. The last of several counts, as in mail delivery.
    fn split_here(&mut self) {
        if let Some(domain) = self.domain.replace(Words::default()) {
            self.local.push_special(b'@');
            self.local.append(&domain);
        }
    }

    /// Returns the whole text as a personal name: people do write `jo@x.org <jo@x.org>`.
    fn into_text(mut self) -> Vec<u8> {
        if let Some(domain) = self.domain.take() {
            self.local.push_special(b'@');
            self.local.append(&domain);
        }
        self.local.join_phrase()
    }
}

#[cfg(test)]
mod tests;
