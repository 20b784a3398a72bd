//! What programs that keep two sides equal have to do: the server's mail, and a Maildir of the user's.

use std::fs;

use super::large_account::{self, CREATED, DRAFTS, FOLDERS, Folder, INBOX, LATE, LIST, TRIP};
use super::large_account::{body, contents, header, sample_text};
use super::set_flags;
use crate::support::maildir::Maildir;
use crate::support::server::TestServer;
use crate::support::site::Site;

/// How much of the account passes before the line is cut: a part of the first folder, or so.
pub(super) const SOME_MAIL: usize = 150_000;

/// Such a program, with an account to work on.
pub(super) trait TwoWays {
    /// One run over all folders.
    fn sync(&self);

    /// The user's directory of a folder.
    fn near(&self, folder: &Folder) -> Option<Maildir>;

    /// Makes a folder at the user's side.
    fn make_near(&self, folder: &Folder) -> Maildir;

    /// The mail host.
    fn site(&self) -> &Site;

    /// Its server.
    fn server(&self) -> &TestServer;

    /// Starts the server anew.
    fn restart(&mut self);

    /// One run over all folders whose connection is cut in the midst.
    fn sync_in_vain(&self);

    /// Both directories of a folder, the user's first.
    fn sides(&self, folder: &Folder) -> [Maildir; 2] {
        let near = self.near(folder);
        let near = near.unwrap_or_else(|| panic!("{} has not come", folder.name));
        [near, folder.on_server(&self.site().maildir())]
    }

    /// Asserts that both sides have the same messages with the same flags.
    fn assert_equal(&self) {
        for folder in FOLDERS {
            let [near, far] = self.sides(&folder).map(|side| contents(&side));
            assert_eq!(near, far, "{}", folder.name);
        }
    }

    /// The names of all message files on both sides.
    fn listing(&self) -> Vec<String> {
        let sides = FOLDERS.map(|folder| self.sides(&folder));
        let entries = sides.iter().flatten().flat_map(Maildir::entries);
        entries
            .map(|entry| entry.path.display().to_string())
            .collect()
    }
}

/// The life of the account, from the first run on.
pub(super) fn syncs(rig: &mut impl TwoWays) {
    rig.sync_in_vain();
    rig.sync();
    rig.assert_equal();
    let [near, _] = rig.sides(&INBOX);
    assert_eq!(contents(&near).len(), INBOX.messages);
    nothing_is_left_to_do(rig);
    changes_travel(rig);
    new_folders_travel(rig);
}

/// A second run, and one against a server that has been started anew, change no file.
fn nothing_is_left_to_do(rig: &mut impl TwoWays) {
    let before = rig.listing();
    rig.sync();
    assert_eq!(rig.listing(), before);
    rig.restart();
    rig.sync();
    assert_eq!(rig.listing(), before);
}

/// New mail, flags and deletions from either side reach the other in one run.
fn changes_travel(rig: &impl TwoWays) {
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
    // The header may have got a field of the program's own.
    let text = |maildir: &Maildir, id| body(&maildir.the(&header(id)));
    assert_eq!(text(&near_list, "trip-0008"), sample_text(8));
    assert_eq!(text(&far_drafts, "trip-0007"), sample_text(7));
}

/// Moves a message as a program of the user does, under a name of its own in the other directory.
fn moved(from: &Maildir, to: &Maildir, id: &str) {
    let entry = from.the(&header(id));
    to.deliver(&entry.contents());
    fs::remove_file(entry.path).expect("it was there");
}

/// A folder made at either side is made at the other.
fn new_folders_travel(rig: &impl TwoWays) {
    let mail = rig.site().maildir();
    rig.make_near(&CREATED)
        .deliver(&large_account::sample("created-1", 1));
    mail.folder(LATE.encoded)
        .deliver(&large_account::sample("created-2", 2));
    rig.sync();
    let far = CREATED.on_server(&mail);
    assert_eq!(far.the(&header("created-1")).flags, "");
    rig.sides(&LATE)[0].the(&header("created-2"));
}
