//! AUTHENTICATE (RFC 3501 §6.2.2, RFC 4959): other ways to bring the name and the password of LOGIN. The ones that
//! do not send the password are in `scram.rs`.

use crate::budget::{Step, Why};
use crate::protocol::sasl::{Exchange, Progress};
use crate::protocol::{AuthenticateArguments, Code, Mechanism, Secret, decode_response};
use crate::ready;
use crate::session::core::Core;
use crate::session::job::{Cx, Job, Reply};
use crate::session::untagged::Occasion;

use super::login::{Login, may_log_in};
use super::scram;

struct Authenticate {
    mechanism: Mechanism,
    /// The response that came with the command.
    initial: Option<Secret>,
    stage: Stage,
}

enum Stage {
    Ask(Exchange),
    /// Asked for; the client is to send a line.
    Hear(Exchange),
    Verify(Login),
}

/// Has the client say who it is.
pub(super) fn job(arguments: AuthenticateArguments, core: &Core) -> Box<dyn Job> {
    let AuthenticateArguments { mechanism, initial } = arguments;
    let (mechanism, exchange) = match mechanism {
        Some(Mechanism::Plain) => (Mechanism::Plain, Exchange::Message),
        Some(Mechanism::Login) => (Mechanism::Login, Exchange::User),
        Some(mechanism) if scram::is_offered(mechanism, core) => {
            return scram::job(mechanism, initial, core);
        }
        _ => return super::answered(Reply::no("That mechanism is not known here")),
    };
    match may_log_in(core) {
        Ok(()) => Box::new(Authenticate {
            mechanism,
            initial,
            stage: Stage::Ask(exchange),
        }),
        Err(reply) => super::answered(reply),
    }
}

/// The capabilities that say how a client can log in.
///
/// Mechanisms that send the password are announced under TLS only (RFC 4616 §1), although they work wherever
/// LOGIN does: programs of the c-client library warn their users of a server that announces them
/// in clear text, and use LOGIN anyway.
pub(super) fn capabilities(core: &Core) -> String {
    let is_offered = |mechanism: &Mechanism| match mechanism {
        Mechanism::Plain | Mechanism::Login => core.peer.tls.is_some() && core.peer.may_log_in,
        scram => scram::is_offered(*scram, core),
    };
    let offered = Mechanism::ALL.into_iter().filter(is_offered);
    let mut words: Vec<String> = offered.map(|one| format!("AUTH={}", one.name())).collect();
    if core.peer.may_log_in || !words.is_empty() {
        words.push("SASL-IR".into());
    }
    if !core.peer.may_log_in {
        // RFC 3501 §6.2.3
        words.push("LOGINDISABLED".into());
    }
    words.join(" ")
}

impl Job for Authenticate {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        loop {
            let (exchange, response) = match &mut self.stage {
                Stage::Verify(login) => return login.step(cx),
                Stage::Ask(exchange) => match self.initial.take() {
                    Some(initial) => (exchange.clone(), initial.expose().to_vec()),
                    None => {
                        cx.core.encoder().challenge(exchange.challenge());
                        self.stage = Stage::Hear(exchange.clone());
                        continue;
                    }
                },
                Stage::Hear(exchange) => match ready!(hear(cx)) {
                    Ok(response) => (exchange.clone(), response),
                    Err(reason) => return Step::Done(refused(reason)),
                },
            };
            self.stage = match exchange.respond(response) {
                Ok(Progress::Ask(exchange)) => Stage::Ask(exchange),
                Ok(Progress::Done(credentials)) => {
                    Stage::Verify(Login::ask(credentials, self.mechanism, cx.core))
                }
                Ok(Progress::Denied) => {
                    let reply = Reply::no("One user cannot act as another");
                    return Step::Done(reply.with_code(Code::AuthorizationFailed));
                }
                Err(reason) => return Step::Done(refused(reason)),
            };
        }
    }
}

/// The next line from the client, out of its wrapping.
pub(super) fn hear(cx: &mut Cx<'_, '_>) -> Step<Result<Vec<u8>, &'static str>> {
    match cx.core.take_line() {
        Some(line) => Step::Done(decode_response(&line)),
        None => Step::Yield(Why::Line),
    }
}

/// RFC 3501 §6.2.2: a response that is no base64, and one that gives up, are answered BAD.
pub(super) fn refused(reason: &'static str) -> Reply {
    Reply::bad(reason).on(Occasion::Nothing)
}
