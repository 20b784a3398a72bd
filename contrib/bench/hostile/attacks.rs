//! The attacks: for each family of commands, the ones that cost a server the most per octet sent.

use super::mail::{MANY, number};
use crate::client::Client;
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub(super) struct Attack {
    /// Begins with the name of its command.
    pub(super) name: &'static str,
    /// Returns when the attack is over. An error means that the server ended the connection or
    /// refused the command, which it may.
    pub(super) run: fn(&Attacker) -> io::Result<()>,
}

impl Attack {
    /// True if the mail is not the same after it.
    pub(super) fn changes_mail(&self) -> bool {
        let command = self.name.split(' ').next();
        let changing = ["RENAME", "DELETE", "COPY", "MOVE", "STORE", "APPEND"];
        command.is_some_and(|command| changing.contains(&command))
    }
}

/// A user who wants to harm the others.
pub(super) struct Attacker {
    pub(super) address: SocketAddr,
    /// The longest that one attack goes on.
    pub(super) time: Duration,
}

impl Attacker {
    fn connect(&self) -> io::Result<Client> {
        let mut client = Client::connect(self.address)?;
        client.give_up_after(self.time)?;
        client.ask("CAPABILITY")?;
        client.ask("LOGIN mallory secret")?;
        Ok(client)
    }

    fn select(&self, mailbox: &str) -> io::Result<Client> {
        let mut client = self.connect()?;
        client.ask(&format!("SELECT {mailbox}"))?;
        Ok(client)
    }

    /// Sends one command to a mailbox.
    fn one(&self, mailbox: &str, command: &str) -> io::Result<()> {
        self.select(mailbox)?.ask(command).map(drop)
    }

    /// Sends the same command on many connections and reads none of the answers.
    fn unread(&self, connections: usize, mailbox: &str, command: &str) -> io::Result<()> {
        let mut clients = Vec::new();
        for _ in 0..connections {
            let mut client = self.select(mailbox)?;
            client.send(command)?;
            clients.push(client);
        }
        std::thread::sleep(self.time / 2);
        Ok(())
    }

    /// Sends a command again and again until the time is over.
    fn repeat(&self, mailbox: &str, mut command: impl FnMut(u32) -> String) -> io::Result<()> {
        let mut client = self.select(mailbox)?;
        let end = Instant::now() + self.time / 2;
        for round in 0.. {
            if Instant::now() > end {
                break;
            }
            client.ask(&command(round))?;
        }
        Ok(())
    }
}

/// Returns `count` copies of an item, as a list of FETCH items.
fn items(count: usize, item: &str) -> String {
    format!("({})", vec![item; count].join(" "))
}

fn names(count: usize) -> String {
    (0..count)
        .map(|n| format!("x{n}"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Returns sequence numbers that make no ranges: `1,3,5,...`.
fn odd_numbers(count: u32) -> String {
    let mut set = String::from("1");
    for number in 1..count {
        let _ = write!(set, ",{}", 2 * number + 1);
    }
    set
}

fn keys(count: usize, key: &str) -> String {
    format!("SEARCH {}", vec![key; count].join(" "))
}

/// Returns `SEARCH OR a a OR a a ...`.
fn alternatives(count: usize, key: &str) -> String {
    let pair = format!("OR {key} {key} ");
    format!("SEARCH {}", pair.repeat(count).trim_end())
}

fn patterns(count: usize) -> String {
    let pattern = "*a".repeat(20);
    let list: Vec<String> = (0..count).map(|n| format!("{pattern}*z{n}")).collect();
    format!("LIST \"\" ({})", list.join(" "))
}

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "FETCH 50 x HEADER.FIELDS of 200 names, 87000 fields",
        run: |a| {
            let item = format!("BODY.PEEK[HEADER.FIELDS ({})]", names(200));
            let command = format!("FETCH {} {}", number::FIELDS, items(50, &item));
            a.one("INBOX", &command)
        },
    },
    Attack {
        name: "FETCH 100 x HEADER.FIELDS.NOT, all different",
        run: |a| {
            let list: Vec<String> = (0..100)
                .map(|n| format!("BODY.PEEK[HEADER.FIELDS.NOT ({} y{n})]", names(80)))
                .collect();
            let command = format!("FETCH {} ({})", number::FIELDS, list.join(" "));
            a.one("INBOX", &command)
        },
    },
    Attack {
        name: "FETCH 100 x BODYSTRUCTURE, 990 parts",
        run: |a| {
            let command = format!("FETCH {} {}", number::PARTS, items(100, "BODYSTRUCTURE"));
            a.one("INBOX", &command)
        },
    },
    Attack {
        name: "the same on 12 connections that read nothing",
        run: |a| {
            let command = format!("FETCH {} {}", number::PARTS, items(100, "BODYSTRUCTURE"));
            a.unread(12, "INBOX", &command)
        },
    },
    Attack {
        name: "FETCH 100 x ENVELOPE, 40000 addresses",
        run: |a| {
            let command = format!("FETCH {} {}", number::ADDRESSES, items(100, "ENVELOPE"));
            a.one("INBOX", &command)
        },
    },
    Attack {
        name: "FETCH BODYSTRUCTURE of 5000 nested messages",
        run: |a| {
            a.repeat("INBOX", |_| {
                format!("FETCH {} BODYSTRUCTURE", number::NESTED)
            })
        },
    },
    Attack {
        name: "FETCH 100 different parts of 990",
        run: |a| {
            let list: Vec<String> = (801..=900)
                .map(|n| format!("BODY.PEEK[{n}.MIME]"))
                .collect();
            a.repeat("INBOX", |_| {
                format!("FETCH {} ({})", number::PARTS, list.join(" "))
            })
        },
    },
    Attack {
        name: "FETCH 100 single octets all over 16 MB",
        run: |a| {
            let list: Vec<String> = (0..100)
                .map(|n| format!("BODY.PEEK[]<{}.1>", 16_000_000 - 150_000 * n))
                .collect();
            a.repeat("INBOX", |_| {
                format!("FETCH {} ({})", number::TEXT, list.join(" "))
            })
        },
    },
    Attack {
        name: "FETCH 100 x BINARY.SIZE of 16 MB of base64",
        run: |a| {
            let command = format!("FETCH {} {}", number::BASE64, items(100, "BINARY.SIZE[1]"));
            a.one("INBOX", &command)
        },
    },
    Attack {
        name: "FETCH 20000 x ALL on 20 connections that read nothing",
        run: |a| a.unread(20, "many", "FETCH 1:* (ALL)"),
    },
    Attack {
        name: "FETCH of 10000 single numbers",
        run: |a| a.repeat("many", |_| format!("FETCH {} FLAGS", odd_numbers(MANY / 2))),
    },
    Attack {
        name: "SEARCH 990 x UID $",
        run: |a| {
            let mut client = a.select("many")?;
            client.ask("SEARCH RETURN (SAVE) SEEN")?;
            client.ask(&keys(990, "UID $")).map(drop)
        },
    },
    Attack {
        name: "SEARCH 900 x HEADER in a field of 250 KB",
        run: |a| a.one("INBOX", &keys(900, "HEADER X zz")),
    },
    Attack {
        name: "SEARCH 300 x OR HEADER in a field of 250 KB",
        run: |a| a.one("INBOX", &alternatives(300, "HEADER X zz")),
    },
    Attack {
        name: "SEARCH 900 x SUBJECT of 7000 encoded words",
        run: |a| a.one("INBOX", &keys(900, "SUBJECT zz")),
    },
    Attack {
        name: "SEARCH 450 x NOT TEXT, all different",
        run: |a| {
            let list: Vec<String> = (0..450).map(|n| format!("NOT TEXT zz{n}")).collect();
            a.one("INBOX", &format!("SEARCH {}", list.join(" ")))
        },
    },
    Attack {
        name: "SEARCH BODY of 1000 octets that almost match",
        run: |a| {
            let needle = format!("{}c", "a".repeat(999));
            a.one("INBOX", &format!("SEARCH BODY {needle}"))
        },
    },
    Attack {
        name: "SEARCH 900 x NOT NOT",
        run: |a| a.repeat("many", |_| keys(300, "NOT NOT SEEN")),
    },
    Attack {
        name: "SEARCH 900 sets of numbers",
        run: |a| a.repeat("many", |_| keys(900, "UID 1:3,5:7,9:20000")),
    },
    Attack {
        name: "SORT by everything, 20000 messages",
        run: |a| {
            a.repeat("many", |_| {
                "SORT (SUBJECT FROM TO CC DATE ARRIVAL SIZE) UTF-8 ALL".into()
            })
        },
    },
    Attack {
        name: "THREAD REFERENCES, 20000 messages",
        run: |a| a.repeat("many", |_| "THREAD REFERENCES UTF-8 ALL".into()),
    },
    Attack {
        name: "THREAD with 20000 references in one field",
        run: |a| a.repeat("INBOX", |_| "THREAD REFERENCES UTF-8 ALL".into()),
    },
    Attack {
        name: "LIST, 20 patterns with 20 wildcards, 120 levels",
        run: |a| a.connect()?.ask(&patterns(20)).map(drop),
    },
    Attack {
        name: "LIST RETURN (STATUS (SIZE)) of 2000 mailboxes",
        run: |a| {
            let command = "LIST \"\" * RETURN (STATUS (MESSAGES UNSEEN UIDNEXT SIZE))";
            a.connect()?.ask(command).map(drop)
        },
    },
    Attack {
        name: "RENAME of a tree of 2000 mailboxes",
        run: |a| {
            let mut client = a.connect()?;
            client.ask("RENAME tree wood")?;
            client.ask("RENAME wood tree").map(drop)
        },
    },
    Attack {
        name: "DELETE of a mailbox of 20000 messages",
        run: |a| a.connect()?.ask("DELETE many").map(drop),
    },
    Attack {
        name: "SUBSCRIBE 300 times, LSUB",
        run: |a| {
            let mut client = a.connect()?;
            for n in 0..300 {
                client.ask(&format!("SUBSCRIBE {}n{n}", "b.".repeat(60)))?;
            }
            client.ask("LSUB \"\" *a*b*c*d*e*f*").map(drop)
        },
    },
    Attack {
        name: "SUBSCRIBE, UNSUBSCRIBE and LSUB among 100000 subscriptions",
        run: |a| {
            let mut client = a.connect()?;
            client.ask("SUBSCRIBE tree")?;
            client.ask("LSUB \"\" *")?;
            client.ask("LIST (SUBSCRIBED) \"\" % RETURN (CHILDREN)")?;
            client.ask("UNSUBSCRIBE tree").map(drop)
        },
    },
    Attack {
        name: "CREATE with USE, and SELECT of new mailboxes, among 2000",
        run: |a| {
            let mut client = a.connect()?;
            client.ask("CREATE Sent (USE (\\Sent))")?;
            for n in 0..50 {
                client.ask(&format!("CREATE new{n}"))?;
                client.ask(&format!("SELECT new{n}"))?;
            }
            Ok(())
        },
    },
    Attack {
        name: "EXPUNGE and STORE of 20000 messages that 10 sessions have selected",
        run: |a| {
            let mut clients = Vec::new();
            for _ in 0..10 {
                clients.push(a.select("many")?);
            }
            for command in ["STORE 1:* +FLAGS.SILENT (\\Deleted)", "EXPUNGE"] {
                clients[0].ask(command)?;
                for client in &mut clients {
                    client.ask("NOOP")?;
                }
            }
            Ok(())
        },
    },
    Attack {
        name: "SELECT with the saved mod-sequences of 20000 messages",
        run: |a| {
            let mut client = a.select("many")?;
            client.ask("ENABLE QRESYNC")?;
            for n in 0..20 {
                let set = format!("{}:{}", 1000 * n + 1, 1000 * n + 1000);
                client.ask(&format!("STORE {set} +FLAGS.SILENT (\\Flagged)"))?;
            }
            // Other mailboxes take its place in memory, so that it is closed and read again.
            for n in 0..100 {
                client.ask(&format!("SELECT tree.m{n}"))?;
            }
            client.ask("SELECT many").map(drop)
        },
    },
    Attack {
        name: "RENAME of INBOX with many messages",
        run: |a| {
            a.one("many", "COPY 1:* INBOX")?;
            a.connect()?.ask("RENAME INBOX old").map(drop)
        },
    },
    Attack {
        name: "SORT and THREAD of 20000 messages, cut off in the middle",
        run: |a| {
            for command in [
                "SORT (SUBJECT FROM) UTF-8 ALL",
                "THREAD REFERENCES UTF-8 ALL",
            ] {
                let mut client = a.select("many")?;
                client.send(command)?;
                std::thread::sleep(Duration::from_millis(400));
            }
            Ok(())
        },
    },
    Attack {
        name: "COPY of 20000 messages",
        run: |a| a.one("many", "COPY 1:* tree"),
    },
    Attack {
        name: "COPY of 20000 messages, cut off in the middle",
        run: |a| {
            let mut client = a.select("many")?;
            client.send("COPY 1:* tree")?;
            std::thread::sleep(Duration::from_millis(150));
            drop(client);
            std::thread::sleep(Duration::from_secs(1));
            Ok(())
        },
    },
    Attack {
        name: "MOVE of 20000 messages",
        run: |a| a.one("many", "MOVE 1:* tree"),
    },
    Attack {
        name: "STORE and EXPUNGE of 20000 messages",
        run: |a| {
            let mut client = a.select("many")?;
            client.ask("STORE 1:* +FLAGS.SILENT (\\Deleted)")?;
            client.ask("EXPUNGE").map(drop)
        },
    },
    Attack {
        name: "STORE of 2000 keywords, one after another",
        run: |a| a.repeat("many", |n| format!("STORE {} +FLAGS (k{n})", n % MANY + 1)),
    },
    Attack {
        name: "APPEND to 20 mailboxes at a time",
        run: |a| {
            let message = format!("Subject: x\r\n\r\n{}\r\n", "y".repeat(2_000));
            let mut clients = Vec::new();
            for _ in 0..20 {
                clients.push(a.connect()?);
            }
            for _ in 0..20 {
                for (index, client) in clients.iter_mut().enumerate() {
                    let octets = message.len();
                    client.send(&format!("APPEND tree.m{index} {{{octets}+}}\r\n{message}"))?;
                }
                for client in &mut clients {
                    client.tagged()?;
                }
            }
            Ok(())
        },
    },
    Attack {
        name: "150 logins of one user",
        run: |a| {
            let mut clients = Vec::new();
            for _ in 0..150 {
                clients.push(a.connect()?);
            }
            Ok(())
        },
    },
    Attack {
        name: "2000 pipelined SELECT",
        run: |a| {
            let mut client = a.connect()?;
            for _ in 0..2_000 {
                client.send("SELECT many")?;
            }
            client.tagged()
        },
    },
    Attack {
        name: "SEARCH for a literal of 60 KB, again and again",
        run: |a| {
            let argument = "x".repeat(60_000);
            a.repeat("INBOX", |_| {
                format!("SEARCH SUBJECT {{{}+}}\r\n{argument}", argument.len())
            })
        },
    },
    Attack {
        name: "100 connections that send one octet a second",
        run: |a| {
            let mut clients = Vec::new();
            for _ in 0..100 {
                clients.push(a.connect()?);
            }
            for _ in 0..5 {
                for client in &mut clients {
                    client.octets(b"x")?;
                }
                std::thread::sleep(Duration::from_secs(1));
            }
            Ok(())
        },
    },
];
