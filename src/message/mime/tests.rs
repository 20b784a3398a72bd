//! Tests of Content-* fields, well-formed and broken.

use super::content_fields::MAX_PARAMS;
use super::*;
use proptest::prelude::*;

fn read_in(header: &str, in_digest: bool) -> Content {
    let mut reader = ContentReader::new(in_digest);
    while reader.pass(header.as_bytes()).is_some() {}
    reader.finish()
}

fn read(header: &str) -> Content {
    read_in(header, false)
}

/// Returns the type of a part as `type/subtype name=value name=value`.
fn format_type(header: &str) -> String {
    let part = read(header);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut line = format!(
        "{}/{}",
        text(&part.media_type.top_level),
        text(&part.media_type.subtype)
    );
    for param in &part.params {
        line += &format!(" {}={}", text(&param.name), text(&param.value));
    }
    line
}

#[test]
fn media_types_and_parameters_are_read() {
    let default = "TEXT/PLAIN CHARSET=US-ASCII";
    for (header, expected) in [
        ("", default),
        ("Content-Type: text", default),
        ("Content-Type: ", default),
        ("Content-Type: /plain", default),
        ("Content-Type: image/\n", default),
        ("Subject: x\ncontent-TYPE: Image/Gif\n", "Image/Gif"),
        ("Content-Type: text/html", "text/html CHARSET=US-ASCII"),
        (
            "Content-Type: text/plain; charset=utf-8; format=flowed",
            "text/plain charset=utf-8 format=flowed",
        ),
        (
            "Content-Type: text/plain (plain)\r\n ; charset (set) = \"us-ascii\" (ASCII)\r\n",
            "text/plain charset=us-ascii",
        ),
        (
            "Content-Type: multipart/mixed;\n\tboundary=----=_Part_1/2:3?4",
            "multipart/mixed boundary=----=_Part_1/2:3?4",
        ),
        (
            "Content-Type: multipart/mixed; boundary=\"simple boundary\"",
            "multipart/mixed boundary=simple boundary",
        ),
        (
            "Content-Type: a/b; name=my file.txt; x=\"a;b\\\"c\"; ;; junk; y=",
            "a/b name=my file.txt x=a;b\"c y=",
        ),
        (
            "Content-Type: a/b; name*0=\"x\"; name*1*=utf-8''%41",
            "a/b name*0=x name*1*=utf-8''%41",
        ),
        ("Content-Type: a/b\nContent-Type: c/d\n", "a/b"),
    ] {
        assert_eq!(format_type(header), expected, "{header:?}");
    }
}

#[test]
fn all_other_content_fields_are_read() {
    let part = read(
        "Content-ID: <1@x>\nContent-Description: a\n folded one\nContent-Transfer-Encoding: BASE64 (x)\n\
         Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\n\
         Content-Disposition: attachment; filename=\"a b.txt\";\n size=12\n\
         Content-Language: en, de-CH (Swiss)\nContent-Location: http://x/y;z\n",
    );
    let bytes = |text: &str| Some(text.as_bytes().to_vec());
    assert_eq!(part.id, bytes("<1@x>"));
    assert_eq!(part.description, bytes("a folded one"));
    assert_eq!(part.encoding, b"BASE64");
    assert!(!part.is_identity_encoded());
    assert_eq!(part.md5, bytes("Q2hlY2sgSW50ZWdyaXR5IQ=="));
    assert_eq!(part.language, [&b"en"[..], b"de-CH"]);
    assert_eq!(part.location, bytes("http://x/y;z"));
    let disposition = part
        .disposition
        .expect("the header has a Content-Disposition");
    assert_eq!(disposition.kind, b"attachment");
    assert_eq!(disposition.params[0].value, b"a b.txt");
    assert_eq!(disposition.params[1].name, b"size");
}

#[test]
fn an_empty_field_keeps_the_default() {
    let part = read("Content-ID:\nContent-Transfer-Encoding:\nContent-Disposition: ;a=b\n");
    assert_eq!(part, Content::default());
}

#[test]
fn a_part_of_a_digest_is_a_message_by_default() {
    let part = read_in("", true);
    assert!(part.media_type.is("message", "RFC822") && part.params.is_empty());
    assert!(
        read_in("Content-Type: text/plain\n", true)
            .media_type
            .is_text()
    );
}

#[test]
fn the_number_of_parameters_is_limited() {
    let header = format!("Content-Type: a/b{}", ";x=y".repeat(MAX_PARAMS + 5));
    assert_eq!(read(&header).params.len(), MAX_PARAMS);
}

proptest! {
    /// The scanner reads a header as it grows.
    #[test]
    fn a_growing_header_gives_the_same_content(
        fields in prop::collection::vec("(Content-Type: |Content-ID:|X: |content-type:)[a/;=\\n ]{0,9}\n", 0..6),
    ) {
        let header = fields.concat();
        let mut reader = ContentReader::new(false);
        for end in 0..header.len() {
            reader.pass_complete(&header.as_bytes()[..end]);
        }
        while reader.pass(header.as_bytes()).is_some() {}
        prop_assert_eq!(reader.finish(), read(&header));
    }

    #[test]
    fn no_value_panics(value in "[a/;=\"() ,\\\\\r\n\0\u{e9}]{0,60}") {
        for field in ["Type", "Disposition", "Language", "Transfer-Encoding", "ID"] {
            read(&format!("Content-{field}: {value}"));
        }
    }

    /// The inverse: a quoted value is read back.
    #[test]
    fn a_quoted_value_is_read_back(value in "[ -~]{0,30}", name in "[a-z]{1,8}") {
        let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
        let part = read(&format!("Content-Type: a/b;\r\n {name}=\"{quoted}\"\r\n"));
        prop_assert_eq!(part.param(&name), Some(value.as_bytes()));
    }
}
