//! Measures what a slow disk does to clients: many sessions append, each to a mailbox of its own
//! and then all to one, while each flush takes 50 ms, and another user sends NOOP.
//!
//! The slow disk is `strace`, which lets the server's calls of fsync and fdatasync return late. The
//! rate is also given as a multiple of that of a server which makes one flush after the other: the
//! event loop would, if it flushed itself.

use crate::client::Client;
use crate::generate;
use crate::measure::{Bench, Figures, quantile};
use crate::server::{Program, Server};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

/// How long a flush takes on the slow disk, in microseconds.
const FLUSH: u32 = 50_000;
/// The flushes of an append: of the file, of its directory, and of the uid list.
const FLUSHES_OF_APPEND: u32 = 3;
/// The most sessions that append.
const APPENDERS: u32 = 60;
/// What they append.
const APPEND: &str = "APPEND INBOX {22+}\r\nSubject: one\r\n\r\ntext\r\n";

impl Bench {
    /// Measures appends to mailboxes on a slow disk, and the delay of another user's NOOP.
    pub(crate) fn flush(&self) -> io::Result<Figures> {
        let mut figures = Figures::default();
        let Program::Imap2d(binary) = &self.program else {
            return Ok(figures);
        };
        if !may_delay() {
            eprintln!("flush: not measured, because strace is absent or may not trace");
            return Ok(figures);
        }
        let slow = Program::Imap2d(slow_program(&self.area, binary)?);
        let appenders = self.sessions.min(APPENDERS);
        for (mailboxes, which) in [(appenders, "a mailbox each"), (1, "one mailbox")] {
            let users = self.make_users(mailboxes)?;
            let server = slow.start(&self.area)?;
            self.append(&server, &users, appenders, which, &mut figures)?;
        }
        Ok(figures)
    }

    /// Makes the Maildirs of those who append and of the one who does not.
    fn make_users(&self, count: u32) -> io::Result<Vec<String>> {
        let mail = self.area.join("mail");
        fs::create_dir_all(&mail)?;
        let users: Vec<String> = (0..count).map(|user| format!("flush{user}")).collect();
        for user in users.iter().chain([&"flush-other".to_owned()]) {
            let maildir = mail.join(user);
            if maildir.exists() {
                fs::remove_dir_all(&maildir)?;
            }
            generate::maildir(&maildir, 0)?;
        }
        Ok(users)
    }

    fn append(
        &self,
        server: &Server,
        users: &[String],
        appenders: u32,
        which: &str,
        figures: &mut Figures,
    ) -> io::Result<()> {
        let mut other = Client::reader(server.address, "flush-other")?;
        let mut clients = Vec::new();
        for user in users.iter().cycle().take(appenders as usize) {
            let mut client = Client::connect(server.address)?;
            client.ask(&format!("LOGIN {user} secret"))?;
            clients.push(client);
        }
        let (over, appended) = (AtomicBool::new(false), AtomicU32::new(0));
        let mut noops = thread::scope(|scope| {
            for client in &mut clients {
                let (over, appended) = (&over, &appended);
                scope.spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        // A client that waits too long for the lock is refused, and tries again.
                        if client.ask(APPEND).is_ok() {
                            appended.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
            let noops = self.noops(&mut other);
            over.store(true, Ordering::Relaxed);
            noops
        })?;
        let rate = f64::from(appended.into_inner()) / self.seconds as f64;
        figures.add(format!("{appenders} sessions, {which}"), rate, "/s");
        let one_by_one = 1e6 / f64::from(FLUSHES_OF_APPEND * FLUSH);
        figures.add(
            "as a multiple of one flush at a time",
            rate / one_by_one,
            "",
        );
        figures.at_least(10.0);
        figures.add("NOOP of another user, p50", quantile(&mut noops, 50), "ms");
        figures.add("NOOP of another user, p99", quantile(&mut noops, 99), "ms");
        figures.at_most(10.0);
        Ok(())
    }
}

/// True if `strace` is there and may delay a call.
fn may_delay() -> bool {
    let mut strace = Command::new("strace");
    strace.args(delay()).arg("true");
    let ended = strace.stdout(Stdio::null()).stderr(Stdio::null()).status();
    ended.is_ok_and(|status| status.success())
}

/// The options of `strace` that delay flushes, and stop the program for no other call.
fn delay() -> [String; 10] {
    let inject = format!("inject=fsync,fdatasync:delay_exit={FLUSH}");
    [
        "-f",
        "-I2",
        "--seccomp-bpf",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=fsync,fdatasync",
        "-e",
        &inject,
    ]
    .map(String::from)
}

/// Writes a script that starts the program on the slow disk.
fn slow_program(area: &Path, binary: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(area)?;
    let script = area.join("slow-disk");
    let options = delay().join(" ");
    let binary = binary.canonicalize()?;
    let text = format!(
        "#!/bin/sh\nexec strace {options} '{}' \"$@\"\n",
        binary.display()
    );
    fs::write(&script, text)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Ok(script)
}
