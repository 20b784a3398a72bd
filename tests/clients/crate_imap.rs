//! One visit to an account by the crate `imap`. The module `libraries` describes what each visit
//! does and prints.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use chrono::DateTime;
use imap::Session;
use imap::extensions::sort::{SortCharset, SortCriterion};
use imap::types::{Flag, UnsolicitedResponse};

use crate::support::site::{PASSWORD, USER};

/// How long a visitor waits for all changes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Makes a visit and returns its lines.
pub(super) fn visit(port: u16, visit: &str, directory: &Path) -> Vec<String> {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("a server listens there");
    let mut client = imap::Client::new(stream);
    client.read_greeting().expect("it is greeted");
    let session = client.login(USER, PASSWORD);
    let session = session.expect("it may log in");
    let mut visitor = Visitor {
        session,
        lines: Vec::new(),
    };
    let result = match visit {
        "look" => visitor.look(directory),
        "change" => visitor.change(),
        "arrange" => visitor.arrange(),
        _ => visitor.watch(directory),
    };
    result.unwrap_or_else(|error| panic!("the visit {visit} failed: {error}"));
    visitor.session.logout().expect("it may log out");
    visitor.lines
}

struct Visitor {
    session: Session<TcpStream>,
    lines: Vec<String>,
}

impl Visitor {
    fn tell(&mut self, words: &[&str]) {
        self.lines.push(words.join("\t"));
    }

    /// Returns the UID of the message with an identity.
    fn the(&mut self, id: &str) -> imap::Result<String> {
        let found = self.session.uid_search(format!("HEADER X-Id {id}"))?;
        assert_eq!(found.len(), 1, "{id} is found");
        Ok(found
            .into_iter()
            .map(|uid| uid.to_string())
            .collect::<String>())
    }

    fn look(&mut self, directory: &Path) -> imap::Result<()> {
        let names = self.session.list(Some(""), Some("*"))?;
        for name in names.iter() {
            // The crate's type for attributes is not public.
            if format!("{:?}", name.attributes()).contains("NoSelect") {
                continue;
            }
            let name = name.name();
            // `1:*` is an error in an empty mailbox (RFC 3501 §9).
            if self.session.examine(name)?.exists == 0 {
                continue;
            }
            let messages = self
                .session
                .fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (X-Id)])")?;
            for message in messages.iter() {
                let header = String::from_utf8_lossy(message.header().expect("the field"));
                let id = header.trim().trim_start_matches("X-Id: ");
                let flags = letters(message.flags());
                self.lines.push(format!("message\t{name}\t{id}\t{flags}"));
            }
        }
        self.session.examine("INBOX")?;
        for id in ["inbox-0007", "inbox-0008", "inbox-0009"] {
            let uid = self.the(id)?;
            let fetched = self.session.uid_fetch(uid, "BODY.PEEK[]")?;
            let body = fetched.iter().find_map(|message| message.body());
            fs::write(directory.join(id), body.expect("the message")).expect("a file");
        }
        Ok(())
    }

    fn change(&mut self) -> imap::Result<()> {
        self.session.select("INBOX")?;
        for (what, query) in [
            ("unseen", "UNSEEN"),
            ("flagged", "OR FLAGGED SUBJECT \"no such\""),
            // The crate supports no literals and no 8-bit strings in searches.
            ("text", "TEXT \"aus \""),
        ] {
            let count = self.session.search(query)?.len().to_string();
            self.tell(&["found", what, &count]);
        }
        for (id, change) in [
            ("inbox-0004", "+FLAGS (\\Flagged $Work)"),
            ("inbox-0005", "-FLAGS (\\Seen)"),
            ("inbox-0006", "+FLAGS (\\Deleted)"),
        ] {
            let uid = self.the(id)?;
            self.session.uid_store(uid, change)?;
        }
        self.session.expunge()?;
        self.session.select("&U,BTFw-")?;
        let uid = self.the("trip-0007")?;
        self.move_to(&uid, "Entw&APw-rfe")?;
        let uid = self.the("trip-0008")?;
        self.session.uid_copy(uid, "Lists.R&-D")?;
        self.append()?;
        self.session.create("&AMk-t&AOk-")?;
        self.session.rename("&AMk-t&AOk-", "&ANw-berall")?;
        self.session.subscribe("&ANw-berall")?;
        self.session.create("Short")?;
        self.session.delete("Short")
    }

    fn move_to(&mut self, uid: &str, mailbox: &str) -> imap::Result<()> {
        if self.session.capabilities()?.has_str("MOVE") {
            return self.session.uid_mv(uid, mailbox);
        }
        self.session.uid_copy(uid, mailbox)?;
        self.session.uid_store(uid, "+FLAGS.SILENT (\\Deleted)")?;
        self.session.expunge().map(|_| ())
    }

    fn append(&mut self) -> imap::Result<()> {
        let text = b"Subject: appended\r\nX-Id: appended\r\n\r\nBy the client.\r\n";
        let date = DateTime::parse_from_rfc3339("2003-02-01T04:05:06Z").expect("a date");
        self.session
            .append("Entw&APw-rfe", text)
            .internal_date(date)
            .flags([Flag::Seen, Flag::Draft])
            .finish()
            .map(|_| ())
    }

    fn arrange(&mut self) -> imap::Result<()> {
        self.session.examine("Talk")?;
        let criteria = [SortCriterion::Subject, SortCriterion::Date];
        let sorted = self.session.uid_sort(&criteria, SortCharset::Utf8, "ALL")?;
        let sorted: Vec<String> = sorted.iter().map(u32::to_string).collect();
        self.tell(&["sorted", &sorted.join(" ")]);
        Ok(())
    }

    fn watch(&mut self, directory: &Path) -> imap::Result<()> {
        self.session.select("INBOX")?;
        let idles = self.session.capabilities()?.has_str("IDLE");
        fs::write(directory.join("ready"), "").expect("a file");
        let heard = match idles {
            true => self.idle()?,
            false => self.poll()?,
        };
        self.the("watched")?;
        for one in heard {
            self.tell(&["heard", one]);
        }
        Ok(())
    }

    fn idle(&mut self) -> imap::Result<BTreeSet<&'static str>> {
        let mut heard = BTreeSet::new();
        let mut idle = self.session.idle();
        idle.timeout(PATIENCE).keepalive(false);
        idle.wait_while(|told| {
            heard.extend(kind(&told));
            heard.len() < KINDS
        })?;
        Ok(heard)
    }

    fn poll(&mut self) -> imap::Result<BTreeSet<&'static str>> {
        let mut heard = BTreeSet::new();
        let deadline = Instant::now() + PATIENCE;
        while heard.len() < KINDS && Instant::now() < deadline {
            self.session.noop()?;
            let told: Vec<UnsolicitedResponse> = self.session.take_all_unsolicited().collect();
            heard.extend(told.iter().filter_map(kind));
            thread::sleep(Duration::from_millis(50));
        }
        Ok(heard)
    }
}

/// How many kinds of changes the visitor waits for.
const KINDS: usize = 3;

fn kind(told: &UnsolicitedResponse) -> Option<&'static str> {
    match told {
        UnsolicitedResponse::Exists(_) => Some("message"),
        UnsolicitedResponse::Expunge(_) => Some("expunge"),
        UnsolicitedResponse::Fetch { .. } => Some("flag"),
        _ => None,
    }
}

fn letters(flags: &[Flag<'_>]) -> String {
    let mut letters: Vec<char> = flags.iter().filter_map(letter).collect();
    letters.sort_unstable();
    letters.into_iter().collect()
}

fn letter(flag: &Flag<'_>) -> Option<char> {
    match flag {
        Flag::Draft => Some('D'),
        Flag::Flagged => Some('F'),
        Flag::Answered => Some('R'),
        Flag::Seen => Some('S'),
        Flag::Deleted => Some('T'),
        _ => None,
    }
}
