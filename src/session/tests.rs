//! What needs no mailbox: literals that are refused, and times that are over.

use std::rc::Rc;
use std::time::{Duration, SystemTime};

use super::machine::READ_TIMEOUT;
use super::output::Output;
use super::*;
use crate::budget::{Budget, Clock as _, FakeClock};
use crate::protocol::Dialect;
use crate::store::{Account, Settings, Store};

const MAX_MESSAGE: u64 = 1000;

/// A session, and all that it takes to run it.
struct Talk {
    clock: FakeClock,
    store: Store,
    session: Session,
}

impl Talk {
    /// A session whose greeting has been read.
    fn new() -> Self {
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
        let mut talk = Self {
            clock,
            store: Store::new(Settings::new("host", 1)),
            session,
        };
        assert_eq!(talk.say(""), "* OK host IMAP server ready\r\n");
        talk
    }

    /// Sends text and returns what is answered.
    fn say(&mut self, text: &str) -> String {
        let mut octets = text.as_bytes();
        loop {
            let now = self.clock.now();
            let taken = self.session.handle_input(octets, now);
            octets = &octets[taken..];
            let mut budget = Budget::unlimited(&self.clock);
            self.session.run(&mut self.store, &mut budget);
            if octets.is_empty() {
                return self.hear();
            }
        }
    }

    fn hear(&mut self) -> String {
        let mut heard = Vec::new();
        loop {
            let octets = self.session.poll_output();
            if octets.is_empty() {
                return String::from_utf8(heard).expect("UTF-8");
            }
            heard.extend_from_slice(octets);
            let count = octets.len();
            self.session.consume(count, self.clock.now());
        }
    }
}

#[test]
fn a_refused_literal_is_read_over() {
    let mut talk = Talk::new();
    let login = format!(
        "a LOGIN {{20000+}}\r\n{} x\r\nb NOOP\r\n",
        "x".repeat(20_000)
    );
    assert_eq!(
        talk.say(&login),
        "a BAD Literal too long\r\nb OK NOOP completed\r\n"
    );
    assert_eq!(
        talk.say("c LOGIN {99999999999}\r\n"),
        "c BAD Literal too long\r\n",
        "this client waits for the answer, and goes on"
    );
    assert_eq!(talk.say("d NOOP\r\n"), "d OK NOOP completed\r\n");
}

#[test]
fn a_literal_without_end_ends_the_session() {
    let size = MAX_MESSAGE + (64 << 20);
    for (command, tag) in [("a LOGIN x", "a"), ("b APPEND x", "b"), ("*", "*")] {
        let mut talk = Talk::new();
        let heard = talk.say(&format!("{command} {{{}+}}\r\nc NOOP\r\n", size + 1));
        let want = format!(
            "{tag} BAD Literal too long\r\n* BYE The rest of that command is not waited for\r\n"
        );
        assert_eq!(heard, want);
        assert!(talk.session.is_finished());
        let mut talk = Talk::new();
        talk.say(&format!("{command} {{{size}+}}\r\n"));
        assert!(!talk.session.is_finished(), "one octet less is read over");
    }
}

#[test]
fn talking_does_not_put_off_the_time_to_log_in() {
    let mut talk = Talk::new();
    for _ in 0..5 {
        talk.clock.advance(Duration::from_secs(11));
        assert_eq!(talk.say("a NOOP\r\n"), "a OK NOOP completed\r\n");
        talk.session.handle_timeout(talk.clock.now());
        assert!(!talk.session.is_finished());
    }
    talk.clock.advance(Duration::from_secs(5));
    assert_eq!(talk.session.poll_timeout(), Some(talk.clock.now()));
    talk.session.handle_timeout(talk.clock.now());
    assert_eq!(talk.hear(), "* BYE Autologout: idle for too long\r\n");
    assert!(talk.session.is_finished());
}

#[test]
fn who_is_logged_in_may_be_silent_for_longer() {
    let mut talk = Talk::new();
    talk.clock.advance(Duration::from_secs(50));
    talk.say("a LOGIN fred secret\r\n");
    assert!(talk.session.poll_request().is_some());
    talk.session.handle_verdict(LoginVerdict::Granted {
        user: "fred".to_owned(),
        account: Account {
            root: "/nowhere".into(),
            bboards: None,
        },
        server_final: None,
    });
    assert_eq!(talk.say(""), "a OK User fred logged in\r\n");
    talk.clock.advance(Duration::from_secs(1799));
    talk.session.handle_timeout(talk.clock.now());
    assert!(!talk.session.is_finished());
    talk.clock.advance(Duration::from_secs(1));
    talk.session.handle_timeout(talk.clock.now());
    assert_eq!(talk.hear(), "* BYE Autologout: idle for too long\r\n");
}

#[test]
fn a_client_that_does_not_read_is_dropped() {
    let mut talk = Talk::new();
    talk.say("a LOGIN fred secret\r\n");
    talk.session.handle_verdict(LoginVerdict::Denied);
    let mut budget = Budget::unlimited(&talk.clock);
    talk.session.run(&mut talk.store, &mut budget);
    assert!(talk.session.has_output());
    talk.clock.advance(Duration::from_secs(60));
    talk.session.handle_timeout(talk.clock.now());
    assert!(talk.session.is_finished());
    let due = talk.session.poll_timeout();
    assert!(
        due.is_some_and(|due| due <= talk.clock.now()),
        "its last chance is over"
    );
}

/// Sends text to a session and runs it, but reads nothing.
fn shout(talk: &mut Talk, session: &mut Session, text: &str) {
    session.handle_input(text.as_bytes(), talk.clock.now());
    let mut budget = Budget::unlimited(&talk.clock);
    // A directory that was written to just now may have to hold still first.
    while let Turn::Until(time) = session.run(&mut talk.store, &mut budget) {
        let wait = time.saturating_duration_since(talk.clock.now());
        talk.clock.advance(wait.max(Duration::from_millis(1)));
    }
}

#[test]
fn an_idle_client_that_does_not_read_is_owed_one_list_of_changes() {
    let home = tempfile::tempdir().expect("a directory");
    for sub in ["cur", "new", "tmp"] {
        std::fs::create_dir(home.path().join(sub)).expect("a Maildir");
    }
    std::fs::write(home.path().join("cur/1.x:2,"), "\nx\n").expect("a message");
    let mut talk = Talk::new();
    let account = Account {
        root: home.path().to_owned(),
        bboards: None,
    };
    let [mut idling, mut other] = ["idling", "other"].map(|name| {
        let (config, now) = (talk.session.state.config.clone(), talk.clock.now());
        let peer = Peer {
            name: name.to_owned(),
            may_log_in: false,
            ..Peer::default()
        };
        let (user, account) = ("ann".to_owned(), account.clone());
        Session::preauthenticated(config, peer, user, account, now)
    });
    for session in [&mut idling, &mut other] {
        shout(&mut talk, session, "a SELECT INBOX\r\n");
    }
    shout(&mut talk, &mut idling, "b IDLE\r\n");
    assert!(idling.idle_mailbox().is_some());
    let before = idling.state.output.unsent();
    for round in 0..1000 {
        let sign = ["+", "-"][round % 2];
        let command = format!("c{round} STORE 1 {sign}FLAGS (\\Flagged)\r\n");
        shout(&mut talk, &mut other, &command);
        idling.handle_mailbox_change();
        shout(&mut talk, &mut idling, "");
        other.state.output = Output::default();
    }
    assert_eq!(idling.state.output.unsent(), before);
    assert_eq!(idling.turn(), Turn::OutputFull);
    let now = talk.clock.now();
    idling.consume(usize::MAX, now);
    shout(&mut talk, &mut idling, "");
    assert_eq!(idling.poll_output(), b"* 1 FETCH (FLAGS ())\r\n");
    talk.clock.advance(READ_TIMEOUT);
    idling.handle_timeout(talk.clock.now());
    assert!(idling.is_broken(), "its patience is over");
}

#[test]
fn a_message_with_no_room_for_flags_does_not_keep_the_others_from_theirs() {
    let home = tempfile::tempdir().expect("a directory");
    for sub in ["cur", "new", "tmp"] {
        std::fs::create_dir(home.path().join(sub)).expect("a Maildir");
    }
    // A directory entry has 255 octets: no letter can be added to the first.
    for base in [format!("1.{}", "x".repeat(250)), "2.x".to_owned()] {
        std::fs::write(home.path().join(format!("cur/{base}:2,")), "\nx\n").expect("a message");
    }
    let mut talk = Talk::new();
    let account = Account {
        root: home.path().to_owned(),
        bboards: None,
    };
    talk.session.state.log_in("ann", account);
    let mut session = std::mem::replace(&mut talk.session, Talk::new().session);
    shout(
        &mut talk,
        &mut session,
        "a SELECT INBOX\r\nb STORE 1:2 +FLAGS (\\Flagged)\r\n",
    );
    talk.session = session;
    let heard = talk.hear();
    assert!(heard.contains("* 2 STORE (FLAGS (\\Flagged)"), "{heard}");
    assert!(
        heard.contains("b NO The message has no room for more flags"),
        "{heard}"
    );
    assert!(home.path().join("cur/2.x:2,F").exists());
}

/// Nothing else would come to wake the session.
#[test]
fn a_line_may_come_with_the_command_that_waits_for_it() {
    let mut talk = Talk::new();
    talk.say("a AUTHENTICATE PLAIN\r\nAGpvZQBzZWNyZXQ=\r\n");
    assert_eq!(talk.session.turn(), Turn::External);
    assert!(talk.session.poll_request().is_some());

    let mut talk = Talk::new();
    talk.session
        .handle_input(b"a AUTHENTICATE PLAIN\r\n", talk.clock.now());
    talk.session.handle_eof();
    talk.say("");
    assert!(talk.session.is_finished(), "the line is not going to come");
}
