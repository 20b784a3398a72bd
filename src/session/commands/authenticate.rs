//! AUTHENTICATE (RFC 3501 §6.2.2, RFC 4959): another way to bring the name and the password of LOGIN.

use crate::budget::{Step, Why};
use crate::protocol::sasl::{Exchange, Progress, unwrap_response};
use crate::protocol::{Code, Mechanism, Secret};
use crate::ready;
use crate::session::Method;
use crate::session::core::Core;
use crate::session::job::{Cx, Job, Reply};
use crate::session::untagged::Occasion;

use super::login::{Login, may_log_in};

struct Authenticate {
    method: Method,
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
pub(super) fn job(
    mechanism: Option<Mechanism>,
    initial: Option<Secret>,
    core: &Core,
) -> Box<dyn Job> {
    let Some(mechanism) = mechanism else {
        return super::answered(Reply::no("That mechanism is not known here"));
    };
    match may_log_in(core) {
        Ok(()) => Box::new(Authenticate {
            method: match mechanism {
                Mechanism::Plain => Method::Plain,
                Mechanism::Login => Method::Login,
            },
            initial,
            stage: Stage::Ask(Exchange::new(mechanism)),
        }),
        Err(reply) => super::answered(reply),
    }
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
                    Stage::Verify(Login::ask(credentials, self.method, cx.core))
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
fn hear(cx: &mut Cx<'_, '_>) -> Step<Result<Vec<u8>, &'static str>> {
    match cx.core.take_line() {
        Some(line) => Step::Done(unwrap_response(&line)),
        None => Step::Yield(Why::Line),
    }
}

/// RFC 3501 §6.2.2: a response that is no base64, and one that gives up, are answered BAD.
fn refused(reason: &'static str) -> Reply {
    Reply::bad(reason).on(Occasion::Nothing)
}
