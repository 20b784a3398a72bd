//! What the service manager is told: that we serve, that we read our options again, that we end, and
//! how many clients there are.
//!
//! systemd starts a service with `Type=notify` and waits for a datagram at the socket that it names in
//! `NOTIFY_SOCKET` (sd_notify(3)); without the variable nobody wants to know. The socket is opened once at the
//! start, before rights are given up.

use rustix::time::{ClockId, clock_gettime};
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

/// The number of clients is told so often at most: it is for people.
const STATUS_INTERVAL: Duration = Duration::from_secs(5);

/// Whoever supervises this process, if anybody does.
#[derive(Debug, Default)]
pub(crate) struct ServiceManager {
    socket: Option<UnixDatagram>,
    told_clients: Option<usize>,
    /// Before that the number of clients is not told again.
    quiet_until: Option<Instant>,
    /// The number of clients has changed since it was told.
    has_news: bool,
}

impl ServiceManager {
    /// The one that the environment names.
    pub(crate) fn from_env() -> Self {
        std::env::var_os("NOTIFY_SOCKET").map_or_else(Self::default, |name| Self::at(&name))
    }

    fn at(name: &OsStr) -> Self {
        let socket = connect(name).map_err(|error| {
            log::warn!(
                "the service manager cannot be reached at {}: {error}",
                name.to_string_lossy()
            );
        });
        Self {
            socket: socket.ok(),
            ..Self::default()
        }
    }

    /// Clients are served from now on, or again.
    pub(crate) fn tell_ready(&self) {
        self.tell("READY=1");
    }

    /// The options are being read again. systemd wants to know since when, to match it with its request.
    pub(crate) fn tell_reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// Nobody else is served.
    pub(crate) fn tell_stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// Tells how many clients there are, if that is news and has not been told just now.
    pub(crate) fn tell_clients(&mut self, clients: usize, now: Instant) {
        self.has_news = self.socket.is_some() && self.told_clients != Some(clients);
        if self.has_news && self.quiet_until.is_none_or(|until| until <= now) {
            self.tell(&format!("STATUS=Clients: {clients}"));
            self.told_clients = Some(clients);
            self.quiet_until = Some(now + STATUS_INTERVAL);
            self.has_news = false;
        }
    }

    /// When the number of clients is to be told.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.quiet_until.filter(|_| self.has_news)
    }

    fn tell(&self, text: &str) {
        if let Some(socket) = &self.socket {
            if let Err(error) = socket.send(text.as_bytes()) {
                log::debug!("the service manager was not told {text:?}: {error}");
            }
        }
    }
}

/// A name that begins with `@` has no file (unix(7), abstract).
fn connect(name: &OsStr) -> io::Result<UnixDatagram> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        path => SocketAddr::from_pathname(OsStr::from_bytes(path)),
    }?;
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect_addr(&address)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(manager: &UnixDatagram) -> String {
        let mut text = [0; 256];
        let length = manager.recv(&mut text).expect("a datagram");
        String::from_utf8_lossy(&text[..length]).into_owned()
    }

    #[test]
    fn it_hears_what_it_waits_for() {
        let name = format!("imap2d-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let manager = UnixDatagram::bind_addr(&address).expect("a socket");
        let told = ServiceManager::at(OsStr::new(&format!("@{name}")));
        told.tell_ready();
        assert_eq!(heard(&manager), "READY=1");
        told.tell_reloading();
        let text = heard(&manager);
        let since = text.strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
        assert!(
            since.is_some_and(|since| since.parse::<u64>().is_ok()),
            "{text}"
        );
    }

    #[test]
    fn clients_are_counted_now_and_then() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("notify");
        let manager = UnixDatagram::bind(&path).expect("a socket");
        let mut told = ServiceManager::at(path.as_os_str());
        let start = Instant::now();
        told.tell_clients(0, start);
        assert_eq!(heard(&manager), "STATUS=Clients: 0");
        told.tell_clients(1, start);
        assert_eq!(told.deadline(), Some(start + STATUS_INTERVAL));
        told.tell_clients(2, start + STATUS_INTERVAL);
        assert_eq!(heard(&manager), "STATUS=Clients: 2");
        told.tell_clients(2, start + STATUS_INTERVAL);
        assert_eq!(told.deadline(), None);
    }

    #[test]
    fn nobody_wants_to_know() {
        let mut nobody = ServiceManager::at(OsStr::new("/nonexistent/notify"));
        nobody.tell_ready();
        nobody.tell_clients(1, Instant::now());
        assert_eq!(nobody.deadline(), None);
    }
}
