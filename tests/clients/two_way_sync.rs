//! The scenario for programs that synchronise two sides: the mail of the server, and a Maildir of
//! the user.

use std::fs;

use super::large_account::{self, CREATED, DRAFTS, FOLDERS, Folder, INBOX, LATE, LIST, TRIP};
use super::large_account::{body, contents, header, sample_text};
use super::served_account::ServedAccount;
use super::set_flags;
use crate::support::maildir::Maildir;
use crate::support::program::Finished;

/// How many octets pass before the connection breaks: about the size of a part of the first folder.
const SOME_MAIL: usize = 150_000;

/// A program that synchronises both sides, with an account to work on.
pub(super) trait TwoWays {
    /// Runs it once over all folders. It must succeed.
    fn sync(&self);

    /// Returns the user's directory of a folder.
    fn near(&self, folder: &Folder) -> Option<Maildir>;

    /// Creates a folder on the user's side.
    fn make_near(&self, folder: &Folder) -> Maildir;

    /// Runs it once over all folders, whether it succeeds or fails.
    fn run(&self) -> Finished;

    /// Returns the account.
    fn account(&self) -> &ServedAccount;

    /// Returns the account, to restart its server.
    fn account_mut(&mut self) -> &mut ServedAccount;

    /// Runs it once over all folders; the connection breaks on the way.
    fn sync_in_vain(&self) {
        self.account().relay.cut_after(SOME_MAIL);
        let finished = self.run();
        assert!(!finished.status.success(), "{finished}");
    }

    /// Returns both directories of a folder, the user's first.
    fn sides(&self, folder: &Folder) -> [Maildir; 2] {
        let near = self.near(folder);
        let near = near.unwrap_or_else(|| panic!("{} has not come", folder.name));
        [near, folder.on_server(&self.account().site.maildir())]
    }

    /// Asserts that both sides have the same messages with the same flags.
    fn assert_equal(&self) {
        for folder in FOLDERS {
            let [near, far] = self.sides(&folder).map(|side| contents(&side));
            assert_eq!(near, far, "{}", folder.name);
        }
    }

    /// Returns the names of all message files on both sides.
    fn listing(&self) -> Vec<String> {
        let sides = FOLDERS.map(|folder| self.sides(&folder));
        let entries = sides.iter().flatten().flat_map(Maildir::entries);
        entries
            .map(|entry| entry.path.display().to_string())
            .collect()
    }
}

/// Runs the whole scenario, from the first synchronisation on.
pub(super) fn syncs(rig: &mut impl TwoWays) {
    rig.sync_in_vain();
    rig.sync();
    rig.assert_equal();
    let [near, _] = rig.sides(&INBOX);
    assert_eq!(contents(&near).len(), INBOX.messages);
    a_second_run_changes_nothing(rig);
    changes_are_synchronised(rig);
    new_folders_are_synchronised(rig);
}

/// A second run, and a run after a restart of the server, change no file.
fn a_second_run_changes_nothing(rig: &mut impl TwoWays) {
    let before = rig.listing();
    rig.sync();
    assert_eq!(rig.listing(), before);
    rig.account_mut().restart();
    rig.sync();
    assert_eq!(rig.listing(), before);
}

/// One run transfers new mail, flags and deletions of either side to the other.
fn changes_are_synchronised(rig: &impl TwoWays) {
    let [near, far] = rig.sides(&INBOX);
    far.deliver(&large_account::sample("far-new", 1));
    near.deliver(&large_account::sample("near-new", 2));
    set_flags(&far.the(&INBOX.header(3)), "FR");
    set_flags(&near.the(&INBOX.header(4)), "F");
    for (side, number) in [(&near, 5), (&far, 6)] {
        fs::remove_file(side.the(&INBOX.header(number)).path).expect("it is there");
    }
    let [near_trip, far_trip] = rig.sides(&TRIP);
    let [near_drafts, far_drafts] = rig.sides(&DRAFTS);
    let [near_list, far_list] = rig.sides(&LIST);
    moved(&near_trip, &near_drafts, "trip-0007");
    moved(&far_trip, &far_list, "trip-0008");
    rig.sync();
    rig.assert_equal();
    let inbox = contents(&far);
    for (id, flags) in [
        ("far-new", Some("")),
        ("near-new", Some("")),
        ("inbox-0003", Some("FR")),
        ("inbox-0004", Some("F")),
        ("inbox-0005", None),
        ("inbox-0006", None),
    ] {
        assert_eq!(inbox.get(id).map(String::as_str), flags, "{id}");
    }
    let trip = contents(&far_trip);
    assert!(!trip.contains_key("trip-0007") && !trip.contains_key("trip-0008"));
    // The program may have added a header field.
    let text = |maildir: &Maildir, id| body(&maildir.the(&header(id)));
    assert_eq!(text(&near_list, "trip-0008"), sample_text(8));
    assert_eq!(text(&far_drafts, "trip-0007"), sample_text(7));
}

/// Moves a message as a user's program does, to another name in the other directory.
fn moved(from: &Maildir, to: &Maildir, id: &str) {
    let entry = from.the(&header(id));
    to.deliver(&entry.contents());
    fs::remove_file(entry.path).expect("it was there");
}

/// A folder that is created on either side is created on the other.
fn new_folders_are_synchronised(rig: &impl TwoWays) {
    let mail = rig.account().site.maildir();
    rig.make_near(&CREATED)
        .deliver(&large_account::sample("created-1", 1));
    mail.folder(LATE.encoded)
        .deliver(&large_account::sample("created-2", 2));
    rig.sync();
    let far = CREATED.on_server(&mail);
    assert_eq!(far.the(&header("created-1")).flags, "");
    rig.sides(&LATE)[0].the(&header("created-2"));
}
