//! Header fields, character sets, transfer encodings, addresses, dates and the search for strings.

use crate::message::casefold::fold_case;
use crate::message::charset::{CharsetDecoder, NAMES};
use crate::message::encoded_word::WordDecoder;
use crate::message::header::fields;
use crate::message::{
    Address, CaseFolder, Charset, FieldNames, FieldSelection, HeaderDecoder, StringSet,
    TransferDecoder, TransferEncoding, ValueDecoder, ValueForm, address, collation_key, date_field,
    decode_beginning, message_id, subject,
};

/// The most octets that one step of a decoder may be worth: some thousand, whatever the input.
const MOST_WORK: usize = 8 * 1024;

/// Decodes octets as a header: its fields, their values, encoded words, subjects and identifiers.
///
/// The fields follow one another without a gap. Each step of a decoder is small and makes progress,
/// and what was decoded before makes no difference.
pub(crate) fn header_text(header: &[u8]) {
    check_fields(header);
    check_selection(header);
    check_words(header);
    for form in [ValueForm::Written, ValueForm::Unquoted] {
        check_value(header, form);
    }
    check_header_decoder(header);
    check_subject(header);
    let first = message_id::parse_first(header);
    assert_eq!(
        first.is_some(),
        !message_id::parse_references(header).is_empty()
    );
    let _ = collation_key(header);
}

fn check_fields(header: &[u8]) {
    let mut end = 0;
    for field in fields(header) {
        assert_eq!(field.range.start, end, "a gap between fields");
        assert!(!field.range.is_empty());
        assert_eq!(&header[field.value_range()], field.value);
        end = field.range.end;
    }
    let rest = &header[end..];
    assert!(rest.is_empty() || rest.starts_with(b"\n") || rest.starts_with(b"\r\n"));
}

/// HEADER.FIELDS and HEADER.FIELDS.NOT of one name have all fields between them, and both have the
/// blank line.
fn check_selection(header: &[u8]) {
    let name = fields(header)
        .next()
        .map_or(Vec::new(), |field| field.name.to_ascii_uppercase());
    let names = [name];
    let (chosen, others) = (
        FieldNames::new(&names, false),
        FieldNames::new(&names, true),
    );
    let (mut selection, mut rest) = (FieldSelection::default(), FieldSelection::default());
    while let Some(passed) = selection.pass(header, &chosen) {
        let other = rest.pass(header, &others).expect("the same fields");
        assert_eq!(passed.range, other.range);
        let is_blank = matches!(&header[passed.range], b"\n" | b"\r\n");
        assert!(passed.is_selected != other.is_selected || is_blank);
    }
    assert!(rest.pass(header, &others).is_none());
}

fn check_words(line: &[u8]) {
    let decode = |mut decoder: WordDecoder| {
        let mut text = Vec::new();
        decoder.begin();
        let mut steps = 0;
        while let Some(work) = decoder.step(line, &mut text) {
            assert!(work <= MOST_WORK, "a step of {work}");
            steps += 1;
            assert!(steps <= 4 * line.len() + 4, "no progress");
        }
        text
    };
    let fresh = decode(WordDecoder::default());
    let mut used = WordDecoder::default();
    used.begin();
    let _ = used.step(b"=?utf-8?q?=C3?= =?utf-8?q?x?=", &mut Vec::new());
    assert_eq!(decode(used), fresh);
    assert!(fresh.len() <= 4 * line.len(), "text grows without bound");
}

fn check_value(value: &[u8], form: ValueForm) {
    let (mut decoder, mut text) = (ValueDecoder::default(), Vec::new());
    decoder.begin(form);
    let mut steps = 0;
    while let Some(work) = decoder.step(value, &mut text) {
        assert!(work <= MOST_WORK, "a step of {work}");
        steps += 1;
        assert!(steps <= 4 * value.len() + 8, "no progress");
    }
    assert!(!text.iter().any(|octet| b"\r\n\0".contains(octet)));
    let mut again = Vec::new();
    decoder.begin(form);
    while decoder.step(value, &mut again).is_some() {}
    assert_eq!(again, text);
    // The beginning is decoded from the beginning of the value alone.
    if form == ValueForm::Written && value.len() <= 16 * 20 {
        assert!(text.starts_with(&decode_beginning(value, value.len().min(20))));
    }
}

fn check_header_decoder(header: &[u8]) {
    let mut decoder = HeaderDecoder::default();
    let decode = |decoder: &mut HeaderDecoder| {
        let (mut text, mut steps) = (Vec::new(), 0);
        decoder.begin();
        while let Some((piece, _)) = decoder.next(header) {
            text.extend_from_slice(piece);
            steps += 1;
            assert!(steps <= 8 * header.len() + 8, "no progress");
        }
        text
    };
    let first = decode(&mut decoder);
    assert_eq!(decode(&mut decoder), first);
}

/// A base subject is its own base subject.
fn check_subject(value: &[u8]) {
    let base = subject::extract_base(&decode_beginning(value, subject::MAX_SUBJECT));
    let again = subject::extract_base(&base.text);
    assert_eq!(again.text, base.text);
}

/// Decodes octets of a transfer encoding and a character set, which the first two octets choose.
///
/// The chunks make no difference, no decoder returns more than its bound, and text in a known
/// character set is UTF-8.
pub(crate) fn decoding(input: &[u8]) {
    let [set, transfer, text @ ..] = input else {
        return;
    };
    const MORE: [&str; 4] = ["utf-16be", "utf-16le", "x-user-defined", "macintosh"];
    let at = usize::from(*set) % (NAMES.len() + MORE.len());
    let name = NAMES.get(at).unwrap_or_else(|| &MORE[at - NAMES.len()]);
    let charset = Charset::named(name.as_bytes()).expect("a known name");
    let transfer = match transfer % 3 {
        0 => TransferEncoding::Identity,
        1 => TransferEncoding::Base64,
        _ => TransferEncoding::QuotedPrintable,
    };
    let octets = check_transfer(transfer, text);
    let decoded = check_charset(charset, &octets);
    check_folding(&decoded);
    let _ = Charset::named(text);
}

/// Returns the decoded octets.
fn check_transfer(transfer: TransferEncoding, text: &[u8]) -> Vec<u8> {
    let whole = transfer.decode(text);
    assert!(whole.len() <= text.len());
    for size in [1, 3] {
        let (mut decoder, mut out) = (TransferDecoder::new(transfer), Vec::new());
        for chunk in text.chunks(size) {
            decoder.feed(chunk, &mut out);
        }
        decoder.finish(&mut out);
        assert_eq!(out, whole, "in chunks of {size}");
    }
    if transfer == TransferEncoding::Base64 {
        if let Ok(strict) = data_encoding::BASE64.decode(text) {
            assert_eq!(whole, strict);
        }
    }
    whole
}

/// Returns the text in UTF-8.
fn check_charset(charset: Charset, octets: &[u8]) -> Vec<u8> {
    let whole = charset.decode(octets);
    let is_decoded = charset != Charset::PLAIN && Charset::named(b"utf-8") != Some(charset);
    assert!(
        !is_decoded || std::str::from_utf8(&whole).is_ok(),
        "{charset:?}"
    );
    assert!(whole.len() <= 4 * octets.len() + 4);
    for size in [1, 3] {
        let (mut decoder, mut out) = (CharsetDecoder::new(charset), Vec::new());
        for chunk in octets.chunks(size) {
            decoder.feed(chunk, false, &mut out);
        }
        decoder.feed(b"", true, &mut out);
        assert_eq!(out, whole, "{charset:?} in chunks of {size}");
    }
    whole
}

fn check_folding(text: &[u8]) {
    let whole = fold_case(text);
    let (mut folder, mut out) = (CaseFolder::default(), Vec::new());
    for chunk in text.chunks(1) {
        folder.feed(chunk, &mut out);
    }
    folder.finish(&mut out);
    assert_eq!(out, whole);
    assert!(whole.len() <= text.len() + text.len() / 2);
}

/// Parses octets as the value of an address field and of a Date field.
///
/// The parser makes progress, the markers of groups are paired, and no string has a CR, LF or NUL,
/// which IMAP could not send.
pub(crate) fn addresses_and_dates(value: &[u8]) {
    let parsed = address::parse(value);
    assert_eq!(address::parse_first(value), parsed.first().cloned());
    let mut in_group = false;
    for address in &parsed {
        check_address(address);
        match (&address.mailbox, &address.host) {
            (Some(_), None) => {
                assert!(!in_group, "a group in a group");
                in_group = true;
            }
            (None, None) => {
                assert!(in_group, "the end of no group");
                in_group = false;
            }
            _ => {}
        }
    }
    assert!(!in_group, "a group does not end");
    let (day, time) = (date_field::parse_day(value), date_field::parse_time(value));
    assert_eq!(day.is_some(), time.is_some());
    if let Some(time) = time {
        let _ = (time.day(), time.parts(), time.system_time());
    }
}

fn check_address(address: &Address) {
    let strings = [
        &address.name,
        &address.route,
        &address.mailbox,
        &address.host,
    ];
    for string in strings.into_iter().flatten() {
        assert!(!string.iter().any(|octet| b"\r\n\0".contains(octet)));
    }
}

/// Searches a text for strings. The first line of the input is the text, each other line a string.
///
/// What is found must be what a plain comparison finds, in whatever chunks the text arrives.
pub(crate) fn string_search(input: &[u8]) {
    let mut lines = input.split(|&octet| octet == b'\n');
    let text = fold_case(lines.next().unwrap_or_default());
    let strings: Vec<&[u8]> = lines
        .filter(|line| !line.is_empty() && std::str::from_utf8(line).is_ok())
        .collect();
    let mut set = StringSet::default();
    let indexes: Vec<Option<usize>> = strings.iter().map(|string| set.add(string)).collect();
    while set.build().is_some() {}
    for size in [usize::MAX, 1, 5] {
        let mut found = set.none_found();
        set.begin_text();
        for chunk in text.chunks(size) {
            set.feed(chunk, &mut found);
        }
        for (string, index) in strings.iter().zip(&indexes) {
            let Some(index) = *index else { continue };
            let folded = fold_case(string);
            let is_there = text.windows(folded.len()).any(|window| window == folded);
            assert_eq!(found.has(index), is_there, "{string:?} in chunks of {size}");
        }
    }
}
