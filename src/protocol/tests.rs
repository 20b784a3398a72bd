//! Framer and parsers under arbitrary input: no panic, no growth, no dependence on how it was cut.

use proptest::prelude::*;

use super::fuzz;
use super::parse::parse_request;

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
        fuzz::commands(&input);
        fuzz::command(&input);
    }

    #[test]
    fn likely_octets_are_framed_alike_whole_and_in_pieces(input in likely(), size in 1_usize..20) {
        prop_assert!(fuzz::events(&input, usize::MAX) == fuzz::events(&input, size));
        fuzz::commands(&input);
        fuzz::command(&input);
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
