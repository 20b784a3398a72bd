//! A message of a gigabyte: the server needs no more memory for it than for one of a kilobyte.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use crate::support::server::TestServer;
use crate::support::site::{PASSWORD, Site, USER};

const GIGABYTE: u64 = 1 << 30;
/// How many KiB the process may grow: a few buffers, and what the allocator keeps.
const ALLOWED: u64 = 2048;

const HEADER: &str = "Subject: a large file\nFrom: a@example.org\n\n";

#[test]
fn fetching_a_gigabyte_needs_no_memory() {
    let site = Site::new();
    // A sparse file: a gigabyte to read, nothing on the disk.
    let mut file =
        File::create(site.maildir().path().join("cur/1700000000.M1P1.large:2,")).expect("a file");
    file.write_all(HEADER.as_bytes()).expect("a header");
    file.set_len(GIGABYTE).expect("a sparse file");
    let server = TestServer::start(&site, &[]);
    let mut client = TcpStream::connect(server.address()).expect("a connection");
    let login =
        format!("a1 LOGIN {USER} {PASSWORD}\r\na2 SELECT INBOX\r\na3 FETCH 1 RFC822.SIZE\r\n");
    client.write_all(login.as_bytes()).expect("a connection");
    read_past(&mut client, b"a3 OK", None);
    let before = resident(server.pid());

    client
        .write_all(b"a4 FETCH 1 RFC822\r\n")
        .expect("a connection");
    let octets = read_past(&mut client, b"a4 OK", Some(server.pid()));
    // The server sends three line ends of the header as CRLF.
    assert!(octets.0 > GIGABYTE + 3, "{} octets came", octets.0);
    let grown = octets.1.saturating_sub(before);
    assert!(
        grown <= ALLOWED,
        "the server grew by {grown} KiB over {before} KiB"
    );
}

/// Reads to the end of the line that contains the marker. Returns how many octets that were, and
/// the largest size of the process in the meantime.
fn read_past(client: &mut TcpStream, marker: &[u8], pid: Option<u32>) -> (u64, u64) {
    let mut buffer = vec![0; 1 << 20];
    let (mut total, mut largest, mut tail) = (0, 0, Vec::new());
    loop {
        let count = client.read(&mut buffer).expect("a connection");
        assert!(count > 0, "the connection ended after {total} octets");
        total += count as u64;
        tail.extend_from_slice(&buffer[..count]);
        if tail.ends_with(b"\r\n") && tail.windows(marker.len()).any(|window| window == marker) {
            return (total, largest);
        }
        tail.drain(..tail.len().saturating_sub(200));
        if let Some(pid) = pid.filter(|_| total % (64 << 20) < count as u64) {
            largest = largest.max(resident(pid));
        }
    }
}

/// Returns the KiB of memory that a process uses.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status"))
        .expect("a process");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("its memory");
    line.trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number")
}
