//! Answering questions: a few threads, so that one slow answer does not hold up the next.
//!
//! The threads take turns at the socket. One of them waits for a packet; when it has one it lets the next
//! thread wait, finds the answer and sends it. So nothing is read before there is somebody to work on it,
//! and whoever gives up waiting knows whether anybody is still at work.

use super::checkpassword;
use super::client::{Answer, Question};
use super::packet::{self, MAX_PACKET, Message, Octets};
use super::settings::{self, Settings};
use crate::auth::scram::ClientFirst;
use crate::auth::{AuthOutcome, Authenticator, ClaimedUser};
use crate::server::sandbox::AllowedFiles;
use crate::session::ScramExchange;
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

/// Programs that check passwords mostly wait, and one that hangs is not to hold up the others. As many may run.
const PROGRAMS: usize = 32;

/// After so long without a question nothing that a password needs is kept in memory.
pub(super) const IDLE: Duration = Duration::from_secs(60);

/// Answers the questions that come over `socket` until its other end is closed, or until none has come for
/// `patience`, or until the files that it can open are others: the next worker can open those.
pub(super) fn serve(
    socket: &OwnedFd,
    users: &Users,
    patience: Option<Duration>,
    allowed_files: Option<AllowedFiles>,
) {
    let inbox = Inbox::new(socket, patience, allowed_files);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let threads = match users.program {
            Some(_) => PROGRAMS,
            None => cores.clamp(2, THREADS),
        };
        for _ in 0..threads {
            scope.spawn(|| users.answer_all(&inbox));
        }
    });
}

/// Those who can log in, shared by threads.
pub(super) struct Users {
    list: Mutex<Authenticator>,
    /// The program that knows the users.
    program: Option<String>,
    /// For the salts of those who have none: see [`salt_key`].
    key: Vec<u8>,
    /// What the other side was told last.
    offers_scram: Mutex<Option<bool>>,
}

impl Users {
    /// Looks at files that are out of reach once the process has closed itself in.
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            list: Mutex::new(settings.authenticator()),
            program: match &settings.users {
                settings::Users::Checkpassword(program) => Some(program.clone()),
                settings::Users::Nobody | settings::Users::PasswdFile(_) => None,
            },
            key: salt_key(),
            offers_scram: Mutex::new(None),
        }
    }

    fn answer_all(&self, inbox: &Inbox<'_>) {
        while let Some(packet) = inbox.take() {
            if let Some((serial, question)) = packet::parse_question(&packet) {
                drop(packet);
                let answer = self.answer(&question, inbox);
                inbox.send(&Message::Answer(serial, answer));
            } else {
                log::error!("the verifier was sent what is no question");
            }
            inbox.done();
        }
    }

    /// A panic costs its own question only.
    fn answer(&self, question: &Question, inbox: &Inbox<'_>) -> Answer {
        #[cfg(feature = "test-backdoor")]
        if let Question::Password { user, .. } = question {
            if let Some(report) = crate::server::test_backdoor::obey(user) {
                return Answer::Unavailable(report);
            }
        }
        let user = match question {
            Question::Password { user, .. } => user,
            Question::Scram(exchange) => &exchange.user,
        };
        let find = || match (&self.program, question) {
            (Some(program), Question::Password { user, password }) => {
                checkpassword::verify(program, user, password.expose())
            }
            _ => match self.look_up(user, inbox) {
                Ok(claimed) => self.judge(&claimed, question),
                Err(reason) => Answer::Unavailable(reason),
            },
        };
        panic::catch_unwind(AssertUnwindSafe(find))
            .unwrap_or_else(|_| Answer::Unavailable("a fault in imap2d, please report it".into()))
    }

    fn look_up(&self, user: &[u8], inbox: &Inbox<'_>) -> Result<ClaimedUser, String> {
        // Users that a panic has left half read are read again when their file changes; until then those
        // who are missing cannot log in, which is the safe side.
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let claimed = list.look_up(user);
        let offers = Some(list.supports_scram());
        drop(list);
        let mut told = self
            .offers_scram
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if *told != offers {
            *told = offers;
            inbox.send(&Message::OffersScram(offers == Some(true)));
        }
        claimed
    }

    /// Takes long.
    fn judge(&self, claimed: &ClaimedUser, question: &Question) -> Answer {
        match question {
            Question::Password { password, .. } => claimed.verify(password.expose()).into(),
            Question::Scram(exchange) => self.take_part(claimed, exchange),
        }
    }

    fn take_part(&self, claimed: &ClaimedUser, exchange: &ScramExchange) -> Answer {
        let (first, channels) = (&exchange.client_first, &exchange.channels);
        let Ok(first) = ClientFirst::parse(first, exchange.plus, channels) else {
            return Answer::Denied;
        };
        let Some((server_first, client_final)) = &exchange.rest else {
            return match nonce() {
                Ok(nonce) => Answer::Challenge(first.answer(claimed, &nonce, &self.key)),
                Err(error) => Answer::Unavailable(error.to_string()),
            };
        };
        let end = first.finish(claimed, &self.key, server_first, client_final, channels);
        match end.outcome {
            AuthOutcome::Granted(account) => Answer::Granted {
                account,
                server_final: Some(end.server_final),
            },
            other => other.into(),
        }
    }
}

/// Our part of a nonce. RFC 5802 §5.1: nobody can foresee it, and it never comes again.
fn nonce() -> io::Result<[u8; 18]> {
    let mut nonce = [0; 18];
    rustix::rand::getrandom(&mut nonce, rustix::rand::GetRandomFlags::empty())?;
    Ok(nonce)
}

/// Something that stays the same on this machine, and that those who ask over the network do not know: the
/// machine's number (machine-id(5)) or, where there is none, the number that it has until it is
/// started again. A user who is not in the list has the same salt each time by it, as one who is.
fn salt_key() -> Vec<u8> {
    ["/etc/machine-id", "/proc/sys/kernel/random/boot_id"]
        .iter()
        .find_map(|path| std::fs::read(path).ok().filter(|number| !number.is_empty()))
        .unwrap_or_default()
}

/// The socket, shared by threads.
struct Inbox<'s> {
    socket: &'s OwnedFd,
    patience: Option<Timespec>,
    allowed_files: Option<AllowedFiles>,
    /// Held by the thread that waits. True once there is nothing more to wait for.
    closed: Mutex<bool>,
    /// Questions that were taken and not answered.
    busy: AtomicUsize,
}

impl<'s> Inbox<'s> {
    fn new(
        socket: &'s OwnedFd,
        patience: Option<Duration>,
        allowed_files: Option<AllowedFiles>,
    ) -> Self {
        Self {
            socket,
            allowed_files,
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
                    let allowed_files = self.allowed_files.as_ref();
                    let outdated = allowed_files.is_some_and(AllowedFiles::are_outdated);
                    return (!outdated).then_some(());
                }
                Err(_) => return None,
            }
        }
    }

    fn send(&self, message: &Message) {
        let packet = packet::message(message);
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
