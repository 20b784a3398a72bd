//! Tests of known lines of `dovecot-uidlist`, good and bad, read and written.

use std::fs;
use std::io::{self, Write};

use super::writer::{UidListAppend, append};
use super::*;
use crate::file_stamp::FileStamp;
use crate::types::{Uid, UidValidity};

const GUID: &str = "a8e4143b4782036b5f32000083ecc375";

/// A list that Dovecot 2.3.19 wrote: with its first header, a copied message, and a gap.
const DOVECOT: &str = "3 V1795392071 N1 Ga8e4143b4782036b5f32000083ecc375\n\
    1 :1795392071.M59814P3494.vm,S=28,W=31\n\
    3 :1700000001.X.host\n\
    4 G1700000001.X.host :1795392450.M59815P3494.vm\n";

struct Rig(tempfile::TempDir);

/// The result of reading: UID, keys and base of each record.
type Read = Vec<(u32, String, String)>;

impl Rig {
    fn new(list: impl AsRef<[u8]>) -> Self {
        let rig = Self(tempfile::tempdir().expect("a directory"));
        rig.set(list);
        rig
    }

    fn dir(&self) -> &std::path::Path {
        self.0.path()
    }

    fn set(&self, list: impl AsRef<[u8]>) {
        fs::write(self.dir().join(FILE), list).expect("written");
    }

    fn text(&self) -> String {
        fs::read_to_string(self.dir().join(FILE)).expect("a list")
    }

    fn add(&self, text: &str) {
        let mut options = fs::OpenOptions::new();
        let file = options.append(true).open(self.dir().join(FILE));
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .expect("added");
    }

    fn open(&self) -> UidListReader {
        UidListReader::open(self.dir())
            .expect("readable")
            .expect("a list")
    }

    /// Reads to the end. Counts the faulty lines.
    fn read(&self) -> (Read, usize, UidListReader) {
        rest(self.open())
    }
}

fn rest(mut reader: UidListReader) -> (Read, usize, UidListReader) {
    let (mut records, mut faults) = (Vec::new(), 0);
    loop {
        match reader.next() {
            Ok(Some(record)) => records.push(show(&record)),
            Ok(None) => return (records, faults, reader),
            Err(UidListError::Line { .. }) => faults += 1,
            Err(error) => panic!("{error}"),
        }
    }
}

fn show(record: &UidListRecord<'_>) -> (u32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (record.uid.get(), text(record.keys), text(record.base()))
}

fn uids(records: &Read) -> Vec<u32> {
    records.iter().map(|record| record.0).collect()
}

fn record(uid: u32, base: &[u8]) -> UidListRecord<'_> {
    UidListRecord::new(Uid::new(uid).expect("a number"), base)
}

#[test]
fn reads_what_dovecot_writes() {
    let rig = Rig::new(DOVECOT);
    let (records, faults, reader) = rig.read();
    let expected = [
        (1, "", "1795392071.M59814P3494.vm,S=28,W=31"),
        (3, "", "1700000001.X.host"),
        (4, " G1700000001.X.host", "1795392450.M59815P3494.vm"),
    ];
    let expected = expected.map(|(uid, keys, base)| (uid, keys.to_string(), base.to_string()));
    assert_eq!((&records[..], faults), (&expected[..], 0));
    assert_eq!(reader.header().validity.get(), 1_795_392_071);
    assert_eq!(reader.next_uid(), 5, "N is a floor");
    assert!(!reader.needs_rewrite());
}

#[test]
fn a_missing_list_is_no_error() {
    let dir = tempfile::tempdir().expect("a directory");
    assert!(UidListReader::open(dir.path()).expect("no error").is_none());
}

#[test]
fn both_line_ends_are_read() {
    let torn = format!("3 V5 N9 G{GUID}\r\n1 :a\r\n2 :b\n13 :170000");
    let (records, _, reader) = Rig::new(torn).read();
    assert_eq!(uids(&records), [1, 2]);
    assert_eq!(records[0].2, "a");
    assert_eq!(reader.next_uid(), 9);
    assert!(reader.needs_rewrite(), "the list must not be appended to");
}

#[test]
fn rejects_files_that_are_no_list() {
    for bad in ["", "3 V5 N9", "x\n", "2 V1 N1\n", "3 N9\n", "\n1 :a\n"] {
        let opened = UidListReader::open(Rig::new(bad).dir());
        assert!(matches!(opened, Err(UidListError::File(_))), "{bad:?}");
    }
    let endless = Rig::new([format!("3 V5 N9\n1 :{}", "x".repeat(100_000))].concat());
    assert!(matches!(endless.open().next(), Err(UidListError::File(_))));
}

#[test]
fn one_bad_line_costs_one_message() {
    let rig = Rig::new(format!(
        "3 V5 N1 G{GUID}\n3 :a\ngarbage\n7 :b/c\n9 :d\n8 :e\n9 :f\n"
    ));
    let (records, faults, reader) = rig.read();
    assert_eq!((uids(&records), faults), (vec![3, 9], 4));
    assert!(reader.needs_rewrite());
    assert_eq!(
        reader.next_uid(),
        12,
        "the two lines behind 9 may have held 10 and 11"
    );
}

#[test]
fn version_one_has_no_uid_beyond_its_next() {
    let (records, faults, reader) = Rig::new("1 5 4\n1 a\n3 b\n4 c\n").read();
    assert_eq!((uids(&records), faults), (vec![1, 3], 1));
    assert_eq!((reader.next_uid(), reader.needs_rewrite()), (5, true));
}

#[test]
fn the_greatest_uid_can_be_listed() {
    let rig = Rig::new(format!("3 V5 N1 G{GUID}\n4294967294 :a\n4294967295 :b\n"));
    let (records, faults, reader) = rig.read();
    assert_eq!((uids(&records), faults), (vec![Uid::MAX], 1));
    assert!(Uid::new(reader.next_uid()).is_none());
}

#[test]
fn resumes_where_it_stopped() {
    let rig = Rig::new(DOVECOT);
    let position = rig.read().2.position();
    let resume = || {
        UidListReader::resume(rig.dir(), &position)
            .expect("readable")
            .map(rest)
    };
    let (records, _, reader) = resume().expect("the same list");
    assert!(records.is_empty());
    assert_eq!(
        (reader.next_uid(), reader.position()),
        (5, position.clone())
    );

    rig.add("5 :half");
    assert!(resume().expect("the same list").0.is_empty());
    rig.add(" a name\n4 :again\n7 :c\n");
    let (records, faults, reader) = resume().expect("the same list");
    assert_eq!((uids(&records), faults), (vec![5, 7], 0));
    assert_eq!(records[0].2, "half a name");
    assert_eq!(reader.next_uid(), 8);
}

#[test]
fn can_pause_at_any_record() {
    let rig = Rig::new(DOVECOT);
    let whole = rig.read().0;
    for stop in 0..=whole.len() {
        let mut reader = rig.open();
        let mut records = Vec::new();
        for _ in 0..stop {
            records.extend(reader.next().expect("readable").as_ref().map(show));
        }
        let resumed = UidListReader::resume(rig.dir(), &reader.position()).expect("readable");
        records.extend(rest(resumed.expect("the same list")).0);
        assert_eq!(records, whole);
    }
}

#[test]
fn notices_a_replaced_list() {
    let rig = Rig::new(DOVECOT);
    let position = rig.read().2.position();
    let resumes = || {
        UidListReader::resume(rig.dir(), &position)
            .expect("readable")
            .is_some()
    };
    assert!(resumes());
    // Writes in place, so that the inode stays: another header, a shifted record, a shorter list.
    for other in [
        DOVECOT.replace(" N1 ", " N2 "),
        DOVECOT.replace("3 :1700000001.X.host\n", "") + "5 :1700000001.X.hos\n",
        DOVECOT.replace("4 G1700000001.X.host :1795392450.M59815P3494.vm\n", ""),
    ] {
        rig.set(&other);
        assert!(!resumes(), "{other}");
    }
    fs::write(rig.dir().join("new"), DOVECOT).expect("written");
    fs::rename(rig.dir().join("new"), rig.dir().join(FILE)).expect("renamed");
    assert!(!resumes(), "another inode");
    fs::remove_file(rig.dir().join(FILE)).expect("removed");
    assert!(!resumes());
}

#[test]
fn appends_and_resumes_from_there() {
    let rig = Rig::new(DOVECOT);
    let mut position = rig.read().2.position();
    let keys = &b" G1.old Xyz bad"[..];
    for (uid, line) in [(5, "5 G1.old Xyz :5.h\n"), (9, "9 G1.old Xyz :9.h\n")] {
        let before = rig.text();
        let base = format!("{uid}.h");
        let new = UidListRecord {
            keys,
            ..record(uid, base.as_bytes())
        };
        let UidListAppend::Written(end, _) = append(rig.dir(), &position, [new]).expect("written")
        else {
            panic!("moved");
        };
        assert_eq!(rig.text(), before + line);
        position = end;
    }
    assert_eq!(
        FileStamp::at(&rig.dir().join(FILE)).expect("ok"),
        Some(*position.stamp())
    );
    let resumed = UidListReader::resume(rig.dir(), &position)
        .expect("readable")
        .expect("the list");
    let (records, _, reader) = rest(resumed);
    assert!(records.is_empty());
    assert_eq!(reader.position(), position);
}

#[test]
fn appends_to_a_list_without_records() {
    let rig = Rig::new(format!("3 V5 N1 G{GUID}\n"));
    let position = rig.read().2.position();
    let new = [record(1, b"a"), record(2, b"b:2,S")];
    assert!(matches!(
        append(rig.dir(), &position, new),
        Ok(UidListAppend::Written(..))
    ));
    assert_eq!(rig.text(), format!("3 V5 N1 G{GUID}\n1 :a\n2 :b\n"));
}

#[test]
fn refuses_to_append_behind_unread_lines() {
    let rig = Rig::new(DOVECOT);
    let position = rig.read().2.position();
    let try_append = || append(rig.dir(), &position, [record(9, b"x")]).expect("no error");
    for more in ["5 :unseen\n", "6 :torn"] {
        rig.add(more);
        let before = rig.text();
        assert!(matches!(try_append(), UidListAppend::Moved));
        assert_eq!(rig.text(), before);
    }
    fs::remove_file(rig.dir().join(FILE)).expect("removed");
    assert!(matches!(try_append(), UidListAppend::Moved));
}

#[test]
fn refuses_uids_out_of_order() {
    let rig = Rig::new(DOVECOT);
    let position = rig.read().2.position();
    for new in [
        [record(4, b"x"), record(5, b"y")],
        [record(6, b"x"), record(6, b"y")],
    ] {
        let refused = append(rig.dir(), &position, new).map_err(|error| error.kind());
        assert!(matches!(refused, Err(io::ErrorKind::InvalidInput)));
    }
    assert_eq!(rig.text(), DOVECOT);
}

#[test]
fn rewrites_in_steps() {
    let text = format!(
        "3 V5 N1 Qfoo G{GUID} P7\r\n1 :a:2,RS\nbad\n2 :b\n3 xlost S5 Yz Gold :c,S=5\n5 :e\n9 :torn"
    );
    let rig = Rig::new(text);
    let mut header = rig.open().header().clone();
    header.next = 11;
    let mut old = rig.open();
    let mut rewrite = UidListRewrite::begin(rig.dir(), &header).expect("begun");
    let mut steps = 1;
    while !rewrite
        .copy(&mut old, 2, |record| record.uid.get() != 2)
        .expect("copied")
    {
        steps += 1;
    }
    assert_eq!(steps, 3);
    assert!(rewrite.put(&record(5, b"again")).is_err());
    rewrite.put(&record(11, b"new")).expect("put");
    let position = rewrite.commit().expect("committed");
    assert_eq!(
        rig.text(),
        format!("3 V5 N11 G{GUID} Qfoo P7\n1 :a\n3 S5 Yz Gold :c,S=5\n5 :e\n11 :new\n")
    );
    let (records, faults, reader) = rig.read();
    assert_eq!((uids(&records), faults), (vec![1, 3, 5, 11], 0));
    assert_eq!(reader.position(), position);
    assert!(!reader.needs_rewrite());
    assert!(
        UidListReader::resume(rig.dir(), &position)
            .expect("readable")
            .is_some()
    );
}

#[test]
fn a_dropped_rewrite_changes_nothing() {
    let rig = Rig::new(DOVECOT);
    let header = rig.open().header().clone();
    let mut rewrite = UidListRewrite::begin(rig.dir(), &header).expect("begun");
    rewrite.put(&record(1, b"x")).expect("put");
    drop(rewrite);
    assert_eq!(rig.text(), DOVECOT);
    assert_eq!(fs::read_dir(rig.dir()).expect("a directory").count(), 1);
}

#[test]
fn a_rewrite_turns_version_one_into_three() {
    let rig = Rig::new("1 795392309 4\n1 1700000000.A.host\n3 1700000001.B.host\n");
    let mut old = rig.open();
    let header = UidListHeader {
        next: 4,
        ..old.header().clone()
    };
    let mut rewrite = UidListRewrite::begin(rig.dir(), &header).expect("begun");
    assert!(rewrite.copy(&mut old, 100, |_| true).expect("copied"));
    rewrite.commit().expect("committed");
    let text = rig.text();
    let (head, records) = text.split_once('\n').expect("lines");
    let guid = head.strip_prefix("3 V795392309 N4 G").expect("a header");
    assert!(Guid::parse(guid.as_bytes()).is_some(), "{head}");
    assert_eq!(records, "1 :1700000000.A.host\n3 :1700000001.B.host\n");
}

#[test]
fn reads_many_records() {
    let rig = Rig::new("");
    fs::remove_file(rig.dir().join(FILE)).expect("removed");
    let validity = UidValidity::new(7).expect("a number");
    let header = UidListHeader::new(validity, Guid::random().expect("random"));
    let mut rewrite = UidListRewrite::begin(rig.dir(), &header).expect("begun");
    let base = |uid: u32| format!("17{uid:08}.M{}P1.host,S=1,W=2", uid * 7);
    for uid in 1..=20_000 {
        rewrite
            .put(&record(uid, base(uid).as_bytes()))
            .expect("put");
    }
    let position = rewrite.commit().expect("committed");
    let bases: Vec<String> = (20_001..=30_000).map(base).collect();
    let new = (20_001..)
        .zip(&bases)
        .map(|(uid, base)| record(uid, base.as_bytes()));
    assert!(matches!(
        append(rig.dir(), &position, new),
        Ok(UidListAppend::Written(..))
    ));
    let (records, faults, reader) = rig.read();
    assert_eq!(
        (records.len(), faults, reader.next_uid()),
        (30_000, 0, 30_001)
    );
    assert!(records.iter().all(|(uid, _, name)| *name == base(*uid)));
}

mod hostile {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_is_read_can_be_rewritten(
            lines in prop::collection::vec("[0-9]{0,3}[ :GWx,/\\r]{0,4}[a-c:,/ ]{0,4}", 0..20)
        ) {
            let rig = Rig::new(format!("3 V5 N1 G{GUID}\n{}\n", lines.join("\n")));
            let (records, _, reader) = rig.read();
            prop_assert!(records.windows(2).all(|pair| pair[0].0 < pair[1].0));
            let header = UidListHeader { next: reader.next_uid(), ..reader.header().clone() };
            let mut rewrite = UidListRewrite::begin(rig.dir(), &header).expect("begun");
            prop_assert!(rewrite.copy(&mut rig.open(), 100, |_| true).expect("copied"));
            let position = rewrite.commit().expect("committed");
            let (again, faults, reader) = rig.read();
            prop_assert_eq!((uids(&again), faults), (uids(&records), 0));
            prop_assert!(!reader.needs_rewrite());
            prop_assert_eq!(reader.position(), position);
        }
    }
}
