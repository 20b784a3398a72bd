//! Parsing the header and the records, in both versions of the format.

use crate::types::{Uid, UidValidity};

use super::record::{Guid, MAX_LINE, UidListHeader, UidListRecord};
use crate::store::maildir::filename::number;

/// The version of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UidListVersion {
    /// Courier's, and Dovecot's before 1.1.
    One,
    /// Dovecot's.
    Three,
}

/// What is wrong with a line.
pub(super) type Fault = &'static str;

/// Parses the header.
///
/// ```text
/// header = "3" 1*(SP field) / "1" SP validity SP next
/// ```
pub(super) fn header(line: &[u8]) -> Result<(UidListVersion, UidListHeader), Fault> {
    match line {
        [b'3', b' ', fields @ ..] => Ok((UidListVersion::Three, header_3(fields)?)),
        [b'1', b' ', fields @ ..] => Ok((UidListVersion::One, header_1(fields)?)),
        _ => Err("the version of the list is unknown"),
    }
}

fn header_1(fields: &[u8]) -> Result<UidListHeader, Fault> {
    let mut fields = fields.split(|&b| b == b' ');
    let mut next_number = || fields.next().and_then(number);
    let validity = next_number()
        .and_then(UidValidity::new)
        .ok_or(NO_VALIDITY)?;
    let next = next_number().filter(|&n| n > 0).ok_or(NO_NEXT)?;
    Ok(UidListHeader {
        validity,
        next,
        guid: None,
        rest: Vec::new(),
    })
}

/// Parses the header of version 3. Drops an invalid `G`, because nothing else depends on it.
///
/// ```text
/// field = "V" validity / "N" next / "G" 32HEXDIG / key value
/// ```
fn header_3(fields: &[u8]) -> Result<UidListHeader, Fault> {
    let (mut uid_validity, mut next, mut guid, mut rest) = (None, None, None, Vec::new());
    for field in fields.split(|&b| b == b' ') {
        match field {
            [b'V', value @ ..] => uid_validity = number(value).and_then(UidValidity::new),
            [b'N', value @ ..] => next = number(value).filter(|&n| n > 0),
            [b'G', value @ ..] => guid = Guid::parse(value),
            [] => {}
            _ => {
                rest.push(b' ');
                rest.extend_from_slice(field);
            }
        }
    }
    Ok(UidListHeader {
        validity: uid_validity.ok_or(NO_VALIDITY)?,
        next: next.ok_or(NO_NEXT)?,
        guid,
        rest,
    })
}

const NO_VALIDITY: Fault = "the header has no UIDVALIDITY";
const NO_NEXT: Fault = "the header has no next number";

/// Parses a record.
///
/// ```text
/// record = uid *(SP key) SP ":" name      ; version 3
/// record = uid SP name                    ; version 1
/// ```
pub(super) fn record(line: &[u8], version: UidListVersion) -> Result<UidListRecord<'_>, Fault> {
    if line.len() > MAX_LINE {
        return Err("the line is too long");
    }
    let space = memchr::memchr(b' ', line).ok_or("there is no space")?;
    let (uid, rest) = line.split_at(space);
    let uid = number(uid).and_then(Uid::new).ok_or("there is no number")?;
    let (keys, name) = match version {
        UidListVersion::One => (&[][..], &rest[1..]),
        UidListVersion::Three => {
            let name = memchr::memmem::find(rest, b" :").ok_or("there is no name")?;
            (&rest[..name], &rest[name + 2..])
        }
    };
    // A name that ends with a CR would be read back without it.
    if name.is_empty() || name[0] == b':' || memchr::memchr2(b'/', b'\r', name).is_some() {
        return Err("the name is no name of a file");
    }
    Ok(UidListRecord { uid, keys, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUID: &str = "a8e4143b4782036b5f32000083ecc375";

    #[test]
    fn parses_the_header_of_dovecot() {
        let line = format!("3 V1795392071 N1 G{GUID}");
        let (version, header) = header(line.as_bytes()).expect("a header");
        assert_eq!(version, UidListVersion::Three);
        assert_eq!((header.validity.get(), header.next), (1_795_392_071, 1));
        assert_eq!(header.guid.expect("a guid").to_string(), GUID);
        assert!(header.rest.is_empty());
    }

    #[test]
    fn parses_header_fields_in_any_order() {
        let (_, header) = header(b"3 Qfoo N7  P3 V12 Gshort").expect("a header");
        assert_eq!((header.validity.get(), header.next), (12, 7));
        assert_eq!((header.guid, &header.rest[..]), (None, &b" Qfoo P3"[..]));
    }

    #[test]
    fn parses_the_header_of_courier() {
        let (version, header) = header(b"1 795392309 4").expect("a header");
        assert_eq!(version, UidListVersion::One);
        assert_eq!((header.validity.get(), header.next), (795_392_309, 4));
    }

    #[test]
    fn rejects_damaged_headers() {
        for bad in [
            "",
            "3",
            "3 ",
            "3 V1",
            "3 N1",
            "3 V0 N1",
            "3 V1 N0",
            "3 V1x N1",
            "2 V1 N1",
            "1 5",
            "1 0 1",
            "1 1 0",
            "3 V4294967296 N1",
            "3 V-1 N1",
        ] {
            assert!(header(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn records() {
        let three = |line: &'static [u8]| record(line, UidListVersion::Three);
        let plain = three(b"13 :1700000020.Y.host,S=5").expect("a record");
        assert_eq!((plain.uid.get(), plain.keys), (13, &b""[..]));
        assert_eq!(plain.name, b"1700000020.Y.host,S=5");

        let copied = three(b"4 G1700000001.X.host Xyz :1795392450.M59815P3494.vm").expect("one");
        let keys: Vec<&[u8]> = copied.valid_keys().collect();
        assert_eq!(keys, [&b"G1700000001.X.host"[..], b"Xyz"]);

        let old = three(b"5 :1.A.h:2,RS").expect("a record");
        assert_eq!(old.base(), b"1.A.h");
        let spaced = three(b"6 :name with : in it").expect("a record");
        assert_eq!(spaced.name, b"name with : in it");
        let merged = three(b"13 :17000013 :1700000020.Y.host").expect("two torn lines");
        assert_eq!(merged.base(), b"17000013 ");

        let one = record(b"1 1700000000.A.host", UidListVersion::One).expect("a record");
        assert_eq!((one.uid.get(), one.name), (1, &b"1700000000.A.host"[..]));
    }

    #[test]
    fn rejects_damaged_records() {
        for bad in [
            "",
            "x",
            "1",
            "1 ",
            "1 x",
            "1 :",
            "1 ::2,S",
            "1 :a/b",
            "0 :a",
            "4294967295 :a",
            "99999999999999999999 :a",
            "-1 :a",
            "1:a",
            " 1 :a",
        ] {
            assert!(
                record(bad.as_bytes(), UidListVersion::Three).is_err(),
                "{bad:?}"
            );
        }
        let long = format!("1 :{}", "x".repeat(MAX_LINE));
        assert!(record(long.as_bytes(), UidListVersion::Three).is_err());
    }
}
