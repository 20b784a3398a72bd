//! `dovecot-keywords`: which keyword of the mailbox each of the letters `a` to `z` stands for.
//!
//! ```text
//! 0 $Forwarded
//! 1 Zed
//! ```
//!
//! A line is a number, 0 to 25, and a name. If a number is missing, it is free for the next new
//! keyword. A letter that occurs in a file name but not here gets an invented name, so that clients
//! see it and can remove it. A name that no client could send is kept, and its letter with it, but
//! hidden from clients.
//!
//! Reading needs no lock. Writing needs that of the mailbox ([`super::lock::MailboxLock`]), and the
//! new file must be newer than the old one by at least a second, because other readers compare
//! whole seconds.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::types::{Keyword, KeywordSet};

use super::atomic_replace::{AtomicReplace, IfExists, WrittenReplacement};
use super::filename::number;
use super::files;
use crate::file_stamp::FileStamp;

/// Name of the file in the mailbox directory.
pub(crate) const FILE: &str = "dovecot-keywords";
/// Name of the new file while it is being written.
const TEMPORARY: &str = "dovecot-keywords.lock";
/// Longest file that is read, in octets. 26 lines are far shorter.
const MAX_SIZE: u64 = 64 * 1024;

/// The keyword names of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct KeywordTable {
    names: [Option<Name>; KeywordSet::MAX],
}

/// The name of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    /// A name that clients can see.
    Keyword(Keyword),
    /// A name that no client could send.
    Hidden(Box<[u8]>),
}

impl Name {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Keyword(keyword) => keyword.as_str().as_bytes(),
            Self::Hidden(name) => name,
        }
    }
}

impl KeywordTable {
    /// Reads the file of the mailbox in `dir`. Returns its stamp, too: while the file has that
    /// stamp, its content is the same. Without a file the table is empty.
    ///
    /// # Errors
    /// Reading the file fails.
    pub(crate) fn read(dir: &Path) -> io::Result<(Self, Option<FileStamp>)> {
        Ok(match files::read(&dir.join(FILE), MAX_SIZE)? {
            Some((text, stamp)) => (Self::parse(&text), Some(stamp)),
            None => (Self::default(), None),
        })
    }

    /// Parses the file. A name ends before the CRs at the end of its line: the next reader would
    /// drop one of them. Skips lines that do not have this form, and lines with an index or a name
    /// that occurred before.
    ///
    /// ```text
    /// file = *(index SP name LF)
    /// ```
    pub(super) fn parse(text: &[u8]) -> Self {
        let mut table = Self::default();
        for line in text.split(|&b| b == b'\n') {
            let returns = line.iter().rev().take_while(|&&b| b == b'\r').count();
            let line = &line[..line.len() - returns];
            let space = memchr::memchr(b' ', line).unwrap_or(line.len());
            let (index, name) = line.split_at(space);
            if let (Some(index), [b' ', name @ ..]) = (number::<usize>(index), name) {
                table.take_over(index, name);
            }
        }
        table
    }

    fn take_over(&mut self, index: usize, name: &[u8]) {
        let is_taken = self.has_name(name);
        if let Some(slot @ None) = self.names.get_mut(index) {
            if !is_taken && !name.is_empty() {
                let keyword = std::str::from_utf8(name).ok().and_then(Keyword::new);
                let hidden = || Name::Hidden(name.into());
                *slot = Some(keyword.map_or_else(hidden, Name::Keyword));
            }
        }
    }

    fn has_name(&self, name: &[u8]) -> bool {
        let mut names = self.names.iter().flatten();
        names.any(|known| known.as_bytes().eq_ignore_ascii_case(name))
    }

    /// Returns the keyword of a letter, `a` being 0.
    pub(crate) fn get(&self, index: usize) -> Option<&Keyword> {
        match self.names.get(index)? {
            Some(Name::Keyword(keyword)) => Some(keyword),
            _ => None,
        }
    }

    /// Returns all keywords with their indexes, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Keyword)> {
        (0..KeywordSet::MAX).filter_map(|index| Some((index, self.get(index)?)))
    }

    /// Returns the index of a keyword, whatever the case of its letters.
    pub(crate) fn index_of(&self, keyword: &Keyword) -> Option<usize> {
        self.iter()
            .find(|&(_, known)| known == keyword)
            .map(|(index, _)| index)
    }

    /// Returns the index of a keyword, the first free one if the keyword is new, or `None` if no
    /// letter is left. The caller has to write the table before a file name may have a new letter.
    pub(crate) fn define(&mut self, keyword: &Keyword) -> Option<usize> {
        if let Some(index) = self.index_of(keyword) {
            return Some(index);
        }
        let free = self.names.iter().position(Option::is_none)?;
        self.names[free] = Some(Name::Keyword(keyword.clone()));
        Some(free)
    }

    /// True if all these keywords can be defined.
    pub(crate) fn has_room_for(&self, keywords: &[Keyword]) -> bool {
        let mut table = self.clone();
        keywords
            .iter()
            .all(|keyword| table.define(keyword).is_some())
    }

    /// Gives a name to each letter of `seen` that has none. Returns true if there was one, so that
    /// the table has to be written.
    pub(crate) fn name_unknown_letters(&mut self, seen: KeywordSet) -> bool {
        let unknown: Vec<usize> = seen.iter().filter(|&i| self.names[i].is_none()).collect();
        for &index in &unknown {
            let mut name = format!("unknown-{index}");
            while self.has_name(name.as_bytes()) {
                name.push('?');
            }
            self.take_over(index, name.as_bytes());
        }
        !unknown.is_empty()
    }

    /// Writes the new file of the mailbox in `dir`. The caller has locked the mailbox, and flushes
    /// and renames the file.
    ///
    /// # Errors
    /// Writing fails; the old file is then still there.
    pub(crate) fn write(&self, dir: &Path, wall: SystemTime) -> io::Result<WrittenReplacement> {
        let old = FileStamp::at(&dir.join(FILE))?;
        let mut new = AtomicReplace::create(dir, TEMPORARY, FILE, IfExists::Overwrite)?;
        for (index, name) in self.names.iter().enumerate() {
            if let Some(name) = name {
                write!(new, "{index} ")?;
                new.write_all(name.as_bytes())?;
                new.write_all(b"\n")?;
            }
        }
        new.end(|file| file.set_modified(later(old, wall)))
    }
}

/// Returns the present time, but at least a second more than the old file's time in whole seconds.
fn later(old: Option<FileStamp>, wall: SystemTime) -> SystemTime {
    let old = old.map_or(0, |stamp| u64::try_from(stamp.modified().0).unwrap_or(0));
    wall.max(SystemTime::UNIX_EPOCH + Duration::from_secs(old + 1))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    fn keyword(name: &str) -> Keyword {
        Keyword::new(name).expect("a keyword")
    }

    fn names(table: &KeywordTable) -> Vec<(usize, &str)> {
        table
            .iter()
            .map(|(index, keyword)| (index, keyword.as_str()))
            .collect()
    }

    #[test]
    fn a_name_does_not_end_in_a_return() {
        let table = KeywordTable::parse(b"0 a\r\r\n1 b\r\n2 \r\n");
        assert_eq!(names(&table), [(0, "a"), (1, "b")]);
    }

    #[test]
    fn reads_what_dovecot_writes() {
        let table = KeywordTable::parse(b"0 $Forwarded\n1 Zed\n");
        assert_eq!(names(&table), [(0, "$Forwarded"), (1, "Zed")]);
        assert_eq!(table.index_of(&keyword("$forwarded")), Some(0));
        assert_eq!(
            (table.get(1), table.get(2), table.get(26)),
            (Some(&keyword("Zed")), None, None)
        );
    }

    #[test]
    fn skips_lines_that_are_no_keywords() {
        let text = b"nospace\n3 C\r\n3 D\n4 c\n26 Z\n-1 Y\n5 \n\n6 has space\n7 ok";
        let table = KeywordTable::parse(text);
        assert_eq!(names(&table), [(3, "C"), (7, "ok")]);
    }

    #[test]
    fn a_hidden_name_keeps_its_letter() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut table = KeywordTable::parse(b"0 a(b\n2 \xff\n");
        assert_eq!(names(&table), []);
        assert_eq!(table.define(&keyword("New")), Some(1));
        let written = table.write(dir.path(), SystemTime::now());
        written
            .and_then(WrittenReplacement::rename)
            .expect("written");
        let text = fs::read(dir.path().join(FILE)).expect("read");
        assert_eq!(text, b"0 a(b\n1 New\n2 \xff\n");
    }

    #[test]
    fn new_keywords_take_the_first_free_letter() {
        let mut table = KeywordTable::parse(b"0 A\n2 C\n");
        assert_eq!(table.define(&keyword("B")), Some(1));
        assert_eq!(table.define(&keyword("c")), Some(2));
        for index in 3..26 {
            assert_eq!(table.define(&keyword(&format!("K{index}"))), Some(index));
        }
        assert_eq!(table.define(&keyword("Z")), None);
        assert_eq!(table.define(&keyword("k25")), Some(25));
    }

    #[test]
    fn unnamed_letters_get_a_name() {
        let mut table = KeywordTable::parse(b"0 unknown-3\n1 B\n");
        assert!(table.name_unknown_letters(KeywordSet(0b1_1010)));
        assert_eq!(
            names(&table),
            [
                (0, "unknown-3"),
                (1, "B"),
                (3, "unknown-3?"),
                (4, "unknown-4")
            ]
        );
        assert!(!table.name_unknown_letters(KeywordSet(0b1_1011)));
    }

    #[test]
    fn each_file_is_a_second_newer() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(
            KeywordTable::read(dir.path()).expect("ok"),
            (KeywordTable::default(), None)
        );
        let table = KeywordTable::parse(b"0 $Forwarded\n5 Zed\n");
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let mut seconds = Vec::new();
        for _ in 0..3 {
            let written = table.write(dir.path(), wall);
            let stamp = written
                .and_then(WrittenReplacement::rename)
                .expect("written");
            assert_eq!(
                KeywordTable::read(dir.path()).expect("ok"),
                (table.clone(), Some(stamp))
            );
            seconds.push(stamp.modified().0);
        }
        assert_eq!(seconds, [1_700_000_000, 1_700_000_001, 1_700_000_002]);
        let text = fs::read(dir.path().join(FILE)).expect("read");
        assert_eq!(text, b"0 $Forwarded\n5 Zed\n");
        assert_eq!(fs::read_dir(dir.path()).expect("a directory").count(), 1);
        // Changes only the content, through an open file: the stamp has to change.
        let file = File::options()
            .append(true)
            .open(dir.path().join(FILE))
            .expect("open");
        (&file).write_all(b"6 F\n").expect("written");
        let (_, stamp) = KeywordTable::read(dir.path()).expect("ok");
        assert_ne!(stamp.map(|stamp| stamp.size()), Some(text.len() as u64));
    }
}
