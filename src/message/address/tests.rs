//! Tests with known addresses, with hostile ones, and with random octets.

use super::*;
use proptest::prelude::*;

/// Returns an address as `name|route|mailbox|host`, with `-` for what is missing.
fn format_address(address: &Address) -> String {
    let fields = [
        &address.name,
        &address.route,
        &address.mailbox,
        &address.host,
    ];
    let texts = fields.map(|field| match field {
        Some(text) => String::from_utf8_lossy(text).into_owned(),
        None => "-".into(),
    });
    texts.join("|")
}

fn check(cases: &[(&str, &[&str])]) {
    for (value, expected) in cases {
        let list: Vec<String> = parse(value.as_bytes()).iter().map(format_address).collect();
        assert_eq!(&list, expected, "{value:?}");
    }
}

#[test]
fn mailboxes_are_parsed_in_old_and_new_forms() {
    check(&[
        (
            " Larry Fagan  <FAGAN@SUMEX-AIM.Stanford.EDU>\r\n",
            &["Larry Fagan|-|FAGAN|SUMEX-AIM.Stanford.EDU"],
        ),
        (
            "rindflEISCH@SUMEX-AIM.Stanford.EDU",
            &["-|-|rindflEISCH|SUMEX-AIM.Stanford.EDU"],
        ),
        ("a \"\".b@c . d", &["-|-|a .b|c.d"]),
        ("a@b,\r\n\tc@d , <e@f>", &["-|-|a|b", "-|-|c|d", "-|-|e|f"]),
        ("jo@x.org (Jo Doe)", &["Jo Doe|-|jo|x.org"]),
        ("(ignored) Jo (too) <jo@x.org> (yes)", &["Jo|-|jo|x.org"]),
        ("<jo@x.org> (Jo)", &["Jo|-|jo|x.org"]),
        ("\"Doe, Jo \\\"J\\\"\" <jo@x>", &["Doe, Jo \"J\"|-|jo|x"]),
        ("\"jo doe\"@x.org", &["-|-|jo doe|x.org"]),
        ("John Q. Public <j@x>", &["John Q. Public|-|j|x"]),
        ("j . q . public @ x . org", &["-|-|j.q.public|x.org"]),
        ("jo@[127.0.0.1]", &["-|-|jo|[127.0.0.1]"]),
        (
            "=?utf-8?q?J=C3=B6?= =?utf-8?q?rg?= <j@x>",
            &["=?utf-8?q?J=C3=B6?= =?utf-8?q?rg?=|-|j|x"],
        ),
        ("J\u{f6}rg <j@x>", &["J\u{f6}rg|-|j|x"]),
        ("\"\" <j@x>", &["-|-|j|x"]),
        ("jo@x <jo@x>", &["jo@x|-|jo|x"]),
    ]);
}

#[test]
fn a_route_ends_with_a_colon_or_its_bracket() {
    check(&[
        ("<@a,@b:jo@x>", &["-|@a,@b|jo|x"]),
        ("Jo < @a , @b.c : jo @ x >", &["Jo|@a,@b.c|jo|x"]),
        ("<@a>, b@c", &["-|@a||", "-|-|b|c"]),
        ("<@a", &["-|@a||"]),
    ]);
}

#[test]
fn a_group_has_a_start_and_an_end() {
    check(&[
        (
            "Undisclosed recipients:;",
            &["-|-|Undisclosed recipients|-", "-|-|-|-"],
        ),
        (
            "A Group: Ed <e@x>, joe@y ; z@z",
            &[
                "-|-|A Group|-",
                "Ed|-|e|x",
                "-|-|joe|y",
                "-|-|-|-",
                "-|-|z|z",
            ],
        ),
        ("Open: a@b", &["-|-|Open|-", "-|-|a|b", "-|-|-|-"]),
        ("a:b:c@d;", &["-|-|a|-", "-|-|b:c|d", "-|-|-|-"]),
        (":;", &["-|-||-", "-|-|-|-"]),
    ]);
}

#[test]
fn an_address_without_a_host_is_not_a_group() {
    check(&[
        ("root", &["-|-|root|"]),
        ("root (Cron Daemon)", &["Cron Daemon|-|root|"]),
        ("Jo <jo>", &["Jo|-|jo|"]),
        ("Jo Doe", &["-|-|Jo Doe|"]),
        ("<>", &["-|-||"]),
        ("jo@", &["-|-|jo|"]),
    ]);
}

#[test]
fn a_broken_list_keeps_what_can_be_read() {
    check(&[
        ("", &[]),
        (" , ,; (just a comment)", &[]),
        ("a@b; c@d", &["-|-|a|b", "-|-|c|d"]),
        ("a@b@c", &["-|-|a@b|c"]),
        ("Jo <a@b, Bo <c@d>", &["Jo|-|a|b", "Bo|-|c|d"]),
        ("<mailto:a@b>", &["-|-|mailto:a|b"]),
        ("\"Jo <a@b>", &["-|-|Jo <a@b>|"]),
        ("a>b]c)@d", &["-|-|abc|d"]),
        ("a\0b@c", &["-|-|a b|c"]),
    ]);
}

#[test]
fn the_number_of_addresses_is_limited() {
    let many = "a,".repeat(MAX_ADDRESSES + 10);
    assert_eq!(parse(many.as_bytes()).len(), MAX_ADDRESSES);
}

proptest! {
    #[test]
    fn no_value_of_random_octets_panics(value in prop::collection::vec(any::<u8>(), 0..200)) {
        parse(&value);
    }

    #[test]
    fn every_group_that_starts_ends(value in "[a.@<>,:;()\\\\\"\\[\\] \r\n]{0,60}") {
        let mut in_group = false;
        for address in parse(value.as_bytes()) {
            match (&address.mailbox, &address.host) {
                (Some(_), None) => prop_assert!(!std::mem::replace(&mut in_group, true)),
                (None, None) => prop_assert!(std::mem::replace(&mut in_group, false)),
                (mailbox, _) => prop_assert!(mailbox.is_some()),
            }
        }
        prop_assert!(!in_group);
    }

    /// The inverse: an address in the form of the RFC is read back.
    #[test]
    fn a_well_formed_address_is_read_back(
        name in "[A-Za-z]{1,8}( [A-Za-z.]{1,8}){0,2}",
        route in prop::option::of("@[a-z]{1,4}(,@[a-z]{1,4}){0,2}"),
        mailbox in "[a-z]{1,5}(\\.[a-z]{1,5}){0,2}",
        host in "[a-z]{1,5}(\\.[a-z]{1,5}){0,2}",
        fold in prop::sample::select(vec![" ", "\r\n ", "\n\t", " (c) "]),
    ) {
        let written = match &route {
            Some(route) => format!("\"{name}\"{fold}<{route}:{mailbox}@{host}>"),
            None => format!("{}{fold}<{mailbox}@{host}>", name.replace(' ', fold)),
        };
        let bytes = |text: String| Some(text.into_bytes());
        let expected = Address {
            name: bytes(name),
            route: route.and_then(bytes),
            mailbox: bytes(mailbox),
            host: bytes(host),
        };
        prop_assert_eq!(parse(written.as_bytes()), vec![expected], "{}", written);
    }
}
