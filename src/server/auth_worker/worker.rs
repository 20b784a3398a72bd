//! The threads that check passwords: a few, so that one slow check does not hold up the next.

use super::checkpassword;
use super::messages::{AuthReply, WorkerMessage};
use super::packet;
use super::request_socket::RequestSocket;
use super::settings::{UserSource, WorkerSettings};
use crate::auth::scram::ClientFirst;
use crate::auth::{AuthOutcome, Authenticator, ClaimedUser};
use crate::session::{LoginRequest, ScramExchange};
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Threads that hash. One hash may take 64 MiB of memory, and more threads than cores speed up
/// nothing.
const THREADS: usize = 4;

/// Threads that run programs of `--checkpassword`, and so programs that run at the same time. They
/// mostly wait, and one that hangs must not hold up the others.
const PROGRAMS: usize = 32;

/// Time without a request after which the worker process ends, so that nothing that a password
/// needs stays in memory.
pub(super) const IDLE: Duration = Duration::from_secs(60);

/// Replies to the requests that come over `socket`, until it has no more.
pub(super) fn serve(socket: &RequestSocket<'_>, checker: &PasswordChecker) {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let threads = match checker.program {
            Some(_) => PROGRAMS,
            None => cores.clamp(2, THREADS),
        };
        for _ in 0..threads {
            scope.spawn(|| checker.reply_to_all(socket));
        }
    });
}

/// The users, shared by the threads.
pub(super) struct PasswordChecker {
    users: Mutex<Authenticator>,
    /// Program of `--checkpassword`, which knows the users.
    program: Option<String>,
    /// Key for the salts of unknown users: see [`salt_key`].
    salt_key: Vec<u8>,
    /// What was sent last of whether SCRAM may be offered.
    offers_scram: Mutex<Option<bool>>,
}

impl PasswordChecker {
    /// Reads files that the process cannot open any more once it is in its sandbox.
    pub(super) fn new(settings: &WorkerSettings) -> Self {
        Self {
            users: Mutex::new(settings.authenticator()),
            program: match &settings.users {
                UserSource::Checkpassword(program) => Some(program.clone()),
                UserSource::NoUsers | UserSource::PasswdFile(_) => None,
            },
            salt_key: salt_key(),
            offers_scram: Mutex::new(None),
        }
    }

    fn reply_to_all(&self, socket: &RequestSocket<'_>) {
        while let Some(packet) = socket.take() {
            if let Some((serial, request)) = packet::parse_request(&packet) {
                drop(packet);
                let reply = self.reply(&request, socket);
                socket.send(&WorkerMessage::Reply(serial, reply));
            } else {
                log::error!("the server has sent the auth worker an invalid packet");
            }
            socket.done();
        }
    }

    /// Returns the reply to one request. A panic costs this request only.
    fn reply(&self, request: &LoginRequest, socket: &RequestSocket<'_>) -> AuthReply {
        #[cfg(feature = "test-backdoor")]
        if let LoginRequest::Password { user, .. } = request {
            if let Some(report) = crate::server::test_backdoor::run(user) {
                return AuthReply::Unavailable(report);
            }
        }
        let user = match request {
            LoginRequest::Password { user, .. } => user,
            LoginRequest::Scram(exchange) => &exchange.user,
        };
        let find = || match (&self.program, request) {
            (Some(program), LoginRequest::Password { user, password, .. }) => {
                checkpassword::check(program, user, password.expose())
            }
            _ => match self.look_up(user, socket) {
                Ok(claimed) => self.check(&claimed, request),
                Err(reason) => AuthReply::Unavailable(reason),
            },
        };
        panic::catch_unwind(AssertUnwindSafe(find)).unwrap_or_else(|_| {
            AuthReply::Unavailable("a fault in imap2d, please report it".into())
        })
    }

    fn look_up(&self, user: &[u8], socket: &RequestSocket<'_>) -> Result<ClaimedUser, String> {
        // Users that a panic has left half read are read again when their file changes; until then
        // the missing ones cannot log in, which is the safe side.
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let claimed = users.look_up(user);
        let offers = Some(users.supports_scram());
        drop(users);
        let mut sent = self
            .offers_scram
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if *sent != offers {
            *sent = offers;
            socket.send(&WorkerMessage::OffersScram(offers == Some(true)));
        }
        claimed
    }

    /// Checks the password or the SCRAM message. This takes long.
    fn check(&self, claimed: &ClaimedUser, request: &LoginRequest) -> AuthReply {
        match request {
            LoginRequest::Password { password, .. } => claimed.verify(password.expose()).into(),
            LoginRequest::Scram(exchange) => self.answer_scram(claimed, exchange),
        }
    }

    fn answer_scram(&self, claimed: &ClaimedUser, exchange: &ScramExchange) -> AuthReply {
        let (first, channels) = (&exchange.client_first, &exchange.channels);
        let Ok(first) = ClientFirst::parse(first, exchange.plus, channels) else {
            return AuthReply::Denied;
        };
        let Some((server_first, client_final)) = &exchange.rest else {
            return match nonce() {
                Ok(nonce) => AuthReply::Challenge(first.answer(claimed, &nonce, &self.salt_key)),
                Err(error) => AuthReply::Unavailable(error.to_string()),
            };
        };
        let end = first.finish(
            claimed,
            &self.salt_key,
            server_first,
            client_final,
            channels,
        );
        match end.outcome {
            AuthOutcome::Granted(account) => AuthReply::Granted {
                account,
                server_final: Some(end.server_final),
            },
            other => other.into(),
        }
    }
}

/// Returns the server's part of a nonce, which no client can predict and which never repeats (RFC
/// 5802 §5.1).
fn nonce() -> io::Result<[u8; 18]> {
    let mut nonce = [0; 18];
    rustix::rand::getrandom(&mut nonce, rustix::rand::GetRandomFlags::empty())?;
    Ok(nonce)
}

/// Returns octets that stay the same on this host and that clients do not know: the host's number
/// (machine-id(5)) or, where there is none, the number that it has until it boots again. With them
/// the salt of an unknown user is the same each time, like that of a known one.
fn salt_key() -> Vec<u8> {
    ["/etc/machine-id", "/proc/sys/kernel/random/boot_id"]
        .iter()
        .find_map(|path| std::fs::read(path).ok().filter(|number| !number.is_empty()))
        .unwrap_or_default()
}
