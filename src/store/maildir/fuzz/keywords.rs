//! `dovecot-keywords`.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use super::with_scratch;
use crate::store::maildir::keywords::{FILE, KeywordTable};
use crate::types::{Keyword, KeywordSet};

/// Reads octets as the keyword names of a mailbox. No two letters have the same name, and the table
/// is read back after it was written.
pub(crate) fn keywords(text: &[u8]) {
    let mut table = KeywordTable::parse(text);
    let names: Vec<String> = table
        .iter()
        .map(|(_, keyword)| keyword.as_str().to_ascii_lowercase())
        .collect();
    for (at, name) in names.iter().enumerate() {
        assert!(!names[..at].contains(name), "{name} twice");
    }
    table.name_unknown_letters(KeywordSet((1 << KeywordSet::MAX) - 1));
    let free = (0..KeywordSet::MAX).find(|&index| table.get(index).is_none());
    assert!(
        free.is_none() || table.define(&any_keyword()).is_none(),
        "a letter has no name"
    );
    with_scratch(|dir| check_written(dir, &table));
}

fn any_keyword() -> Keyword {
    Keyword::new("another").expect("a keyword")
}

fn check_written(dir: &Path, table: &KeywordTable) {
    let written = table.write(dir, SystemTime::UNIX_EPOCH);
    written.expect("written").rename().expect("renamed");
    let text = fs::read(dir.join(FILE)).expect("readable");
    assert_eq!(KeywordTable::parse(&text), *table);
    fs::remove_file(dir.join(FILE)).expect("removed");
}
