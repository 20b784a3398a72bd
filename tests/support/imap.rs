//! A small IMAP client for tests. It sends one command at a time and keeps everything the server
//! sends.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::data::{Data, Items, Value, literal_size};

/// How long the server may send nothing: longer than the 30 s after which it stops waiting for a
/// lock.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many lines of the session a failure shows.
const REMEMBERED: usize = 40;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// The server completed it.
    Ok,
    /// The server refused it.
    No,
    /// The server did not understand it.
    Bad,
}

/// The response to one command.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    /// The untagged responses before the tagged one, in order.
    pub(crate) data: Vec<Data>,
    /// How the command ended.
    pub(crate) status: Status,
    /// The text of the tagged response, with its response code.
    pub(crate) text: String,
}

impl Reply {
    /// Returns the `FETCH` responses. The caller skips those without the items it wants.
    pub(crate) fn fetched(&self) -> impl Iterator<Item = (u32, &Items)> {
        self.data.iter().filter_map(|data| match data {
            Data::Fetch(number, items) => Some((*number, items)),
            _ => None,
        })
    }

    /// Returns the numbers of all `SEARCH` responses.
    pub(crate) fn hits(&self) -> Vec<u32> {
        let hits = self.data.iter().filter_map(|data| match data {
            Data::Search(numbers) => Some(numbers.clone()),
            _ => None,
        });
        hits.flatten().collect()
    }

    /// Returns the number of the last `EXISTS`.
    pub(crate) fn exists(&self) -> Option<u32> {
        self.data.iter().rev().find_map(|data| match data {
            Data::Exists(count) => Some(*count),
            _ => None,
        })
    }

    /// Returns the numeric argument of a response code such as `UIDVALIDITY`, tagged or untagged.
    pub(crate) fn code(&self, name: &str) -> Option<u32> {
        let texts = self.data.iter().filter_map(|data| match data {
            Data::Status(_, text) => Some(text),
            _ => None,
        });
        texts.chain([&self.text]).find_map(|text| {
            let (code, _) = text.strip_prefix('[')?.split_once(']')?;
            code.strip_prefix(name)?.trim().parse().ok()
        })
    }

    /// Returns the names in all `LIST`, `LSUB` and `MAILBOX` responses, sorted, without names that
    /// are only the upper level of another mailbox.
    pub(crate) fn mailboxes(&self) -> Vec<String> {
        let mut names: Vec<String> = self.data.iter().filter_map(mailbox_name).collect();
        names.sort();
        names
    }
}

fn mailbox_name(data: &Data) -> Option<String> {
    match data {
        Data::Mailbox(name) => Some(name.clone()),
        Data::Other(keyword, values) if matches!(keyword.as_str(), "LIST" | "LSUB") => {
            let mut attributes = values.first()?.members().iter().filter_map(Value::text);
            let is_mailbox = attributes.all(|one| !one.eq_ignore_ascii_case("\\Noselect"));
            is_mailbox.then(|| values.get(2)?.text())?
        }
        _ => None,
    }
}

/// A connection to a server.
pub(crate) struct Client {
    input: BufReader<Box<dyn Read + Send>>,
    output: Box<dyn Write + Send>,
    greeting: Data,
    commands: u32,
    conversation: VecDeque<String>,
}

impl Client {
    /// Connects to a server and reads its greeting.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("a server listens there");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a socket has timeouts");
        stream.set_nodelay(true).expect("a socket has that option");
        let output = stream.try_clone().expect("a second descriptor");
        Self::greeted(Box::new(stream), Box::new(output))
    }

    /// Speaks IMAP over a socket pair to the process at its other end, and reads its greeting.
    pub(crate) fn over(stream: UnixStream) -> Self {
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a socket has timeouts");
        let output = stream.try_clone().expect("a second descriptor");
        Self::greeted(Box::new(stream), Box::new(output))
    }

    fn greeted(input: Box<dyn Read + Send>, output: Box<dyn Write + Send>) -> Self {
        let mut client = Self {
            input: BufReader::new(input),
            output,
            greeting: Data::Exists(0),
            commands: 0,
            conversation: VecDeque::new(),
        };
        let line = client.response();
        client.greeting = untagged(&line).unwrap_or_else(|| client.fail("the greeting is tagged"));
        client
    }

    /// Returns the greeting.
    pub(crate) fn greeting(&self) -> &Data {
        &self.greeting
    }

    /// Sends a command and reads its response.
    ///
    /// # Panics
    ///
    /// If the connection breaks or the response is malformed.
    pub(crate) fn command(&mut self, text: &str) -> Reply {
        self.command_with(text, &[])
    }

    /// Sends a command that must end in OK.
    pub(crate) fn ok(&mut self, text: &str) -> Reply {
        let reply = self.command(text);
        self.expect_ok(reply)
    }

    /// Appends a message, whose lines may end in bare LF here; `arguments` are the flags and the
    /// date.
    pub(crate) fn append(&mut self, mailbox: &str, arguments: &str, message: &[u8]) -> Reply {
        let message = with_crlf(message);
        let space = if arguments.is_empty() { "" } else { " " };
        self.command_with(
            &format!("APPEND {mailbox} {arguments}{space}"),
            &[(&message, "")],
        )
    }

    /// Does the same as [`Self::append`], and requires OK.
    pub(crate) fn append_ok(&mut self, mailbox: &str, arguments: &str, message: &[u8]) -> Reply {
        let reply = self.append(mailbox, arguments, message);
        self.expect_ok(reply)
    }

    /// Sends a command with literals. Each literal is announced after the text so far, sent when
    /// the server asks for it, and followed by a text of its own.
    pub(crate) fn command_with(&mut self, text: &str, literals: &[(&[u8], &str)]) -> Reply {
        self.commands += 1;
        let tag = format!("a{}", self.commands);
        let mut line = format!("{tag} {text}");
        let mut data = Vec::new();
        for (literal, rest) in literals {
            self.send(format!("{line}{{{}}}\r\n", literal.len()).as_bytes());
            if let Some(refusal) = self.read_until(&tag, true, &mut data) {
                return self.reply(data, &refusal);
            }
            self.send(literal);
            line = (*rest).to_owned();
        }
        self.send(format!("{line}\r\n").as_bytes());
        let tagged = self.read_until(&tag, false, &mut data);
        let tagged = tagged.unwrap_or_else(|| self.fail("an unexpected continuation request"));
        self.reply(data, &tagged)
    }

    /// Reads up to the tagged response, which is returned without its tag, or up to a continuation
    /// request.
    fn read_until(&mut self, tag: &str, may_go_on: bool, data: &mut Vec<Data>) -> Option<String> {
        loop {
            let line = self.response();
            if let Some(response) = untagged(&line) {
                data.push(response);
            } else if line.starts_with(b"+") {
                if may_go_on {
                    return None;
                }
                self.fail("an unexpected continuation request");
            } else {
                let line = String::from_utf8_lossy(&line).into_owned();
                let rest = line
                    .strip_prefix(tag)
                    .and_then(|rest| rest.strip_prefix(' '));
                return Some(rest.unwrap_or_else(|| self.fail("another tag")).to_owned());
            }
        }
    }

    fn reply(&self, data: Vec<Data>, tagged: &str) -> Reply {
        let (word, text) = tagged.split_once(' ').unwrap_or((tagged, ""));
        let status = match word {
            "OK" => Status::Ok,
            "NO" => Status::No,
            "BAD" => Status::Bad,
            _ => self.fail("neither OK nor NO nor BAD"),
        };
        Reply {
            data,
            status,
            text: text.to_owned(),
        }
    }

    fn expect_ok(&self, reply: Reply) -> Reply {
        if reply.status != Status::Ok {
            self.fail("it should have been OK");
        }
        reply
    }

    /// Sends raw octets, for anything that is not a command.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.remember("C", bytes);
        let sent = self
            .output
            .write_all(bytes)
            .and_then(|()| self.output.flush());
        if let Err(error) = sent {
            self.fail(&format!("the connection broke: {error}"));
        }
    }

    /// Reads one response with its literals, without the last CRLF.
    pub(crate) fn response(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let start = bytes.len();
            self.read_line(&mut bytes);
            let Some(size) = announced(&bytes[start..]) else {
                break;
            };
            let end = bytes.len();
            bytes.resize(end + size, 0);
            if let Err(error) = self.input.read_exact(&mut bytes[end..]) {
                self.fail(&format!("the connection broke in a literal: {error}"));
            }
        }
        self.remember("S", &bytes);
        if !bytes.ends_with(b"\r\n") {
            self.fail("a line does not end in CRLF");
        }
        bytes.truncate(bytes.len() - 2);
        bytes
    }

    fn read_line(&mut self, bytes: &mut Vec<u8>) {
        match self.input.read_until(b'\n', bytes) {
            Ok(0) => self.fail("the connection was closed"),
            Ok(_) => {}
            Err(error) => self.fail(&format!("the connection broke: {error}")),
        }
    }

    /// Returns true once the server has closed the connection; discards what it still sends.
    pub(crate) fn is_closed(&mut self) -> bool {
        std::io::copy(&mut self.input, &mut std::io::sink()).is_ok()
    }

    fn remember(&mut self, who: &str, bytes: &[u8]) {
        if self.conversation.len() == REMEMBERED {
            self.conversation.pop_front();
        }
        let shown = &bytes[..bytes.len().min(240)];
        self.conversation
            .push_back(format!("{who}: {}", shown.escape_ascii()));
    }

    fn fail(&self, what: &str) -> ! {
        let conversation: Vec<&str> = self.conversation.iter().map(String::as_str).collect();
        panic!("{what}; the conversation:\n{}", conversation.join("\n"))
    }
}

/// Parses the response after `* `, if the line is untagged.
fn untagged(line: &[u8]) -> Option<Data> {
    line.strip_prefix(b"* ").map(Data::parse)
}

/// Returns the size of the literal that a line announces at its end.
fn announced(line: &[u8]) -> Option<usize> {
    let start = line.iter().rposition(|&octet| octet == b'{')?;
    let (size, length) = literal_size(&line[start..])?;
    (start + length == line.len()).then_some(size)
}

/// Returns a message in its form on the wire: every line ends in CRLF.
pub(crate) fn with_crlf(message: &[u8]) -> Vec<u8> {
    let mut converted = Vec::with_capacity(message.len() + message.len() / 32);
    let mut before = 0;
    for &octet in message {
        if octet == b'\n' && before != b'\r' {
            converted.push(b'\r');
        }
        converted.push(octet);
        before = octet;
    }
    converted
}
