//! Other programs change the Maildir while imap2d serves it: they deliver, rename and delete
//! messages, and put files there that are not messages.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::time::Duration;

use crate::support::data::Data;
use crate::support::imap::{Reply, Status};
use crate::support::maildir::{Maildir, message};
use crate::support::server::TestServer;
use crate::support::site::Site;

const DAY: Duration = Duration::from_secs(86_400);

fn three(site: &Site) -> Maildir {
    let maildir = site.maildir();
    for id in ["one", "two", "three"] {
        maildir.put(&message("Test", id, "Text.\n"), "", DAY);
    }
    maildir
}

/// Returns the headers in a reply.
fn headers(reply: &Reply) -> Vec<String> {
    let headers = reply
        .fetched()
        .filter_map(|(_, items)| items.text("RFC822.HEADER"));
    headers.collect()
}

/// The session sees the changes of other programs at its next command, each kind of change once.
#[test]
fn changes_of_other_programs_show_at_the_next_command() {
    let site = Site::new();
    let maildir = three(&site);
    let server = TestServer::start(&site, &[]);
    let mut client = server.login();
    assert_eq!(client.ok("SELECT INBOX").exists(), Some(3));

    maildir.deliver(&message("New", "four", "Text.\n"));
    assert_eq!(client.ok("NOOP").data, [Data::Exists(4), Data::Recent(1)]);

    let flagged = maildir.the("<one");
    let name = flagged
        .path
        .with_file_name(format!("{}:2,FS", flagged.base));
    fs::rename(&flagged.path, name).expect("a rename");
    let reply = client.ok("NOOP");
    let changed: Vec<_> = reply
        .fetched()
        .map(|(number, items)| (number, items.flags()))
        .collect();
    assert_eq!(
        changed,
        [(1, Some(vec!["\\Flagged".to_owned(), "\\Seen".to_owned()]))]
    );

    fs::remove_file(maildir.the("<two").path).expect("a deletion");
    assert_eq!(client.ok("NOOP").data, [Data::Expunge(2)]);
    assert_eq!(client.ok("NOOP").data, []);
    let kept = client.ok("FETCH 2 RFC822.HEADER");
    assert!(
        headers(&kept)[0].contains("<three"),
        "number 2 is the third message now"
    );
}

/// If a file disappears between two commands, only that message is lost.
#[test]
fn a_deleted_file_costs_only_its_message() {
    let site = Site::new();
    let maildir = three(&site);
    let server = TestServer::start(&site, &[]);
    let mut client = server.login();
    client.ok("SELECT INBOX");
    fs::remove_file(maildir.the("<two").path).expect("a deletion");
    let reply = client.command("FETCH 1:3 RFC822.HEADER");
    let headers = headers(&reply);
    assert!(
        headers[0].contains("<one") && headers[1].contains("<three"),
        "{headers:?}"
    );
    assert_eq!(
        reply.status,
        Status::No,
        "the client hears that one is missing"
    );
    assert_eq!(client.ok("NOOP").data, [Data::Expunge(2)]);
}

/// Whatever the directories contain, the server serves the messages among it and does not fail.
#[test]
fn odd_directory_entries_do_no_harm() {
    let site = Site::new();
    let maildir = three(&site);
    let cur = maildir.path().join("cur");
    fs::create_dir(cur.join("1700000000.M5P5.directory:2,S")).expect("a directory");
    fs::create_dir_all(cur.join("full/of")).expect("directories");
    symlink("/nowhere/at/all", cur.join("1700000000.M6P6.dangling:2,")).expect("a link");
    fs::write(cur.join(".hidden:2,"), "x").expect("a file");
    fs::write(cur.join("no-info"), "Subject: no info\n\nx\n").expect("a file");
    fs::write(cur.join("odd:name:1,XYZ"), "Subject: odd\n\nx\n").expect("a file");
    fs::write(cur.join("1700000001.M7P7.empty:2,"), "").expect("a file");
    fs::write(
        cur.join("1700000002.M8P8.bare:2,"),
        "no header at all, and no line end",
    )
    .expect("a file");
    fs::write(cur.join(std::ffi::OsStr::from_bytes(b"bad\nname:2,")), "x").expect("a file");
    fs::write(
        cur.join(std::ffi::OsStr::from_bytes(b"latin\xe9:2,S")),
        "Subject: latin\n\nx\n",
    )
    .expect("a file");
    let server = TestServer::start(&site, &[]);
    let mut client = server.login();
    let exists = client.ok("SELECT INBOX").exists().expect("a count");
    // The three messages of `three`, and: no info, odd, empty, bare, latin. The dangling link may
    // count or not.
    assert!((8..=9).contains(&exists), "{exists} messages");
    let reply = client.command("FETCH 1:* (FLAGS RFC822.SIZE ENVELOPE BODY RFC822)");
    assert_eq!(client.ok("SEARCH TEXT latin").hits().len(), 1);
    let sizes: Vec<_> = reply
        .fetched()
        .filter_map(|(_, items)| items.get("RFC822.SIZE")?.number())
        .collect();
    assert!(sizes.contains(&0), "the empty one is empty: {sizes:?}");
    client.ok("STORE 1:3 +FLAGS (\\Deleted)");
    let expunged = client.ok("EXPUNGE");
    assert_eq!(
        expunged
            .data
            .iter()
            .filter(|data| matches!(data, Data::Expunge(_)))
            .count(),
        3
    );
    client.ok("LOGOUT");
}

/// Flag letters that no server knows, and fields after the flags, stay in the file name through a
/// STORE.
#[test]
fn unknown_flags_and_fields_of_a_file_name_are_kept() {
    let site = Site::new();
    let maildir = site.maildir();
    let path = maildir
        .path()
        .join("cur/1700000000.M1P1.host,U=7,S=100:2,PSx,extra=1");
    fs::write(path, message("Test", "one", "Text.\n")).expect("a message");
    let server = TestServer::start(&site, &[]);
    let mut client = server.login();
    client.ok("SELECT INBOX");
    client.ok("STORE 1 +FLAGS (\\Answered)");
    client.ok("LOGOUT");
    let name = maildir
        .the("<one")
        .path
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    assert_eq!(name, "1700000000.M1P1.host,U=7,S=100:2,PRSx,extra=1");
}

/// With `--read-only` the server writes nothing, whatever the client does, and serves the mail all
/// the same.
#[test]
fn a_read_only_server_writes_nothing() {
    let site = Site::new();
    let maildir = three(&site);
    maildir.deliver(&message("New", "four", "Text.\n"));
    let before = listing(maildir.path());
    let server = TestServer::start(&site, &["--read-only"]);
    let mut client = server.login();
    assert_eq!(client.ok("SELECT INBOX").exists(), Some(4));
    client.ok("FETCH 1:4 RFC822");
    for refused in [
        "STORE 1 +FLAGS (\\Seen)",
        "EXPUNGE",
        "COPY 1 INBOX",
        "CREATE New",
        "DELETE INBOX",
        "SUBSCRIBE MAILBOX INBOX",
    ] {
        assert_eq!(client.command(refused).status, Status::No, "{refused}");
    }
    assert_eq!(
        client
            .append("INBOX", "", &message("Test", "five", "Text.\n"))
            .status,
        Status::No
    );
    client.ok("LOGOUT");
    assert_eq!(listing(maildir.path()), before);
}

/// Returns every name below a directory, with its size and times.
fn listing(path: &std::path::Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut left = vec![path.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            let status = fs::symlink_metadata(&path).expect("its status");
            names.push(format!(
                "{} {} {:?}",
                path.display(),
                status.len(),
                status.modified()
            ));
            if status.is_dir() {
                left.push(path);
            }
        }
    }
    names.sort();
    names
}
