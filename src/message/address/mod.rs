//! Lists of addresses, as an envelope shows them.
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
//! Comments may stand anywhere. One of them is the personal name if there is no phrase, as in
//! `jo@x.org (Jo Doe)`, which is how names were written when RFC 1064 was. The parser reads on through
//! whatever it does not understand: it never fails, and it loses as little as it can.

use crate::message::tokens::{self, Token, Tokenizer, Word};

/// Most addresses of one field that are looked at. A header of the greatest length we keep has room for
/// about as many real ones; a hostile one could otherwise make us keep a hundred octets for every two.
pub(crate) const MAX_ADDRESSES: usize = 8192;

/// One address, or one end of a group (RFC 1064 p. 16, RFC 3501 §7.4.2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Address {
    /// Personal name, quotes removed. Encoded words (RFC 2047) are left as they are.
    pub(crate) name: Option<Vec<u8>>,
    /// Source route, as in `@a,@b`.
    pub(crate) route: Option<Vec<u8>>,
    /// Local part, quotes removed; the group's name at the start of a group; `None` at its end.
    pub(crate) mailbox: Option<Vec<u8>>,
    /// Domain. Empty for an address that has none, for `None` would mark a group.
    pub(crate) host: Option<Vec<u8>>,
}

impl Address {
    /// The marker of the start of a group.
    fn group_start(name: Vec<u8>) -> Self {
        Self {
            mailbox: Some(name),
            ..Self::default()
        }
    }

    /// The marker of the end of a group.
    fn group_end() -> Self {
        Self::default()
    }
}

/// The addresses of the value of one field, folded or not; at most [`MAX_ADDRESSES`], and the end of the
/// group that is open then.
pub(crate) fn parse(value: &[u8]) -> Vec<Address> {
    let mut parser = AddressParser {
        tokenizer: Tokenizer::new(value),
        list: Vec::new(),
        draft: AddressDraft::default(),
        in_group: false,
    };
    parser.list();
    parser.list
}

/// The first address of a value: the start of a group if it begins with one.
pub(crate) fn parse_first(value: &[u8]) -> Option<Address> {
    // Reading a whole list costs too little to be avoided: headers are bounded.
    parse(value).into_iter().next()
}

/// What was read of the address that the parser is in.
#[derive(Default)]
struct AddressDraft {
    spec: AddrSpec,
    /// What stood in angle brackets; what stands before them, in `spec`, is then the personal name.
    angle: Option<(Option<Vec<u8>>, AddrSpec)>,
    comment: Option<Vec<u8>>,
}

/// An addr-spec, or a phrase until it is known to be none.
#[derive(Default)]
struct AddrSpec {
    local: Vec<Word>,
    domain: Option<Vec<Word>>,
}

struct AddressParser<'a> {
    tokenizer: Tokenizer<'a>,
    list: Vec<Address>,
    draft: AddressDraft,
    in_group: bool,
}

impl AddressParser<'_> {
    fn list(&mut self) {
        while self.list.len() < MAX_ADDRESSES {
            let Some(token) = self.tokenizer.next(tokens::ADDRESS_SPECIALS) else {
                break;
            };
            match token {
                Token::Comment(text) => self.draft.comment = Some(text),
                Token::Special(b'<') => self.angle(),
                Token::Special(b',') => self.end_address(),
                Token::Special(b':') => self.start_group(),
                // Outside of a group this is the comma of mailers that want to be different.
                Token::Special(b';') => {
                    self.end_address();
                    self.end_group();
                }
                token => self.draft.spec.add(token),
            }
        }
        self.end_address();
        self.end_group();
    }

    /// At a `:`. A group has no groups within, so in one it is a letter like others.
    fn start_group(&mut self) {
        if self.in_group {
            return self.draft.spec.add(Token::Special(b':'));
        }
        let name = std::mem::take(&mut self.draft).spec.text();
        self.list.push(Address::group_start(name));
        self.in_group = true;
    }

    fn end_group(&mut self) {
        if std::mem::take(&mut self.in_group) {
            self.list.push(Address::group_end());
        }
    }

    fn end_address(&mut self) {
        self.list.extend(std::mem::take(&mut self.draft).address());
    }

    /// What follows a `<`. Without a `>` it ends at a comma, which is no part of it but of a route.
    fn angle(&mut self) {
        let (mut route, mut spec) = (None, AddrSpec::default());
        while let Some(token) = self.tokenizer.next(tokens::ADDRESS_SPECIALS) {
            match token {
                Token::Comment(text) => self.draft.comment = Some(text),
                Token::Special(b'>') => break,
                Token::Special(b'@') if spec.is_empty() && route.is_none() => {
                    route = Some(self.route());
                }
                Token::Special(b',') => {
                    self.draft.angle = Some((route, spec));
                    return self.end_address();
                }
                token => spec.add(token),
            }
        }
        self.draft.angle = Some((route, spec));
    }

    /// What follows the first `@` of a route, up to its colon.
    fn route(&mut self) -> Vec<u8> {
        let mut route = vec![b'@'];
        let mut ahead = self.tokenizer.clone();
        while let Some(token) = ahead.next(tokens::ADDRESS_SPECIALS) {
            match token {
                Token::Special(b':') => {
                    self.tokenizer = ahead;
                    break;
                }
                // It was no route: leave the bracket to the caller.
                Token::Special(b'>') => break,
                Token::Special(special) => route.push(special),
                Token::Word(word) => route.extend_from_slice(&word.text),
                Token::Comment(_) => {}
            }
            self.tokenizer = ahead.clone();
        }
        route
    }
}

impl AddressDraft {
    fn address(self) -> Option<Address> {
        let Self {
            spec,
            angle,
            comment,
        } = self;
        let (name, route, spec) = match angle {
            Some((route, inner)) => (spec.text(), route, inner),
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
            mailbox: Some(tokens::join_dotted(&spec.local)),
            host: Some(tokens::join_dotted(
                spec.domain.as_deref().unwrap_or_default(),
            )),
        })
    }
}

impl AddrSpec {
    fn is_empty(&self) -> bool {
        self.local.is_empty() && self.domain.is_none()
    }

    fn add(&mut self, token: Token) {
        match token {
            Token::Word(word) => self.words().push(word),
            Token::Special(b'@') => self.split_here(),
            // A special that means nothing here is kept in an address, dropped from a phrase.
            Token::Special(special @ (b':' | b'<')) => self.words().push(Word {
                text: vec![special],
                follows_space: false,
            }),
            Token::Special(_) | Token::Comment(_) => {}
        }
    }

    fn words(&mut self) -> &mut Vec<Word> {
        self.domain.as_mut().unwrap_or(&mut self.local)
    }

    /// At an `@`. Of several the last one counts, as it does when mail is delivered.
    fn split_here(&mut self) {
        if let Some(domain) = self.domain.replace(Vec::new()) {
            self.push_local_at();
            self.local.extend(domain);
        }
    }

    fn push_local_at(&mut self) {
        self.local.push(Word {
            text: vec![b'@'],
            follows_space: false,
        });
    }

    /// All of it, as a personal name: people do write `jo@x.org <jo@x.org>`.
    fn text(mut self) -> Vec<u8> {
        if let Some(domain) = self.domain.take() {
            self.push_local_at();
            self.local.extend(domain);
        }
        tokens::join_phrase(&self.local)
    }
}

#[cfg(test)]
mod tests;
