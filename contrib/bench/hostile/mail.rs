//! The mail of the attacker: messages, mailboxes and trees that make a server work as hard as
//! they can.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

/// Messages of the mailbox that attacks on many messages use.
pub(super) const MANY: u32 = 20_000;
/// Levels of the deep mailbox names.
const LEVELS: usize = 120;
/// Mailboxes with deep names.
const DEEP_MAILBOXES: usize = 60;
/// Mailboxes below the one that attacks on a tree rename and delete.
const TREE: usize = 2_000;

/// Lines of the file of subscriptions, of nearly as many octets as it may have.
const SUBSCRIPTIONS: usize = 100_000;

/// The numbers of the worst messages in INBOX, in the order of [`worst_messages`].
pub(super) mod number {
    pub(in super::super) const FIELDS: u32 = 1;
    pub(in super::super) const PARTS: u32 = 2;
    pub(in super::super) const NESTED: u32 = 4;
    pub(in super::super) const ADDRESSES: u32 = 5;
    pub(in super::super) const BASE64: u32 = 8;
    pub(in super::super) const TEXT: u32 = 9;
}

/// Fills the Maildir at `root`, which must not exist.
pub(super) fn generate(root: &Path) -> io::Result<()> {
    maildir(root)?;
    for (index, message) in worst_messages().iter().enumerate() {
        deliver(root, index, "S", message)?;
    }
    let many = root.join(".many");
    maildir(&many)?;
    for index in 0..MANY as usize {
        let flags = if index % 2 == 0 { "S" } else { "" };
        let text = format!(
            "From: a@example.org\nSubject: number {index}\nMessage-ID: <{index}@example.org>\nReferences: <{}@example.org>\n\nText.\n",
            index / 2
        );
        deliver(&many, index, flags, text.as_bytes())?;
    }
    for index in 0..DEEP_MAILBOXES {
        maildir(&root.join(format!(".{}m{index}", "a.".repeat(LEVELS))))?;
    }
    maildir(&root.join(".tree"))?;
    for index in 0..TREE {
        maildir(&root.join(format!(".tree.m{index}")))?;
    }
    // A user of a shell, or another program, may have written it.
    let names: String = (0..SUBSCRIPTIONS).map(|n| format!("n{n}\n")).collect();
    fs::write(root.join("subscriptions"), names)
}

fn worst_messages() -> Vec<Vec<u8>> {
    vec![
        header_of_fields(),
        many_parts(),
        long_field(),
        nested(),
        many_addresses(),
        encoded_words(),
        references(),
        base64(),
        text(),
    ]
}

/// A header of 256 KiB that consists of 87 000 fields.
fn header_of_fields() -> Vec<u8> {
    let mut message = b"a:\n".repeat(87_000);
    message.extend_from_slice(b"\nText.\n");
    message
}

/// 990 parts, each with 99 parameters.
fn many_parts() -> Vec<u8> {
    let parameters: String = (0..99).map(|n| format!(";\n p{n}=v{n}")).collect();
    let mut message = String::from("Content-Type: multipart/mixed; boundary=b\n\n");
    for _ in 0..990 {
        let _ = write!(message, "--b\nContent-Type: a/b{parameters}\n\nx\n");
    }
    message.push_str("--b--\n");
    message.into_bytes()
}

/// One field of 250 000 octets.
fn long_field() -> Vec<u8> {
    format!(
        "X: {}\nSubject: {}\n\nText.\n",
        "ab ".repeat(83_000),
        "a".repeat(1000)
    )
    .into_bytes()
}

/// Messages within messages, as deep as there is room for.
fn nested() -> Vec<u8> {
    let mut message = "Content-Type: message/rfc822\n\n".repeat(5_000);
    message.push_str("Subject: inner\n\nText.\n");
    message.into_bytes()
}

/// A To field of 20 000 addresses.
fn many_addresses() -> Vec<u8> {
    let list: String = (0..20_000).map(|n| format!("a{n}@b,\n ")).collect();
    format!("To: {list}z@b\nCc: {list}z@b\n\nText.\n").into_bytes()
}

/// A subject of 20 000 encoded words in a double-byte character set.
fn encoded_words() -> Vec<u8> {
    let words = "=?iso-2022-jp?B?GyRCJUYlOSVIGyhC?=\n ".repeat(7_000);
    format!("Subject: {words}\nFrom: {words} <a@b>\n\nText.\n").into_bytes()
}

/// A References field of 20 000 message identifiers.
fn references() -> Vec<u8> {
    let list: String = (0..20_000).map(|n| format!("<{n}@b>\n ")).collect();
    format!("References: {list}\nMessage-ID: <last@b>\n\nText.\n").into_bytes()
}

/// 16 MB of base64.
fn base64() -> Vec<u8> {
    let mut message = b"Content-Transfer-Encoding: base64\n\n".to_vec();
    message.extend_from_slice(&[&[b'A'; 76][..], b"\n"].concat().repeat(16_000_000 / 77));
    message
}

/// 16 MB of text that almost matches, again and again.
fn text() -> Vec<u8> {
    let mut message = b"Content-Type: text/plain; charset=utf-8\n\n".to_vec();
    message.extend_from_slice(&b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\n".repeat(400_000));
    message
}

fn maildir(dir: &Path) -> io::Result<()> {
    ["cur", "new", "tmp"]
        .iter()
        .try_for_each(|part| fs::create_dir_all(dir.join(part)))
}

fn deliver(dir: &Path, index: usize, flags: &str, message: &[u8]) -> io::Result<()> {
    let name = format!("{}.P{index}.bench:2,{flags}", 1_600_000_000 + index);
    fs::write(dir.join("cur").join(name), message)
}

/// Copies the tree at `from` to `to`, which must not exist; files become hard links.
pub(super) fn link(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            link(&entry.path(), &target)?;
        } else {
            fs::hard_link(entry.path(), target)?;
        }
    }
    Ok(())
}
