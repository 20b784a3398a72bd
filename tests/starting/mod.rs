//! The server started by other programs that listen or connect for it, each test with the real
//! program. `tests/inetd_and_preauth.rs` has the sessions on descriptors 0 and 1.

mod control;
mod fork_server;
mod inetd;
mod proxy;
mod sigterm;
mod ssh;
mod systemd;
mod wait;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::support::maildir::message;
use crate::support::program::until;
use crate::support::site::{PASSWORD, Site, USER};

/// How long anything here may take that does not wait for a timeout.
const LIMIT: Duration = Duration::from_secs(60);

/// The server exits 30 s after its last client; it gets more on a busy machine.
const IDLE_LIMIT: Duration = Duration::from_secs(120);

/// The text of the one message of [`site`].
const TEXT: &str = "Hello from afar.";

/// Creates a mail host with one message that belongs to an unprivileged user.
fn site() -> Site {
    let site = Site::of_a_user();
    site.maildir().deliver(&message("Greetings", "one", TEXT));
    site
}

/// Connects as soon as a process listens there.
fn connect(address: SocketAddr) -> TcpStream {
    let stream = until("a listener", LIMIT, || TcpStream::connect(address).ok());
    stream.set_read_timeout(Some(LIMIT)).expect("a time-out");
    stream
}

/// Logs in, reads one message and logs out.
fn converse(stream: TcpStream) {
    check(&responses(stream, b""), "* OK ");
}

/// Sends `first`, then logs in, reads one message and logs out. Returns everything that the server
/// sends.
fn responses(mut stream: TcpStream, first: &[u8]) -> String {
    let then = format!(
        "a1 LOGIN {USER} {PASSWORD}\r\na2 SELECT INBOX\r\na3 FETCH 1 RFC822.TEXT\r\na4 LOGOUT\r\n"
    );
    let text = [first, then.as_bytes()].concat();
    stream.write_all(&text).expect("a connection");
    let mut answers = String::new();
    stream.read_to_string(&mut answers).expect("answers");
    answers
}

fn check(answers: &str, greeting: &str) {
    assert!(answers.starts_with(greeting), "{answers}");
    for part in [TEXT, "a3 OK", "* BYE", "a4 OK"] {
        assert!(answers.contains(part), "no {part:?} in:\n{answers}");
    }
}
