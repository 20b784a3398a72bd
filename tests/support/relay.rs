//! A relay between a client and the server. It records what both send, and can break the
//! connection.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

/// How many lines of each side a failure shows.
const SHOWN: usize = 100;

/// A relay on a port of its own. It accepts connections until the value is dropped.
#[derive(Debug)]
pub(crate) struct Relay {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    connections: Vec<Connection>,
    /// How many octets from the server it still passes on before it breaks the connections.
    last: Option<usize>,
    is_over: bool,
}

#[derive(Debug)]
struct Connection {
    client: TcpStream,
    server: TcpStream,
    commands: Vec<u8>,
    answers: Vec<u8>,
}

/// The sender of some octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaker {
    Client,
    Server,
}

impl Relay {
    /// Starts a relay to the server at `address`.
    pub(crate) fn to(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let state = Arc::new(Mutex::new(State::default()));
        let relay = Self { port, state };
        let state = Arc::clone(&relay.state);
        thread::spawn(move || accept(&listener, address, &state));
        relay
    }

    /// Returns the port that clients connect to.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns what clients have sent, connection by connection.
    pub(crate) fn commands(&self) -> String {
        self.text(|connection| &connection.commands)
    }

    /// Returns what the server has sent, connection by connection.
    pub(crate) fn answers(&self) -> String {
        self.text(|connection| &connection.answers)
    }

    fn text(&self, side: impl Fn(&Connection) -> &Vec<u8>) -> String {
        let state = lock(&self.state);
        let sides = state.connections.iter().map(side);
        sides
            .map(|octets| String::from_utf8_lossy(octets))
            .collect()
    }

    /// Asserts that a client has sent `command` and the server `answer`, each as a part of what it
    /// sent.
    ///
    /// # Panics
    ///
    /// If either has not.
    pub(crate) fn assert_said(&self, command: &str, answer: &str) {
        assert!(
            self.commands().contains(command),
            "no client sent {command:?}"
        );
        assert!(
            self.answers().contains(answer),
            "the server does not say {answer:?}"
        );
    }

    /// Forgets what both sides have sent so far.
    pub(crate) fn forget(&self) {
        for connection in &mut lock(&self.state).connections {
            connection.commands.clear();
            connection.answers.clear();
        }
    }

    /// Breaks all connections that are open.
    pub(crate) fn cut(&self) {
        lock(&self.state).cut();
    }

    /// Breaks all connections once the server has sent this many more octets.
    pub(crate) fn cut_after(&self, octets: usize) {
        lock(&self.state).last = Some(octets);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        lock(&self.state).is_over = true;
        self.cut();
        // This wakes the listener up, which sees that it has to end.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if thread::panicking() {
            let (commands, answers) = (self.commands(), self.answers());
            eprintln!(
                "--- commands\n{}--- answers\n{}---",
                end(&commands),
                end(&answers)
            );
        }
    }
}

impl State {
    fn cut(&self) {
        for connection in &self.connections {
            // Fails for a connection that has ended already.
            let _ = connection.client.shutdown(Shutdown::Both);
            let _ = connection.server.shutdown(Shutdown::Both);
        }
    }

    /// Records octets before they are passed on. Returns false if the connection breaks before
    /// them.
    fn hear(&mut self, connection: usize, speaker: Speaker, octets: &[u8]) -> bool {
        if let (Speaker::Server, Some(last)) = (speaker, self.last) {
            self.last = last.checked_sub(octets.len());
            if self.last.is_none() {
                self.cut();
                return false;
            }
        }
        let connection = &mut self.connections[connection];
        match speaker {
            Speaker::Client => connection.commands.extend_from_slice(octets),
            Speaker::Server => connection.answers.extend_from_slice(octets),
        }
        true
    }
}

/// Returns the last lines of a text.
fn end(text: &str) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    lines[lines.len().saturating_sub(SHOWN)..].concat()
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state
        .lock()
        .expect("no thread panics while it holds the lock")
}

fn accept(listener: &TcpListener, address: SocketAddr, state: &Arc<Mutex<State>>) {
    for client in listener.incoming() {
        if lock(state).is_over {
            return;
        }
        // The client has disconnected again, or the server is being restarted.
        let Ok(client) = client else { continue };
        let Ok(server) = TcpStream::connect(address) else {
            continue;
        };
        connect(client, server, state);
    }
}

fn connect(client: TcpStream, server: TcpStream, state: &Arc<Mutex<State>>) {
    let clone = |stream: &TcpStream| stream.try_clone().expect("a second descriptor");
    let ends = [
        (Speaker::Client, clone(&client), clone(&server)),
        (Speaker::Server, clone(&server), clone(&client)),
    ];
    for stream in [&client, &server] {
        stream.set_nodelay(true).expect("a socket has that option");
    }
    let connection = {
        let mut state = lock(state);
        state.connections.push(Connection {
            client,
            server,
            commands: Vec::new(),
            answers: Vec::new(),
        });
        state.connections.len() - 1
    };
    for (speaker, from, to) in ends {
        let state = Arc::clone(state);
        let hear = move |octets: &[u8]| lock(&state).hear(connection, speaker, octets);
        thread::spawn(move || copy(from, to, hear));
    }
}

/// Passes on what one side sends, as long as `hear` returns true.
fn copy(mut from: TcpStream, mut to: TcpStream, mut hear: impl FnMut(&[u8]) -> bool) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let octets = &buffer[..length];
        if !hear(octets) || to.write_all(octets).is_err() {
            break;
        }
    }
    // The other direction may still have data.
    let _ = to.shutdown(Shutdown::Write);
}
