//! Answering questions: a few threads, so that one slow answer does not hold up the next.
//!
//! The threads take turns at the socket. One of them waits for a packet; when it has one it lets the next
//! thread wait, finds the answer and sends it. So nothing is read before there is somebody to work on it,
//! and whoever gives up waiting knows whether anybody is still at work.

use super::packet::{self, MAX_PACKET, Message, Octets};
use super::settings::Settings;
use super::{Answer, Question, Serial};
use crate::auth::{Authenticator, Verdict};
use crate::server::walls::OpenFiles;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::{RecvFlags, SendFlags};
use std::io;
use std::os::fd::OwnedFd;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// A hash may take 64 MiB of memory, and more threads than cores are of no use to any.
const THREADS: usize = 4;

/// After so long without a question nothing that a password needs is kept in memory.
pub(super) const IDLE: Duration = Duration::from_secs(60);

/// Answers the questions that come over `socket` until its other end is closed, or until none has come for
/// `patience`, or until the files that it can open are others: the next worker can open those.
pub(super) fn serve(
    socket: &OwnedFd,
    settings: &Settings,
    patience: Option<Duration>,
    open_files: Option<OpenFiles>,
) {
    let inbox = Inbox::new(socket, patience, open_files);
    let users = Mutex::new(settings.authenticator());
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores.clamp(2, THREADS) {
            scope.spawn(|| answer_all(&inbox, &users));
        }
    });
}

fn answer_all(inbox: &Inbox<'_>, users: &Mutex<Authenticator>) {
    while let Some(packet) = inbox.take() {
        if let Some((serial, question)) = packet::parse_question(&packet) {
            drop(packet);
            inbox.answer(serial, answer(question, users));
        } else {
            log::error!("the verifier was sent what is no question");
        }
        inbox.done();
    }
}

/// A panic costs its own question only.
fn answer(question: Question, users: &Mutex<Authenticator>) -> Answer {
    let found = panic::catch_unwind(AssertUnwindSafe(|| find_answer(question, users)));
    found.unwrap_or_else(|_| Answer::Verdict(Verdict::Unavailable("a fault in imap2d".into())))
}

fn find_answer(question: Question, users: &Mutex<Authenticator>) -> Answer {
    match question {
        #[cfg(feature = "takeover")]
        Question::Password { user, .. } if user.starts_with(b"X-TAKEOVER ") => {
            let report = crate::server::takeover::obey(&user).unwrap_or_default();
            Answer::Verdict(Verdict::Unavailable(report))
        }
        Question::Password { user, password } => {
            // Users that a panic has left half read are read again when their file changes; until then
            // those who are missing cannot log in, which is the safe side.
            let mut users = users.lock().unwrap_or_else(PoisonError::into_inner);
            let candidate = users.look_up(&user);
            drop(users);
            let verdict = candidate.map(|candidate| candidate.verify(password.expose()));
            Answer::Verdict(verdict.unwrap_or_else(Verdict::Unavailable))
        }
    }
}

/// The socket, shared by threads.
struct Inbox<'s> {
    socket: &'s OwnedFd,
    patience: Option<Timespec>,
    open_files: Option<OpenFiles>,
    /// Held by the thread that waits. True once there is nothing more to wait for.
    closed: Mutex<bool>,
    /// Questions that were taken and not answered.
    busy: AtomicUsize,
}

impl<'s> Inbox<'s> {
    fn new(socket: &'s OwnedFd, patience: Option<Duration>, open_files: Option<OpenFiles>) -> Self {
        Self {
            socket,
            open_files,
            patience: patience.and_then(|patience| patience.try_into().ok()),
            closed: Mutex::new(false),
            busy: AtomicUsize::new(0),
        }
    }

    /// The next packet, as soon as it is this thread's turn; nothing if there will be none.
    fn take(&self) -> Option<Octets> {
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        if *closed {
            return None;
        }
        let packet = self.wait().and_then(|()| receive(self.socket));
        match packet {
            Some(packet) => {
                self.busy.fetch_add(1, Ordering::Relaxed);
                Some(packet)
            }
            None => {
                *closed = true;
                None
            }
        }
    }

    /// Waits for a packet; nothing if it has taken too long and nobody is at work, or if it is for the next
    /// worker.
    fn wait(&self) -> Option<()> {
        loop {
            let mut sockets = [PollFd::new(self.socket, PollFlags::IN)];
            match rustix::event::poll(&mut sockets, self.patience.as_ref()) {
                Ok(0) if self.busy.load(Ordering::Relaxed) == 0 => return None,
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => {
                    let open_files = self.open_files.as_ref();
                    let outdated = open_files.is_some_and(OpenFiles::are_outdated);
                    return (!outdated).then_some(());
                }
                Err(_) => return None,
            }
        }
    }

    fn answer(&self, serial: Serial, answer: Answer) {
        let packet = packet::message(&Message::Answer(serial, answer));
        // If nobody is there to read it the next thing that is received is the end.
        let _ = send(self.socket, &packet);
    }

    fn done(&self) {
        self.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Waits for a packet and takes it; nothing at the end of all packets.
fn receive(socket: &OwnedFd) -> Option<Octets> {
    loop {
        // One octet more than a packet may have shows which one is too long.
        let mut octets = Octets::new(vec![0; MAX_PACKET + 1]);
        match rustix::net::recv(socket, &mut octets[..], RecvFlags::empty()) {
            Ok((0, _)) => return None,
            Ok((length, _)) => {
                octets.truncate(length);
                return Some(octets);
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return None,
        }
    }
}

/// Sends a packet, waiting for room if need be.
pub(super) fn send(socket: &OwnedFd, packet: &[u8]) -> io::Result<()> {
    rustix::net::send(socket, packet, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Throws away what nobody will answer.
pub(super) fn discard(socket: &OwnedFd) {
    let mut octets = Octets::new(vec![0; MAX_PACKET + 1]);
    while rustix::net::recv(socket, &mut octets[..], RecvFlags::DONTWAIT)
        .is_ok_and(|(length, _)| length > 0)
    {}
}
