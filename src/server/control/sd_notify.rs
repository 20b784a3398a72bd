//! Notifications to the service manager: that the server serves, reloads its options or ends, and
//! how many clients are connected.
//!
//! systemd starts a service with `Type=notify` and waits for a datagram at the socket that it names
//! in `NOTIFY_SOCKET` (sd_notify(3)); without the variable the server notifies no other program.
//! The socket is opened once at the start, before the process gives up rights.

use rustix::time::{ClockId, clock_gettime};
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

/// Shortest time between two notifications of the number of clients, which only people read.
const STATUS_INTERVAL: Duration = Duration::from_secs(5);

/// The service manager that supervises this process, if there is one.
#[derive(Debug, Default)]
pub(crate) struct ServiceManager {
    socket: Option<UnixDatagram>,
    /// Number of clients in the last notification.
    notified_clients: Option<usize>,
    /// Time before which the number of clients is not notified again.
    quiet_until: Option<Instant>,
    /// True if the number of clients has changed since the last notification.
    has_changed: bool,
}

impl ServiceManager {
    /// Returns the service manager that the environment names.
    pub(crate) fn from_env() -> Self {
        std::env::var_os("NOTIFY_SOCKET").map_or_else(Self::default, |name| Self::at(&name))
    }

    fn at(name: &OsStr) -> Self {
        let socket = connect(name).map_err(|error| {
            log::warn!(
                "cannot reach the service manager at {}: {error}",
                name.to_string_lossy()
            );
        });
        Self {
            socket: socket.ok(),
            ..Self::default()
        }
    }

    /// Notifies that clients are served from now on, or again.
    pub(crate) fn notify_ready(&self) {
        self.send("READY=1");
    }

    /// Notifies that the options are being reloaded. systemd expects the time of the beginning, to
    /// match it with its request.
    pub(crate) fn notify_reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// Notifies that the server shuts down.
    pub(crate) fn notify_stopping(&self) {
        self.send("STOPPING=1");
    }

    /// Notifies the number of clients, if it has changed and [`STATUS_INTERVAL`] has passed.
    pub(crate) fn notify_clients(&mut self, clients: usize, now: Instant) {
        self.has_changed = self.socket.is_some() && self.notified_clients != Some(clients);
        if self.has_changed && self.quiet_until.is_none_or(|until| until <= now) {
            self.send(&format!("STATUS=Clients: {clients}"));
            self.notified_clients = Some(clients);
            self.quiet_until = Some(now + STATUS_INTERVAL);
            self.has_changed = false;
        }
    }

    /// Returns the time at which the number of clients is to be notified.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.quiet_until.filter(|_| self.has_changed)
    }

    fn send(&self, text: &str) {
        if let Some(socket) = &self.socket {
            if let Err(error) = socket.send(text.as_bytes()) {
                log::debug!("cannot notify the service manager of {text:?}: {error}");
            }
        }
    }
}

/// Connects to the socket of that name. A name that begins with `@` has no file (unix(7),
/// abstract).
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

    fn received(manager: &UnixDatagram) -> String {
        let mut text = [0; 256];
        let length = manager.recv(&mut text).expect("a datagram");
        String::from_utf8_lossy(&text[..length]).into_owned()
    }

    #[test]
    fn the_service_manager_receives_notifications() {
        let name = format!("imap2d-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let manager = UnixDatagram::bind_addr(&address).expect("a socket");
        let service = ServiceManager::at(OsStr::new(&format!("@{name}")));
        service.notify_ready();
        assert_eq!(received(&manager), "READY=1");
        service.notify_reloading();
        let text = received(&manager);
        let since = text.strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
        assert!(
            since.is_some_and(|since| since.parse::<u64>().is_ok()),
            "{text}"
        );
    }

    #[test]
    fn the_number_of_clients_is_sent_at_most_every_few_seconds() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("notify");
        let manager = UnixDatagram::bind(&path).expect("a socket");
        let mut service = ServiceManager::at(path.as_os_str());
        let start = Instant::now();
        service.notify_clients(0, start);
        assert_eq!(received(&manager), "STATUS=Clients: 0");
        service.notify_clients(1, start);
        assert_eq!(service.deadline(), Some(start + STATUS_INTERVAL));
        service.notify_clients(2, start + STATUS_INTERVAL);
        assert_eq!(received(&manager), "STATUS=Clients: 2");
        service.notify_clients(2, start + STATUS_INTERVAL);
        assert_eq!(service.deadline(), None);
    }

    #[test]
    fn without_a_service_manager_nothing_is_sent() {
        let mut none = ServiceManager::at(OsStr::new("/nonexistent/notify"));
        none.notify_ready();
        none.notify_clients(1, Instant::now());
        assert_eq!(none.deadline(), None);
    }
}
