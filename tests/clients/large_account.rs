//! An account of the size that people have: three thousand messages in folders of several languages.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use crate::support::maildir::{Entry, Maildir, message};

/// A mailbox of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Folder {
    /// As people write it.
    pub(super) name: &'static str,
    /// As it is on the wire and on disk: modified UTF-7 (RFC 3501 §5.1.3).
    pub(super) encoded: &'static str,
    /// What the identities of its messages start with, and how many there are.
    id: &'static str,
    pub(super) messages: usize,
}

/// The mailbox that everybody has.
pub(super) const INBOX: Folder = folder("INBOX", "INBOX", "inbox", 1_200);
/// One with an accent.
pub(super) const DRAFTS: Folder = folder("Entwürfe", "Entw&APw-rfe", "draft", 300);
/// One in a script of its own.
pub(super) const TRIP: Folder = folder("台北", "&U,BTFw-", "trip", 500);
/// One below another.
pub(super) const LIST: Folder = folder("Lists.R&D", "Lists.R&-D", "list", 1_000);
/// All of them.
pub(super) const FOLDERS: [Folder; 4] = [INBOX, DRAFTS, TRIP, LIST];

/// One that a test makes.
pub(super) const CREATED: Folder = folder("Été", "&AMk-t&AOk-", "", 0);
/// What becomes of its name.
pub(super) const RENAMED: Folder = folder("Überall", "&ANw-berall", "", 0);
/// One more.
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
    /// Its directory in the mail of the server.
    ///
    /// # Panics
    /// When there is none.
    pub(super) fn on_server(&self, mail: &Maildir) -> Maildir {
        let found = self.if_on_server(mail);
        found.unwrap_or_else(|| panic!("the server has no folder {}", self.name))
    }

    /// Its directory in the mail of the server, if it is there.
    pub(super) fn if_on_server(&self, mail: &Maildir) -> Option<Maildir> {
        if *self == INBOX {
            Some(mail.clone())
        } else {
            mail.existing_folder(self.encoded)
        }
    }

    /// The identity of one of its messages.
    pub(super) fn id(&self, number: usize) -> String {
        format!("{}-{number:04}", self.id)
    }

    /// What [`Maildir::the`] finds that message by.
    pub(super) fn header(&self, number: usize) -> String {
        header(&self.id(number))
    }
}

/// The header field that tells a message from all others.
pub(super) fn header(id: &str) -> String {
    format!("X-Id: {id}\n")
}

/// The flag letters of the message with this number: the third are unread, every tenth is flagged.
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

/// How long ago the messages came.
const AGE: Duration = Duration::from_secs(86_400 * 30);

/// What tells the character set of a text.
const EIGHT_BIT: &str = "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
     Content-Transfer-Encoding: 8bit";

/// A message.
pub(super) fn sample(id: &str, number: usize) -> Vec<u8> {
    let text = sample_text(number);
    let text = text.trim_end_matches('\n');
    if text.is_ascii() {
        message(&format!("subject {id}"), id, text)
    } else {
        message(&format!("subject {id}\n{EIGHT_BIT}"), id, text)
    }
}

/// The text of the message with this number: some are longer, some have lines that a careless client
/// trips over.
pub(super) fn sample_text(number: usize) -> String {
    match number % 50 {
        7 => "A line among many.\n".repeat(2_000),
        8 => ")\n.\n..\n{3}\n\n* 3 EXPUNGE\n".to_owned(),
        9 => "Grüße aus 台北\n".to_owned(),
        _ => format!("The text of number {number}.\n"),
    }
}

/// The text of a message without its header, to which some clients add.
pub(super) fn body(entry: &Entry) -> String {
    let text = entry.text();
    let (_, body) = text.split_once("\n\n").expect("a sample has a header");
    body.to_owned()
}

/// The messages of a directory by identity, with their flags: in a form to compare two stores by.
///
/// # Panics
/// When a message is there twice.
pub(super) fn contents(maildir: &Maildir) -> BTreeMap<String, String> {
    loop {
        if let Some(contents) = contents_at_once(maildir) {
            return contents;
        }
    }
}

/// As [`contents`], unless a file gets another name meanwhile: then it may be missed or listed twice.
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
