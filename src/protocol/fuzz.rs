//! What the fuzzers do with this room: each function takes arbitrary octets and panics if something
//! does not hold.

use super::dialect::{Dialect, Level};
use super::encode::Encoder;
use super::framer::{Framer, FramerEvent};
use super::parse::{Cursor, date_time, outline, parse_append, parse_append_more, parse_request};
use super::pattern::Pattern;
use crate::types::{DateTime, MailboxName, SEPARATOR, modified_utf7};

/// The longest command of a fuzzed framer, in octets: short, so that inputs reach it.
const LIMIT: usize = 300;

/// Frames octets whole and in pieces, and parses what the framer finds.
///
/// The events must not depend on how the input was cut, and no command may be longer than the
/// limit.
pub(crate) fn commands(input: &[u8]) {
    let whole = events(input, usize::MAX);
    let size = [1, 2, 7, 64][input.len() % 4];
    assert!(whole == events(input, size), "in pieces of {size}");
    for event in &whole {
        if let FramerEvent::Command(text) = event {
            assert!(text.len() <= LIMIT, "a command of {} octets", text.len());
            command(text);
        }
    }
}

/// Parses octets as one command.
pub(crate) fn command(text: &[u8]) {
    let _ = parse_append(text);
    let _ = parse_append_more(text);
    let known = outline(text);
    match parse_request(text) {
        Ok(request) => {
            assert!(request.level <= request.client_level);
            let known = known.expect("a command that can be parsed is known");
            assert_eq!(known.tag, request.tag);
            check_levels(request.level);
        }
        Err(error) => {
            if let Some(tag) = error.tag {
                assert!(!tag.is_empty() && text.starts_with(&tag));
            }
            assert!(
                error
                    .reason
                    .bytes()
                    .all(|octet| (b' '..0x7f).contains(&octet))
            );
        }
    }
}

/// A dialect that accepts a level accepts the lower ones too, and one that climbs accepts them all.
fn check_levels(level: Level) {
    assert!(Dialect::auto().accepts(level));
    let levels = [Level::Imap2, Level::Imap2bis, Level::Imap4];
    let accept: Vec<bool> = levels
        .into_iter()
        .map(|pinned| Dialect::pinned(pinned).accepts(level))
        .collect();
    assert!(accept.is_sorted(), "{accept:?}");
    assert!(accept[2], "IMAP4 has all levels");
}

/// Returns the events of an input that is pushed in pieces of `size` octets, with the chunks of a
/// literal joined.
pub(super) fn events(input: &[u8], size: usize) -> Vec<FramerEvent> {
    let mut framer = Framer::new(LIMIT);
    let mut events = Vec::new();
    for mut piece in input.chunks(size) {
        while !piece.is_empty() {
            let taken = framer.push(piece);
            piece = &piece[taken..];
            while step(&mut framer, &mut events) {}
        }
    }
    events
}

/// Takes the next event. Returns false if the framer needs input. Literals of APPEND are streamed,
/// others accepted and refused by turns.
fn step(framer: &mut Framer, events: &mut Vec<FramerEvent>) -> bool {
    let event = framer.next_event();
    match (&event, events.last_mut()) {
        (FramerEvent::NeedInput, _) => return false,
        (FramerEvent::Chunk(more), Some(FramerEvent::Chunk(octets))) => {
            octets.extend_from_slice(more);
            return true;
        }
        (FramerEvent::Offer(offer), _) => {
            let append = parse_append(framer.text());
            match (append, offer.fits, events.len() % 3) {
                (Some(Ok(_)), ..) => framer.stream_literal(),
                (_, true, 0 | 1) => framer.accept_literal(),
                _ => framer.refuse_literal(),
            }
        }
        _ => {}
    }
    events.push(event);
    true
}

/// Encodes strings, names and dates in every dialect, and parses them again.
///
/// The parser must read the same value, and the encoder must write one that fits on the wire:
/// no CR, LF or NUL outside a literal.
pub(crate) fn responses(input: &[u8]) {
    for dialect in dialects() {
        check_string(dialect, input);
        check_name(dialect, input);
        if let Some(seconds) = input.first_chunk() {
            check_date(dialect, i64::from_le_bytes(*seconds));
        }
    }
}

fn dialects() -> [Dialect; 4] {
    let mut utf8 = Dialect::pinned(Level::Imap4);
    utf8.accept_utf8();
    [
        Dialect::pinned(Level::Imap2),
        Dialect::pinned(Level::Imap2bis),
        Dialect::pinned(Level::Imap4),
        utf8,
    ]
}

fn encoded(dialect: Dialect, write: impl FnOnce(&mut Encoder<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut Encoder::new(&mut out, dialect));
    out
}

fn check_string(dialect: Dialect, octets: &[u8]) {
    for text in [
        encoded(dialect, |encoder| _ = encoder.string(octets)),
        encoded(dialect, |encoder| _ = encoder.astring(octets)),
    ] {
        check_one_line(&text);
        let mut cursor = Cursor::new(&text);
        let read = cursor.string().expect("a string");
        assert_eq!(&*read, octets);
        assert!(cursor.is_at_end());
    }
}

/// What precedes the octets of a literal is one line, and all else has no control characters that
/// end it.
fn check_one_line(text: &[u8]) {
    if text.first() != Some(&b'{') {
        assert!(!text.iter().any(|octet| b"\r\n\0".contains(octet)));
    }
}

fn check_name(dialect: Dialect, octets: &[u8]) {
    let Ok(name) = MailboxName::new(octets) else {
        return;
    };
    let text = encoded(dialect, |encoder| _ = encoder.name(name.as_str()));
    let mut cursor = Cursor::new(&text);
    let read = cursor.string().expect("a name");
    let decoded = modified_utf7::decode(name.as_str().as_bytes());
    match decoded.filter(|_| dialect.names_in_utf8()) {
        Some(decoded) => assert_eq!(&*read, decoded.as_bytes()),
        None => assert_eq!(&*read, name.as_str().as_bytes()),
    }
}

/// A date with two digits for its year means another year, so only others are read back.
fn check_date(dialect: Dialect, unix: i64) {
    let date = DateTime { unix };
    let text = encoded(dialect, |encoder| _ = encoder.internal_date(date));
    let ((year, ..), _) = date.parts();
    let is_readable = (1..=9999).contains(&year);
    let is_clamped = !(-377_705_023_201..=253_402_207_200).contains(&unix);
    if dialect.short_internal_date() || !is_readable || is_clamped {
        return;
    }
    let read = date_time(&mut Cursor::new(&text)).expect("a date");
    assert_eq!(read, date, "{}", String::from_utf8_lossy(&text));
}

/// Matches names with the patterns of FIND and LIST, checks names, and converts them to and from
/// modified UTF-7.
///
/// A matcher that tries all runs must agree, for the name and for each of its parents.
pub(crate) fn names(input: &[u8]) {
    let mut parts = input.splitn(3, |&octet| octet == b'\n');
    let mut part = || parts.next().unwrap_or_default();
    let (pattern, name, reference) = (part(), part(), part());
    check_conversion(name);
    check_mailbox_name(name);
    let is_short = |text: &[u8]| text.len() <= 60;
    if is_short(pattern) && is_short(name) && is_short(reference) {
        check_pattern(&Pattern::find(pattern), &find_pieces(pattern), name);
        let pieces = [list_pieces(reference), list_pieces(pattern)].concat();
        check_pattern(&Pattern::list(reference, pattern), &pieces, name);
    } else {
        let _ = Pattern::list(reference, pattern).matches(name);
        let _ = Pattern::find(pattern).matches(name);
    }
}

fn check_conversion(name: &[u8]) {
    if let Some(text) = modified_utf7::decode(name) {
        assert_eq!(modified_utf7::encode(&text).as_bytes(), name);
    }
    if let Some(text) = std::str::from_utf8(name)
        .ok()
        .filter(|text| !text.contains('\0'))
    {
        let encoded = modified_utf7::encode(text);
        assert!(encoded.is_ascii());
        assert_eq!(
            modified_utf7::decode(encoded.as_bytes()).as_deref(),
            Some(text)
        );
    }
}

fn check_mailbox_name(octets: &[u8]) {
    let Ok(name) = MailboxName::new(octets) else {
        return;
    };
    let text = name.as_str();
    assert!(!text.contains('/') && !text.starts_with('.') && !text.contains(".."));
    assert_eq!(MailboxName::new(text.as_bytes()), Ok(name.clone()));
    assert!(!name.is_below(&name));
    if let Some((parent, _)) = text.rsplit_once(SEPARATOR) {
        let parent = MailboxName::new(parent.as_bytes()).expect("the parent of a name is a name");
        assert_eq!(name.is_below(&parent), !parent.is_inbox());
    }
}

/// A piece of a pattern, as the slow matcher knows it.
#[derive(Debug, Clone, Copy)]
pub(super) enum SlowPiece {
    Octet(u8),
    One,
    /// A run of octets; with `false`, one without separators.
    Run(bool),
}

fn find_pieces(pattern: &[u8]) -> Vec<SlowPiece> {
    let piece = |&octet: &u8| match octet {
        b'*' => SlowPiece::Run(true),
        b'%' | b'?' => SlowPiece::One,
        octet => SlowPiece::Octet(octet),
    };
    pattern.iter().map(piece).collect()
}

/// Returns the pieces of a pattern of LIST.
pub(super) fn list_pieces(pattern: &[u8]) -> Vec<SlowPiece> {
    let piece = |&octet: &u8| match octet {
        b'*' => SlowPiece::Run(true),
        b'%' => SlowPiece::Run(false),
        octet => SlowPiece::Octet(octet),
    };
    pattern.iter().map(piece).collect()
}

fn check_pattern(pattern: &Pattern, pieces: &[SlowPiece], name: &[u8]) {
    let separators = name.iter().enumerate();
    let separators = separators.filter(|&(_, &octet)| octet == SEPARATOR as u8);
    let parents = separators.map(|(at, _)| &name[..at]);
    let expected: Vec<usize> = (0..)
        .zip(parents)
        .filter(|(_, parent)| matches_slowly(pieces, parent, name))
        .map(|(number, _)| number)
        .collect();
    let mut found = Vec::new();
    let walk = pattern.walk(name, |separator| found.push(separator));
    assert_eq!(found, expected, "the parents");
    assert_eq!(
        walk.is_match,
        matches_slowly(pieces, name, name),
        "the name"
    );
}

/// Returns true if the pieces match `text`, which is the beginning of a name: one row for each
/// piece, with all lengths that the pieces up to it may have matched.
pub(super) fn matches_slowly(pieces: &[SlowPiece], text: &[u8], name: &[u8]) -> bool {
    let in_any_case = match name.split(|&octet| octet == SEPARATOR as u8).next() {
        Some(b"INBOX") => b"INBOX".len(),
        _ => 0,
    };
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for piece in pieces {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            next[at] = match *piece {
                SlowPiece::Run(_) if reached[at] => true,
                SlowPiece::Run(any) => {
                    at > 0 && next[at - 1] && (any || text[at - 1] != SEPARATOR as u8)
                }
                SlowPiece::One => at > 0 && reached[at - 1],
                SlowPiece::Octet(octet) => {
                    at > 0 && reached[at - 1] && is_octet(octet, text[at - 1], at <= in_any_case)
                }
            };
        }
        reached = next;
    }
    reached[text.len()]
}

fn is_octet(octet: u8, found: u8, in_any_case: bool) -> bool {
    octet == found || (in_any_case && octet.eq_ignore_ascii_case(&found))
}

/// Decodes the responses of a client in AUTHENTICATE and runs the exchanges of PLAIN and LOGIN.
///
/// What PLAIN accepts must be what the message says.
pub(crate) fn sasl(input: &[u8]) {
    use super::{SaslExchange, SaslProgress, decode_response};
    let _ = decode_response(input);
    if let Ok(SaslProgress::Done(credentials)) = SaslExchange::Message.respond(input.to_vec()) {
        let user = &credentials.user;
        let password = credentials.password.expose();
        let own = [&b"\0"[..], user, b"\0", password].concat();
        let named = [&user[..], b"\0", user, b"\0", password].concat();
        assert!(input == own || input == named);
    }
    let (user, password) = input.split_at(input.len() / 2);
    let Ok(SaslProgress::Challenge(next)) = SaslExchange::User.respond(user.to_vec()) else {
        panic!("LOGIN asks for the password");
    };
    let Ok(SaslProgress::Done(credentials)) = next.respond(password.to_vec()) else {
        panic!("LOGIN is complete");
    };
    assert_eq!(credentials.user, user);
    assert_eq!(credentials.password.expose(), password);
}
