//! A session with a fake clock and a store, which a test drives by hand.

use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use crate::budget::{Budget, Clock as _, FakeClock};
use crate::protocol::Dialect;
use crate::session::{Peer, Session, SessionConfig, SpecialUses, Turn, WireLog};
use crate::store::{Account, Settings, Store};

/// The longest message that a client may append.
pub(super) const MAX_MESSAGE: u64 = 1000;

/// A session, and all that it takes to run it.
pub(super) struct Rig {
    pub(super) clock: FakeClock,
    pub(super) store: Store,
    pub(super) session: Session,
}

impl Rig {
    /// Makes a session whose greeting has been read.
    pub(super) fn new() -> Self {
        let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
        let config = SessionConfig {
            host: "host".to_owned(),
            dialect: Dialect::auto(),
            max_message: MAX_MESSAGE,
            idle_timeout: Duration::from_secs(1800),
            special_uses: SpecialUses::default(),
            autocreate: false,
            namespace_prefix: "",
            offers_tls: false,
            wire_log: WireLog::default(),
        };
        let peer = Peer {
            name: "test".to_owned(),
            may_log_in: true,
            ..Peer::default()
        };
        let session = Session::new(Rc::new(config), peer, clock.now());
        let mut rig = Self {
            clock,
            store: Store::new(Settings::new("host", 1)),
            session,
        };
        assert_eq!(rig.send(""), "* OK host IMAP server ready\r\n");
        rig
    }

    /// Sends text, and returns the responses.
    pub(super) fn send(&mut self, text: &str) -> String {
        let mut octets = text.as_bytes();
        loop {
            let now = self.clock.now();
            let taken = self.session.handle_input(octets, now);
            octets = &octets[taken..];
            let mut budget = Budget::unlimited(&self.clock);
            self.session.run(&mut self.store, &mut budget);
            if octets.is_empty() {
                return self.receive();
            }
        }
    }

    /// Reads all output.
    pub(super) fn receive(&mut self) -> String {
        let mut received = Vec::new();
        loop {
            let octets = self.session.poll_output();
            if octets.is_empty() {
                return String::from_utf8(received).expect("UTF-8");
            }
            received.extend_from_slice(octets);
            let count = octets.len();
            self.session.consume(count, self.clock.now());
        }
    }

    /// Sends text to another session and runs it, but reads no output.
    pub(super) fn send_to(&mut self, session: &mut Session, text: &str) {
        session.handle_input(text.as_bytes(), self.clock.now());
        let mut budget = Budget::unlimited(&self.clock);
        // A directory that was written to just now may have to hold still first.
        while let Turn::Until(time) = session.run(&mut self.store, &mut budget) {
            let wait = time.saturating_duration_since(self.clock.now());
            self.clock.advance(wait.max(Duration::from_millis(1)));
        }
    }

    /// Lets the deadlines of the session pass that have passed by now.
    pub(super) fn time_out(&mut self) {
        self.session.handle_timeout(self.clock.now());
    }
}

/// Makes a Maildir with messages of these file names in `cur`.
pub(super) fn maildir(messages: &[String]) -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a directory");
    for sub in ["cur", "new", "tmp"] {
        std::fs::create_dir(home.path().join(sub)).expect("a Maildir");
    }
    for name in messages {
        std::fs::write(home.path().join("cur").join(name), "\nx\n").expect("a message");
    }
    home
}

/// Returns the account of a user with that Maildir.
pub(super) fn account(root: &Path) -> Account {
    Account {
        root: root.to_owned(),
        bboards: None,
    }
}
