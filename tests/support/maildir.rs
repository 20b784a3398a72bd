//! Writes and reads Maildirs without the server. This code shares nothing with the server, so that
//! it can check what the server did.

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
    /// Its path.
    pub(crate) path: PathBuf,
    /// The part of its name that does not change, up to the first `:`.
    pub(crate) base: String,
    /// The flag letters in its name.
    pub(crate) flags: String,
    /// True if it is in `new/`.
    pub(crate) is_new: bool,
}

impl Entry {
    /// Returns the stored octets.
    pub(crate) fn contents(&self) -> Vec<u8> {
        fs::read(&self.path).expect("a message that was listed just now")
    }

    /// Returns the stored octets as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.contents()).into_owned()
    }
}

/// Distinguishes messages that are delivered in the same second.
static SERIAL: AtomicU32 = AtomicU32::new(0);

impl Maildir {
    /// Opens the mailbox at `path`, creates it if it does not exist, and lets its files belong to
    /// `owner`.
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

    /// Opens the folder of that name beside INBOX, and creates it if it does not exist.
    pub(crate) fn folder(&self, name: &str) -> Self {
        let folder = Self::create(&self.folder_path(name), self.owner);
        fs::write(folder.path.join("maildirfolder"), "").expect("maildirfolder");
        folder
    }

    /// Opens the folder of that name, if it exists.
    pub(crate) fn existing_folder(&self, name: &str) -> Option<Self> {
        let path = self.folder_path(name);
        let owner = self.owner;
        path.is_dir().then_some(Self { path, owner })
    }

    fn folder_path(&self, name: &str) -> PathBuf {
        self.path.join(format!(".{name}"))
    }

    /// Returns the mailbox directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Delivers a message as a mail delivery agent does, and returns its base name.
    pub(crate) fn deliver(&self, message: &[u8]) -> String {
        let base = unique_name();
        self.place(message, &format!("new/{base}"), SystemTime::now());
        base
    }

    /// Writes a message into `cur/` with these flag letters and this age, and returns its base
    /// name.
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

    /// Returns all messages, sorted by file name.
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

    /// Returns the messages whose header or text contains `needle`.
    pub(crate) fn holding(&self, needle: &str) -> Vec<Entry> {
        let mut entries = self.entries();
        entries.retain(|entry| entry.text().contains(needle));
        entries
    }

    /// Returns the only message that contains `needle`.
    ///
    /// # Panics
    ///
    /// If there is none, or more than one.
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

/// Returns a file name in the manner of qmail. Names sort in the order of delivery.
fn unique_name() -> String {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("after 1970");
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let (seconds, micros, pid) = (since.as_secs(), since.subsec_micros(), std::process::id());
    format!("{seconds}.M{micros:06}P{pid}Q{serial}.test")
}

/// Returns a short message with this subject, this text, and `id` as its unique identity.
pub(crate) fn message(subject: &str, id: &str, text: &str) -> Vec<u8> {
    format!(
        "From: Ann Author <ann@example.org>\nTo: joe@example.org\nSubject: {subject}\n\
         Date: Fri, 25 Mar 1988 10:20:30 +0000\nMessage-ID: <{id}@example.org>\n\
         X-Id: {id}\n\n{text}\n"
    )
    .into_bytes()
}
