//! SCRAM logins that are bound to their TLS connection (RFC 5802 §6): by keying material exported
//! from the handshake (RFC 9266), and by the certificate (RFC 5929 §4). The server refuses such a
//! login on any other connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use pbkdf2::pbkdf2_hmac;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use sha2::{Digest, Sha256};

use super::{LIMIT, Secured, Way, port};
use crate::support::server::TestServer;
use crate::support::site::{PASSWORD, Site, USER};

type Client = BufReader<StreamOwned<ClientConnection, TcpStream>>;

fn connect(secured: &Secured, server: &TestServer) -> Client {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(secured.authority.file(&secured.site));
    roots
        .add(authority.expect("a certificate"))
        .expect("an authority");
    let settings = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(("127.0.0.1", port(server, Way::Implicit)));
    let stream = stream.expect("a connection");
    stream.set_read_timeout(Some(LIMIT)).expect("a time-out");
    let name = ServerName::try_from("localhost").expect("a name");
    let tls = ClientConnection::new(Arc::new(settings), name).expect("a client");
    let mut client = BufReader::new(StreamOwned::new(tls, stream));
    assert!(line(&mut client).starts_with("* OK"));
    client
}

fn line<S: Read + Write>(client: &mut BufReader<S>) -> String {
    let mut line = String::new();
    client.read_line(&mut line).expect("a line");
    line.trim_end().to_owned()
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

/// Logs in by SCRAM-SHA-256-PLUS, and returns the server's response.
fn log_in(client: &mut Client, kind: &str, binding: &[u8]) -> String {
    let header = format!("p={kind},,");
    let first = format!("n={USER},r=fyko+d2lbbFgONRv9qkxdawL");
    let initial = BASE64.encode(format!("{header}{first}").as_bytes());
    write!(
        client.get_mut(),
        "a1 AUTHENTICATE SCRAM-SHA-256-PLUS {initial}\r\n"
    )
    .expect("sent");
    let answer = line(client);
    let answer = answer
        .strip_prefix("+ ")
        .unwrap_or_else(|| panic!("{answer}"));
    let answer = BASE64.decode(answer.as_bytes()).expect("base64");
    let answer = String::from_utf8(answer).expect("UTF-8");
    let field = |name: &str| {
        let mut fields = answer.split(',');
        fields
            .find_map(|field| field.strip_prefix(name))
            .expect("a field")
    };

    let salt = BASE64.decode(field("s=").as_bytes()).expect("base64");
    let iterations = field("i=").parse().expect("a number");
    let mut salted = [0; 32];
    pbkdf2_hmac::<Sha256>(PASSWORD.as_bytes(), &salt, iterations, &mut salted);
    let bound = BASE64.encode(&[header.as_bytes(), binding].concat());
    let last = format!("c={bound},r={}", field("r="));
    let all = format!("{first},{answer},{last}");
    let client_key = hmac(&salted, b"Client Key");
    let signature = hmac(&Sha256::digest(&client_key), all.as_bytes());
    let proof: Vec<u8> = client_key
        .iter()
        .zip(signature)
        .map(|(a, b)| a ^ b)
        .collect();
    let last = BASE64.encode(format!("{last},p={}", BASE64.encode(&proof)).as_bytes());
    write!(client.get_mut(), "{last}\r\n").expect("sent");

    let answer = line(client);
    let Some(verified) = answer.strip_prefix("+ ") else {
        return answer;
    };
    let server_key = hmac(&salted, b"Server Key");
    let expected = format!("v={}", BASE64.encode(&hmac(&server_key, all.as_bytes())));
    assert_eq!(
        BASE64.decode(verified.as_bytes()),
        Ok(expected.into_bytes())
    );
    client.get_mut().write_all(b"\r\n").expect("sent");
    line(client)
}

fn exported(client: &Client) -> [u8; 32] {
    let tls = &client.get_ref().conn;
    let made = tls.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", None);
    made.expect("the handshake is over")
}

#[test]
fn a_login_is_bound_to_its_connection() {
    let secured = Secured::new(Site::new());
    let server = secured.serve(&[""]);

    let mut client = connect(&secured, &server);
    let binding = exported(&client);
    let answer = log_in(&mut client, "tls-exporter", &binding);
    assert!(answer.starts_with("a1 OK"), "{answer}");

    let mut client = connect(&secured, &server);
    let shown = client.get_ref().conn.peer_certificates().expect("a chain");
    let hash = Sha256::digest(&shown[0]);
    let answer = log_in(&mut client, "tls-server-end-point", &hash);
    assert!(answer.starts_with("a1 OK"), "{answer}");

    // The binding of one connection is not valid on another.
    let elsewhere = exported(&connect(&secured, &server));
    let answer = log_in(&mut connect(&secured, &server), "tls-exporter", &elsewhere);
    assert!(answer.starts_with("a1 NO"), "{answer}");
}
