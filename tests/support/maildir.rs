//! A Maildir as its owner sees it with `ls`: fixtures go in, and what lies there is read back by code
//! that shares nothing with the server.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

/// One mailbox directory.
#[derive(Debug, Clone)]
pub(crate) struct Maildir {
    path: PathBuf,
    owner: Option<u32>,
}

/// One message file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// The part of its name that stays, to the first `:`.
    pub(crate) base: String,
    /// The flag letters of its name.
    pub(crate) flags: String,
    /// True in `new/`.
    pub(crate) is_new: bool,
}

impl Entry {
    /// What is stored.
    pub(crate) fn contents(&self) -> Vec<u8> {
        fs::read(&self.path).expect("a message that was listed just now")
    }

    /// What is stored, as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.contents()).into_owned()
    }
}

/// Distinguishes the messages that one second delivers.
static SERIAL: AtomicU32 = AtomicU32::new(0);

impl Maildir {
    /// The mailbox at `path`, made if need be, with files that belong to `owner`.
    pub(crate) fn create(path: &Path, owner: Option<u32>) -> Self {
        let maildir = Self {
            path: path.to_owned(),
            owner,
        };
        for name in ["", "cur", "new", "tmp"] {
            let directory = path.join(name);
            if !directory.exists() {
                fs::create_dir(&directory).expect("mkdir");
                maildir.give_away(&directory);
            }
        }
        maildir
    }

    /// The folder of that name beside INBOX, made if need be.
    pub(crate) fn folder(&self, name: &str) -> Self {
        let folder = Self::create(&self.folder_path(name), self.owner);
        fs::write(folder.path.join("maildirfolder"), "").expect("maildirfolder");
        folder
    }

    /// The folder of that name, if there is one.
    pub(crate) fn existing_folder(&self, name: &str) -> Option<Self> {
        let path = self.folder_path(name);
        let owner = self.owner;
        path.is_dir().then_some(Self { path, owner })
    }

    fn folder_path(&self, name: &str) -> PathBuf {
        self.path.join(format!(".{name}"))
    }

    /// The mailbox directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Delivers a message as a mail delivery agent would; returns its base name.
    pub(crate) fn deliver(&self, message: &[u8]) -> String {
        let base = unique_name();
        self.place(message, &format!("new/{base}"), SystemTime::now());
        base
    }

    /// Puts a message into `cur/` with these flag letters and this age; returns its base name.
    pub(crate) fn put(&self, message: &[u8], flags: &str, age: Duration) -> String {
        let base = unique_name();
        self.place(
            message,
            &format!("cur/{base}:2,{flags}"),
            SystemTime::now() - age,
        );
        base
    }

    fn place(&self, message: &[u8], name: &str, date: SystemTime) {
        let tmp = self.path.join("tmp").join(unique_name());
        fs::write(&tmp, message).expect("a file in tmp/");
        let file = fs::File::options()
            .write(true)
            .open(&tmp)
            .expect("the file just written");
        file.set_modified(date).expect("utimes");
        self.give_away(&tmp);
        fs::rename(&tmp, self.path.join(name)).expect("delivery");
    }

    /// All messages, in the order of their names.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let mut entries = self.scan("cur");
        entries.append(&mut self.scan("new"));
        entries.sort_by(|a, b| a.base.cmp(&b.base));
        entries
    }

    fn scan(&self, directory: &str) -> Vec<Entry> {
        let listing = fs::read_dir(self.path.join(directory)).expect("readdir");
        let paths = listing.map(|entry| entry.expect("readdir").path());
        paths.map(|path| entry(path, directory == "new")).collect()
    }

    /// The messages whose header or text holds `needle`.
    pub(crate) fn holding(&self, needle: &str) -> Vec<Entry> {
        let mut entries = self.entries();
        entries.retain(|entry| entry.text().contains(needle));
        entries
    }

    /// The only message that holds `needle`.
    ///
    /// # Panics
    /// When there is none, or more than one.
    pub(crate) fn the(&self, needle: &str) -> Entry {
        let mut found = self.holding(needle);
        assert_eq!(
            found.len(),
            1,
            "messages with {needle:?} in {}",
            self.path.display()
        );
        found.remove(0)
    }

    fn give_away(&self, path: &Path) {
        if self.owner.is_some() {
            chown(path, self.owner, self.owner).expect("root may give files away");
        }
    }
}

fn entry(path: PathBuf, is_new: bool) -> Entry {
    let name = path
        .file_name()
        .expect("readdir gives names")
        .to_string_lossy()
        .into_owned();
    let (base, info) = name.split_once(':').unwrap_or((&name, ""));
    let flags = info.strip_prefix("2,").unwrap_or("").to_owned();
    Entry {
        base: base.to_owned(),
        flags,
        is_new,
        path,
    }
}

/// A name in the manner of qmail, whose order is the order of delivery.
fn unique_name() -> String {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("after 1970");
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let (seconds, micros, pid) = (since.as_secs(), since.subsec_micros(), std::process::id());
    format!("{seconds}.M{micros:06}P{pid}Q{serial}.test")
}

/// A short message with this subject, an unmistakable identity and this text.
pub(crate) fn message(subject: &str, id: &str, text: &str) -> Vec<u8> {
    format!(
        "From: Ann Author <ann@example.org>\nTo: joe@example.org\nSubject: {subject}\n\
         Date: Fri, 25 Mar 1988 10:20:30 +0000\nMessage-ID: <{id}@example.org>\n\
         X-Id: {id}\n\n{text}\n"
    )
    .into_bytes()
}
