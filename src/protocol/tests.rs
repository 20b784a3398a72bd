//! Framer and parsers under arbitrary input: no panic, no growth, no dependence on how it was cut.

use proptest::prelude::*;

use super::framer::{Framer, FramerEvent};
use super::parse::{parse_append, parse_request};

const LIMIT: usize = 300;

/// Returns a description of all events of an input that is pushed in pieces of `size` octets.
/// Literals are accepted and refused by turns; chunks are joined.
fn digest(input: &[u8], size: usize) -> Vec<String> {
    let mut framer = Framer::new(LIMIT);
    let mut digest = Vec::new();
    let mut chunk = Vec::new();
    for mut piece in input.chunks(size) {
        while !piece.is_empty() {
            let taken = framer.push(piece);
            piece = &piece[taken..];
            while step(&mut framer, &mut digest, &mut chunk) {}
        }
    }
    digest.push(format!("unfinished {chunk:?}"));
    digest
}

fn step(framer: &mut Framer, digest: &mut Vec<String>, chunk: &mut Vec<u8>) -> bool {
    match framer.next_event() {
        FramerEvent::NeedInput => return false,
        FramerEvent::Command(text) => {
            assert!(text.len() <= LIMIT);
            digest.push(format!("{:?} {:?}", text, parse_request(&text)));
        }
        FramerEvent::Offer(offer) => {
            let append = parse_append(framer.text());
            digest.push(format!("{offer:?} {append:?}"));
            match (append, offer.fits, digest.len() % 3) {
                (Some(Ok(_)), ..) => framer.stream_literal(),
                (_, true, 0 | 1) => framer.accept_literal(),
                _ => framer.refuse_literal(),
            }
        }
        FramerEvent::Chunk(octets) => chunk.extend_from_slice(&octets),
        FramerEvent::LiteralEnd => digest.push(format!("literal {:?}", std::mem::take(chunk))),
        FramerEvent::TooLong { text } => digest.push(format!("too long {text:?}")),
    }
    true
}

/// Returns octets that are likely to get far into the grammar.
fn likely() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        proptest::sample::select(vec![
            "a ",
            "\r\n",
            "\n",
            " ",
            "(",
            ")",
            "[",
            "]",
            "<",
            ">",
            "\"",
            "\\",
            "*",
            "%",
            ":",
            ",",
            "0",
            "1",
            "42",
            "4294967296",
            "{0}\r\n",
            "{3}\r\n",
            "{2+}\r\n",
            "{99999999999999999999}\r\n",
            "a LOGIN ",
            "a FETCH 1 ",
            "a SEARCH ",
            "a STORE 1 +FLAGS ",
            "a APPEND x ",
            "a LIST ",
            "a STATUS x (",
            "a UID ",
            "a FIND ALL.MAILBOXES ",
            "a PARTIAL 1 ",
            "BODY[",
            "HEADER.FIELDS (",
            "BODY.PEEK[1.2.",
            "OR ",
            "NOT ",
            "SINCE ",
            "1-Oct-87",
            "\" 9-Jun-1988 12:55:43 -0700\" ",
            "\\Seen",
            "(\\Deleted)",
            "CHARSET ",
            "\0",
            "\r",
        ])
        .prop_map(|token| token.as_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 0..5),
        Just(vec![b'x'; 200]),
    ];
    proptest::collection::vec(token, 0..25).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn any_octets_are_framed_alike_whole_and_in_pieces(input in proptest::collection::vec(any::<u8>(), 0..600)) {
        prop_assert_eq!(digest(&input, usize::MAX), digest(&input, 1));
        let _ = parse_request(&input);
        let _ = parse_append(&input);
    }

    #[test]
    fn likely_octets_are_framed_alike_whole_and_in_pieces(input in likely(), size in 1_usize..20) {
        let whole = digest(&input, usize::MAX);
        prop_assert_eq!(&whole, &digest(&input, 1));
        prop_assert_eq!(&whole, &digest(&input, size));
        let _ = parse_request(&input);
    }
}

#[test]
fn huge_commands_are_refused_in_time() {
    for text in [
        "(".repeat(100_000),
        "a FETCH 1 ".to_owned() + &"(".repeat(100_000),
        "a FETCH ".to_owned() + &"1,".repeat(100_000) + "1 FAST x",
        "a FETCH 1 BODY[".to_owned() + &"1.".repeat(100_000) + "1]",
        "a SEARCH ".to_owned() + &"NOT ".repeat(100_000),
        "a SEARCH ".to_owned() + &"(OR ".repeat(100_000),
        "a STORE 1 FLAGS (".to_owned() + &"\\Seen ".repeat(100_000),
        "a LOGIN \"".to_owned() + &"\\\"".repeat(100_000),
        "a LOGIN ".to_owned() + &"{1}\r\n".repeat(100_000),
        "a LOGIN {99999999999999999999}\r\nx".to_owned(),
        "a FETCH 99999999999999999999 FAST".to_owned(),
        "a STATUS x (".to_owned() + &"UNSEEN ".repeat(100_000),
    ] {
        assert!(parse_request(text.as_bytes()).is_err(), "{}", &text[..20]);
    }
}
