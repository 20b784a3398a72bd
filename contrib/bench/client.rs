//! A client for measurements: it sends a command and reads up to the tagged response.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A server that does not answer for this long is broken.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    tag: u32,
}

impl Client {
    /// Connects and reads the greeting.
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut client = Self {
            stream: BufReader::with_capacity(4096, stream),
            tag: 0,
        };
        let greeting = client.line()?;
        if greeting.starts_with(b"* OK") {
            Ok(client)
        } else {
            Err(unexpected(&greeting))
        }
    }

    /// Makes reading fail after this long without an answer.
    pub(crate) fn give_up_after(&self, time: Duration) -> io::Result<()> {
        self.stream.get_ref().set_read_timeout(Some(time))
    }

    /// Connects, logs in and selects INBOX.
    pub(crate) fn reader(address: SocketAddr, user: &str) -> io::Result<Self> {
        let mut client = Self::connect(address)?;
        client.ask(&format!("LOGIN {user} secret"))?;
        client.ask("SELECT INBOX")?;
        Ok(client)
    }

    /// Connects, climbs to IMAP4rev1, logs in, selects INBOX and waits for changes (RFC 2177).
    pub(crate) fn idler(address: SocketAddr, user: &str) -> io::Result<Self> {
        let mut client = Self::connect(address)?;
        client.ask("CAPABILITY")?;
        client.ask(&format!("LOGIN {user} secret"))?;
        client.ask("SELECT INBOX")?;
        client.send("IDLE")?;
        client.hear(b"+ ")?;
        Ok(client)
    }

    /// Sends a command without reading the response.
    pub(crate) fn send(&mut self, command: &str) -> io::Result<()> {
        self.tag += 1;
        write!(self.stream.get_mut(), "b{} {command}\r\n", self.tag)
    }

    /// Sends a command that must succeed, reads the response, and returns how long it took.
    pub(crate) fn ask(&mut self, command: &str) -> io::Result<Duration> {
        let start = Instant::now();
        self.send(command)?;
        self.tagged()?;
        Ok(start.elapsed())
    }

    /// Sends octets as they are.
    pub(crate) fn octets(&mut self, octets: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(octets)
    }

    /// Reads the answer to the last command, which must be OK.
    pub(crate) fn tagged(&mut self) -> io::Result<()> {
        let tag = format!("b{} ", self.tag).into_bytes();
        loop {
            let line = self.line()?;
            if let Some(answer) = line.strip_prefix(&tag[..]) {
                return if answer.starts_with(b"OK") {
                    Ok(())
                } else {
                    Err(unexpected(&line))
                };
            }
        }
    }

    /// Reads up to a line with this beginning.
    pub(crate) fn hear(&mut self, beginning: &[u8]) -> io::Result<()> {
        while !self.line()?.starts_with(beginning) {}
        Ok(())
    }

    /// Reads one line of a response, and skips the literal that it announces.
    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        if self.stream.read_until(b'\n', &mut line)? == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the server hung up",
            ));
        }
        if let Some(size) = literal_size(&line) {
            let mut literal = self.stream.by_ref().take(size);
            io::copy(&mut literal, &mut io::sink())?;
        }
        Ok(line)
    }
}

fn literal_size(line: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(line.strip_suffix(b"}\r\n")?).ok()?;
    text.rsplit_once('{')?.1.parse().ok()
}

fn unexpected(line: &[u8]) -> io::Error {
    io::Error::other(format!(
        "the server said: {}",
        String::from_utf8_lossy(line).trim_end()
    ))
}
