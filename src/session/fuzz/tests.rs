//! The checks can fail, and the actions and faults of a script have effects.

use std::fs;
use std::path::Path;

use super::client::{Client, Ended};
use super::disk::Disk;
use super::world::World;

const GUID: &str = "a8e4143b4782036b5f32000083ecc375";

/// Makes a Maildir with a message of that name in `cur`.
fn maildir(name: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a directory");
    for part in ["cur", "new", "tmp"] {
        fs::create_dir(home.path().join(part)).expect("a Maildir");
    }
    fs::write(home.path().join("cur").join(name), "\nx\n").expect("a message");
    home
}

/// Checks what a command has done that removes the message of that name.
fn remove(name: &str, command: &str) {
    let home = maildir(name);
    let mut disk = Disk::new(home.path());
    fs::remove_file(home.path().join("cur").join(name)).expect("removed");
    disk.check(&[command], Ended::default());
}

fn write_list(root: &Path, base: &str) {
    let list = format!("3 V1 N2 G{GUID}\n1 :{base}\n");
    fs::write(root.join("dovecot-uidlist"), list).expect("written");
}

#[test]
fn an_expunged_message_is_not_lost() {
    remove("1.a.h:2,ST", "EXPUNGE");
    remove("1.a.h:2,T", "CLOSE");
}

#[test]
#[should_panic(expected = "has lost")]
fn a_message_that_no_command_may_remove_is_lost() {
    remove("1.a.h:2,ST", "NOOP");
}

#[test]
#[should_panic(expected = "has lost")]
fn a_message_that_was_not_marked_is_lost() {
    remove("1.a.h:2,S", "EXPUNGE");
}

#[test]
#[should_panic(expected = "was refused and has made a message")]
fn a_refused_command_makes_no_message() {
    let home = maildir("1.a.h:2,S");
    let mut disk = Disk::new(home.path());
    fs::write(home.path().join("new/2.a.h"), "").expect("a message");
    let badly = Ended {
        badly: 1,
        ..Ended::default()
    };
    disk.check(&["APPEND"], badly);
}

#[test]
#[should_panic(expected = "an APPEND that was answered OK is lost")]
fn an_append_makes_a_message() {
    let home = maildir("1.a.h:2,S");
    let well = Ended {
        well: 1,
        appends: 1,
        ..Ended::default()
    };
    Disk::new(home.path()).check(&["APPEND"], well);
}

#[test]
#[should_panic(expected = "UID 1 names another message")]
fn a_uid_names_one_message() {
    let home = maildir("1.a.h:2,S");
    let mut disk = Disk::new(home.path());
    write_list(home.path(), "1.a.h");
    disk.check(&["NOOP"], Ended::default());
    write_list(home.path(), "2.a.h");
    disk.check(&["NOOP"], Ended::default());
}

fn client(octets: &[&[u8]]) -> Client {
    let mut client = World::new(0).take_client();
    client.will_send(b"a SELECT INBOX");
    octets.iter().for_each(|octets| client.receive(octets));
    client
}

#[test]
fn responses_are_read_in_any_pieces() {
    let client = client(&[
        b"* 3 EXISTS\r\n* 1 FETCH (BODY[] {5}\r\n",
        b"* 1\r\n)",
        b"\r\n",
    ]);
    assert!(client.is_between_responses());
}

#[test]
#[should_panic(expected = "EXISTS shrinks from 3 to 2")]
fn exists_does_not_shrink() {
    client(&[b"* 3 EXISTS\r\n* 2 EXISTS\r\n"]);
}

#[test]
#[should_panic(expected = "FETCH 3 of 2")]
fn numbers_are_in_range() {
    client(&[b"* 3 EXISTS\r\n* 1 EXPUNGE\r\n* 3 FETCH (FLAGS ())\r\n"]);
}

/// Plays a script and returns the last response.
fn play(setup: u8, lines: &[&str]) -> String {
    let mut world = World::new(setup);
    lines.iter().for_each(|line| world.play(line.as_bytes()));
    let response = world.last_response().to_owned();
    world.end();
    response
}

#[test]
fn a_script_without_faults_goes_well() {
    for setup in 0..16 {
        let lines = [
            "a SELECT INBOX",
            "b COPY 1:3 Work",
            "@d0",
            "@w9",
            "c STORE 1 +FLAGS (\\Deleted)",
        ];
        assert!(play(setup, &lines).starts_with("c OK"), "{setup}");
        let lines = [
            "@s",
            "a SELECT INBOX",
            "b STORE 1:2 +FLAGS (\\Deleted)",
            "@s",
            "c SELECT INBOX",
            "d EXPUNGE",
        ];
        assert!(play(setup, &lines).starts_with("d OK"), "{setup}");
    }
}

#[test]
fn faults_reach_the_client() {
    for setup in 0..4 {
        let append = ["@f0", "a APPEND INBOX {3}", "abc"];
        let ends = play(setup, &append);
        assert!(ends.starts_with("a NO"), "{setup}: {ends}");
        // The server makes a `tmp/` that is missing.
        let append = ["@t", "a APPEND INBOX {3}", "abc"];
        assert!(play(setup, &append).starts_with("a OK"), "{setup}");
        let append = ["a APPEND INBOX {3}", "abc"];
        assert!(play(setup, &append).starts_with("a OK"), "{setup}");
        let expunge = [
            "a SELECT INBOX",
            "b STORE 1 +FLAGS (\\Deleted)",
            "@l",
            "c EXPUNGE",
        ];
        let ends = play(setup, &expunge);
        assert!(
            ends.starts_with("c NO") && ends.contains("in use"),
            "{setup}: {ends}"
        );
    }
}
