//! Checking passwords away from the loop.
//!
//! # The problem
//!
//! A good password hash is slow on purpose: half a second in the one thread of the server would be half a
//! second for everybody. And whoever takes over the server by one of its parsers should not find the
//! hashes of all users in its memory.
//!
//! # The answer
//!
//! ```text
//!  loop ──── questions ───> supervisor ── starts ──> worker
//!       <──────────────────── answers ──────────────────┘
//! ```
//!
//! The loop has one end of a pair of sockets; the packets on it keep their bounds (`packet.rs`). Two
//! processes share the other end, both of them this very program under another name (`process.rs`). The
//! *supervisor* waits until there is a question and starts the *worker*, who reads the users and answers
//! with a few threads (`worker.rs`). After a minute without questions the worker ends, so that nothing secret
//! is in memory while nobody logs in. If it dies, the supervisor says so, the logins that were pending
//! are refused as [`AuthOutcome::Unavailable`], and the next question finds a new worker. If the server ends,
//! the sockets close, and so do both. If the supervisor dies, a server that has given up its rights cannot start
//! another: it ends too, and whoever has started it starts it again.
//!
//! The supervisor is started before the server gives up the rights it was started with, so that the users
//! can be readable by `root` alone.
//!
//! A server that is embedded in another program cannot start itself again, since that program is not
//! imap2d: it answers with the same threads, in its own process. Either way the loop never hashes.

use super::packet::{self, MAX_PACKET, Message, Octets};
use super::settings::Settings;
use super::{process, worker};
use crate::auth::{AccountInfo, AuthOutcome};
use crate::options::Options;
use crate::protocol::Secret;
use crate::session::ScramExchange;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Child;

/// The number of a question. No two questions of a server have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Serial(pub(crate) u64);

/// What the verifier can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Question {
    /// Whether this is the password of that user.
    Password {
        /// As the client sent it.
        user: Vec<u8>,
        /// As the client sent it.
        password: Secret,
    },
    /// What is to be answered in this exchange of SCRAM.
    Scram(ScramExchange),
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Somebody is let in.
    Granted {
        account: AccountInfo,
        /// The last message of an exchange of SCRAM that ends well.
        server_final: Option<String>,
    },
    /// Somebody is not.
    Denied,
    /// Nobody can tell, for that reason.
    Unavailable(String),
    /// The exchange of SCRAM goes on, with this message.
    Challenge(String),
}

impl From<AuthOutcome> for Answer {
    fn from(outcome: AuthOutcome) -> Self {
        match outcome {
            AuthOutcome::Granted(account) => Self::Granted {
                account,
                server_final: None,
            },
            AuthOutcome::Denied => Self::Denied,
            AuthOutcome::Unavailable(reason) => Self::Unavailable(reason),
        }
    }
}

/// What comes from the verifier.
#[derive(Debug)]
pub(crate) enum News {
    /// An answer.
    Answer(Serial, Answer),
    /// No question asked so far gets an answer any more.
    Lost,
    /// From now on SCRAM may be offered, or may not.
    OffersScram(bool),
}

/// Where passwords are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In other threads of this process.
    Threads,
    /// In processes of their own.
    Processes,
}

/// The loop's side. Nothing here waits.
pub(crate) struct AuthWorker {
    settings: Settings,
    place: Place,
    /// What the sockets are watched with.
    poll: Option<(Registry, Token)>,
    link: Option<Link>,
    /// Why nobody answers any more, nor ever will.
    fault: Option<io::Error>,
}

/// The connection with those who answer.
struct Link {
    socket: OwnedFd,
    supervisor: Option<Child>,
    /// Packets for which there was no room yet.
    unsent: VecDeque<Octets>,
}

impl AuthWorker {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            settings: Settings::new(options),
            place: Place::Threads,
            poll: None,
            link: None,
            fault: None,
        }
    }

    /// Moves the work to processes of their own.
    pub(crate) fn move_apart(&mut self) {
        self.place = Place::Processes;
    }

    /// From now on the poll tells when there is something to [`Self::receive`].
    pub(crate) fn watch(&mut self, registry: Registry, token: Token) -> io::Result<()> {
        self.poll = Some((registry, token));
        self.link
            .as_ref()
            .map_or(Ok(()), |link| self.register(link))
    }

    fn register(&self, link: &Link) -> io::Result<()> {
        let Some((registry, token)) = &self.poll else {
            return Ok(());
        };
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut SourceFd(&link.socket.as_raw_fd()), *token, interest)
    }

    /// Starts those who answer, unless they are there. Else the first question does that.
    pub(crate) fn start(&mut self) -> io::Result<()> {
        if self.link.is_none() {
            let link = Link::new(&self.settings, self.place)?;
            self.register(&link)?;
            self.link = Some(link);
        }
        Ok(())
    }

    /// Asks a question. The answer comes from [`Self::receive`].
    pub(crate) fn ask(&mut self, serial: Serial, question: &Question) -> io::Result<()> {
        let packet = packet::question(serial, question);
        let packet = packet.ok_or_else(|| io::Error::other("the question is too long"))?;
        self.start()?;
        if let Some(link) = &mut self.link {
            link.unsent.push_back(packet);
            // If it fails, the next thing that is received is the end, and says so.
            let _ = link.flush();
        }
        Ok(())
    }

    /// What has come meanwhile; nothing if there is no more for now.
    pub(crate) fn receive(&mut self) -> Option<News> {
        let link = self.link.as_mut()?;
        match link.flush().and_then(|()| link.receive()) {
            Ok(Some(Message::Answer(serial, answer))) => Some(News::Answer(serial, answer)),
            Ok(Some(Message::Lost)) => Some(News::Lost),
            Ok(Some(Message::OffersScram(offers))) => Some(News::OffersScram(offers)),
            Ok(None) => None,
            Err(error) => {
                log::error!("the verifier has gone: {error}");
                self.hang_up();
                self.start_again();
                Some(News::Lost)
            }
        }
    }

    /// A process that has closed itself in can start no other.
    fn start_again(&mut self) {
        let started = self.start();
        self.fault = started
            .err()
            .filter(|error| error.kind() == io::ErrorKind::PermissionDenied);
    }

    /// Why nobody answers any more, nor ever will; said once.
    pub(crate) fn take_fault(&mut self) -> Option<io::Error> {
        self.fault.take()
    }

    /// Ends the connection. The next question starts anew, if the process still may.
    pub(crate) fn hang_up(&mut self) {
        let Some(link) = self.link.take() else {
            return;
        };
        if let Some((registry, _)) = &self.poll {
            // Closing the socket does the same.
            let _ = registry.deregister(&mut SourceFd(&link.socket.as_raw_fd()));
        }
        drop(link.socket);
        if let Some(mut supervisor) = link.supervisor {
            // It has gone, or goes now that nobody asks: it never waits for anything else than its worker,
            // and that one has gone.
            let _ = supervisor.try_wait();
        }
    }
}

impl Link {
    fn new(settings: &Settings, place: Place) -> io::Result<Self> {
        let (family, kind) = (AddressFamily::UNIX, SocketType::SEQPACKET);
        let (socket, other) = rustix::net::socketpair(family, kind, SocketFlags::CLOEXEC, None)?;
        let supervisor = match place {
            Place::Processes => Some(process::start(settings, other)?),
            Place::Threads => {
                let settings = settings.clone();
                std::thread::Builder::new()
                    .name("verifier".into())
                    .spawn(move || {
                        worker::serve(&other, &worker::Users::new(&settings), None, None);
                    })?;
                None
            }
        };
        Ok(Self {
            socket,
            supervisor,
            unsent: VecDeque::new(),
        })
    }

    /// Sends what there is room for.
    fn flush(&mut self) -> io::Result<()> {
        while let Some(packet) = self.unsent.front() {
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            match rustix::net::send(&self.socket, packet, flags) {
                Ok(_) => drop(self.unsent.pop_front()),
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The next message; nothing if there is none yet.
    fn receive(&self) -> io::Result<Option<Message>> {
        let mut octets = [0; MAX_PACKET + 1];
        loop {
            match rustix::net::recv(&self.socket, &mut octets[..], RecvFlags::DONTWAIT) {
                Ok((0, _)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok((length, _)) => {
                    let message = packet::parse_message(&octets[..length]);
                    let wrong = || io::Error::other("it sent what is no answer");
                    return message.ok_or_else(wrong).map(Some);
                }
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
