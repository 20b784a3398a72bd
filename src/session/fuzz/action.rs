//! What other programs do to a Maildir, and which faults happen: the lines of a script that begin
//! with `@`.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// An action of a script. The number, from the line, chooses a message or a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// The other client acts from now on.
    Switch,
    /// The present client sends its next line, and neither session runs until the next line.
    Queue,
    /// The present client disconnects and connects again.
    Reconnect,
    /// Steps get that many units from now on.
    Units(u32),
    /// Time passes, in seconds.
    Wait(u64),
    /// A message is delivered to `new/` or, with an odd number, to `cur/`.
    Deliver(u32),
    /// A message file gets other flags.
    Rename(u32),
    /// A message file is removed.
    Remove(u32),
    /// The uid list of INBOX is changed.
    ChangeUidList(u32),
    /// A file of the Maildir is replaced by another one: keywords, subscriptions, mod-sequences.
    ReplaceFile(u32),
    /// Another program takes, or releases, the lock of the uid list.
    ToggleLock,
    /// The directory `tmp/` disappears, or comes back.
    ToggleTmp,
    /// The flush after that many fails.
    FailFlush(u32),
    /// No file can become longer than that, in octets, while the next lines are played.
    FullDisk(u64),
    /// Only that many more files can be open while the next lines are played.
    FewFiles(u64),
}

impl Action {
    /// ```text
    /// action = "@" letter [1*DIGIT]
    /// ```
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let [b'@', letter, digits @ ..] = line else {
            return None;
        };
        let digits = std::str::from_utf8(digits).ok()?;
        let number: u32 = if digits.is_empty() {
            0
        } else {
            digits.parse().ok()?
        };
        Some(match letter {
            b's' => Self::Switch,
            b'q' => Self::Queue,
            b'e' => Self::Reconnect,
            b'b' => Self::Units(number.clamp(1, 300)),
            b'w' => Self::Wait(u64::from(number.min(3600))),
            b'd' => Self::Deliver(number),
            b'n' => Self::Rename(number),
            b'r' => Self::Remove(number),
            b'u' => Self::ChangeUidList(number),
            b'k' => Self::ReplaceFile(number),
            b'l' => Self::ToggleLock,
            b't' => Self::ToggleTmp,
            b'f' => Self::FailFlush(number % 8),
            b'z' => Self::FullDisk(u64::from(number % 2000)),
            b'h' => Self::FewFiles(u64::from(number % 8)),
            _ => return None,
        })
    }
}

const UID_LIST: &str = "dovecot-uidlist";
const LOCK: &str = "dovecot-uidlist.lock";

/// Delivers a message. `count` makes its name and text unique.
pub(super) fn deliver(root: &Path, number: u32, count: u32) {
    let text =
        format!("From: a@b\nSubject: Re: {count}\nMessage-ID: <{count}@b>\n\ntext {count}\n");
    let name = format!("17000{count:05}.M1P1.other,S={}", text.len());
    let path = match number % 2 {
        0 => root.join("new").join(name),
        _ => root.join("cur").join(format!("{name}:2,S")),
    };
    // The directory may be gone.
    let _ = fs::write(path, text);
}

/// Gives a message file other flags.
pub(super) fn rename(files: &[PathBuf], number: u32) {
    const FLAGS: [&str; 5] = ["", "S", "FT", "Ra", "T"];
    let Some(path) = nth(files, number) else {
        return;
    };
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let base = name.split(':').next().unwrap_or_default();
    let flags = FLAGS[number as usize / 7 % FLAGS.len()];
    let mailbox = path.parent().and_then(Path::parent).unwrap_or(path);
    let _ = fs::rename(path, mailbox.join("cur").join(format!("{base}:2,{flags}")));
}

/// Removes a message file.
pub(super) fn remove(files: &[PathBuf], number: u32) {
    if let Some(path) = nth(files, number) {
        let _ = fs::remove_file(path);
    }
}

fn nth(files: &[PathBuf], number: u32) -> Option<&PathBuf> {
    files.get((number as usize).checked_rem(files.len())?)
}

/// Changes the uid list. Returns true if it was damaged, so that UIDs may be used again.
pub(super) fn change_uid_list(root: &Path, number: u32) -> bool {
    let path = root.join(UID_LIST);
    let text = fs::read(&path).unwrap_or_default();
    match number % 5 {
        0 => drop(fs::remove_file(&path)),
        1 => append(&path, b"no record\n"),
        2 => append(&path, b"77 :170"),
        3 => {
            let _ = fs::write(&path, &text[..text.len() / 2]);
            return true;
        }
        _ => {
            let _ = fs::write(&path, b"2 what is this\n");
            return true;
        }
    }
    false
}

fn append(path: &Path, text: &[u8]) {
    let file = OpenOptions::new().append(true).open(path);
    let _ = file.and_then(|mut file| file.write_all(text));
}

/// Replaces another file of the Maildir.
pub(super) fn replace_file(root: &Path, number: u32) {
    const TEXTS: [&[u8]; 4] = [
        b"",
        b"0 $Forwarded\n0 twice\n25 Zed\nno line",
        b"V\t2\n\nWork\n#bboard.x\n\x01\n",
        b"imap2d-modseq 1\nxxxxxxxxyyyy",
    ];
    const NAMES: [&str; 4] = [
        "dovecot-keywords",
        "subscriptions",
        "imap2d-modseq",
        "courierimapsubscribed",
    ];
    let name = NAMES[number as usize % NAMES.len()];
    let _ = fs::write(root.join(name), TEXTS[number as usize / 4 % TEXTS.len()]);
}

/// Takes the lock as Dovecot on another host does, or releases it.
pub(super) fn toggle_lock(root: &Path) {
    let path = root.join(LOCK);
    if path.exists() {
        let _ = fs::remove_file(path);
    } else {
        let _ = fs::write(path, "1:elsewhere");
    }
}

/// Removes `tmp/`, or makes it again.
pub(super) fn toggle_tmp(root: &Path) {
    let path = root.join("tmp");
    if fs::remove_dir_all(&path).is_err() {
        let _ = fs::create_dir(path);
    }
}

/// Ends what other programs have begun: their lock and their missing directory.
pub(super) fn make_whole(root: &Path) {
    let _ = fs::remove_file(root.join(LOCK));
    let _ = fs::create_dir(root.join("tmp"));
}
