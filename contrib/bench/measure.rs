//! The measurements. Each returns figures, and `main` prints them beside those of the peer.

use crate::client::Client;
use crate::generate;
use crate::server::{Program, Server};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may be busy after its last client has connected.
const SETTLING: Duration = Duration::from_secs(3);

/// A figure, its unit, and the most it may be.
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) limit: Option<Limit>,
}

/// What a figure should be.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

/// The figures of one measurement.
#[derive(Default)]
pub(crate) struct Figures(pub(crate) Vec<Figure>);

impl Figures {
    pub(crate) fn add(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        let (name, limit) = (name.into(), None);
        self.0.push(Figure {
            name,
            value,
            unit,
            limit,
        });
    }

    /// Sets the limit of the figure that was added last.
    pub(crate) fn at_most(&mut self, limit: f64) {
        if let Some(last) = self.0.last_mut() {
            last.limit = Some(Limit::AtMost(limit));
        }
    }

    /// Sets the least value that the figure should have that was added last.
    pub(crate) fn at_least(&mut self, least: f64) {
        if let Some(last) = self.0.last_mut() {
            last.limit = Some(Limit::AtLeast(least));
        }
    }
}

/// The program to measure, the place of the Maildirs, and the size of the test.
pub(crate) struct Bench {
    pub(crate) program: Program,
    /// The directory of the Maildirs, which are generated once and kept: `area/mail/m10` holds ten
    /// messages.
    pub(crate) area: PathBuf,
    pub(crate) sessions: u32,
    pub(crate) large: u64,
    pub(crate) seconds: u64,
    /// The longest stall, in ms, and the most memory, in MiB, that an attack may cause, if they are
    /// not those of an idle machine. One that causes more makes the bench fail.
    pub(crate) hostile_limits: Option<(f64, f64)>,
}

impl Bench {
    /// Starts the program with a mailbox of that many messages, without the files that servers left
    /// there.
    pub(crate) fn start(&self, messages: u64) -> io::Result<(Server, String)> {
        let user = format!("m{messages}");
        let maildir = self.area.join("mail").join(&user);
        if !maildir.exists() {
            eprintln!("making {} ...", maildir.display());
            fs::create_dir_all(self.area.join("mail"))?;
            generate::maildir(&maildir, messages)?;
        }
        forget(&maildir)?;
        Ok((self.program.start(&self.area)?, user))
    }

    /// Measures the time from the start of the process to the greeting, and the memory at that
    /// moment.
    pub(crate) fn startup(&self) -> io::Result<Figures> {
        let mut times = Vec::new();
        for _ in 0..11 {
            times.push(self.start(10)?.0.start_up);
        }
        let (server, _) = self.start(10)?;
        let memory = server.memory();
        let mut figures = Figures::default();
        figures.add(
            "start-up to greeting, median of 11",
            quantile(&mut times, 50),
            "ms",
        );
        figures.at_most(20.0);
        let first = server.first_process().resident;
        figures.add(
            "resident, idle server, the process that serves",
            first / 1024.0,
            "MiB",
        );
        figures.at_most(4.0);
        figures.add("resident, idle server", memory.resident / 1024.0, "MiB");
        figures.add("private, idle server", memory.private / 1024.0, "MiB");
        if let Some(octets) = self.program.size() {
            figures.add("program file", octets as f64 / 1_048_576.0, "MiB");
            figures.at_most(2.0);
        }
        Ok(figures)
    }

    /// Measures the memory of a session with a selected mailbox, beyond the first session, and what
    /// such sessions cost while nothing happens.
    pub(crate) fn idle(&self) -> io::Result<Figures> {
        let mut figures = Figures::default();
        for messages in [10, self.large] {
            let (server, user) = self.start(messages)?;
            let mut clients = vec![Client::reader(server.address, &user)?];
            let first = server.memory();
            for _ in 1..self.sessions {
                clients.push(Client::reader(server.address, &user)?);
            }
            let all = server.memory();
            for (kind, value) in [
                ("resident", all.resident - first.resident),
                ("private", all.private - first.private),
            ] {
                let name = format!("{kind} per idle session on {messages}");
                figures.add(name, value / f64::from(self.sessions - 1), "KiB");
                figures.at_most(2.0);
            }
            thread::sleep(SETTLING);
            let before = server.wake_ups();
            thread::sleep(Duration::from_secs(self.seconds));
            let name = format!("wake-ups in {} s, sessions on {messages}", self.seconds);
            figures.add(name, server.wake_ups() - before, "");
            figures.at_most(10.0);
        }
        Ok(figures)
    }

    /// Measures what sessions in IDLE cost while nothing happens, and how soon they receive a
    /// change: one session, a quarter of all, and all of them.
    pub(crate) fn news(&self) -> io::Result<Figures> {
        let mut figures = Figures::default();
        let quarter = 2.max(self.sessions / 4);
        for (sessions, who) in [(1, "one"), (quarter, "a quarter"), (self.sessions, "all")] {
            self.news_to(sessions, who, &mut figures)?;
        }
        Ok(figures)
    }

    fn news_to(&self, sessions: u32, who: &str, figures: &mut Figures) -> io::Result<()> {
        let maildir = self.area.join("mail/news");
        if maildir.exists() {
            fs::remove_dir_all(&maildir)?;
        }
        generate::maildir(&maildir, 10)?;
        let server = self.program.start(&self.area)?;
        let mut clients = vec![Client::idler(server.address, "news")?];
        let first = server.memory();
        for _ in 1..sessions {
            clients.push(Client::idler(server.address, "news")?);
        }
        if sessions > 1 {
            let value = (server.memory().private - first.private) / f64::from(sessions - 1);
            figures.add(format!("private per session, {who} in IDLE"), value, "KiB");
            figures.at_most(16.0);
        }
        // Processes that the logins have started end before that.
        thread::sleep(SETTLING);
        let time = Duration::from_secs(self.seconds);
        let before = server.wake_ups();
        thread::sleep(time);
        let woken = server.wake_ups() - before;
        let seconds = self.seconds;
        figures.add(format!("wake-ups in {seconds} s, {who} in IDLE"), woken, "");
        figures.at_most(10.0);
        if let Some(calls) = server.system_calls(time)? {
            let name = format!("system calls in {seconds} s, {who} in IDLE");
            figures.add(name, calls, "");
            figures.at_most(50.0);
        }
        let times = (11..21).map(|count| deliver(&maildir, count, &mut clients));
        let mut times = times.collect::<io::Result<Vec<_>>>()?;
        let slowest = quantile(&mut times, 100);
        figures.add(
            format!("delivery announced, {who} in IDLE, max of 10"),
            slowest,
            "ms",
        );
        figures.at_most(1000.0);
        Ok(())
    }

    /// Measures the memory and the time that SELECT of a large mailbox takes.
    pub(crate) fn select(&self) -> io::Result<Figures> {
        let (server, user) = self.start(self.large)?;
        let idle = server.memory();
        let mut client = Client::connect(server.address)?;
        client.ask(&format!("LOGIN {user} secret"))?;
        let cold = client.ask("SELECT INBOX")?;
        let selected = server.memory();
        let warm = Client::connect(server.address).and_then(|mut other| {
            other.ask(&format!("LOGIN {user} secret"))?;
            other.ask("SELECT INBOX")
        })?;
        let mut figures = Figures::default();
        for (kind, kib) in [
            ("resident", selected.resident - idle.resident),
            ("private", selected.private - idle.private),
        ] {
            figures.add(
                format!("{kind}, {} messages", self.large),
                kib * 0.001_024,
                "MB",
            );
            figures.at_most(12.0);
        }
        figures.add("first SELECT, no uid list", millis(cold), "ms");
        figures.add("second SELECT", millis(warm), "ms");
        Ok(figures)
    }

    /// Measures commands on a whole mailbox.
    pub(crate) fn search(&self) -> io::Result<Figures> {
        let (server, user) = self.start(10_000)?;
        let mut client = Client::reader(server.address, &user)?;
        let mut figures = Figures::default();
        for command in [
            "SEARCH UNSEEN",
            "SEARCH SUBJECT budget",
            "SEARCH TEXT \"no such words\"",
            "FETCH 1:* ALL",
            "FETCH 1:* RFC822",
        ] {
            for time in ["1st", "2nd"] {
                let took = client.ask(command)?;
                figures.add(format!("{command}, {time}"), millis(took), "ms");
            }
        }
        Ok(figures)
    }

    /// Measures the delay of a third client while one searches all texts, again and again, and
    /// another fetches everything and reads nothing.
    pub(crate) fn fairness(&self) -> io::Result<Figures> {
        let (server, user) = self.start(10_000)?;
        let mut third = Client::reader(server.address, &user)?;
        let alone = self.noops(&mut third)?;
        let mut searcher = Client::reader(server.address, &user)?;
        let mut deaf = Client::reader(server.address, &user)?;
        deaf.send("FETCH 1:10000 RFC822")?;
        let (over, searches) = (AtomicBool::new(false), AtomicU32::new(0));
        let (busy, searched) = thread::scope(|scope| {
            let search = scope.spawn(|| -> io::Result<()> {
                while !over.load(Ordering::Relaxed) {
                    searcher.ask("SEARCH TEXT \"no such words\"")?;
                    searches.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            });
            let busy = self.noops(&mut third);
            over.store(true, Ordering::Relaxed);
            let searched = search
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("the searcher failed")));
            (busy, searched)
        });
        searched?;
        let mut figures = Figures::default();
        for (load, mut times) in [("alone", alone), ("beside both", busy?)] {
            for (name, per_cent) in [("p50", 50), ("max", 100), ("p99", 99)] {
                let value = quantile(&mut times, per_cent);
                figures.add(format!("NOOP {load}, {name}"), value, "ms");
            }
        }
        figures.at_most(20.0);
        figures.add("searches meanwhile", f64::from(searches.into_inner()), "");
        Ok(figures)
    }

    /// Sends a NOOP every 5 ms and measures the responses.
    pub(crate) fn noops(&self, client: &mut Client) -> io::Result<Vec<Duration>> {
        let end = Instant::now() + Duration::from_secs(self.seconds);
        let mut times = Vec::new();
        while Instant::now() < end {
            times.push(client.ask("NOOP")?);
            thread::sleep(Duration::from_millis(5));
        }
        Ok(times)
    }
}

/// Delivers the message number `count`; returns when all clients have received its EXISTS.
fn deliver(maildir: &Path, count: u32, clients: &mut [Client]) -> io::Result<Duration> {
    let name = format!("{count}.delivered");
    let unfinished = maildir.join("tmp").join(&name);
    fs::write(&unfinished, "Subject: news\n\nnews\n")?;
    let start = Instant::now();
    fs::rename(unfinished, maildir.join("new").join(&name))?;
    let line = format!("* {count} EXISTS");
    for client in clients {
        client.hear(line.as_bytes())?;
    }
    Ok(start.elapsed())
}

/// Removes the files that servers have written into a Maildir beside the mail.
fn forget(maildir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(maildir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if (name.starts_with("dovecot") || name.starts_with("imap2d"))
            && entry.file_type()?.is_file()
        {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Returns the quantile of some times, in milliseconds.
pub(crate) fn quantile(times: &mut [Duration], per_cent: usize) -> f64 {
    times.sort_unstable();
    let index = (times.len() * per_cent).div_ceil(100).saturating_sub(1);
    times.get(index).map_or(f64::NAN, |&time| millis(time))
}
