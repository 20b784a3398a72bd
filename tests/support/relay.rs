//! What a client and the server really say to each other: a relay between them, which writes it down and
//! can be cut as lines are.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

/// How many lines of each side a failure shows.
const SHOWN: usize = 100;

/// A relay on a port of its own; it takes connections until the value is dropped.
#[derive(Debug)]
pub(crate) struct Relay {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    connections: Vec<Connection>,
    /// The octets from the server after which the line is cut, counted down.
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

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaker {
    Client,
    Server,
}

impl Relay {
    /// A relay to the server at `address`.
    pub(crate) fn to(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let state = Arc::new(Mutex::new(State::default()));
        let relay = Self { port, state };
        let state = Arc::clone(&relay.state);
        thread::spawn(move || accept(&listener, address, &state));
        relay
    }

    /// The port to connect to.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What clients have said, connection by connection.
    pub(crate) fn commands(&self) -> String {
        self.text(|connection| &connection.commands)
    }

    /// What the server has said, connection by connection.
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

    /// Asserts that a client has said the one and the server the other, word by word.
    ///
    /// # Panics
    /// When they have not.
    pub(crate) fn assert_said(&self, command: &str, answer: &str) {
        assert!(self.commands().contains(command), "nobody says {command:?}");
        assert!(
            self.answers().contains(answer),
            "the server does not say {answer:?}"
        );
    }

    /// Forgets what has been said so far.
    pub(crate) fn forget(&self) {
        for connection in &mut lock(&self.state).connections {
            connection.commands.clear();
            connection.answers.clear();
        }
    }

    /// Cuts all connections that there are.
    pub(crate) fn cut(&self) {
        lock(&self.state).cut();
    }

    /// Cuts all connections when the server has said so many octets more.
    pub(crate) fn cut_after(&self, octets: usize) {
        lock(&self.state).last = Some(octets);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        lock(&self.state).is_over = true;
        self.cut();
        // The listener wakes up and sees that it is over.
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
            // One that has ended by itself is closed already.
            let _ = connection.client.shutdown(Shutdown::Both);
            let _ = connection.server.shutdown(Shutdown::Both);
        }
    }

    /// Notes octets before they are passed on; false where the line is cut before them.
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

/// The last lines of a text.
fn end(text: &str) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    lines[lines.len().saturating_sub(SHOWN)..].concat()
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("nobody panics with the wire in hand")
}

fn accept(listener: &TcpListener, address: SocketAddr, state: &Arc<Mutex<State>>) {
    for client in listener.incoming() {
        if lock(state).is_over {
            return;
        }
        // A client that has gone again, or a server that is being started anew.
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

/// Passes on what one of them says, as long as `hear` agrees.
fn copy(mut from: TcpStream, mut to: TcpStream, mut hear: impl FnMut(&[u8]) -> bool) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let octets = &buffer[..length];
        if !hear(octets) || to.write_all(octets).is_err() {
            break;
        }
    }
    // The other direction may have more to say.
    let _ = to.shutdown(Shutdown::Write);
}
