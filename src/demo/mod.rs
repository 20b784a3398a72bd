//! The demonstration: a Maildir with sample mail that exists as long as the process runs.
//!
//! The messages are files beside this one, with the line ends of a Maildir (LF). They are chosen so
//! that every part of a mail client has something to show: MIME alternatives and attachments, a
//! forwarded message, encoded words, a thread, raw Latin-1, and the message of RFC 1064 p. 19.

use std::fs::{DirBuilder, File};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use maildir::Maildir;

use crate::options::{MailTemplate, Mode, Options};
use crate::types::DateTime;

/// The name and the password of the only user.
pub(crate) const USER: &str = "demo";

/// Year, month, day, and hour, minute, second.
type Civil = ((i16, i8, i8), (i8, i8, i8));

/// A sample message.
struct Sample {
    /// When it arrived, in UTC: the time stamp of its file.
    arrived: Civil,
    /// The flag letters of maildir(5), or `None` for a message in `new/`.
    flags: Option<&'static str>,
    text: &'static [u8],
}

macro_rules! sample {
    ($arrived:expr, $flags:expr, $file:literal) => {
        Sample {
            arrived: $arrived,
            flags: $flags,
            text: include_bytes!($file),
        }
    };
}

/// The folders of the user, as directories of the Maildir; the first is the INBOX.
const FOLDERS: &[(&str, &[Sample])] = &[
    (
        "",
        &[
            sample!(((1988, 6, 9), (19, 55, 43)), Some("S"), "rfc1064.eml"),
            sample!(((2025, 10, 6), (7, 0, 0)), Some(""), "welcome.eml"),
            sample!(((2025, 10, 7), (18, 22, 44)), Some("S"), "alternative.eml"),
            sample!(((2025, 10, 8), (15, 5, 21)), Some("FS"), "attachment.eml"),
            sample!(((2025, 10, 9), (6, 41, 33)), Some("S"), "forwarded.eml"),
            sample!(((2025, 10, 9), (12, 4, 1)), Some(""), "encoded-words.eml"),
            sample!(((2025, 10, 10), (6, 30, 14)), Some("RS"), "thread-1.eml"),
            sample!(((2025, 10, 10), (8, 15, 2)), None, "thread-3.eml"),
            sample!(((2025, 10, 11), (10, 0, 5)), None, "eight-bit.eml"),
        ],
    ),
    (
        ".Sent",
        &[sample!(
            ((2025, 10, 10), (6, 2, 47)),
            Some("S"),
            "thread-2.eml"
        )],
    ),
    (
        ".Drafts",
        &[sample!(
            ((2025, 10, 12), (14, 45, 0)),
            Some("DS"),
            "draft.eml"
        )],
    ),
    (
        ".Archive.2025",
        &[sample!(
            ((2025, 9, 1), (10, 10, 12)),
            Some("S"),
            "archive.eml"
        )],
    ),
];

/// The bulletin board `announce`.
const BOARD: &[Sample] = &[
    sample!(((2025, 10, 1), (6, 0, 1)), Some(""), "board-1.eml"),
    sample!(((2025, 10, 5), (7, 4, 2)), Some(""), "board-2.eml"),
];

/// The user's subscriptions, in version 2 of Dovecot's format: a tab separates the levels of a
/// name.
const SUBSCRIPTIONS: &[u8] = b"V\t2\n\nINBOX\nSent\nDrafts\nArchive\t2025\n";

/// A temporary directory with the Maildir, the bulletin board and the passwd-file. It is removed
/// when this value is dropped.
#[derive(Debug)]
pub(crate) struct Demo {
    directory: PathBuf,
}

impl Demo {
    /// Writes the files below the system's directory for temporary files, readable by this user
    /// only.
    ///
    /// # Errors
    /// If a file cannot be written; the directory is removed then.
    pub(crate) fn create() -> io::Result<Self> {
        let demo = Self {
            directory: create_directory(&std::env::temp_dir())?,
        };
        write_file(
            &demo.users(),
            format!("{USER}:{{PLAIN}}{USER}\n").as_bytes(),
        )?;
        let mail = demo.mail();
        for (folder, samples) in FOLDERS {
            let path = mail.join(folder);
            fill(&path, samples)?;
            if !folder.is_empty() {
                write_file(&path.join("maildirfolder"), b"")?;
            }
        }
        write_file(&mail.join("subscriptions"), SUBSCRIPTIONS)?;
        fill(&demo.bboards().join("announce"), BOARD)?;
        Ok(demo)
    }

    /// Returns `options`, changed to serve the demonstration at the addresses `listen`.
    pub(crate) fn apply(&self, options: Options, listen: Vec<SocketAddr>) -> Options {
        Options {
            mode: Mode::Demo { listen },
            mail: MailTemplate::fixed(self.mail()),
            users: Some(self.users()),
            bboards: Some(self.bboards()),
            ..options
        }
    }

    fn mail(&self) -> PathBuf {
        self.directory.join("Maildir")
    }

    fn bboards(&self) -> PathBuf {
        self.directory.join("bboards")
    }

    fn users(&self) -> PathBuf {
        self.directory.join("users")
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.directory) {
            log::warn!("cannot remove {}: {error}", self.directory.display());
        }
    }
}

/// Returns the text that tells the user what to type into another terminal, once the server listens
/// at `address`.
pub(crate) fn instructions(address: SocketAddr) -> String {
    let (host, port) = (address.ip(), address.port());
    format!(
        "imap2d serves sample mail at {address}, user {USER}, password {USER}.\n\
         \n\
         In another terminal, with a mail client:\n\
         \n\
         \x20   alpine -inbox-path='{{{address}/imap/notls/user={USER}}}INBOX'\n\
         \n\
         or fetch one message, or list all mailboxes:\n\
         \n\
         \x20   curl 'imap://{USER}:{USER}@{address}/INBOX;MAILINDEX=1'\n\
         \x20   curl 'imap://{USER}:{USER}@{address}/'\n\
         \n\
         or speak IMAP2 by hand, as in RFC 1064:\n\
         \n\
         \x20   telnet {host} {port}\n\
         \x20   a1 LOGIN {USER} {USER}\n\
         \x20   a2 SELECT INBOX\n\
         \x20   a3 FETCH 1 ALL\n\
         \x20   a4 FIND MAILBOXES *\n\
         \x20   a5 BBOARD announce\n\
         \x20   a6 LOGOUT\n\
         \n\
         Control-C stops the server and removes its files.\n"
    )
}

/// Creates a directory with a name that is not taken yet.
fn create_directory(below: &Path) -> io::Result<PathBuf> {
    let mut attempt = 0_u32;
    loop {
        let path = below.join(format!("imap2d-demo-{}-{attempt}", std::process::id()));
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 1000 => {
                attempt += 1;
            }
            created => return created.map(|()| path),
        }
    }
}

fn fill(directory: &Path, samples: &[Sample]) -> io::Result<()> {
    let maildir = Maildir::from(directory.to_path_buf());
    maildir.create_dirs()?;
    samples
        .iter()
        .try_for_each(|sample| deliver(&maildir, sample))
}

fn deliver(maildir: &Maildir, sample: &Sample) -> io::Result<()> {
    let delivered = match sample.flags {
        Some(flags) => maildir.store_cur_with_flags(sample.text, flags),
        None => maildir.store_new(sample.text),
    };
    let id = delivered.map_err(io::Error::other)?;
    let entry = maildir.find(&id).ok_or(io::ErrorKind::NotFound)?;
    let arrived = time(sample.arrived).ok_or(io::ErrorKind::InvalidInput)?;
    File::options()
        .write(true)
        .open(entry.path())?
        .set_modified(arrived)
}

fn time((date, clock): Civil) -> Option<SystemTime> {
    DateTime::from_civil(date, clock, 0)?.system_time()
}

fn write_file(path: &Path, contents: &[u8]) -> io::Result<()> {
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?
        .write_all(contents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_removed_with_the_value() {
        let demo = Demo::create().expect("created");
        let directory = demo.directory.clone();
        let inbox = Maildir::from(demo.mail());
        assert_eq!((inbox.count_new(), inbox.count_cur()), (2, 7));
        assert_eq!(inbox.list_subdirs().count(), 3);
        let board = Maildir::from(demo.bboards().join("announce"));
        assert_eq!(board.count_cur(), 2);
        let other = Demo::create().expect("a second one beside it");
        assert_ne!(other.directory, directory);
        drop(demo);
        assert!(!directory.exists());
    }

    #[test]
    fn the_message_of_the_rfc_has_its_637_octets() {
        let stored = FOLDERS[0].1[0].text;
        let line_ends = stored.iter().filter(|&&byte| byte == b'\n').count();
        assert_eq!(stored.len() + line_ends, 637);
    }

    #[test]
    fn messages_are_stored_with_lf_and_arrived_in_order() {
        let boards = [("announce", BOARD)];
        for (folder, samples) in FOLDERS.iter().chain(&boards) {
            let arrived: Vec<SystemTime> = samples
                .iter()
                .map(|sample| time(sample.arrived).expect("a time"))
                .collect();
            assert!(arrived.is_sorted(), "{folder}");
            for sample in *samples {
                assert!(!sample.text.contains(&b'\r') && sample.text.ends_with(b"\n"));
            }
        }
    }
}
