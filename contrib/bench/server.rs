//! The servers that are measured, and what they use of memory and time.

use crate::client::Client;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take to greet.
const START: Duration = Duration::from_secs(10);

/// The program to measure.
#[derive(Clone)]
pub(crate) enum Program {
    /// imap2d, at this path.
    Imap2d(PathBuf),
    /// An instance of the Dovecot that the system has installed (2.3).
    Dovecot,
}

impl Program {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Imap2d(_) => "imap2d",
            Self::Dovecot => "dovecot",
        }
    }

    /// Returns the size of the program in octets, if it is one file.
    pub(crate) fn size(&self) -> Option<u64> {
        match self {
            Self::Imap2d(path) => fs::metadata(path).ok().map(|status| status.len()),
            Self::Dovecot => None,
        }
    }

    /// Starts the program on the Maildirs `area/mail/USER`. Every user's password is `secret`.
    pub(crate) fn start(&self, area: &Path) -> io::Result<Server> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut command = match self {
            Self::Imap2d(path) => imap2d(path, area, address)?,
            Self::Dovecot => dovecot(area, port)?,
        };
        let log = fs::File::create(area.join(format!("{}.log", self.name())))?;
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let begin = Instant::now();
        let child = command.spawn()?;
        let mut server = Server {
            child,
            address,
            start_up: Duration::ZERO,
        };
        while Client::connect(address).is_err() {
            if begin.elapsed() > START || server.child.try_wait()?.is_some() {
                return Err(io::Error::other(format!(
                    "{} does not start: see its log in {}",
                    self.name(),
                    area.display()
                )));
            }
            thread::sleep(Duration::from_micros(200));
        }
        server.start_up = begin.elapsed();
        Ok(server)
    }
}

fn imap2d(path: &Path, area: &Path, address: SocketAddr) -> io::Result<Command> {
    let users = area.join("users");
    let names = fs::read_dir(area.join("mail"))?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    fs::write(
        &users,
        names
            .map(|name| format!("{name}:{{PLAIN}}secret\n"))
            .collect::<String>(),
    )?;
    let mut command = Command::new(path);
    command
        .arg("--listen")
        .arg(address.to_string())
        .arg("--users")
        .arg(users);
    command.arg("--mail").arg(area.join("mail/%u")).args([
        "--max-connections",
        "20000",
        "--max-per-address",
        "20000",
        "--max-per-user",
        "20000",
    ]);
    if rustix::process::geteuid().is_root() {
        let Owner { user, group } = owner(area)?;
        command.arg(format!("--run-as={user}:{group}"));
    }
    Ok(command)
}

/// The owner of the mail.
struct Owner {
    user: u32,
    group: u32,
}

/// Finds the owner of the mail. Mail that root has generated is given to the user nobody, because
/// neither server opens mail as root.
fn owner(area: &Path) -> io::Result<Owner> {
    let status = fs::metadata(area)?;
    if status.uid() != 0 {
        let (user, group) = (status.uid(), status.gid());
        return Ok(Owner { user, group });
    }
    let (user, group) = (65534, 65534);
    let mut chown = Command::new("chown");
    chown
        .arg("-R")
        .arg(format!("{user}:{group}"))
        .arg(area.join("mail"))
        .status()?;
    Ok(Owner { user, group })
}

fn dovecot(area: &Path, port: u16) -> io::Result<Command> {
    let area = area.canonicalize()?;
    let base = area.join("dovecot-run");
    fs::create_dir_all(&base)?;
    let Owner { user, group } = owner(&area)?;
    let config = area.join("dovecot.conf");
    fs::write(
        &config,
        format!(
            "base_dir = {base}\nstate_dir = {base}\nlog_path = /dev/stderr\nprotocols = imap\nlisten = 127.0.0.1\nssl = no\n\
             disable_plaintext_auth = no\nfirst_valid_uid = 0\nfirst_valid_gid = 0\nmail_location = maildir:{area}/mail/%u\nmail_max_userip_connections = 0\n\
             passdb {{\n driver = static\n args = password=secret\n}}\n\
             userdb {{\n driver = static\n args = uid={user} gid={group} home={area}/mail/%u\n}}\n\
             service imap-login {{\n inet_listener imap {{\n  port = {port}\n }}\n inet_listener imaps {{\n  port = 0\n }}\n}}\n\
             service imap {{\n process_limit = 4096\n}}\n",
            base = base.display(),
            area = area.display(),
        ),
    )?;
    let mut command = Command::new("dovecot");
    command.arg("-F").arg("-c").arg(config);
    Ok(command)
}

/// A running server; it is stopped when the value is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// The time from the start of the process to the greeting.
    pub(crate) start_up: Duration,
}

impl Server {
    /// Returns the memory of all processes of the server.
    pub(crate) fn memory(&self) -> Memory {
        // Work that the last command has started ends before that.
        thread::sleep(Duration::from_millis(500));
        let mut sum = Memory::default();
        for process in descendants(self.child.id()) {
            let memory = Memory::of(process);
            sum.resident += memory.resident;
            sum.private += memory.private;
        }
        sum
    }

    /// Returns the memory of the process that was started first.
    pub(crate) fn first_process(&self) -> Memory {
        Memory::of(self.child.id())
    }

    /// The most memory that the process has had resident that was started first, in KiB.
    pub(crate) fn peak(&self) -> f64 {
        sum_of(&format!("/proc/{}/status", self.child.id()), &["VmHWM:"])
    }

    /// Returns the numbers of its processes.
    pub(crate) fn processes(&self) -> Vec<u32> {
        descendants(self.child.id())
    }

    /// Returns how often its processes have gone to sleep so far, which is how often they have been
    /// woken.
    pub(crate) fn wake_ups(&self) -> f64 {
        let sleeps = |process| {
            let status = format!("/proc/{process}/status");
            sum_of(&status, &["voluntary_ctxt_switches:"])
        };
        descendants(self.child.id()).into_iter().map(sleeps).sum()
    }

    /// Counts the system calls of its processes in that time with `strace`, if it is installed and
    /// may trace them.
    pub(crate) fn system_calls(&self, time: Duration) -> io::Result<Option<f64>> {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-c", "-o", "/dev/stdout"]);
        for process in descendants(self.child.id()) {
            strace.arg("-p").arg(process.to_string());
        }
        let strace = strace.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let Ok(mut strace) = strace else {
            return Ok(None);
        };
        thread::sleep(time);
        if strace.try_wait()?.is_some() {
            return Ok(None);
        }
        Command::new("kill")
            .args(["-INT", &strace.id().to_string()])
            .status()?;
        let table = strace.wait_with_output()?.stdout;
        let table = String::from_utf8_lossy(&table);
        // Without any system call there is no table.
        let total = table.lines().find(|line| line.ends_with(" total"));
        let calls = total.and_then(|line| line.split_whitespace().nth(3)?.parse().ok());
        Ok(Some(calls.unwrap_or(0.0)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // std can only kill, and a server with children needs SIGTERM to end them.
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").arg(pid).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// Memory of a process or of several, in KiB.
#[derive(Default, Clone, Copy)]
pub(crate) struct Memory {
    /// `VmRSS`: with the pages of the program file and of libraries, counted once a process.
    pub(crate) resident: f64,
    /// Pages of this process only: `Private_Clean` and `Private_Dirty`.
    pub(crate) private: f64,
}

impl Memory {
    fn of(process: u32) -> Self {
        let rollup = format!("/proc/{process}/smaps_rollup");
        Self {
            resident: sum_of(&format!("/proc/{process}/status"), &["VmRSS:"]),
            private: sum_of(&rollup, &["Private_Clean:", "Private_Dirty:"]),
        }
    }
}

/// Returns the sum of some fields of a file of `/proc`.
fn sum_of(path: &str, fields: &[&str]) -> f64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let wanted = text
        .lines()
        .filter(|line| fields.iter().any(|field| line.starts_with(field)));
    wanted
        .filter_map(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok())
        .sum()
}

/// Returns a process and all its descendants.
fn descendants(root: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The name in parentheses may contain any octet; state and parent follow it.
            let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
            Some((pid, parent))
        })
        .collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(
            parents
                .iter()
                .filter(|pair| pair.1 == parent)
                .map(|pair| pair.0),
        );
        next += 1;
    }
    found
}
