//! Servers on loopback sockets, with good clients and bad ones.

use super::accept::{self, StdioClient};
use super::event_loop::EventLoop;
use super::login::Logins;
use super::setup::{open_store, session_config};
use super::shared::Shared;
use super::transport::{Descriptors, Transport};
use super::{Handle, Server, ServerError};
use crate::options::Options;
use crate::store::{FlushResult, Settings, Store};
use mio::Poll;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Octets of a message that no socket buffer holds, so that a client that does not read makes the
/// server wait.
const LARGE: usize = 16 * 1024 * 1024;

/// A directory with the users `ann` and `bob`, whose password is `secret`, and one large message of
/// `ann`.
fn home() -> TempDir {
    let home = tempfile::tempdir().expect("a directory");
    fs::write(
        home.path().join("users"),
        "ann:{PLAIN}secret\nbob:{PLAIN}secret\n",
    )
    .expect("a passwd-file");
    for sub in ["cur", "new", "tmp"] {
        fs::create_dir_all(home.path().join("ann").join(sub)).expect("a Maildir");
    }
    let mut message = b"Subject: large\n\n".to_vec();
    message.resize(LARGE, b'x');
    fs::write(home.path().join("ann/cur/1.large:2,S"), message).expect("a message");
    home
}

fn options(home: &TempDir, more: &[&str]) -> Options {
    let path = |name: &str| home.path().join(name).display().to_string();
    let (users, mail) = (path("users"), path("%u"));
    let mut args = vec!["--users", &users, "--mail", &mail];
    args.extend(more);
    Options::from_args(args).unwrap_or_else(|errors| panic!("{errors}"))
}

/// A running server.
struct Running {
    address: SocketAddr,
    handle: Handle,
    thread: Option<JoinHandle<Result<(), ServerError>>>,
    home: TempDir,
}

fn start(more: &[&str]) -> Running {
    let home = home();
    let mut args = vec!["--listen", "127.0.0.1:0"];
    args.extend(more);
    let server = Server::bind(&options(&home, &args)).expect("a server");
    run(server, home)
}

fn run(server: Server, home: TempDir) -> Running {
    Running {
        address: server.local_addr(),
        handle: server.handle(),
        thread: Some(thread::spawn(move || server.run())),
        home,
    }
}

impl Running {
    fn connect(&self) -> Connected {
        let stream = TcpStream::connect(self.address).expect("a connection");
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).expect("a time-out");
        Connected(BufReader::new(stream))
    }

    fn client(&self) -> Connected {
        let mut client = self.connect();
        let greeting = client.line();
        assert!(greeting.starts_with("* OK"), "{greeting}");
        client
    }

    /// Connects clients that are in IDLE on the mailbox.
    fn idle_clients(&self, count: usize) -> Vec<Connected> {
        let mut idle: Vec<_> = (0..count).map(|_| self.client()).collect();
        for client in &mut idle {
            client.send("in LOGIN ann secret\r\ns SELECT INBOX\r\ni IDLE\r\n");
        }
        for client in &mut idle {
            while client.line() != "+ idling\r\n" {}
        }
        idle
    }

    /// Delivers a message as a delivery agent does.
    fn deliver(&self, name: &str) {
        let maildir = self.home.path().join("ann");
        let tmp = maildir.join("tmp").join(name);
        fs::write(&tmp, "Subject: news\n\nnews\n").expect("written");
        fs::rename(tmp, maildir.join("new").join(name)).expect("delivered");
    }

    fn stop(&mut self) -> Result<(), ServerError> {
        self.handle.shut_down();
        let thread = self.thread.take().expect("it runs");
        thread.join().expect("no panic")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.thread.is_some() && !thread::panicking() {
            self.handle.shut_down();
            self.stop().expect("a clean end");
        }
    }
}

/// A client.
struct Connected(BufReader<TcpStream>);

impl Connected {
    fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(octets.as_ref()).expect("sent");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a line");
        line
    }

    /// Sends a command and returns its tagged response.
    fn ask(&mut self, command: &str) -> String {
        self.send(format!("{command}\r\n"));
        let tag = command.split(' ').next().expect("a tag");
        self.answer(tag)
    }

    fn answer(&mut self, tag: &str) -> String {
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "the server hung up");
            if let Some(answer) = line.strip_prefix(&format!("{tag} ")) {
                return answer.into();
            }
        }
    }

    fn log_in(&mut self) {
        let answer = self.ask("in LOGIN ann secret");
        assert!(answer.starts_with("OK"), "{answer}");
    }

    fn rest(mut self) -> String {
        let mut rest = String::new();
        self.0.read_to_string(&mut rest).expect("the rest");
        rest
    }
}

fn assert_send<T: Send>(_: &T) {}

#[test]
fn a_server_serves_and_says_good_bye() {
    let mut server = start(&[]);
    let mut client = server.client();
    assert!(client.ask("a1 LOGIN ann wrong").starts_with("NO"));
    client.log_in();
    client.send("a2 LOGOUT\r\n");
    let rest = client.rest();
    assert!(
        rest.starts_with("* BYE") && rest.contains("\r\na2 OK"),
        "{rest}"
    );

    let waiting = server.client();
    server.stop().expect("a clean end");
    assert!(waiting.rest().starts_with("* BYE"));
    assert!(TcpStream::connect(server.address).is_err());
}

#[test]
fn a_server_can_be_moved_to_a_thread() {
    let home = home();
    let server = Server::bind(&options(&home, &["--listen", "127.0.0.1:0"])).expect("a server");
    assert_send(&server);
    assert_ne!(server.local_addr().port(), 0);
}

#[test]
fn an_address_that_is_taken_is_named() {
    let server = start(&[]);
    let address = server.address.to_string();
    let error = Server::bind(&options(&home(), &["--listen", &address])).err();
    let text = error.expect("an error").to_string();
    assert!(text.contains(&address), "{text}");
}

#[test]
fn many_clients_are_served() {
    let server = start(&["--max-per-address", "200"]);
    let mut clients: Vec<_> = (0..200).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send("n NOOP\r\n");
    }
    for client in &mut clients {
        assert!(client.answer("n").starts_with("OK"));
    }
}

#[test]
fn a_user_has_a_limited_number_of_connections() {
    let server = start(&["--max-per-user", "2"]);
    let mut clients: Vec<_> = (0..3).map(|_| server.client()).collect();
    for client in &mut clients[..2] {
        client.log_in();
    }
    assert!(clients[2].ask("c CAPABILITY").starts_with("OK"));
    // "AGFubgBzZWNyZXQ=" is the user ann with the password of ann.
    for command in [
        "a LOGIN ann secret",
        "a AUTHENTICATE PLAIN AGFubgBzZWNyZXQ=",
    ] {
        let answer = clients[2].ask(command);
        assert!(answer.starts_with("NO [LIMIT] "), "{answer}");
        assert!(clients[2].ask("n NOOP").starts_with("OK"));
    }
    clients.remove(0).send("b LOGOUT\r\n");
    let start = Instant::now();
    while !clients[1].ask("c LOGIN ann secret").starts_with("OK") {
        assert!(start.elapsed() < Duration::from_secs(20), "there is room");
    }
}

#[test]
fn a_client_that_comes_when_all_connections_are_taken_replaces_the_oldest_before_login() {
    let server = start(&["--max-connections", "3"]);
    let mut clients: Vec<_> = (0..3).map(|_| server.client()).collect();
    clients[0].log_in();
    let mut newest = server.client();
    assert!(clients.remove(1).rest().starts_with("* BYE"));
    assert!(clients[0].ask("n NOOP").starts_with("OK"));
    clients[1].log_in();
    newest.log_in();
    assert!(
        server.connect().line().starts_with("* BYE"),
        "all have logged in"
    );
}

#[test]
fn the_largest_session_of_a_greedy_user_ends_and_other_users_see_nothing() {
    let server = start(&["--max-memory", "1"]);
    let mut polite = server.client();
    assert!(polite.ask("a LOGIN bob secret").starts_with("OK"));
    let mut greedy: Vec<_> = (0..10).map(|_| server.client()).collect();
    // A fourth of the memory is 256 KiB: a few of these commands, which never end, have room.
    for (client, size) in greedy.iter_mut().zip(50_000..) {
        client.log_in();
        client.send(format!(
            "x SEARCH TEXT {{{size}+}}\r\n{}",
            "x".repeat(size - 1)
        ));
        assert!(polite.ask("n NOOP").starts_with("OK"));
    }
    let mut ended = 0;
    for client in greedy {
        // A connection that has ended may be reset by now.
        let _ = client.0.get_ref().shutdown(Shutdown::Write);
        let mut line = String::new();
        let mut reader = client.0;
        let read = reader.read_line(&mut line);
        ended += usize::from(read.is_err() || line.starts_with("* BYE You use too much memory"));
    }
    assert!((5..10).contains(&ended), "{ended} have ended");
    assert!(polite.ask("n NOOP").starts_with("OK"));
}

#[test]
fn a_command_that_holds_too_much_ends_and_its_session_goes_on() {
    let server = start(&["--max-memory", "1"]);
    let mut client = server.client();
    client.log_in();
    client.ask("c CAPABILITY");
    client.ask("s SELECT INBOX");
    let strings: String = ('a'..='i')
        .map(|letter| format!(" TEXT {}", letter.to_string().repeat(7000)))
        .collect();
    // What searches for them has some twenty octets for each of theirs.
    let answer = client.ask(&format!("x SEARCH{strings}"));
    assert!(
        answer.starts_with("NO [LIMIT] The server has no memory"),
        "{answer}"
    );
    assert!(client.ask("n NOOP").starts_with("OK"));
}

/// A light command gets its turn although long ones of another connection go on without end.
#[test]
fn a_noop_is_answered_while_another_client_reads_without_end() {
    let server = start(&[]);
    let mut busy = server.client();
    busy.log_in();
    busy.ask("s SELECT INBOX");
    let searches: String = (0..200)
        .map(|n| format!("t{n} SEARCH TEXT y\r\n"))
        .collect();
    busy.send(searches);
    let mut other = server.client();
    assert!(other.ask("n NOOP").starts_with("OK"));
    other.log_in();
    assert!(
        busy.answer("t0").starts_with("OK"),
        "long ones do not starve"
    );
}

#[test]
fn a_command_may_come_octet_by_octet() {
    let server = start(&[]);
    let mut client = server.client();
    for octet in b"a1 LOGIN ann secret\r\n" {
        client.send([*octet]);
        thread::sleep(Duration::from_millis(1));
    }
    assert!(client.answer("a1").starts_with("OK"));
}

#[test]
fn a_thousand_pipelined_commands_are_answered() {
    let server = start(&[]);
    let mut client = server.client();
    let commands: String = (0..1000).map(|n| format!("t{n} NOOP\r\n")).collect();
    client.send(commands);
    for n in 0..1000 {
        assert!(client.line().starts_with(&format!("t{n} OK")));
    }
}

/// A line that continues a command may come before its continuation request.
#[test]
fn an_early_continuation_is_read() {
    let server = start(&[]);
    let mut client = server.client();
    let start = Instant::now();
    client.send("a AUTHENTICATE PLAIN\r\n!\r\n");
    assert!(client.answer("a").starts_with("BAD"));
    client.send("b AUTHENTICATE PLAIN\r\nAGFubgBzZWNyZXQ=\r\nc IDLE\r\nDONE\r\n");
    assert!(client.answer("b").starts_with("OK"));
    assert!(client.answer("c").starts_with("OK"));
    let took = start.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn commands_before_the_end_of_input_are_answered() {
    let server = start(&[]);
    let mut client = server.client();
    client.send("a1 NOOP\r\na2 NOOP\r\na3 NO");
    let stream = client.0.get_ref();
    stream.shutdown(Shutdown::Write).expect("half closed");
    let rest = client.rest();
    assert!(rest.contains("a1 OK") && rest.contains("a2 OK"), "{rest}");
}

#[test]
fn a_client_that_never_reads_disturbs_no_other() {
    let server = start(&[]);
    let mut slow = server.client();
    slow.log_in();
    assert!(slow.ask("s SELECT INBOX").starts_with("OK"));
    slow.send("f FETCH 1 RFC822\r\n".repeat(20));
    let mut client = server.client();
    let start = Instant::now();
    for _ in 0..100 {
        assert!(client.ask("n NOOP").starts_with("OK"));
    }
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    // A client that begins to read late gets all octets.
    for _ in 0..2 {
        let mut octets = 0;
        loop {
            let line = slow.line();
            octets += line.len();
            if line.starts_with("f ") {
                break;
            }
        }
        assert!(octets > LARGE, "{octets}");
    }
}

#[test]
fn clients_may_disconnect_within_a_literal() {
    let server = start(&[]);
    for _ in 0..20 {
        let mut client = server.client();
        client.log_in();
        client.send("a APPEND INBOX {1000}\r\n");
        assert!(client.line().starts_with('+'));
        client.send("From: half a mess");
    }
    let mut client = server.client();
    assert!(client.ask("n NOOP").starts_with("OK"));
}

#[test]
fn only_the_connection_above_the_limit_is_refused() {
    let server = start(&["--max-connections", "2"]);
    let [mut first, mut second] = [server.client(), server.client()];
    first.log_in();
    second.log_in();
    let refused = server.connect().rest();
    assert!(
        refused.starts_with("* BYE") && refused.ends_with("\r\n"),
        "{refused}"
    );
    assert!(first.ask("n NOOP").starts_with("OK"));
    drop(second);
    // The server notices the closed connection a little later; until then it refuses others.
    let deadline = Instant::now() + Duration::from_secs(10);
    while !server.connect().line().starts_with("* OK") {
        assert!(
            Instant::now() < deadline,
            "the closed connection still counts"
        );
    }
}

/// Waits until all clients have received the line. Returns how long that took.
fn all_receive(idle: &mut [Connected], line: &str) -> Duration {
    let start = Instant::now();
    for client in idle {
        while client.line() != format!("{line}\r\n") {}
    }
    start.elapsed()
}

/// RFC 2177 wants changes at once; the second is ours. Another program or another client makes
/// them.
#[test]
fn two_hundred_clients_in_idle_receive_changes_within_a_second() {
    let server = start(&["--max-per-address=200", "--max-per-user=201"]);
    let mut idle = server.idle_clients(200);
    let second = Duration::from_secs(1);
    server.deliver("2.delivered");
    let took = all_receive(&mut idle, "* 2 EXISTS");
    assert!(took < second, "{took:?}");
    let mut client = server.client();
    client.log_in();
    assert!(client.ask("s SELECT INBOX").starts_with("OK"));
    for (command, line) in [
        (
            "a STORE 1 +FLAGS (\\Deleted)",
            "* 1 FETCH (FLAGS (\\Deleted \\Seen))",
        ),
        ("b EXPUNGE", "* 1 EXPUNGE"),
        ("c COPY 1 INBOX", "* 2 EXISTS"),
        ("d APPEND INBOX {1+}\r\nx", "* 3 EXISTS"),
    ] {
        assert!(client.ask(command).starts_with("OK"), "{command}");
        let took = all_receive(&mut idle, line);
        assert!(took < second, "{command}: {took:?}");
    }
    for client in &mut idle {
        client.send("DONE\r\n");
        assert!(client.answer("i").starts_with("OK"));
    }
}

/// Serves one unauthenticated client on these descriptors until it has disconnected.
fn serve_descriptors(input: OwnedFd, output: OwnedFd) -> Result<(), ServerError> {
    let home = home();
    serve_descriptors_at(&home, input, output, |options| open_store(options, "test"))
}

fn serve_descriptors_at(
    home: &TempDir,
    input: OwnedFd,
    output: OwnedFd,
    store: impl FnOnce(&Options) -> Store,
) -> Result<(), ServerError> {
    let options = options(home, &["--inetd", "--plaintext-login", "always"]);
    let host = String::from("test");
    let store = store(&options);
    let shared = Shared::new(
        store,
        Logins::new(&options),
        None,
        session_config(&options, host),
    );
    let poll = Poll::new().expect("a poll");
    let mut event_loop = EventLoop::new(poll, shared, &options, Arc::default())?;
    let session = accept::stdio_session(StdioClient::Unauthenticated, event_loop.shared(), &[])
        .map_err(ServerError::system("serve descriptors"))?;
    let descriptors = Descriptors::new(input, output).expect("descriptors");
    event_loop
        .connect_stdio(Transport::descriptors(descriptors), session)
        .map_err(ServerError::system("serve descriptors"))?;
    event_loop.run()
}

/// Returns the ends of a pipe, to read from and to write to. They block, as those that a shell
/// makes.
fn pipe() -> (File, File) {
    let (writer, reader) = mio::unix::pipe::new().expect("a pipe");
    writer.set_nonblocking(false).expect("it blocks");
    reader.set_nonblocking(false).expect("it blocks");
    let file = |end: &dyn AsFd| {
        let descriptor = end.as_fd().try_clone_to_owned();
        File::from(descriptor.expect("a descriptor"))
    };
    (file(&reader), file(&writer))
}

const SCRIPT: &str = "a1 LOGIN ann secret\r\na2 SELECT INBOX\r\na3 NOOP\r\n";

fn assert_script_answered(output: &str) {
    let lines: Vec<&str> = output.lines().collect();
    assert!(lines[0].starts_with("* OK"), "{output}");
    for tag in ["a1 OK", "a2 OK", "a3 OK"] {
        assert!(lines.iter().any(|line| line.starts_with(tag)), "{output}");
    }
}

#[test]
fn a_client_may_be_two_plain_files() {
    let mut input = tempfile::tempfile().expect("a file");
    input.write_all(SCRIPT.as_bytes()).expect("written");
    input.rewind().expect("rewound");
    let mut output = tempfile::tempfile().expect("a file");
    let descriptor = output.try_clone().expect("a descriptor");
    serve_descriptors(input.into(), descriptor.into()).expect("served");
    let mut text = String::new();
    output.rewind().expect("rewound");
    output.read_to_string(&mut text).expect("the output");
    assert_script_answered(&text);
}

#[test]
fn a_client_may_be_two_pipes() {
    let (input, mut commands) = pipe();
    let (mut answers, output) = pipe();
    let server = thread::spawn(move || serve_descriptors(input.into(), output.into()));
    commands.write_all(SCRIPT.as_bytes()).expect("written");
    drop(commands);
    let mut text = String::new();
    answers.read_to_string(&mut text).expect("the output");
    assert_script_answered(&text);
    server.join().expect("no panic").expect("served");
}

#[test]
fn a_client_may_be_a_unix_socket() {
    let (mut client, socket) = UnixStream::pair().expect("a pair");
    let twin = socket.try_clone().expect("a descriptor");
    let server = thread::spawn(move || serve_descriptors(socket.into(), twin.into()));
    client.write_all(SCRIPT.as_bytes()).expect("written");
    client.shutdown(Shutdown::Write).expect("half closed");
    let mut text = String::new();
    client.read_to_string(&mut text).expect("the output");
    assert_script_answered(&text);
    server.join().expect("no panic").expect("served");
}

#[test]
fn changes_arrive_without_inotify() {
    let home = home();
    let new = home.path().join("ann/new");
    let (client, socket) = UnixStream::pair().expect("a pair");
    let twin = socket.try_clone().expect("a descriptor");
    let server = thread::spawn(move || {
        let store_without_inotify = |_: &Options| Store::new(Settings::new("test", 1));
        serve_descriptors_at(&home, socket.into(), twin.into(), store_without_inotify)
    });
    let patience = Some(Duration::from_secs(20));
    client.set_read_timeout(patience).expect("a time-out");
    let mut reader = BufReader::new(client.try_clone().expect("a descriptor"));
    let mut receive = |wanted: &str| {
        let mut line = String::new();
        while line != format!("{wanted}\r\n") {
            line.clear();
            assert!(reader.read_line(&mut line).expect("a line") > 0, "{wanted}");
        }
    };
    let commands = "a1 LOGIN ann secret\r\na2 SELECT INBOX\r\na3 IDLE\r\n";
    (&client).write_all(commands.as_bytes()).expect("sent");
    receive("+ idling");
    for number in 2..4 {
        let start = Instant::now();
        fs::write(new.join(format!("{number}.x")), "\nx\n").expect("delivered");
        receive(&format!("* {number} EXISTS"));
        let took = start.elapsed();
        assert!(took < Duration::from_secs(3), "{took:?}");
    }
    client.shutdown(Shutdown::Both).expect("closed");
    server.join().expect("no panic").expect("served");
}

#[test]
fn a_pipe_that_is_read_late_gets_all_octets() {
    let script = format!("{SCRIPT}f FETCH 1 RFC822\r\n");
    let mut input = tempfile::tempfile().expect("a file");
    input.write_all(script.as_bytes()).expect("written");
    input.rewind().expect("rewound");
    let (answers, output) = pipe();
    let server = thread::spawn(move || serve_descriptors(input.into(), output.into()));
    thread::sleep(Duration::from_millis(50));
    let octets = io::copy(&mut { answers }, &mut io::sink());
    assert!(octets.expect("the output") > LARGE as u64);
    server.join().expect("no panic").expect("served");
}

/// Starts a server each of whose flushes reports that it begins, and waits for its result.
fn start_with_slow_disk() -> (Running, Receiver<()>, Sender<FlushResult>) {
    let home = home();
    let (begins, begun) = channel();
    let (results, result) = channel();
    let channels = Mutex::new((begins, result));
    let mut server = Server::bind(&options(&home, &["--listen", "127.0.0.1:0"])).expect("a server");
    server.flush_with(move |request| {
        let channels = channels.lock().expect("no panic");
        channels.0.send(()).expect("the test waits");
        let result = channels.1.recv().unwrap_or(Ok(()));
        result.and_then(|()| request.flush())
    });
    (run(server, home), begun, results)
}

impl Running {
    fn files_in(&self, part: &str) -> usize {
        let entries = fs::read_dir(self.home.path().join("ann").join(part));
        entries.expect("a directory").count()
    }
}

#[test]
fn other_clients_are_answered_while_the_disk_flushes() {
    let (server, begun, results) = start_with_slow_disk();
    let (mut slow, mut other) = (server.client(), server.client());
    slow.log_in();
    other.log_in();
    slow.send("a1 APPEND INBOX (\\Seen) {4+}\r\ntext\r\na2 NOOP\r\n");
    // The first sync of the mailbox gives a UID to the message that is there, with four flushes:
    // the counter of UIDVALIDITY, the new list, its directory, and the line.
    for _ in 0..7 {
        begun
            .recv_timeout(Duration::from_secs(20))
            .expect("a flush");
        assert!(other.ask("n1 NOOP").starts_with("OK"));
        assert!(server.client().ask("n2 CAPABILITY").starts_with("OK"));
        results.send(Ok(())).expect("the flusher waits");
    }
    assert!(slow.answer("a1").starts_with("OK [APPENDUID"));
    assert!(slow.answer("a2").starts_with("OK"));
    assert_eq!(begun.try_recv().ok(), None);
    assert_eq!((server.files_in("cur"), server.files_in("tmp")), (2, 0));
}

#[test]
fn an_append_whose_flush_fails_is_refused_and_leaves_nothing() {
    let (server, _begun, results) = start_with_slow_disk();
    let mut client = server.client();
    client.log_in();
    results.send(Err(rustix::io::Errno::IO)).expect("sent");
    let answer = client.ask("a1 APPEND INBOX {4+}\r\ntext");
    assert!(answer.starts_with("NO"), "{answer}");
    assert_eq!((server.files_in("cur"), server.files_in("new")), (1, 0));
    assert_eq!(server.files_in("tmp"), 0);
    drop(results);
    let answer = client.ask("a2 APPEND INBOX {4+}\r\ntext");
    assert!(answer.starts_with("OK"), "{answer}");
}

#[test]
fn a_client_that_disconnects_during_a_flush_leaves_no_file() {
    let (server, begun, results) = start_with_slow_disk();
    let (mut client, mut other) = (server.client(), server.client());
    client.log_in();
    other.log_in();
    client.send("a1 NOOP\r\na2 APPEND INBOX {4+}\r\ntext\r\n");
    begun
        .recv_timeout(Duration::from_secs(20))
        .expect("a flush");
    assert_eq!(server.files_in("tmp"), 1);
    // A socket that is closed with unread input resets the connection.
    drop(client);
    let patience = Instant::now() + Duration::from_secs(20);
    while server.files_in("tmp") > 0 && Instant::now() < patience {
        other.ask("n1 NOOP");
    }
    assert_eq!((server.files_in("tmp"), server.files_in("new")), (0, 0));
    drop(results);
    let answer = other.ask("a3 APPEND INBOX {4+}\r\nmore");
    assert!(answer.starts_with("OK"), "{answer}");
}
