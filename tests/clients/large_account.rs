//! A large account: three thousand messages in folders with names in several languages.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use crate::support::maildir::{Entry, Maildir, message};

/// A mailbox of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Folder {
    /// Its name as the user writes it.
    pub(super) name: &'static str,
    /// Its name on the wire and on disk: modified UTF-7 (RFC 3501 §5.1.3).
    pub(super) encoded: &'static str,
    /// The prefix of the identities of its messages, and their number.
    id: &'static str,
    pub(super) messages: usize,
}

/// The mailbox that every account has.
pub(super) const INBOX: Folder = folder("INBOX", "INBOX", "inbox", 1_200);
/// A name with an accent.
pub(super) const DRAFTS: Folder = folder("Entwürfe", "Entw&APw-rfe", "draft", 300);
/// A name in another script.
pub(super) const TRIP: Folder = folder("台北", "&U,BTFw-", "trip", 500);
/// A mailbox below another one.
pub(super) const LIST: Folder = folder("Lists.R&D", "Lists.R&-D", "list", 1_000);
/// All mailboxes of the account.
pub(super) const FOLDERS: [Folder; 4] = [INBOX, DRAFTS, TRIP, LIST];

/// A mailbox that tests create.
pub(super) const CREATED: Folder = folder("Été", "&AMk-t&AOk-", "", 0);
/// The name that tests rename a mailbox to.
pub(super) const RENAMED: Folder = folder("Überall", "&ANw-berall", "", 0);
/// Another mailbox that tests create.
pub(super) const LATE: Folder = folder("Made.Late", "Made.Late", "", 0);

const fn folder(
    name: &'static str,
    encoded: &'static str,
    id: &'static str,
    messages: usize,
) -> Folder {
    Folder {
        name,
        encoded,
        id,
        messages,
    }
}

impl Folder {
    /// Returns its directory in the mail of the server.
    ///
    /// # Panics
    ///
    /// If it does not exist.
    pub(super) fn on_server(&self, mail: &Maildir) -> Maildir {
        let found = self.if_on_server(mail);
        found.unwrap_or_else(|| panic!("the server has no folder {}", self.name))
    }

    /// Returns its directory in the mail of the server, if it exists.
    pub(super) fn if_on_server(&self, mail: &Maildir) -> Option<Maildir> {
        if *self == INBOX {
            Some(mail.clone())
        } else {
            mail.existing_folder(self.encoded)
        }
    }

    /// Returns the identity of one of its messages.
    pub(super) fn id(&self, number: usize) -> String {
        format!("{}-{number:04}", self.id)
    }

    /// Returns the text by which [`Maildir::the`] finds that message.
    pub(super) fn header(&self, number: usize) -> String {
        header(&self.id(number))
    }
}

/// Returns the header field that distinguishes a message from all others.
pub(super) fn header(id: &str) -> String {
    format!("X-Id: {id}\n")
}

/// Returns the flag letters of the message with this number: every third is unread, every tenth is
/// flagged.
pub(super) fn flags(number: usize) -> &'static str {
    match (number % 3, number % 10) {
        (0, 0) => "F",
        (0, _) => "",
        (_, 0) => "FS",
        (1, _) => "RS",
        _ => "S",
    }
}

/// Fills the mail of a server with all of [`FOLDERS`].
pub(super) fn fill(mail: &Maildir) {
    for folder in FOLDERS {
        let mailbox = match folder {
            INBOX => mail.clone(),
            _ => mail.folder(folder.encoded),
        };
        for number in 1..=folder.messages {
            mailbox.put(&sample(&folder.id(number), number), flags(number), AGE);
        }
    }
}

/// The age of the messages.
const AGE: Duration = Duration::from_secs(86_400 * 30);

/// The header fields that declare the character set of a text.
const EIGHT_BIT: &str = "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
     Content-Transfer-Encoding: 8bit";

/// Returns a message.
pub(super) fn sample(id: &str, number: usize) -> Vec<u8> {
    let text = sample_text(number);
    let text = text.trim_end_matches('\n');
    if text.is_ascii() {
        message(&format!("subject {id}"), id, text)
    } else {
        message(&format!("subject {id}\n{EIGHT_BIT}"), id, text)
    }
}

/// Returns the text of the message with this number: some are longer, some have lines that a
/// careless client misreads.
pub(super) fn sample_text(number: usize) -> String {
    match number % 50 {
        7 => "A line among many.\n".repeat(2_000),
        8 => ")\n.\n..\n{3}\n\n* 3 EXPUNGE\n".to_owned(),
        9 => "Grüße aus 台北\n".to_owned(),
        _ => format!("The text of number {number}.\n"),
    }
}

/// Returns the text of a message without its header, to which some clients add fields.
pub(super) fn body(entry: &Entry) -> String {
    let text = entry.text();
    let (_, body) = text.split_once("\n\n").expect("a sample has a header");
    body.to_owned()
}

/// Returns the messages of a directory by identity, with their flags, to compare two directories.
///
/// # Panics
///
/// If a message exists twice.
pub(super) fn contents(maildir: &Maildir) -> BTreeMap<String, String> {
    loop {
        if let Some(contents) = contents_at_once(maildir) {
            return contents;
        }
    }
}

/// Does the same as [`contents`], but returns `None` if a message is missed or listed twice because
/// its file is renamed meanwhile.
fn contents_at_once(maildir: &Maildir) -> Option<BTreeMap<String, String>> {
    let entries = maildir.entries();
    if entries.windows(2).any(|pair| pair[0].base == pair[1].base) {
        return None;
    }
    let mut contents = BTreeMap::new();
    for entry in entries {
        let text = fs::read(&entry.path).ok()?;
        let text = String::from_utf8_lossy(&text);
        let id = text.lines().find_map(|line| line.strip_prefix("X-Id: "));
        let id = id.unwrap_or_else(|| panic!("{entry:?} has no identity"));
        let letters = entry.flags.chars().filter(char::is_ascii_uppercase);
        let twice = contents.insert(id.to_owned(), letters.collect());
        assert_eq!(twice, None, "{id} is twice in {}", maildir.path().display());
    }
    Some(contents)
}
