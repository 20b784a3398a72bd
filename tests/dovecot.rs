//! One Maildir, two servers: Debian's Dovecot and imap2d, in turn and at the same time.
//!
//! These tests look only at what a client receives, not at the files: the client must get the same
//! mailboxes, UIDs, UIDVALIDITY, flags, keywords, dates and texts from both servers.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::dovecot::Dovecot;
use crate::support::imap::{Client, Reply};
use crate::support::maildir::message;
use crate::support::program::until;
use crate::support::server::TestServer;
use crate::support::site::Site;
use crate::support::view::View;

/// One message as a client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct MessageState {
    flags: Vec<String>,
    date: String,
    text: String,
}

/// One mailbox as a client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct MailboxState {
    uid_validity: u32,
    uid_next: u32,
    messages: BTreeMap<u32, MessageState>,
}

/// Everything that a client can see of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
struct AccountState {
    mailboxes: BTreeMap<String, MailboxState>,
    subscribed: Vec<String>,
}

impl AccountState {
    fn of(client: &mut Client) -> Self {
        let names = client.ok("LIST \"\" *").mailboxes();
        let mailboxes = names.into_iter().map(|name| {
            let state = MailboxState::of(client, &name);
            (name, state)
        });
        Self {
            mailboxes: mailboxes.collect(),
            subscribed: client.ok("LSUB \"\" *").mailboxes(),
        }
    }
}

impl MailboxState {
    fn of(client: &mut Client, name: &str) -> Self {
        let opened = client.ok(&format!("SELECT \"{name}\""));
        let code = |code| {
            opened
                .code(code)
                .unwrap_or_else(|| panic!("{code} of {name}: {opened:?}"))
        };
        let (uid_validity, uid_next) = (code("UIDVALIDITY"), code("UIDNEXT"));
        let fetched = client.ok("UID FETCH 1:* (FLAGS INTERNALDATE BODY.PEEK[])");
        Self {
            uid_validity,
            uid_next,
            messages: messages(&fetched),
        }
    }

    /// Returns the UID of the message with this identity.
    fn uid(&self, id: &str) -> u32 {
        let header = format!("X-Id: {id}\r\n");
        let found = self
            .messages
            .iter()
            .find(|(_, message)| message.text.contains(&header));
        *found
            .unwrap_or_else(|| panic!("no {id} among {:#?}", self.messages))
            .0
    }

    /// Asserts that this is `before` without the messages `expunged`, and possibly with later
    /// messages.
    fn assert_grown_from(&self, before: &Self, expunged: &[u32]) {
        assert_eq!(self.uid_validity, before.uid_validity);
        for (uid, message) in &before.messages {
            let now = self.messages.get(uid).map(|message| &message.text);
            let expected = (!expunged.contains(uid)).then_some(&message.text);
            assert_eq!(now, expected, "the message with UID {uid}");
        }
        let added = self
            .messages
            .keys()
            .filter(|uid| !before.messages.contains_key(uid));
        for uid in added {
            assert!(
                *uid >= before.uid_next,
                "UID {uid} was given to a new message"
            );
        }
    }
}

fn messages(fetched: &Reply) -> BTreeMap<u32, MessageState> {
    let states = fetched.fetched().map(|(_, items)| {
        let item = |name: &str| {
            items
                .text(name)
                .unwrap_or_else(|| panic!("no {name}: {items:?}"))
        };
        let flags = items.flags().expect("FLAGS were asked for");
        let uid = items.uid().expect("UID FETCH tells UIDs");
        (
            uid,
            MessageState {
                flags,
                // A one-digit day may be written with a space or a zero before it (RFC 3501 §9).
                date: item("INTERNALDATE").replacen(
                    ' ',
                    "0",
                    usize::from(item("INTERNALDATE").starts_with(' ')),
                ),
                text: item("BODY[]"),
            },
        )
    });
    states.collect()
}

/// Fills an account as years of use do: folders, flags, keywords, gaps in the UIDs, stale records.
fn fill_account(client: &mut Client, site: &Site) {
    for name in [
        "Caf&AOk-",
        "Caf&AOk-.Sub &- more",
        "Sent",
        "Lists.rust",
        "Gone",
    ] {
        client.ok(&format!("CREATE \"{name}\""));
    }
    for name in ["Caf&AOk-.Sub &- more", "Sent", "Gone"] {
        client.ok(&format!("SUBSCRIBE \"{name}\""));
    }
    client.ok("DELETE Gone");
    for name in ["INBOX", "\"Caf&AOk-.Sub &- more\""] {
        fill(client, name);
    }
    site.maildir()
        .deliver(&message("delivered", "delivered", "by another program"));
    client.ok("SELECT INBOX");
    client.ok("COPY 1:3 Sent");
    client.ok("STORE 2,7 +FLAGS (\\Deleted)");
    client.ok("EXPUNGE");
}

fn fill(client: &mut Client, name: &str) {
    let date = "\"25-Mar-1988 10:20:30 +0000\"";
    let arguments = [
        String::new(),
        "(\\Seen)".to_owned(),
        format!("(\\Flagged \\Answered $Forwarded) {date}"),
        "(\\Draft Zed)".to_owned(),
        format!("() {date}"),
        "(Zed $Forwarded \\Seen)".to_owned(),
        "(\\Seen)".to_owned(),
    ];
    for (arguments, number) in arguments.iter().zip(1..) {
        let text = format!("The text of {number}.\n\n.\nFrom here on\n");
        client.append_ok(name, arguments, &message(name, &number.to_string(), &text));
    }
}

/// Changes the account in the same way in each server's turn; the identities tell the rounds apart.
fn rearrange(client: &mut Client, round: &str, before: &MailboxState) -> u32 {
    client.ok("SELECT INBOX");
    let victim = *before
        .messages
        .keys()
        .nth(1)
        .expect("some messages are left");
    client.ok(&format!("UID STORE {victim} +FLAGS (\\Deleted)"));
    client.ok("EXPUNGE");
    let survivor = before.uid("1");
    client.ok(&format!("UID STORE {survivor} +FLAGS (\\Seen Zed {round})"));
    client.ok(&format!("UID STORE {survivor} -FLAGS ($Forwarded)"));
    let added = message("added", round, "in this round");
    client.append_ok(
        "INBOX",
        "(\\Flagged Zed) \"01-Feb-2003 04:05:06 +0000\"",
        &added,
    );
    client.ok(&format!("UID COPY {survivor} Sent"));
    client.ok(&format!("CREATE New.{round}"));
    client.ok(&format!("SUBSCRIBE New.{round}"));
    client.ok(&format!("RENAME New.{round} Renamed.{round}"));
    victim
}

#[test]
fn both_servers_in_turn_show_the_same_account() {
    let site = Site::with_dovecot();
    let Some(dovecot) = Dovecot::find(&site) else {
        return;
    };
    fill_account(&mut dovecot.session(&site).client, &site);
    let mut before = AccountState::of(&mut dovecot.session(&site).client);
    assert_eq!(before.mailboxes["INBOX"].messages.len(), 6);
    for round in ["one", "two"] {
        before = our_turn(&site, &dovecot, &before, &format!("ours-{round}"));
        before = their_turn(&site, &dovecot, &before, &format!("theirs-{round}"));
    }
}

/// imap2d finds what Dovecot left and changes it, and Dovecot finds these changes.
fn our_turn(site: &Site, dovecot: &Dovecot, before: &AccountState, round: &str) -> AccountState {
    let server = TestServer::start(site, &[]);
    assert_eq!(
        &AccountState::of(&mut server.login_imap4()),
        before,
        "as Dovecot left it"
    );
    let victim = rearrange(&mut server.login_imap4(), round, &before.mailboxes["INBOX"]);
    let after = AccountState::of(&mut server.login_imap4());
    after.mailboxes["INBOX"].assert_grown_from(&before.mailboxes["INBOX"], &[victim]);
    assert_eq!(
        AccountState::of(&mut dovecot.session(site).client),
        after,
        "as we left it"
    );
    after
}

/// The same with the servers exchanged.
fn their_turn(site: &Site, dovecot: &Dovecot, before: &AccountState, round: &str) -> AccountState {
    let inbox = &before.mailboxes["INBOX"];
    let victim = rearrange(&mut dovecot.session(site).client, round, inbox);
    let after = AccountState::of(&mut dovecot.session(site).client);
    after.mailboxes["INBOX"].assert_grown_from(inbox, &[victim]);
    let server = TestServer::start(site, &[]);
    assert_eq!(
        AccountState::of(&mut server.login_imap4()),
        after,
        "as Dovecot left it"
    );
    after
}

/// Dovecot serves a Maildir that imap2d has created.
#[test]
fn dovecot_takes_over_a_maildir_that_imap2d_made() {
    let site = Site::with_dovecot();
    let Some(dovecot) = Dovecot::find(&site) else {
        return;
    };
    let server = TestServer::start(&site, &[]);
    fill_account(&mut server.login_imap4(), &site);
    let made = AccountState::of(&mut server.login_imap4());
    assert_eq!(made.mailboxes["INBOX"].messages.len(), 6);
    assert_eq!(AccountState::of(&mut dovecot.session(&site).client), made);
    assert_eq!(AccountState::of(&mut server.login_imap4()), made);
}

/// Two sessions with INBOX open, one of each server.
struct Both<'a> {
    clients: [&'a mut Client; 2],
    views: [View; 2],
}

impl Both<'_> {
    /// Sends one of them a command that must succeed.
    fn tell(&mut self, who: usize, command: &str) {
        let reply = self.clients[who].ok(command);
        self.follow(who, &reply);
    }

    fn follow(&mut self, who: usize, reply: &Reply) {
        self.views[who].follow(reply);
        self.views[who].catch_up(self.clients[who]);
        self.views[who].check_order();
    }

    /// Waits until both sessions know the same `count` messages under the same UIDs.
    fn agree(&mut self, count: usize) {
        until("agreement on the messages", Duration::from_secs(20), || {
            self.tell(0, "NOOP");
            self.tell(1, "NOOP");
            let [one, other] = &self.views;
            let agreed = one.known().eq(other.known()) && one.known().count() == count;
            agreed.then_some(())
        });
    }

    /// Waits until both sessions report the same flags.
    fn agree_on_flags(&mut self) {
        until("agreement on the flags", Duration::from_secs(20), || {
            let [one, other] = [0, 1].map(|who| {
                let reply = self.clients[who].ok("UID FETCH 1:* (FLAGS)");
                let flags = reply
                    .fetched()
                    .map(|(_, items)| (items.uid(), items.flags()));
                flags.collect::<Vec<_>>()
            });
            (one == other).then_some(())
        });
    }

    fn uid(&self, id: &str) -> u32 {
        let known = self.views[0].known().find(|(_, known)| known.id == id);
        known.unwrap_or_else(|| panic!("{id} is not known")).1.uid
    }
}

#[test]
fn both_servers_at_the_same_time_agree() {
    let site = Site::with_dovecot();
    let Some(dovecot) = Dovecot::find(&site) else {
        return;
    };
    let server = TestServer::start(&site, &[]);
    let (mut ours, mut theirs) = (server.login_imap4(), dovecot.session(&site));
    let mut both = Both {
        clients: [&mut ours, &mut theirs.client],
        views: [View::default(), View::default()],
    };
    both.tell(0, "SELECT INBOX");
    both.tell(1, "SELECT INBOX");
    let mut count = 0;
    for round in 0..6 {
        let (one, other) = (round % 2, 1 - round % 2);
        let id = |what: &str| format!("{what}-{round}");
        for what in ["delivered", "marked"] {
            site.maildir()
                .deliver(&message(what, &id(what), "by another program"));
        }
        for who in [one, other] {
            let appended = message("appended", &id(&format!("appended-{who}")), "by a client");
            let reply = both.clients[who].append_ok("INBOX", "(\\Seen)", &appended);
            both.follow(who, &reply);
        }
        count += 4;
        both.agree(count);
        let (kept, marked) = (both.uid(&id("delivered")), both.uid(&id("marked")));
        both.tell(
            one,
            &format!("UID STORE {kept} +FLAGS (\\Flagged Word{round})"),
        );
        both.tell(
            other,
            &format!("UID STORE {kept} +FLAGS (\\Answered Other{round})"),
        );
        both.agree_on_flags();
        both.tell(
            other,
            &format!("UID STORE {marked} +FLAGS.SILENT (\\Deleted)"),
        );
        both.agree_on_flags();
        both.tell(one, "EXPUNGE");
        count -= 1;
        both.agree(count);
    }
    assert_eq!(site.maildir().entries().len(), count);
    let told: Vec<_> = both.views[0]
        .known()
        .map(|(_, known)| known.clone())
        .collect();
    let anew = MailboxState::of(&mut dovecot.session(&site).client, "INBOX");
    assert_eq!(anew, MailboxState::of(&mut server.login_imap4(), "INBOX"));
    assert!(
        told.iter()
            .map(|known| known.uid)
            .eq(anew.messages.keys().copied())
    );
    for known in &told {
        assert_eq!(anew.uid(&known.id), known.uid, "UID of {}", known.id);
    }
}
