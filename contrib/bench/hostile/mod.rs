//! The worst commands that one user can send, each with the stall that it causes for the others and
//! the memory that it takes.
//!
//! Each attack meets a server that has just been started, over the same mail: a fresh copy, if the
//! attack before it has changed the mail.
//! Beside it a second user sends NOOP every 2 ms, and a third client connects every 10 ms and waits
//! for the greeting.

mod attacks;
mod mail;

use self::attacks::{ATTACKS, Attacker};
use crate::client::Client;
use crate::measure::{Bench, Figures};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The longest that a NOOP or a greeting may take beside an attack, on an idle machine, in ms.
const STALL: f64 = 20.0;
/// The most memory that the serving process may take meanwhile, in MB.
const MEMORY: f64 = 64.0;

impl Bench {
    /// The stall and the peak memory of each attack.
    pub(crate) fn hostile(&self) -> io::Result<Figures> {
        let template = self.area.join("hostile");
        if !template.exists() {
            eprintln!("making {} ...", template.display());
            fs::create_dir_all(&self.area)?;
            mail::generate(&template)?;
        }
        let (stall, memory) = self.hostile_limits.unwrap_or((STALL, MEMORY));
        let mut figures = Figures::default();
        let mut is_fresh = false;
        for attack in ATTACKS {
            if !is_fresh {
                self.copy_mail(&template)?;
            }
            is_fresh = !attack.changes_mail();
            let (server, polite) = self.start(10)?;
            let attacker = Attacker {
                address: server.address,
                time: Duration::from_secs(self.seconds),
            };
            let over = AtomicBool::new(false);
            let (noop, greeting, outcome) = thread::scope(|scope| {
                let noops = scope.spawn(|| longest_noop(&attacker, &polite, &over));
                let greetings = scope.spawn(|| longest_greeting(&attacker, &over));
                thread::sleep(Duration::from_millis(100));
                let outcome = (attack.run)(&attacker);
                thread::sleep(Duration::from_millis(100));
                over.store(true, Ordering::Relaxed);
                (joined(noops.join()), joined(greetings.join()), outcome)
            });
            let name = attack.name;
            match outcome {
                Ok(()) => eprintln!("{name}: done"),
                Err(error) => eprintln!("{name}: {error}"),
            }
            figures.add(format!("{name}: NOOP"), noop?, "ms");
            figures.at_most(stall);
            figures.add(format!("{name}: greeting"), greeting?, "ms");
            figures.at_most(stall);
            figures.add(format!("{name}: memory"), server.peak() / 1024.0, "MiB");
            figures.at_most(memory);
        }
        Ok(figures)
    }

    /// Gives the attacker a fresh copy of the mail.
    fn copy_mail(&self, template: &Path) -> io::Result<()> {
        let mailboxes = self.area.join("mail");
        let maildir = mailboxes.join("mallory");
        if maildir.exists() {
            fs::remove_dir_all(&maildir)?;
        }
        fs::create_dir_all(&mailboxes)?;
        mail::link(template, &maildir)
    }
}

fn joined<T>(result: thread::Result<io::Result<T>>) -> io::Result<T> {
    result.unwrap_or_else(|_| Err(io::Error::other("a client panicked")))
}

/// The longest NOOP of another user, in ms.
fn longest_noop(attacker: &Attacker, polite: &str, over: &AtomicBool) -> io::Result<f64> {
    let mut client = Client::reader(attacker.address, polite)?;
    let mut longest = Duration::ZERO;
    while !over.load(Ordering::Relaxed) {
        longest = longest.max(client.ask("NOOP")?);
        thread::sleep(Duration::from_millis(2));
    }
    Ok(longest.as_secs_f64() * 1000.0)
}

/// The longest that a new client waits for its greeting, in ms.
fn longest_greeting(attacker: &Attacker, over: &AtomicBool) -> io::Result<f64> {
    let mut longest = Duration::ZERO;
    while !over.load(Ordering::Relaxed) {
        let start = Instant::now();
        drop(Client::connect(attacker.address)?);
        longest = longest.max(start.elapsed());
        thread::sleep(Duration::from_millis(10));
    }
    Ok(longest.as_secs_f64() * 1000.0)
}
