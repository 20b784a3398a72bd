//! Measures what the others, and the user's other sessions, feel while ten sessions of one user
//! search all texts of a large mailbox, again and again.

use crate::client::Client;
use crate::generate;
use crate::measure::{Bench, Figures, quantile};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The sessions that search.
const SEARCHERS: usize = 10;
/// What they send: every octet of every message has to be read, and no message matches.
const SEARCH: &str = "SEARCH TEXT \"no such words\"";
/// The other user, and the messages of their mailbox.
const OTHER: (&str, u64) = ("shares-other", 1_000);
/// The time between two commands of one polite client.
const PAUSE: Duration = Duration::from_millis(10);

/// A command that a polite client sends again and again on a connection of its own.
struct Polite {
    name: &'static str,
    /// True if the user is the one who searches.
    is_searcher: bool,
    command: &'static str,
    /// The most that p99 may be, in ms.
    limit: Option<f64>,
}

const fn polite(name: &'static str, command: &'static str, limit: Option<f64>) -> Polite {
    let is_searcher = false;
    Polite {
        name,
        is_searcher,
        command,
        limit,
    }
}

const POLITE: [Polite; 6] = [
    polite("NOOP of another user", "NOOP", Some(10.0)),
    polite("SELECT of another user", "SELECT INBOX", Some(50.0)),
    polite("small FETCH of another user", "FETCH 7 ALL", Some(10.0)),
    polite(
        "APPEND of another user",
        "APPEND INBOX {22+}\r\nSubject: one\r\n\r\ntext\r\n",
        None,
    ),
    Polite {
        is_searcher: true,
        ..polite("NOOP of the same user", "NOOP", Some(10.0))
    },
    Polite {
        is_searcher: true,
        ..polite("SELECT of the same user", "SELECT INBOX", Some(50.0))
    },
];

impl Bench {
    /// Measures the commands of polite clients alone and beside the searches.
    pub(crate) fn shares(&self) -> io::Result<Figures> {
        let maildir = self.area.join("mail").join(OTHER.0);
        if maildir.exists() {
            fs::remove_dir_all(&maildir)?;
        }
        fs::create_dir_all(self.area.join("mail"))?;
        generate::maildir(&maildir, OTHER.1)?;
        let (server, user) = self.start(self.large)?;
        // The first search brings the mail into the page cache.
        let mut first = Client::reader(server.address, &user)?;
        let alone_search = first.ask(SEARCH)?;
        let mut searchers = vec![first];
        for _ in 1..SEARCHERS {
            searchers.push(Client::reader(server.address, &user)?);
        }
        let mut figures = Figures::default();
        figures.add("the first search alone", alone_search.as_secs_f64(), "s");
        let alone = self.be_polite(server.address, &user)?;
        add(&mut figures, "alone", alone, false);
        let (over, searches) = (AtomicBool::new(false), AtomicU32::new(0));
        let beside = thread::scope(|scope| {
            for client in &mut searchers {
                let (over, searches) = (&over, &searches);
                scope.spawn(move || {
                    while !over.load(Ordering::Relaxed) && client.ask(SEARCH).is_ok() {
                        searches.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            let times = self.be_polite(server.address, &user);
            over.store(true, Ordering::Relaxed);
            // Ends the searches that are under way.
            drop(server);
            times
        })?;
        add(&mut figures, "beside them", beside, true);
        let searches = f64::from(searches.into_inner());
        figures.add("searches that ended meanwhile", searches, "");
        Ok(figures)
    }

    /// Sends the polite commands for a while, each on its own connection, and returns their times.
    fn be_polite(&self, address: SocketAddr, user: &str) -> io::Result<Vec<Vec<Duration>>> {
        let end = Instant::now() + Duration::from_secs(self.seconds);
        thread::scope(|scope| {
            let clients: Vec<_> = POLITE
                .iter()
                .map(|polite| {
                    let user = if polite.is_searcher { user } else { OTHER.0 };
                    scope.spawn(move || repeat(address, user, polite.command, end))
                })
                .collect();
            let times = clients.into_iter().map(|client| {
                let failed = |_| Err(io::Error::other("a client panicked"));
                client.join().unwrap_or_else(failed)
            });
            times.collect()
        })
    }
}

fn repeat(
    address: SocketAddr,
    user: &str,
    command: &str,
    end: Instant,
) -> io::Result<Vec<Duration>> {
    let mut client = Client::reader(address, user)?;
    let mut times = Vec::new();
    while Instant::now() < end {
        times.push(client.ask(command)?);
        thread::sleep(PAUSE);
    }
    Ok(times)
}

fn add(figures: &mut Figures, load: &str, times: Vec<Vec<Duration>>, is_limited: bool) {
    for (polite, mut times) in POLITE.iter().zip(times) {
        for (quantile_name, per_cent) in [("p50", 50), ("max", 100), ("p99", 99)] {
            let name = format!("{} {load}, {quantile_name}", polite.name);
            figures.add(name, quantile(&mut times, per_cent), "ms");
        }
        if let Some(limit) = polite.limit.filter(|_| is_limited) {
            figures.at_most(limit);
        }
    }
}
