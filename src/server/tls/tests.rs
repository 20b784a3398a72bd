//! Servers on loopback sockets, and a client that uses TLS by the same library.

use super::{Certificates, Handshake, TlsStream};
use crate::options::{CertificateFiles, Options};
use crate::server::{Handle, Server};
use crate::session::TlsInfo;
use allocation_counter::measure;
use rcgen::{CertificateParams, KeyPair};
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, RootCertStore, StreamOwned,
    SupportedProtocolVersion, version,
};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const BOTH: [&SupportedProtocolVersion; 2] = [&version::TLS12, &version::TLS13];

/// Octets of a message that no socket buffer holds.
const LARGE: usize = 8 * 1024 * 1024;

/// More octets than the server reads together with the command before them.
const TOO_MUCH: usize = 10_000;

/// The connection of a client.
type Client = BufReader<StreamOwned<ClientConnection, TcpStream>>;

/// A directory with certificates, and a user with one large message.
struct Home {
    directory: TempDir,
    /// All certificates that were made.
    trusted: Mutex<Vec<CertificateDer<'static>>>,
}

impl Home {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path();
        fs::write(path.join("users"), "ann:{PLAIN}secret\n").expect("a passwd-file");
        for sub in ["cur", "new", "tmp"] {
            fs::create_dir_all(path.join("ann").join(sub)).expect("a Maildir");
        }
        let mut message = b"Subject: large\r\n\r\n".to_vec();
        message.extend((0..LARGE).map(|index| b'a' + (index % 23) as u8));
        fs::write(path.join("ann/cur/1.large:2,S"), message).expect("a message");
        Self {
            directory,
            trusted: Mutex::default(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn make(&self, names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(names).expect("names");
        let made = params.self_signed(&key).expect("signed");
        self.trusted
            .lock()
            .expect("no test thread panics")
            .push(made.der().clone());
        (made.pem(), key.serialize_pem())
    }

    /// Writes a certificate and its key into files of that name.
    fn certify(&self, file: &str, names: &[&str]) -> CertificateFiles {
        let (certificate, key) = self.make(names);
        let [certificate_file, key_file] =
            ["crt", "key"].map(|end| self.path(&format!("{file}.{end}")));
        fs::write(&certificate_file, certificate).expect("written");
        fs::write(&key_file, key).expect("written");
        CertificateFiles {
            certificate: certificate_file,
            key: Some(key_file),
        }
    }

    /// Returns the settings of a client that trusts all certificates.
    fn client(&self, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        for trusted in self.trusted.lock().expect("no test thread panics").iter() {
            roots.add(trusted.clone()).expect("a certificate");
        }
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth()
    }
}

/// A running server with one listener in clear text and one with TLS.
struct Running {
    home: Home,
    clear: SocketAddr,
    tls: SocketAddr,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Starts a server with one certificate for `mail.example`.
    fn start() -> Self {
        let home = Home::new();
        let files = home.certify("mail", &["mail.example"]);
        Self::with(home, &[files])
    }

    fn with(home: Home, certificates: &[CertificateFiles]) -> Self {
        let text = |path: PathBuf| path.display().to_string();
        let mut args = vec![
            "--listen=127.0.0.1:0".to_string(),
            "--listen-tls=127.0.0.1:0".to_string(),
            "--plaintext-login=never".to_string(),
            "--max-per-address=200".to_string(),
            format!("--users={}", text(home.path("users"))),
            format!("--mail={}", text(home.path("%u"))),
        ];
        for files in certificates {
            args.push(format!("--tls-cert={}", files.certificate.display()));
            let key = files.key.as_ref();
            args.extend(key.map(|key| format!("--tls-key={}", key.display())));
        }
        let options = Options::from_args(args).unwrap_or_else(|errors| panic!("{errors}"));
        let server = Server::bind(&options).expect("a server");
        let addresses: Vec<SocketAddr> = server.local_addrs().collect();
        Self {
            home,
            clear: addresses[0],
            tls: addresses[1],
            handle: server.handle(),
            thread: Some(thread::spawn(move || server.run().expect("a clean end"))),
        }
    }

    fn raw(address: SocketAddr) -> TcpStream {
        let stream = TcpStream::connect(address).expect("a connection");
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).expect("a time-out");
        stream
    }

    /// Connects under TLS from the start, and asks for that name.
    fn connect_with(&self, settings: ClientConfig, name: &str) -> Client {
        under_tls(Self::raw(self.tls), settings, name)
    }

    fn connect(&self) -> Client {
        let mut client = self.connect_with(self.home.client(&BOTH), "mail.example");
        assert!(line(&mut client).starts_with("* OK"));
        client
    }

    /// Connects in clear text, up to the response to STARTTLS; `behind` is sent with the command.
    fn start_tls(&self, behind: &str) -> TcpStream {
        let stream = Self::raw(self.clear);
        let mut clear = BufReader::new(stream);
        assert!(line(&mut clear).starts_with("* OK"));
        let refused = ask(&mut clear, "a0 LOGIN ann secret");
        assert!(refused.starts_with("NO"), "{refused}");
        let command = format!("a1 STARTTLS\r\n{behind}");
        clear.get_mut().write_all(command.as_bytes()).expect("sent");
        assert_eq!(line(&mut clear), "a1 OK Begin TLS now\r\n");
        // What comes too late to be thrown away is answered by an alert.
        assert!(clear.buffer().is_empty() || behind.len() > TOO_MUCH);
        clear.into_inner()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle.shut_down();
        self.handle.shut_down();
        let thread = self.thread.take().expect("it runs");
        assert!(thread.join().is_ok() || thread::panicking());
    }
}

fn under_tls(stream: TcpStream, settings: ClientConfig, name: &str) -> Client {
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let client = ClientConnection::new(Arc::new(settings), name).expect("a client");
    BufReader::new(StreamOwned::new(client, stream))
}

fn line(client: &mut impl BufRead) -> String {
    let mut line = String::new();
    client.read_line(&mut line).expect("a line");
    line
}

/// Sends a command and returns its tagged response.
fn ask<S: Read + Write>(client: &mut BufReader<S>, command: &str) -> String {
    write!(client.get_mut(), "{command}\r\n").expect("sent");
    answer(client, command.split(' ').next().expect("a tag"))
}

fn answer(client: &mut impl BufRead, tag: &str) -> String {
    loop {
        let line = line(client);
        assert!(!line.is_empty(), "the server hung up");
        if let Some(answer) = line.strip_prefix(&format!("{tag} ")) {
            return answer.into();
        }
    }
}

fn log_in(client: &mut Client) {
    let answer = ask(client, "in LOGIN ann secret");
    assert!(answer.starts_with("OK"), "{answer}");
}

#[test]
fn both_versions_of_tls_work_from_the_start_to_the_end() {
    let server = Running::start();
    for wanted in BOTH {
        let settings = server.home.client(&[wanted]);
        let mut client = server.connect_with(settings, "mail.example");
        assert!(line(&mut client).starts_with("* OK"));
        log_in(&mut client);
        assert!(ask(&mut client, "a1 STARTTLS").starts_with("BAD"));
        assert_eq!(
            client.get_ref().conn.protocol_version(),
            Some(wanted.version)
        );
        write!(client.get_mut(), "a2 LOGOUT\r\n").expect("sent");
        // It fails if the connection ends without the closing alert.
        let mut rest = String::new();
        client
            .read_to_string(&mut rest)
            .expect("closed by close_notify");
        assert!(rest.ends_with("a2 OK LOGOUT completed\r\n"), "{rest}");
    }
}

#[test]
fn octets_behind_starttls_are_discarded() {
    let server = Running::start();
    let injected = "x1 NOOP\r\nx2 LOGIN ann secret\r\nx3 LOGIN {3}\r\n";
    for behind in ["", injected, &"x4 NOOP\r\n".repeat(2000)] {
        let stream = server.start_tls(behind);
        let mut client = under_tls(stream, server.home.client(&BOTH), "mail.example");
        let asked = write!(client.get_mut(), "a2 CAPABILITY\r\n");
        if asked.and_then(|()| client.fill_buf().map(drop)).is_err() {
            // Octets that came too late to be discarded were no TLS.
            assert!(behind.len() > TOO_MUCH);
            continue;
        }
        let capabilities = line(&mut client);
        assert!(
            capabilities.starts_with("* CAPABILITY IMAP4rev1"),
            "{capabilities}"
        );
        assert!(capabilities.contains("AUTH=PLAIN"), "{capabilities}");
        assert!(!capabilities.contains("STARTTLS") && !capabilities.contains("LOGINDISABLED"));
        assert!(line(&mut client).starts_with("a2 OK"));
        log_in(&mut client);
    }
}

#[test]
fn a_failed_handshake_after_starttls_ends_the_connection() {
    let server = Running::start();
    let mut stream = server.start_tls("");
    stream.write_all(b"a2 LOGIN ann secret\r\n").expect("sent");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("the end");
    // An alert (RFC 8446 §6): content type 21.
    assert_eq!(rest.first(), Some(&21), "{rest:?}");
    assert!(!rest.contains(&b'a'));
}

#[test]
fn clients_without_tls_get_an_alert_and_disturb_no_other() {
    let server = Running::start();
    let mut half = Running::raw(server.tls);
    half.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01")
        .expect("sent");
    for octets in [
        &b"GET / HTTP/1.0\r\nHost: mail.example\r\n\r\n"[..],
        b"a1 LOGIN ann secret\r\n",
        &[0; 4096],
        &[0xff; 70_000],
        b"\x16\x03\x01\xff\xff\x01",
    ] {
        let mut stream = Running::raw(server.tls);
        let _ = stream.write_all(octets);
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Ok(_) => assert_eq!(answer.first(), Some(&21), "{octets:?}: {answer:?}"),
            // Octets that came too late to be read make the system reset the connection.
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
        }
    }
    // The client disconnects in the middle of the handshake.
    half.shutdown(Shutdown::Both).expect("it is there");
    log_in(&mut server.connect());
}

#[test]
fn octets_may_come_one_by_one() {
    let server = Running::start();
    let mut stream = Running::raw(server.tls);
    let name = ServerName::try_from("mail.example").expect("a name");
    let settings = server.home.client(&BOTH);
    let mut tls = ClientConnection::new(Arc::new(settings), name).expect("a client");
    while tls.is_handshaking() {
        let mut flight = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut flight).expect("memory");
        }
        for octet in flight {
            stream.write_all(&[octet]).expect("sent");
        }
        while tls.wants_read() && tls.is_handshaking() && !tls.wants_write() {
            tls.read_tls(&mut stream).expect("octets");
            tls.process_new_packets().expect("TLS");
        }
    }
    let mut client = BufReader::new(StreamOwned::new(tls, stream));
    assert!(line(&mut client).starts_with("* OK"));
    log_in(&mut client);
}

/// One call reads the last octets of the handshake and the first command: no event announces the
/// command.
#[test]
fn a_command_may_come_with_the_end_of_the_handshake() {
    let server = Running::start();
    for _ in 0..100 {
        let mut stream = Running::raw(server.tls);
        let name = ServerName::try_from("mail.example").expect("a name");
        let settings = server.home.client(&[&version::TLS13]);
        let mut tls = ClientConnection::new(Arc::new(settings), name).expect("a client");
        while tls.is_handshaking() {
            while tls.wants_write() && tls.is_handshaking() {
                tls.write_tls(&mut stream).expect("sent");
            }
            tls.read_tls(&mut stream).expect("octets");
            tls.process_new_packets().expect("TLS");
        }
        tls.writer().write_all(b"a1 NOOP\r\n").expect("memory");
        let mut flight = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut flight).expect("memory");
        }
        stream.write_all(&flight).expect("sent");
        let mut client = BufReader::new(StreamOwned::new(tls, stream));
        assert!(answer(&mut client, "a1").starts_with("OK"));
    }
}

#[test]
fn large_messages_go_both_ways() {
    let server = Running::start();
    let mut client = server.connect();
    log_in(&mut client);
    assert!(ask(&mut client, "s SELECT INBOX").starts_with("OK"));
    write!(client.get_mut(), "f FETCH 1 BODY[]\r\n").expect("sent");
    // Long enough for all buffers to be full.
    thread::sleep(Duration::from_millis(100));
    let head = line(&mut client);
    let size = head.trim_end().trim_end_matches('}').rsplit('{').next();
    let size: usize = size.and_then(|size| size.parse().ok()).expect("a literal");
    let mut message = vec![0; size];
    client.read_exact(&mut message).expect("the message");
    let stored = fs::read(server.home.path("ann/cur/1.large:2,S")).expect("it is there");
    assert!(message == stored);
    assert!(line(&mut client).starts_with(')'));
    assert!(line(&mut client).starts_with("f OK"));

    write!(
        client.get_mut(),
        "p APPEND INBOX {{{}+}}\r\n",
        message.len()
    )
    .expect("sent");
    client.get_mut().write_all(&message).expect("sent");
    client.get_mut().write_all(b"\r\n").expect("sent");
    let appended = answer(&mut client, "p");
    assert!(appended.starts_with("OK [APPENDUID"), "{appended}");
}

#[test]
fn the_name_decides_which_certificate_a_client_gets() {
    let home = Home::new();
    let files = [
        home.certify("first", &["first.example"]),
        home.certify("wild", &["*.example.org"]),
        home.certify("both", &["mail.example.org", "two.example"]),
    ];
    let shown: Vec<_> = home.trusted.lock().expect("no test thread panics").clone();
    let server = Running::with(home, &files);
    for (name, index) in [
        ("first.example", Some(0)),
        ("imap.example.org", Some(1)),
        ("mail.example.org", Some(1)),
        ("two.example", Some(2)),
        ("TWO.example", Some(2)),
        ("unknown.example", None),
        ("127.0.0.1", None),
    ] {
        let mut client = server.connect_with(server.home.client(&BOTH), name);
        let greeting = client.fill_buf().map(<[u8]>::len);
        let certificate = client
            .get_ref()
            .conn
            .peer_certificates()
            .map(|chain| &chain[0]);
        match index {
            Some(index) => assert_eq!(certificate, Some(&shown[index]), "{name}"),
            // The first is shown, and it is not for that name.
            None => assert!(greeting.is_err(), "{name}"),
        }
    }
}

#[test]
fn a_client_that_offers_other_protocols_only_is_refused() {
    let server = Running::start();
    for (offered, is_welcome) in [
        (&[&b"imap"[..]][..], true),
        (&[b"h2", b"imap"], true),
        (&[b"h2", b"http/1.1"], false),
    ] {
        let mut settings = server.home.client(&BOTH);
        settings.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
        let mut client = server.connect_with(settings, "mail.example");
        assert_eq!(client.fill_buf().is_ok(), is_welcome, "{offered:?}");
        let chosen = client.get_ref().conn.alpn_protocol();
        assert_eq!(chosen, is_welcome.then_some(&b"imap"[..]));
    }
}

#[test]
fn a_new_certificate_is_used_and_connected_clients_stay() {
    let server = Running::start();
    let first = server.home.trusted.lock().expect("no test thread panics")[0].clone();
    let mut there = server.connect();
    log_in(&mut there);
    let shown = || {
        // The files are looked at once a second.
        thread::sleep(Duration::from_millis(1100));
        let client = server.connect();
        let chain = client.get_ref().conn.peer_certificates().expect("a chain");
        chain[0].clone().into_owned()
    };

    // Half of the change: the key is still that of the first.
    let (certificate, key) = server.home.make(&["mail.example"]);
    let second = server.home.trusted.lock().expect("no test thread panics")[1].clone();
    let half = &certificate[..certificate.len() / 2];
    fs::write(server.home.path("mail.crt"), half).expect("written");
    assert_eq!(shown(), first);
    fs::write(server.home.path("mail.crt"), &certificate).expect("written");
    assert_eq!(shown(), first);
    fs::write(server.home.path("mail.key"), &key).expect("written");
    assert_eq!(shown(), second);
    fs::remove_file(server.home.path("mail.key")).expect("it is there");
    assert_eq!(shown(), second);
    assert!(ask(&mut there, "n NOOP").starts_with("OK"));
}

#[test]
fn sessions_are_resumed_until_the_certificate_changes() {
    let server = Running::start();
    for wanted in BOTH {
        let mut settings = server.home.client(&[wanted]);
        settings.resumption = Resumption::in_memory_sessions(8);
        let kind = || {
            let mut client = server.connect_with(settings.clone(), "mail.example");
            assert!(line(&mut client).starts_with("* OK"));
            log_in(&mut client);
            client.get_ref().conn.handshake_kind()
        };
        assert_eq!(kind(), Some(HandshakeKind::Full));
        assert_eq!(kind(), Some(HandshakeKind::Resumed));
        // The same certificate, but read again: its tickets are new.
        let path = server.home.path("mail.crt");
        let text = fs::read(&path).expect("it is there");
        fs::write(&path, text).expect("written");
        thread::sleep(Duration::from_millis(1100));
        assert_ne!(kind(), Some(HandshakeKind::Resumed));
    }
}

#[test]
fn many_clients_connect_at_once() {
    let server = Running::start();
    let mut clients: Vec<Client> = (0..100)
        .map(|_| server.connect_with(server.home.client(&BOTH), "mail.example"))
        .collect();
    for client in &mut clients {
        write!(client.get_mut(), "n NOOP\r\n").expect("sent");
    }
    for client in &mut clients {
        assert!(line(client).starts_with("* OK"));
        assert!(line(client).starts_with("n OK"));
    }
}

/// Both ends of TLS after the handshake, and the ends of the stream below.
struct Bound {
    info: TlsInfo,
    server: TlsStream,
    near: UnixStream,
    client: ClientConnection,
    far: UnixStream,
}

/// Does a handshake with the server's part of TLS, in a thread of its own.
fn bind_to(home: &Home, version: &'static SupportedProtocolVersion) -> Bound {
    let files = CertificateFiles {
        certificate: home.path("mail.crt"),
        key: Some(home.path("mail.key")),
    };
    let (mut near, mut far) = UnixStream::pair().expect("a pair");
    let server = thread::spawn(move || {
        let loaded = Certificates::load(&[files]).expect("good");
        let mut certificates = loaded.expect("there is one");
        let mut link = TlsStream::new(&certificates);
        loop {
            let step = link.handshake(&mut near, &mut certificates, Instant::now());
            if let Handshake::Done(info) = step.expect("a handshake") {
                return (info, link, near);
            }
        }
    });
    let name = ServerName::try_from("mail.example").expect("a name");
    let settings = Arc::new(home.client(&[version]));
    let mut client = ClientConnection::new(settings, name).expect("a client");
    while client.is_handshaking() || client.wants_write() {
        client.complete_io(&mut far).expect("a handshake");
    }
    let (info, server, near) = server.join().expect("no panic");
    Bound {
        info,
        server,
        near,
        client,
        far,
    }
}

/// Returns how many octets the server has read, if some are there.
fn read_some(bound: &mut Bound, buffer: &mut [u8]) -> usize {
    match bound.server.read(&mut bound.near, buffer) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
        read => read.expect("octets are there"),
    }
}

#[test]
fn octets_that_wait_to_be_sent_or_read_are_counted() {
    let home = Home::new();
    home.certify("mail", &["mail.example"]);
    for version in BOTH {
        let mut bound = bind_to(&home, version);
        for stream in [&bound.near, &bound.far] {
            stream.set_nonblocking(true).expect("a socket");
        }
        assert_eq!(bound.server.memory(), 0);
        let (mut held, mut is_full) = (0, false);
        while !is_full {
            let octets = [b'x'; 16 * 1024];
            let (server, near) = (&mut bound.server, &mut bound.near);
            let info = measure(|| is_full = server.write(near, &octets).is_err());
            held += info.bytes_current;
            let counted = i64::try_from(server.memory()).expect("little");
            assert!(held <= counted + 1024, "{held} held, {counted} counted");
        }
        assert!(bound.server.memory() > 1000, "the client has not read");
        while bound.server.has_unsent() {
            let _ = bound.client.read_tls(&mut bound.far);
            bound.client.process_new_packets().expect("good records");
            let _ = bound.client.reader().read(&mut [0; 64 * 1024]);
            let _ = bound.server.flush(&mut bound.near);
        }
        assert_eq!(bound.server.memory(), 0);

        let (mut record, mut buffer) = (Vec::new(), [0; 1000]);
        let sent = bound.client.writer().write_all(&[b'y'; 4000]);
        sent.and_then(|()| bound.client.write_tls(&mut record).map(drop))
            .expect("a record");
        bound.far.write_all(&record[..2000]).expect("sent");
        assert_eq!(read_some(&mut bound, &mut buffer), 0);
        assert_eq!(bound.server.memory(), 2000, "half of a record");
        bound.far.write_all(&record[2000..]).expect("sent");
        assert_eq!(read_some(&mut bound, &mut buffer), 1000);
        assert_eq!(bound.server.memory(), 3000, "the rest was not read");
    }
}

#[test]
fn both_ends_have_the_same_channel_binding() {
    let home = Home::new();
    home.certify("mail", &["mail.example"]);
    let own = home.trusted.lock().expect("no test thread panics")[0].clone();
    let hash = Sha256::digest(&own);
    for version in BOTH {
        let Bound { info, client, .. } = bind_to(&home, version);
        assert_eq!(info.end_point.as_deref(), Some(&*hash));
        let exported = client.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", None);
        match version.version {
            ProtocolVersion::TLSv1_3 => assert_eq!(info.exporter, exported.ok()),
            _ => assert_eq!(info.exporter, None),
        }
    }
}
