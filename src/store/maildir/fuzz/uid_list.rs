//! `dovecot-uidlist`.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use super::with_scratch;
use crate::store::maildir::uid_list::{FILE, UidListError, UidListReader, UidListRewrite};

/// A record of a uid list: UID, keys that are kept, base.
type Record = (u32, Vec<u8>, Vec<u8>);

/// Reads octets as a uid list: whole, and then, as their number chooses, after the list was written
/// anew, or in two parts of which the second is appended later.
///
/// UIDs ascend and are below the next one. All ways to read give the same records, and a list that
/// was written anew has no fault.
pub(crate) fn uid_list(list: &[u8]) {
    with_scratch(|dir| check(dir, list));
}

fn check(dir: &Path, list: &[u8]) {
    fs::write(dir.join(FILE), list).expect("written");
    let Ok(Some(reader)) = UidListReader::open(dir) else {
        return;
    };
    let (records, reader) = read(reader);
    check_records(&records, reader.next_uid());
    if list.len() % 2 == 0 {
        assert_eq!(rewrite(dir, &reader), records, "written anew");
    } else {
        check_resumed(dir, list, &records);
    }
}

fn read(mut reader: UidListReader) -> (Vec<Record>, UidListReader) {
    let mut records = Vec::new();
    loop {
        match reader.next() {
            Ok(Some(record)) => {
                let keys: Vec<&[u8]> = record.valid_keys().collect();
                records.push((record.uid.get(), keys.join(&b' '), record.base().to_vec()));
            }
            Ok(None) => return (records, reader),
            Err(UidListError::Line { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

fn check_records(records: &[Record], next: u32) {
    assert!(records.is_sorted_by(|(a, ..), (b, ..)| a < b));
    assert!(records.last().is_none_or(|(last, ..)| *last < next));
    for (_, _, base) in records {
        assert!(!base.is_empty() && !base.iter().any(|octet| b"/:\n\r".contains(octet)));
    }
}

/// Writes the list anew and returns what it contains.
fn rewrite(dir: &Path, reader: &UidListReader) -> Vec<Record> {
    let mut header = reader.header().clone();
    header.next = reader.next_uid();
    let mut old = UidListReader::open(dir).expect("readable").expect("a list");
    let mut new = UidListRewrite::begin(dir, &header).expect("begun");
    while !new.copy(&mut old, 3, |_| true).expect("copied") {}
    new.end().expect("written").rename().expect("renamed");
    let new = UidListReader::open(dir).expect("readable").expect("a list");
    assert_eq!(new.header().validity, header.validity);
    let (records, new) = read(new);
    assert!(!new.needs_rewrite(), "a new list has no fault");
    assert_eq!(new.next_uid(), header.next);
    records
}

/// Reads a first part of the list and then what another program has appended.
fn check_resumed(dir: &Path, list: &[u8], records: &[Record]) {
    let (first, second) = list.split_at(list.len() / 2);
    fs::write(dir.join(FILE), first).expect("written");
    let Ok(Some(reader)) = UidListReader::open(dir) else {
        return;
    };
    let (mut read_so_far, reader) = read(reader);
    let position = reader.position();
    let mut options = OpenOptions::new();
    let file = options.append(true).open(dir.join(FILE));
    let appended = file.and_then(|mut file| file.write_all(second));
    appended.expect("appended");
    let resumed = UidListReader::resume(dir, &position).expect("readable");
    read_so_far.extend(read(resumed.expect("the same file")).0);
    assert_eq!(read_so_far, records, "in two parts");
}

/// Returns the records of the list of a mailbox, each with what names the list: the mailbox and its
/// UIDVALIDITY. Returns none if there is no list, or if it is damaged.
pub(crate) fn listed(dir: &Path) -> Vec<(String, u32, Vec<u8>)> {
    let Ok(Some(reader)) = UidListReader::open(dir) else {
        return Vec::new();
    };
    let Some(guid) = reader.header().guid else {
        return Vec::new();
    };
    let list = format!("{guid} {}", reader.header().validity);
    let (records, _) = read(reader);
    let records = records.into_iter();
    records
        .map(|(uid, _, base)| (list.clone(), uid, base))
        .collect()
}
