//! A connection that may break at any moment.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use crate::support::server::TestServer;
use crate::support::site::{PASSWORD, USER};

pub(super) struct Connection {
    stream: BufReader<TcpStream>,
    commands: u32,
}

/// The lines of an answer; the last one is the tagged response without its tag.
#[derive(Debug)]
pub(super) struct Answer(pub(super) Vec<String>);

impl Connection {
    /// Connects and logs in as a client of IMAP4rev1.
    pub(super) fn login(server: &TestServer) -> Self {
        let stream = TcpStream::connect(server.address()).expect("a connection");
        let mut connection = Self {
            stream: BufReader::new(stream),
            commands: 0,
        };
        connection.line().expect("a greeting");
        connection.ok("CAPABILITY");
        connection.ok(&format!("LOGIN {USER} {PASSWORD}"));
        connection
    }

    /// Sends a command that must be answered OK.
    pub(super) fn ok(&mut self, command: &str) -> Answer {
        let answer = self.send(command).expect("the server lives");
        assert!(answer.is_ok(), "{command}: {answer:?}");
        answer
    }

    /// Sends a command. Returns `None` if the connection breaks before the answer.
    pub(super) fn send(&mut self, command: &str) -> Option<Answer> {
        self.commands += 1;
        let tag = format!("c{} ", self.commands);
        let line = format!("{tag}{command}\r\n");
        self.stream.get_mut().write_all(line.as_bytes()).ok()?;
        let mut lines = Vec::new();
        loop {
            let line = self.line()?;
            if let Some(tagged) = line.strip_prefix(&tag) {
                lines.push(tagged.to_owned());
                return Some(Answer(lines));
            }
            lines.push(line);
        }
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line).ok()?;
        line.strip_suffix("\r\n").map(str::to_owned)
    }
}

impl Answer {
    pub(super) fn is_ok(&self) -> bool {
        self.0.last().is_some_and(|tagged| tagged.starts_with("OK"))
    }

    /// Returns the number behind the last `name` in the answer.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.numbers(name).last()
    }

    /// Returns the numbers behind each `name`: `name number` or `name (number`.
    pub(super) fn numbers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = u64> + 'a {
        self.0.iter().filter_map(move |line| {
            let (_, rest) = line.split_once(name)?;
            let rest = rest.trim_start_matches([' ', '(']);
            let end = rest.find(|c: char| !c.is_ascii_digit());
            rest[..end.unwrap_or(rest.len())].parse().ok()
        })
    }

    /// Returns the last number within the response code `name`: the UID of APPENDUID and COPYUID.
    pub(super) fn uid(&self, name: &str) -> Option<u32> {
        let code = self.0.iter().find_map(|line| line.split_once(name))?.1;
        let (numbers, _) = code.split_once(']')?;
        numbers.rsplit(' ').next()?.parse().ok()
    }
}
