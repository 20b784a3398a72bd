//! Every command, valid and invalid.

use super::command_table::ROWS;
use super::request::{parse_request, reject_command};
use super::tag::MAX_TAG;
use crate::protocol::ast::{
    Command, CopyArguments, Credentials, FetchItem, ParseError, PartialArguments, Request, States,
};
use crate::protocol::dialect::Level;
use crate::types::{SequenceSet, SetEnd};

fn parsed(text: &str) -> Request {
    parse_request(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

fn refused(text: &str) -> ParseError {
    parse_request(text.as_bytes()).expect_err(text)
}

/// Valid commands, at least one for each row of the table, and the levels they need.
const EXAMPLES: [(&str, Level); 53] = {
    use Level::{Imap2, Imap2bis, Imap4};
    [
        ("AUTHENTICATE PLAIN", Imap4),
        ("BBOARD general", Imap2),
        ("CAPABILITY", Imap4),
        ("CHECK", Imap2),
        ("CLOSE", Imap4),
        ("COPY 1:3 x", Imap2),
        ("CREATE x", Imap2bis),
        ("DELETE x", Imap2bis),
        ("ENABLE CONDSTORE X-FOO", Imap4),
        ("EXAMINE x", Imap2bis),
        ("EXAMINE x (CONDSTORE)", Imap4),
        ("EXPUNGE", Imap2),
        ("FETCH 1 ALL", Imap2),
        ("FETCH 1 FULL", Imap2bis),
        ("FETCH 1 BODY[]", Imap4),
        ("FETCH 1 FLAGS (CHANGEDSINCE 7)", Imap4),
        ("FIND MAILBOXES *", Imap2),
        ("FIND ALL.MAILBOXES *", Imap2bis),
        ("ID NIL", Imap4),
        ("IDLE", Imap4),
        ("LIST \"\" *", Imap4),
        ("LOGIN u p", Imap2),
        ("LOGOUT", Imap2),
        ("LSUB \"\" *", Imap4),
        ("MOVE 1:3 x", Imap4),
        ("NAMESPACE", Imap4),
        ("NOOP", Imap2),
        ("PARTIAL 1 RFC822 1 10", Imap2bis),
        ("RENAME x y", Imap2bis),
        ("SEARCH UNSEEN", Imap2),
        ("SEARCH NOT SEEN", Imap4),
        ("SELECT x", Imap2),
        ("SORT (DATE) UTF-8 ALL", Imap4),
        ("STARTTLS", Imap4),
        ("STATUS x (UNSEEN)", Imap4),
        ("STORE 1 +FLAGS \\Seen", Imap2),
        ("SUBSCRIBE x", Imap4),
        ("SUBSCRIBE MAILBOX x", Imap2bis),
        ("THREAD REFERENCES UTF-8 ALL", Imap4),
        ("UID COPY 1 x", Imap4),
        ("UID EXPUNGE 1:2", Imap4),
        ("UID FETCH 1 ALL", Imap4),
        ("UID MOVE 1 x", Imap4),
        ("UID SEARCH ALL", Imap4),
        ("UID SORT (DATE) UTF-8 ALL", Imap4),
        ("UID STORE 1 FLAGS ()", Imap4),
        ("UID THREAD REFERENCES UTF-8 ALL", Imap4),
        ("UNSELECT", Imap4),
        ("UNSUBSCRIBE x", Imap4),
        ("UNSUBSCRIBE BBOARD x", Imap2bis),
        ("select x", Imap2),
        ("NOOP ", Imap2),
        ("LOGIN {1+}\r\nu p", Imap4),
    ]
};

#[test]
fn each_command_needs_its_level() {
    for (text, level) in EXAMPLES {
        let request = parsed(&format!("a1 {text}"));
        assert_eq!(
            (&request.tag[..], request.level),
            (&b"a1"[..], level),
            "{text}"
        );
        assert_eq!(request.client_level, level, "{text}");
    }
}

#[test]
fn every_row_has_an_example() {
    for row in &ROWS {
        let is_of_row = |(text, _): &(&str, Level)| text.split(' ').next() == Some(row.name);
        let has_one = EXAMPLES.iter().any(is_of_row);
        assert!(has_one || row.name == "APPEND", "{}", row.name);
    }
}

/// The requests in the transcripts and examples of RFC 1064 (p. 7-14, 19-20) and RFC 1176.
#[test]
fn reads_the_examples_of_the_rfcs() {
    for text in [
        "A001 LOGIN Fred Secret",
        "A002 SELECT INBOX",
        "A003 FETCH 1:19 ALL",
        "A004 FETCH 8 RFC822.TEXT",
        "A005 STORE 8 +Flags \\Deleted",
        "A006 EXPUNGE",
        "A003 COPY 2:4 MEETING",
        "A004 FETCH 3 RFC822",
        "A005 FETCH 4 (FLAGS RFC822.HEADER)",
        "A003 STORE 2:4 +FLAGS (\\DELETED)",
        "A003 SEARCH DELETED FROM \"SMITH\" SINCE 1-OCT-87",
        "a001 login crispin secret",
        "a003 fetch 16 all",
        "a004 fetch 16 rfc822",
        "a005 logout",
        "A002 FIND MAILBOXES *",
        "A002 FIND BBOARDS *",
    ] {
        let request = parsed(text);
        assert_eq!(request.tag, text.as_bytes()[..4]);
        assert_eq!(request.client_level, Level::Imap2, "{text}");
    }
}

#[test]
fn commands_are_legal_in_their_states() {
    let legal = |text: &str| {
        let states = parsed(&format!("a {text}")).states;
        [
            States::NOT_AUTHENTICATED,
            States::AUTHENTICATED,
            States::SELECTED,
        ]
        .map(|state| states.contains(state))
    };
    assert_eq!(legal("NOOP"), [true, true, true]);
    assert_eq!(legal("LOGIN u p"), [true, false, false]);
    assert_eq!(legal("SELECT x"), [false, true, true]);
    assert_eq!(legal("UID FETCH 1 ALL"), [false, false, true]);
}

#[test]
fn a_star_shows_an_imap4_client_and_needs_no_level() {
    let request = parsed("a FETCH 1:* FAST");
    assert_eq!(request.level, Level::Imap2);
    assert_eq!(request.client_level, Level::Imap4);
}

#[test]
fn a_dialect_pinned_to_imap2_accepts_rfc_1730() {
    for text in [
        "STORE 1 +FLAGS.SILENT (\\Seen \\Deleted)",
        "FETCH 1 RFC822.TEXT.PEEK",
        "PARTIAL 1 RFC822.PEEK 1 10",
    ] {
        let request = parsed(&format!("a {text}"));
        let levels = (request.level, request.client_level);
        assert_eq!(levels, (Level::Imap2bis, Level::Imap4), "{text}");
    }
}

#[test]
fn reads_logins_in_all_forms() {
    for (text, want) in [
        ("u p*(]%\\\"x", "p*(]%\\\"x"),
        ("\"u\" \"p\\\"\\\\ q\"", "p\"\\ q"),
        ("{1}\r\nu {3}\r\np q", "p q"),
        ("u \"\"", ""),
        ("u \u{fc}", "\u{fc}"),
    ] {
        let command = parsed(&format!("a LOGIN {text}")).command;
        let Command::Login(Credentials { user, password }) = command else {
            panic!("{text} is parsed as another command");
        };
        assert_eq!((&user[..], password.expose()), (&b"u"[..], want.as_bytes()));
    }
    for text in [
        "",
        " ",
        " u",
        " u ",
        " u p q",
        " {1}\r\nu",
        " \"u p",
        " u {p",
    ] {
        refused(&format!("a LOGIN{text}"));
    }
}

#[test]
fn reads_arguments() {
    let set = SequenceSet(vec![(SetEnd::Number(2), SetEnd::Number(4))]);
    let want = Command::Copy(CopyArguments {
        uid: true,
        set,
        mailbox: b"x y".to_vec(),
    });
    assert_eq!(parsed("a UID COPY 2:4 \"x y\"").command, want);
    let want = Command::Partial(PartialArguments {
        number: 4,
        item: FetchItem::Rfc822 { peek: false },
        start: 1,
        count: 1024,
    });
    assert_eq!(parsed("A005 PARTIAL 4 RFC822 1 1024").command, want);
    let want = Command::Bboard(b"general".to_vec());
    assert_eq!(parsed("a BBoard general").command, want);
}

#[test]
fn errors_with_a_tag() {
    for text in [
        "a",
        "a ",
        "a NOSUCH",
        "a NOOP x",
        "a NOOPX",
        "a CHECK 1",
        "a IDLE 1",
        "a UNSELECT x",
        "a SELECT",
        "a SELECT ",
        "a SELECT x y",
        "a UID",
        "a UID NOOP",
        "a UID UID FETCH 1 ALL",
        "a UID SELECT x",
        "a APPEND x",
        "a APPEND",
        "a APPEND x {1}\r\ny",
        "a PARTIAL 1 FLAGS 1 1",
        "a PARTIAL 0 RFC822 1 1",
        "a PARTIAL 1 RFC822 0 1",
        "a PARTIAL 1:2 RFC822 1 1",
        "a COPY 1",
        "a COPY 0 x",
        "a FETCH",
        "a FETCH 1",
        "a \0",
        "a NOOP\0",
        "a SELECT x\0",
    ] {
        assert_eq!(refused(text).tag.as_deref(), Some(&b"a"[..]), "{text}");
    }
}

#[test]
fn errors_without_a_tag() {
    let long = "a".repeat(MAX_TAG + 1);
    for text in [
        "",
        " ",
        " NOOP",
        "* NOOP",
        "+ NOOP",
        "a+ NOOP",
        "\"a\" NOOP",
        "\0",
        "\u{e9} NOOP",
        "a\tNOOP",
        &long,
    ] {
        assert_eq!(refused(text).tag, None, "{text}");
    }
    assert_eq!(refused(&long[1..]).tag, Some(long[1..].into()));
}

#[test]
fn finds_the_tag_of_a_truncated_command() {
    let error = reject_command(b"a1 LOGIN xxxxx", "too long");
    assert_eq!(error.tag.as_deref(), Some(&b"a1"[..]));
    assert_eq!(reject_command(b"xxxx*", "too long").tag, None);
}

#[test]
fn debug_output_and_errors_hide_the_password() {
    let request = parsed("a LOGIN u hunter2");
    assert!(!format!("{request:?}").contains("hunter2"));
    assert!(
        !refused("a LOGIN u hunter2 hunter2")
            .reason
            .contains("hunter2")
    );
}
