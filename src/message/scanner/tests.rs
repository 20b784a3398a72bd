//! Tests with known messages, with broken ones, and with random octets.

use super::*;
use crate::message::address::Address;
use crate::message::envelope::Envelope;
use crate::message::fuzz;
use crate::message::layout::MAX_KEPT_HEADER;
use crate::message::mime::Part;
use proptest::prelude::*;

fn scan_in(chunks: &[&[u8]], depth: ScanDepth) -> Layout {
    let mut scanner = Scanner::new(depth);
    for chunk in chunks {
        scanner.feed(chunk);
    }
    scanner.finish()
}

fn scan(message: &[u8]) -> Layout {
    scan_in(&[message], ScanDepth::Structure)
}

fn root(message: &[u8]) -> Part {
    scan(message).part.expect("the depth is Structure")
}

fn at(message: &[u8], extent: Extent) -> &[u8] {
    let offset = |at| usize::try_from(at).expect("the offset fits");
    &message[offset(extent.start)..offset(extent.end)]
}

/// Returns the tree of parts as text: type and body of each leaf, children in brackets, an embedded
/// message in braces.
fn outline(message: &[u8], part: &Part) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_lowercase();
    if let Some(inner) = &part.message {
        return format!("{{{}}}", outline(message, inner));
    }
    if part.media_type.is_multipart() {
        let children = part.children.iter().map(|child| outline(message, child));
        let children: Vec<String> = children.collect();
        return format!("{}[{}]", text(&part.media_type.subtype), children.join(" "));
    }
    let body = String::from_utf8_lossy(at(message, part.body));
    format!(
        "{}/{}:{body:?}",
        text(&part.media_type.top_level),
        text(&part.media_type.subtype)
    )
}

fn check(message: &str, expected: &str) {
    let message = message.as_bytes();
    assert_eq!(
        outline(message, &root(message)),
        expected,
        "{}",
        String::from_utf8_lossy(message)
    );
}

/// The message of RFC 1064 p. 19, before the margin of the document wrapped two of its lines.
const RFC_1064: &str = "\
Mail-From: RINDFLEISCH created at  9-Jun-88 12:55:43
Mail-From: FAGAN created at  4-Jun-88 13:27:12
Date: Sat, 4 Jun 88 13:27:11 PDT
From: Larry Fagan  <FAGAN@SUMEX-AIM.Stanford.EDU>
To: rindflEISCH@SUMEX-AIM.Stanford.EDU
Subject: INFO-MAC Mail Message
Message-ID: <12403828905.13.FAGAN@SUMEX-AIM.Stanford.EDU>
ReSent-Date: Thu, 9 Jun 88 12:55:43 PDT
ReSent-From: TC Rindfleisch <Rindfleisch@SUMEX-AIM.Stanford.EDU>
ReSent-To: Yeager@SUMEX-AIM.Stanford.EDU,
 Crispin@SUMEX-AIM.Stanford.EDU
ReSent-Message-ID:
 <12405133897.80.RINDFLEISCH@SUMEX-AIM.Stanford.EDU>

The file is <info-mac>usenetv4-55.arc  ...
Larry
-------
";

#[test]
fn the_message_of_rfc_1064_has_its_published_sizes_and_envelope() {
    let layout = scan(RFC_1064.as_bytes());
    assert_eq!(layout.whole.size, 637);
    assert_eq!(layout.whole.stored_len(), RFC_1064.len() as u64);
    assert_eq!((layout.header.lines, layout.text.lines), (14, 3));
    assert_eq!(layout.text.size, 60);
    let part = layout.part.expect("the depth is Structure");
    assert!(part.media_type.is("text", "plain"));
    assert_eq!((part.header, part.body), (layout.header, layout.text));

    let text = |text: &str| Some(text.as_bytes().to_vec());
    let person = |name: &str, mailbox| Address {
        name: text(name).filter(|name| !name.is_empty()),
        route: None,
        mailbox: text(mailbox),
        host: text("SUMEX-AIM.Stanford.EDU"),
    };
    let fagan = vec![person("Larry Fagan", "FAGAN")];
    let expected = Envelope {
        date: text("Sat, 4 Jun 88 13:27:11 PDT"),
        subject: text("INFO-MAC Mail Message"),
        from: fagan.clone(),
        sender: fagan.clone(),
        reply_to: fagan,
        to: vec![person("", "rindflEISCH")],
        cc: vec![],
        bcc: vec![],
        in_reply_to: None,
        message_id: text("<12403828905.13.FAGAN@SUMEX-AIM.Stanford.EDU>"),
    };
    assert_eq!(Envelope::parse(&layout.header_bytes), expected);
}

#[test]
fn the_multipart_of_rfc_2046_has_two_parts() {
    let message = "\
From: Nathaniel Borenstein <nsb@bellcore.com>
MIME-Version: 1.0
Content-type: multipart/mixed; boundary=\"simple boundary\"

This is the preamble.  It is to be ignored.

--simple boundary

This is implicitly typed plain US-ASCII text.
It does NOT end with a linebreak.
--simple boundary
Content-type: text/plain; charset=us-ascii

This is explicitly typed plain US-ASCII text.
It DOES end with a linebreak.

--simple boundary--

This is the epilogue.  It is also to be ignored.
";
    let root = root(message.as_bytes());
    let [first, second] = &root.children[..] else {
        panic!("expected two parts: {root:?}")
    };
    let body =
        |part: &Part| String::from_utf8_lossy(at(message.as_bytes(), part.body)).into_owned();
    assert_eq!(
        body(first),
        "This is implicitly typed plain US-ASCII text.\nIt does NOT end with a linebreak."
    );
    assert_eq!((first.body.size, first.body.lines), (80, 1));
    assert_eq!(first.header.size, 2, "the blank line");
    assert!(body(second).ends_with("It DOES end with a linebreak.\n"));
    assert_eq!(second.body.lines, 2);
    assert_eq!(second.header.lines, 2);
    assert!(body(&root).ends_with("also to be ignored.\n"));
}

#[test]
fn the_nested_parts_of_rfc_2049_are_found() {
    let message = "\
Subject: A multipart example
Content-Type: multipart/mixed;
              boundary=unique-boundary-1

--unique-boundary-1

blank
--unique-boundary-1
Content-type: text/plain; charset=US-ASCII

typed
--unique-boundary-1
Content-Type: multipart/parallel; boundary=unique-boundary-2

--unique-boundary-2
Content-Type: audio/basic
Content-Transfer-Encoding: base64

sound
--unique-boundary-2
Content-Type: image/jpeg
Content-Transfer-Encoding: base64

picture
--unique-boundary-2--

--unique-boundary-1
Content-type: text/enriched

rich
--unique-boundary-1
Content-Type: message/rfc822

From: (mailbox in US-ASCII)
Subject: (subject in US-ASCII)
Content-Type: Text/plain; charset=ISO-8859-1
Content-Transfer-Encoding: Quoted-printable

inner
--unique-boundary-1--
";
    check(
        message,
        "mixed[text/plain:\"blank\" text/plain:\"typed\" \
         parallel[audio/basic:\"sound\" image/jpeg:\"picture\"] text/enriched:\"rich\" \
         {text/plain:\"inner\"}]",
    );
    let root = root(message.as_bytes());
    let inner = root.children[4]
        .message
        .as_ref()
        .expect("part is a message");
    assert_eq!(inner.encoding, b"Quoted-printable");
    let subject = Envelope::parse(at(message.as_bytes(), inner.header)).subject;
    assert_eq!(subject.as_deref(), Some(&b"(subject in US-ASCII)"[..]));
    assert_eq!(inner.header.lines, 5);
    assert_eq!(
        root.children[4].body.size,
        inner.header.size + inner.body.size
    );
}

#[test]
fn parts_of_a_digest_are_messages_by_default() {
    check(
        "Content-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: 1\n\none\n--d\n\
         Content-Type: text/plain\n\ntext\n--d\n\nSubject: 2\n--d--\n",
        "digest[{text/plain:\"one\"} text/plain:\"text\" {text/plain:\"\"}]",
    );
}

const MIXED: &str = "Content-Type: multipart/mixed; boundary=a\n\n";

fn check_mixed(body: &str, expected: &str) {
    check(&format!("{MIXED}{body}"), expected);
}

#[test]
fn only_a_whole_line_with_the_boundary_is_a_delimiter() {
    let one = "mixed[text/plain:\"x\"]";
    check_mixed("--a\n\nx\n--a--\n", one);
    check_mixed("--a\n\nx\n--a--", one);
    check_mixed("--a \t\n\nx\n--a--\t \n", one);
    check_mixed("--a\r\n\r\nx\r\n--a--\r\n", one);
    check_mixed("--a\n\nx\n--a--\n--a\n\nepilogue\n", one);
    check_mixed("pre --a\n --a\n--ab\n-- a\n--a\n\nx\n--a--\n", one);
    check_mixed(
        "--a\n\nx\n--A\n--a-\n--a--x\n--a x\n---a\n--a--",
        "mixed[text/plain:\"x\\n--A\\n--a-\\n--a--x\\n--a x\\n---a\"]",
    );
    check_mixed("--a\n\nx\n\n--a--\n", "mixed[text/plain:\"x\\n\"]");
}

#[test]
fn an_outer_delimiter_or_the_end_closes_inner_parts() {
    check_mixed(
        "--a\n\nx\n--a\n\ny\n",
        "mixed[text/plain:\"x\" text/plain:\"y\\n\"]",
    );
    check_mixed(
        "--a\n\nx\n--a\n\ny",
        "mixed[text/plain:\"x\" text/plain:\"y\"]",
    );
    check_mixed(
        "--a\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\nx\n--a\n\ny\n--a--\n",
        "mixed[alternative[text/plain:\"x\"] text/plain:\"y\"]",
    );
    check_mixed(
        "--a\nContent-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--a\n\ny\n--a--\n",
        "mixed[{mixed[text/plain:\"x\"]} text/plain:\"y\"]",
    );
}

#[test]
fn a_boundary_may_begin_like_another() {
    let nested = |outer: &str, inner: &str| {
        format!(
            "Content-Type: multipart/mixed; boundary=\"{outer}\"\n\n--{outer}\n\
             Content-Type: multipart/alternative; boundary=\"{inner}\"\n\n--{inner}\n\nx\n--{inner}\n\n\
             y\n--{inner}--\n--{outer}\n\nz\n--{outer}--\n"
        )
    };
    let expected = "mixed[alternative[text/plain:\"x\" text/plain:\"y\"] text/plain:\"z\"]";
    for (outer, inner) in [
        ("a", "ab"),
        ("ab", "a"),
        ("a", "a-"),
        ("a b", "a"),
        ("-", "--a"),
    ] {
        check(&nested(outer, inner), expected);
    }
    // `--a--` could be the end of the outer one; the longer boundary wins.
    check(&nested("a", "a--"), expected);
}

#[test]
fn empty_parts_are_parts() {
    check_mixed("--a\n--a--\n", "mixed[text/plain:\"\"]");
    check_mixed(
        "--a\n\n--a\n\n\n--a--\n",
        "mixed[text/plain:\"\" text/plain:\"\"]",
    );
    check_mixed("--a", "mixed[text/plain:\"\"]");
    check_mixed(
        "--a\nContent-Type: image/gif\n--a--",
        "mixed[image/gif:\"\"]",
    );
    check_mixed(
        "--a\nContent-Type: message/rfc822\n--a--",
        "mixed[application/octet-stream:\"\"]",
    );
    check_mixed(
        "--a\nContent-Type: message/rfc822\n\n--a--",
        "mixed[{text/plain:\"\"}]",
    );
}

#[test]
fn a_header_keeps_its_line_end_before_a_delimiter() {
    let message = format!("{MIXED}--a\nContent-Type: message/rfc822\n\nSubject: x\n\n--a--");
    let root = root(message.as_bytes());
    let outer = &root.children[0];
    let inner = &outer.message.as_deref().expect("part is a message");
    assert_eq!(at(message.as_bytes(), inner.header), b"Subject: x\n\n");
    assert_eq!(inner.header, outer.body);
    assert_eq!(inner.body.size, 0);
}

#[test]
fn a_part_whose_content_does_not_fit_its_type_gets_another_type() {
    check(
        "Content-Type: multipart/mixed\n\n--a\n\nx\n--a--\n",
        "text/plain:\"--a\\n\\nx\\n--a--\\n\"",
    );
    check_mixed("no part\n", "text/plain:\"no part\\n\"");
    check_mixed("--a--\n", "text/plain:\"--a--\\n\"");
    check(
        "Content-Type: multipart/mixed; boundary=\"\"\n\n--\n\nx\n",
        "text/plain:\"--\\n\\nx\\n\"",
    );
    check("Content-Type: multipart/mixed", "text/plain:\"\"");
    check(
        "Content-Type: message/rfc822; name=m\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogeAo=\n",
        "application/octet-stream:\"U3ViamVjdDogeAo=\\n\"",
    );
    check(
        "Content-Type: message/rfc822\n\nSubject: x\n\ny",
        "{text/plain:\"y\"}",
    );
    check(
        "Content-Type: message/partial\n\nx",
        "message/partial:\"x\"",
    );
}

#[test]
fn a_blank_line_divides_header_and_text() {
    let cases: [(&[u8], &[u8], &[u8]); 10] = [
        (b"", b"", b""),
        (b"\n", b"\n", b""),
        (b"\r\n\r\n", b"\r\n", b"\r\n"),
        (b"A: b", b"A: b", b""),
        (b"A: b\n", b"A: b\n", b""),
        (b"A: b\n\n", b"A: b\n\n", b""),
        (b"A: b\n \n\nx", b"A: b\n \n\n", b"x"),
        (b"no header\n\nx\n", b"no header\n\n", b"x\n"),
        (b"A\0: \0\xff\n\n\0\xff\0", b"A\0: \0\xff\n\n", b"\0\xff\0"),
        (b"A: b\r\n\nx\r", b"A: b\r\n\n", b"x\r"),
    ];
    for (message, header, text) in cases {
        for depth in [ScanDepth::Sizes, ScanDepth::Structure] {
            let layout = scan_in(&[message], depth);
            assert_eq!(layout.header_bytes, header, "{message:?}");
            assert_eq!(at(message, layout.header), header);
            assert_eq!(at(message, layout.text), text);
            assert_eq!(layout.whole.stored_len(), message.len() as u64);
        }
    }
}

#[test]
fn at_depth_header_the_scanner_is_done_after_the_blank_line() {
    let mut scanner = Scanner::new(ScanDepth::Header);
    scanner.feed(b"A: b\n");
    assert!(!scanner.is_done());
    scanner.feed(b"\ntext\n\n");
    assert!(scanner.is_done());
    let layout = scanner.finish();
    assert_eq!(layout.header_bytes, b"A: b\n\n");
    assert_eq!((layout.whole, layout.text.size), (layout.header, 0));
    assert_eq!(layout.part, None);
}

#[test]
fn sizes_do_not_depend_on_the_stored_line_ends() {
    let sizes = |message: &[u8]| {
        let layout = scan(message);
        let parts = layout.part.expect("the depth is Structure").children;
        let sizes = parts
            .iter()
            .map(|p| (p.header.size, p.body.size, p.body.lines));
        (
            layout.whole.size,
            layout.header.size,
            sizes.collect::<Vec<_>>(),
        )
    };
    let lf = format!("{MIXED}--a\nX: y\n\nx\nx\n\n--a\n\n\n\n--a--\n");
    let crlf = lf.replace('\n', "\r\n");
    let mixed = lf.replacen('\n', "\r\n", 5);
    assert_eq!(sizes(lf.as_bytes()), sizes(crlf.as_bytes()));
    assert_eq!(sizes(lf.as_bytes()), sizes(mixed.as_bytes()));
}

#[test]
fn the_kept_header_is_limited_and_the_header_is_not() {
    let mut message = b"Subject: ".to_vec();
    message.resize(MAX_KEPT_HEADER + 100, b'x');
    message.extend_from_slice(b"\n\ntext");
    let layout = scan(&message);
    assert_eq!(layout.header_bytes.len(), MAX_KEPT_HEADER);
    assert_eq!(at(&message, layout.text), b"text");
}

#[test]
fn the_kept_headers_of_parts_are_limited() {
    let header = format!("Content-Description: {}\n", "x".repeat(100_000));
    let part = format!("--a\n{header}Content-Type: image/gif\n\nx\n");
    let message = format!("{MIXED}{}--a--\n", part.repeat(30));
    let root = root(message.as_bytes());
    assert_eq!(root.children.len(), 30);
    let length = |part: &Part| part.kept_header;
    assert!(length(&root.children[0]) > 60_000);
    assert!(root.children.iter().map(length).sum::<usize>() <= 1 << 20);
    assert_eq!(at(message.as_bytes(), root.children[29].body), b"x");
}

#[test]
fn the_number_of_parts_is_limited() {
    let body = "--a\n\nx\n".repeat(2000);
    let message = format!("{MIXED}{body}--a--\nepilogue\n");
    let root = root(message.as_bytes());
    assert_eq!(root.children.len(), 999);
    let last = root.children.last().expect("there are 999");
    assert!(at(message.as_bytes(), last.body).ends_with(b"\n--a\n\nx"));
}

#[test]
fn the_depth_of_parts_is_limited() {
    fn depth(part: &Part) -> usize {
        let message = part.message.iter().map(|message| depth(message));
        let children = part.children.iter().map(depth);
        1 + message.chain(children).max().unwrap_or(0)
    }
    let messages = "Content-Type: message/rfc822\n\n".repeat(100_000);
    assert_eq!(depth(&root(messages.as_bytes())), 32);

    let multipart = |n: usize| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n");
    let multiparts: String = (0..100).map(multipart).collect();
    let root = root(multiparts.as_bytes());
    assert_eq!(depth(&root), 32);
}

#[test]
fn an_overlong_line_is_content() {
    let long = "x".repeat(100_000);
    let padded = format!("--a{}", " ".repeat(5000));
    check_mixed(
        &format!("--a\n\n{long}\n--a{long}\n{padded}\n--a--\n"),
        &format!("mixed[text/plain:\"{long}\\n--a{long}\\n{padded}\"]"),
    );
    let boundary = "b".repeat(998);
    check(
        &format!(
            "Content-Type: multipart/mixed; boundary={boundary}\n\n--{boundary}\n\nx\n--{boundary}--\n"
        ),
        "mixed[text/plain:\"x\"]",
    );
    let boundary = "b".repeat(999);
    check(
        &format!("Content-Type: multipart/mixed; boundary={boundary}\n\n--{boundary}"),
        &format!("text/plain:\"--{boundary}\""),
    );
}

/// Returns messages, most of them broken, made of pieces that the scanner knows.
fn messages() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&[u8]> = vec![
        b"\n",
        b"\n",
        b"\r\n",
        b"\r",
        b"--a",
        b"--b",
        b"--a--",
        b"--b--",
        b"--a\n",
        b"--b\r\n",
        b" ",
        b"x",
        b"\0\xff",
        b"\n\n",
        b"Subject: s\n",
        b"Content-Type: message/rfc822\n\n",
        b"Content-Type: multipart/mixed; boundary=a\n\n",
        b"Content-Type: multipart/digest; boundary=b\r\n\r\n",
        b"Content-Type: multipart/mixed; boundary=\"a--\"\n\n",
        b"Content-Transfer-Encoding: base64\n",
        b"Content-Type: text/plain;\n charset=x",
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn sizes_add_up_and_parts_lie_inside_each_other(message in messages(), size in 1usize..9) {
        fuzz::check_chunks(&message, 1);
        fuzz::check_chunks(&message, size);
        fuzz::check_line_ends(&message);
        fuzz::structure(&message);
    }

    #[test]
    fn random_octets_do_not_panic_and_sizes_add_up(message in prop::collection::vec(any::<u8>(), 0..300)) {
        fuzz::structure(&message);
    }
}
