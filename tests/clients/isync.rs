//! `mbsync` of isync: two Maildirs kept equal, with UIDPLUS and without.

use std::fs;

use super::account::{
    self, CREATED, DRAFTS, FOLDERS, Folder, INBOX, LIST, TRIP, body, contents, header, sample_text,
};
use super::{LIMIT, set_flags};
use crate::support::maildir::Maildir;
use crate::support::program::{Program, run};
use crate::support::server::TestServer;
use crate::support::site::{PASSWORD, Site, USER};

/// How isync 1.4 fails wherever APPEND does not tell the UID: it does not expect the answer to its own
/// search for the message. The next run finds it by the journal.
const UPLOADED_BLINDLY: &str = "received extraneous data in FETCH response";

/// The server's mail, a Maildir of the user's own, and the program between them.
pub(super) struct Rig {
    mbsync: Program,
    server: TestServer,
    near: Maildir,
    pub(super) site: Site,
    /// Lines for the section of the IMAP store.
    pub(super) options: &'static str,
}

impl Rig {
    pub(super) fn new(site: Site, options: &'static str) -> Option<Self> {
        let mbsync = Program::find("mbsync")?;
        let near = Maildir::create(&site.home().join("near"), None);
        account::fill(&site.maildir());
        let server = TestServer::start(&site, &[]);
        Some(Self {
            mbsync,
            server,
            near,
            site,
            options,
        })
    }

    pub(super) fn server(&self) -> &TestServer {
        &self.server
    }

    /// One run over all folders.
    pub(super) fn sync(&self) {
        let near = self.near.path().display();
        let state = self.site.home().join("state");
        fs::create_dir_all(&state).expect("a directory for the state");
        let configuration = self.site.write_home(
            "mbsyncrc",
            &format!(
                "FSync no\n\nIMAPAccount a\nHost 127.0.0.1\nPort {port}\nUser {USER}\nPass {PASSWORD}\n\
                 SSLType None\nAuthMechs LOGIN\n{options}\n\n\
                 IMAPStore far\nAccount a\n\n\
                 MaildirStore near\nInbox {near}\nSubFolders Maildir++\n\n\
                 Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nRemove Both\n\
                 Expunge Both\nSyncState {state}/\n",
                port = self.server.port(),
                options = self.options,
                state = state.display(),
            ),
        );
        let mut command = self.mbsync.command();
        command
            .arg("-c")
            .arg(configuration)
            .args(["-V", "all"])
            .env("HOME", self.site.home());
        let mut finished = run(&mut command, LIMIT);
        // It stops at the first folder.
        for _ in FOLDERS {
            if finished.errors.contains(UPLOADED_BLINDLY) {
                finished = run(&mut command, LIMIT);
            }
        }
        finished.success();
        let errors = finished.errors.replace("*** IMAP Warning *** Password", "");
        assert!(!errors.to_lowercase().contains("warning"), "{finished}");
    }

    pub(super) fn far(&self, folder: &Folder) -> Maildir {
        folder.on_server(&self.site.maildir())
    }

    /// The folder at the user's side, under the name that this release gives it there: since 1.5 names
    /// are recoded.
    pub(super) fn near(&self, folder: &Folder) -> Maildir {
        let found = self.if_near(folder);
        found.unwrap_or_else(|| panic!("mbsync has made no {}", folder.name))
    }

    fn if_near(&self, folder: &Folder) -> Option<Maildir> {
        let by_name = || self.near.existing_folder(folder.name);
        folder.if_on_server(&self.near).or_else(by_name)
    }

    /// Asserts that both sides have the same messages with the same flags.
    pub(super) fn assert_equal(&self) {
        for folder in FOLDERS {
            let (near, far) = (self.near(&folder), self.far(&folder));
            assert_eq!(contents(&near), contents(&far), "{}", folder.name);
        }
    }

    /// The names of all message files on both sides.
    fn listing(&self) -> Vec<String> {
        let sides = FOLDERS.map(|folder| [self.near(&folder), self.far(&folder)]);
        let entries = sides.iter().flatten().flat_map(Maildir::entries);
        entries
            .map(|entry| entry.path.display().to_string())
            .collect()
    }
}

#[test]
fn syncs_both_ways_with_uidplus() {
    syncs_both_ways("");
}

#[test]
fn syncs_both_ways_without_uidplus() {
    syncs_both_ways("DisableExtensions UIDPLUS");
}

fn syncs_both_ways(options: &'static str) {
    let Some(mut rig) = Rig::new(Site::new(), options) else {
        return;
    };
    rig.sync();
    rig.assert_equal();
    assert_eq!(contents(&rig.near(&INBOX)).len(), INBOX.messages);

    nothing_is_left_to_do(&mut rig);
    changes_travel(&rig);
    folders_travel(&rig);
}

/// A second run, and one against a server that has been started anew, change no file.
fn nothing_is_left_to_do(rig: &mut Rig) {
    // A message in new/ moves to cur/ when its mailbox is opened.
    let before = rig.listing();
    rig.sync();
    assert_eq!(rig.listing(), before);
    rig.server = TestServer::start(&rig.site, &[]);
    rig.sync();
    assert_eq!(rig.listing(), before);
}

/// New mail, flags and deletions from either side reach the other in one run.
fn changes_travel(rig: &Rig) {
    let (near, far) = (rig.near(&INBOX), rig.far(&INBOX));
    far.deliver(&account::sample("far-new", 1));
    near.deliver(&account::sample("near-new", 2));
    set_flags(&far.the(&INBOX.header(3)), "FR");
    set_flags(&near.the(&INBOX.header(4)), "F");
    set_flags(&near.the(&INBOX.header(5)), "ST");
    fs::remove_file(far.the(&INBOX.header(6)).path).expect("another program may");
    moved(&rig.near(&TRIP), &rig.near(&DRAFTS), "trip-0007");
    moved(&rig.far(&TRIP), &rig.far(&LIST), "trip-0008");
    rig.sync();
    rig.assert_equal();
    let inbox = contents(&rig.far(&INBOX));
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
    let trip = contents(&rig.far(&TRIP));
    assert!(!trip.contains_key("trip-0007") && !trip.contains_key("trip-0008"));
    // The header gets a field of mbsync's own.
    let text = |maildir: Maildir, id| body(&maildir.the(&header(id)));
    assert_eq!(text(rig.near(&LIST), "trip-0008"), sample_text(8));
    assert_eq!(text(rig.far(&DRAFTS), "trip-0007"), sample_text(7));
}

/// Moves a message as a program of the user does, under a name of its own in the other directory.
fn moved(from: &Maildir, to: &Maildir, id: &str) {
    let entry = from.the(&header(id));
    to.deliver(&entry.contents());
    fs::remove_file(entry.path).expect("it was there");
}

/// A folder made at either side is made at the other, and so it is with one that goes.
fn folders_travel(rig: &Rig) {
    // Without the file `maildirfolder`, for which mbsync would leave the directory.
    let made_near = rig.near.path().join(format!(".{}", CREATED.encoded));
    let made_near = Maildir::create(&made_near, None);
    made_near.deliver(&account::sample("created-1", 1));
    rig.site
        .maildir()
        .folder("Made.Here")
        .deliver(&account::sample("created-2", 2));
    rig.sync();
    let far = rig.site.maildir();
    let there = far
        .existing_folder(CREATED.encoded)
        .expect("mbsync creates it");
    assert_eq!(there.the(&header("created-1")).flags, "");
    let here = rig
        .near
        .existing_folder("Made.Here")
        .expect("mbsync makes it");
    here.the(&header("created-2"));
    // Mail is never removed with its folder: it has to be empty first.
    fs::remove_file(there.the(&header("created-1")).path).expect("it was there");
    rig.sync();
    fs::remove_dir_all(there.path()).expect("a folder may go");
    rig.sync();
    assert!(!made_near.path().exists());
}
