//! Measures what another user's NOOP feels while one user reads a gigabyte of mail that is not in
//! memory, on the disk as it is and on one that reads as slowly as a card.
//!
//! The slow disk is a limit of the control group that the server is put into, which takes root and
//! the blkio controller. The bench drops the mail from the page cache, but not the inodes: that
//! would slow other programs of the machine too.

use crate::client::Client;
use crate::measure::{Bench, Figures, quantile};
use crate::server::Server;
use rustix::fs::Advice;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The messages, each of a mebibyte.
const MESSAGES: u32 = 1_000;
const SIZE: usize = 1 << 20;
/// What the slow disk reads in a second, in octets.
const SLOW: u64 = 20 << 20;
/// The user who reads.
const READER: &str = "cold";

/// What the user does with the mail.
const COMMANDS: [(&str, &str); 2] = [
    ("FETCH of all texts", "BODY.PEEK[]"),
    ("SEARCH TEXT", "SEARCH TEXT \"no such words\""),
];

impl Bench {
    /// Measures NOOPs beside commands that read cold mail.
    pub(crate) fn cold(&self) -> io::Result<Figures> {
        let maildir = self.area.join("mail").join(READER);
        if !maildir.exists() {
            eprintln!("making {} ...", maildir.display());
            generate(&maildir)?;
        }
        let mut figures = Figures::default();
        for is_slow in [false, true] {
            let disk = if is_slow { "slow disk" } else { "this disk" };
            let (server, other) = self.start(10)?;
            let group = is_slow.then(|| SlowDisk::new(&server, &maildir));
            if let Some(Err(error)) = &group {
                eprintln!("cold: no slow disk, because a control group cannot be made: {error}");
                break;
            }
            for (name, command) in COMMANDS {
                let (mut noops, rate) = self.beside(&server, &other, &maildir, command)?;
                figures.add(format!("cold {name}, {disk}"), rate, "MiB/s");
                let name = format!("NOOP beside it, {name}, {disk}");
                for (quantile_name, per_cent) in [("p50", 50), ("max", 100), ("p99", 99)] {
                    let value = quantile(&mut noops, per_cent);
                    figures.add(format!("{name}, {quantile_name}"), value, "ms");
                }
                figures.at_most(20.0);
            }
            // The group can be removed when its processes have ended.
            drop(server);
            drop(group);
        }
        Ok(figures)
    }

    /// Sends NOOPs while another client reads the mail, one message after the other. Returns their
    /// times, and how many messages were read in a second.
    fn beside(
        &self,
        server: &Server,
        other: &str,
        maildir: &Path,
        command: &str,
    ) -> io::Result<(Vec<Duration>, f64)> {
        let mut polite = Client::reader(server.address, other)?;
        let mut reader = Client::connect(server.address)?;
        reader.ask("CAPABILITY")?;
        reader.ask(&format!("LOGIN {READER} secret"))?;
        reader.ask("SELECT INBOX")?;
        evict(maildir)?;
        let over = AtomicBool::new(false);
        let (noops, rate) = thread::scope(|scope| {
            let reading = scope.spawn(|| {
                let (start, mut messages) = (Instant::now(), 0.0);
                for number in 1..=MESSAGES {
                    let command = match command.strip_prefix("SEARCH ") {
                        Some(key) => format!("SEARCH {number} {key}"),
                        None => format!("FETCH {number} {command}"),
                    };
                    if over.load(Ordering::Relaxed) || reader.ask(&command).is_err() {
                        break;
                    }
                    messages += 1.0;
                }
                messages / start.elapsed().as_secs_f64()
            });
            let noops = self.noops(&mut polite);
            over.store(true, Ordering::Relaxed);
            (noops, reading.join().unwrap_or(f64::NAN))
        });
        Ok((noops?, rate))
    }
}

/// Makes the Maildir, all of which is on disk afterwards.
fn generate(maildir: &Path) -> io::Result<()> {
    let unfinished = maildir.with_extension("unfinished");
    for sub in ["cur", "new", "tmp"] {
        fs::create_dir_all(unfinished.join(sub))?;
    }
    let line = b"what is in this message is of no importance, only its length\n";
    for number in 0..MESSAGES {
        let mut text = format!("Subject: {number}\n\n").into_bytes();
        text.extend(line.iter().cycle().take(SIZE));
        let path = unfinished.join(format!("cur/{}.cold:2,S", 1_600_000_000 + number));
        let mut file = File::create(path)?;
        file.write_all(&text)?;
        file.sync_all()?;
    }
    fs::rename(unfinished, maildir)
}

/// Drops the mail from the page cache.
fn evict(maildir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(maildir.join("cur"))? {
        let file = File::open(entry?.path())?;
        rustix::fs::fadvise(&file, 0, None, Advice::DontNeed)?;
    }
    Ok(())
}

/// A control group whose processes read slowly from the disk that the mail is on.
struct SlowDisk(PathBuf);

impl SlowDisk {
    fn new(server: &Server, maildir: &Path) -> io::Result<Self> {
        let device = fs::metadata(maildir)?.dev();
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        let (root, file, limit) = match Path::new("/sys/fs/cgroup/blkio").exists() {
            true => (
                "blkio/",
                "blkio.throttle.read_bps_device",
                format!("{SLOW}"),
            ),
            false => ("", "io.max", format!("rbps={SLOW}")),
        };
        let group = Self(Path::new("/sys/fs/cgroup").join(format!("{root}imap2d-bench")));
        fs::create_dir_all(&group.0)?;
        fs::write(group.0.join(file), format!("{major}:{minor} {limit}"))?;
        for process in server.processes() {
            fs::write(group.0.join("cgroup.procs"), process.to_string())?;
        }
        Ok(group)
    }
}

impl Drop for SlowDisk {
    fn drop(&mut self) {
        // A process that is still ending goes on in the group above.
        let processes = fs::read_to_string(self.0.join("cgroup.procs")).unwrap_or_default();
        for process in processes.lines() {
            let _ = fs::write(self.0.with_file_name("cgroup.procs"), process);
        }
        if let Err(error) = fs::remove_dir(&self.0) {
            eprintln!("cold: cannot remove {}: {error}", self.0.display());
        }
    }
}
