//! Where log lines go: to descriptor 2 with the time, to descriptor 2 in the journal's format, or
//! to syslog.
//!
//! A log line is one line even if a client put line ends into its text: [`OneLine`] escapes control
//! characters, and every line passes through it. Each place in the source has some lines a minute
//! ([`LineLimit`]), so that no client can fill the log. No line contains a password: the types that
//! hold one do not print it.

mod line_limit;
mod log_limit;

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::SystemTime;

use self::line_limit::LineLimit;
pub(crate) use self::line_limit::UNLIMITED;
pub(crate) use self::log_limit::LogLimit;
use crate::types::DateTime;
use log::{Level, LevelFilter, Log, Metadata, Record};

/// The socket of syslog.
const SYSLOG_SOCKET: &str = "/dev/log";
/// Facility `mail` (RFC 3164 §4.1.1).
const FACILITY: u8 = 2;
/// The largest packet (RFC 3164 §4.1).
const MAX_PACKET: usize = 1024;

/// Starts logging, once in the life of a process. From now on panics are logged too; by default
/// they would be printed to descriptor 2, which may be a client's socket.
pub(crate) fn start(level: LevelFilter, syslog: bool) {
    let started = if syslog {
        log::set_boxed_logger(Box::new(LineLimit::new(Syslog::new())))
    } else {
        log::set_boxed_logger(Box::new(LineLimit::new(stderr().build())))
    };
    set_level(level);
    debug_assert!(started.is_ok(), "a process starts logging once");
    std::panic::set_hook(Box::new(|panic| log::error!("internal error: {panic}")));
}

/// Sets the least severe level that is logged.
pub(crate) fn set_level(level: LevelFilter) {
    log::set_max_level(level);
}

/// True if descriptor 2 is a client's socket: inetd and similar programs pass one socket as
/// descriptors 0, 1 and 2. systemd passes a socket as descriptor 2, too, but it is the journal's.
pub(crate) fn descriptor_2_is_a_client() -> bool {
    let stat = rustix::fs::fstat(rustix::stdio::stderr());
    let kind = stat.map(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode));
    kind == Ok(rustix::fs::FileType::Socket) && !descriptor_2_is_the_journal()
}

fn stderr() -> env_logger::Builder {
    let to_journal = descriptor_2_is_the_journal();
    let mut builder = env_logger::Builder::new();
    // The level may change while the process runs: the `log` crate filters by it.
    builder.filter_level(LevelFilter::Trace);
    builder.format(move |out, record| {
        let text = OneLine(record.args());
        if to_journal {
            writeln!(out, "<{}>{text}", severity(record.level()))
        } else {
            let time = DateTime::from(SystemTime::now());
            writeln!(out, "{time} {:5} {text}", record.level())
        }
    });
    builder
}

fn descriptor_2_is_the_journal() -> bool {
    is_journal(std::env::var("JOURNAL_STREAM").ok().as_deref())
}

/// True if descriptor 2 is the stream to the journal. The value of JOURNAL_STREAM is the device and
/// the inode of that stream, `8:1234` (systemd.exec(5)). The descriptor has to match, because child
/// processes inherit the variable even if they do not inherit the stream.
fn is_journal(variable: Option<&str>) -> bool {
    let Some((device, inode)) = variable.and_then(|value| value.split_once(':')) else {
        return false;
    };
    rustix::fs::fstat(rustix::stdio::stderr())
        .is_ok_and(|stat| stat.st_dev.to_string() == device && stat.st_ino.to_string() == inode)
}

/// Returns the severity of RFC 3164 §4.1.1, which the journal uses too.
fn severity(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// A text whose line ends and other control characters are escaped when it is written.
struct OneLine<T>(T);

impl<T: fmt::Display> fmt::Display for OneLine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '\n' => self.0.write_str(" / ")?,
                c if c.is_control() => write!(self.0, "{}", c.escape_default())?,
                c => self.0.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A logger that sends packets to syslog.
struct Syslog {
    /// `None` if the kernel has no socket for us: then log lines are lost.
    socket: Option<UnixDatagram>,
}

impl Syslog {
    /// Opens a socket that does not block: if syslog does not keep up, log lines are lost and
    /// clients are served on time.
    fn new() -> Self {
        let socket = UnixDatagram::unbound().ok();
        let socket = socket.filter(|socket| socket.set_nonblocking(true).is_ok());
        Self { socket }
    }

    fn send(&self, to: &Path, packet: &str) {
        if let Some(socket) = &self.socket {
            // A failure cannot be reported: this is the log.
            let _ = socket.send_to(packet.as_bytes(), to);
        }
    }
}

impl Log for Syslog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            self.send(Path::new(SYSLOG_SOCKET), &packet(record));
        }
    }

    fn flush(&self) {}
}

/// Returns a packet of RFC 3164 without the time. Syslog expects local time there, which it knows
/// better than this process, and adds the time if it is missing (§4.3.3).
fn packet(record: &Record<'_>) -> String {
    let mut packet = format!(
        "<{}>imap2d[{}]: {}",
        FACILITY * 8 + severity(record.level()),
        std::process::id(),
        OneLine(record.args())
    );
    let end = (0..=MAX_PACKET.min(packet.len()))
        .rev()
        .find(|&at| packet.is_char_boundary(at));
    packet.truncate(end.unwrap_or(0));
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        let text = OneLine("user \"a\r\nb\u{1b}[31m\u{85}ü\"").to_string();
        assert_eq!(text, "user \"a\\r / b\\u{1b}[31m\\u{85}ü\"");
    }

    #[test]
    fn a_packet_has_its_priority_and_at_most_1024_octets() {
        let packet_of = |level, text: &str| {
            packet(
                &Record::builder()
                    .level(level)
                    .args(format_args!("{text}"))
                    .build(),
            )
        };
        let prefix = format!("<22>imap2d[{}]: ", std::process::id());
        assert_eq!(packet_of(Level::Info, "a\nb"), format!("{prefix}a / b"));
        assert!(packet_of(Level::Error, "x").starts_with("<19>"));
        let long = packet_of(Level::Info, &"ü".repeat(2000));
        assert!((MAX_PACKET - 1..=MAX_PACKET).contains(&long.len()));
    }

    #[test]
    fn a_packet_reaches_the_socket_of_syslog() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("log");
        let logger = UnixDatagram::bind(&path).expect("a socket");
        Syslog::new().send(&path, "<22>imap2d: hello");
        let mut received = [0; 64];
        let length = logger.recv(&mut received).expect("a packet");
        assert_eq!(&received[..length], b"<22>imap2d: hello");
    }

    #[test]
    fn the_journal_is_recognized_by_its_inode() {
        let stat = rustix::fs::fstat(rustix::stdio::stderr()).expect("descriptor 2");
        let here = format!("{}:{}", stat.st_dev, stat.st_ino);
        assert!(is_journal(Some(&here)));
        for other in [None, Some(""), Some("1"), Some("0:0"), Some("x:y")] {
            assert!(!is_journal(other), "{other:?}");
        }
    }
}
