//! AUTHENTICATE SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 7677): the messages go to and fro between the client and
//! whoever can judge them.
//!
//! ```text
//! C: a AUTHENTICATE SCRAM-SHA-256 [client-first]     S: +
//!                                                    C: client-first
//! S: + server-first                                  C: client-final
//! S: + server-final                                  C: (nothing)
//! S: a OK
//! ```
//!
//! IMAP has no place for the last message in its OK; so it is one more challenge, with an empty response
//! (RFC 4422 §3.6).

use crate::auth::scram::{ChannelBinding, ClientFirst};
use crate::budget::Step;
use crate::protocol::{Code, Mechanism, Secret};
use crate::ready;
use crate::session::core::Core;
use crate::session::job::{Cx, Job, Reply};
use crate::session::untagged::Occasion;
use crate::session::{LoginRequest, LoginVerdict, ScramExchange, TlsInfo};
use crate::store::Account;

use super::authenticate::{hear, refused};
use super::login;

struct Scram {
    plus: bool,
    channels: Vec<ChannelBinding>,
    /// The first message, if it came with the command.
    initial: Option<Secret>,
    stage: Stage,
}

enum Stage {
    Begin,
    HearFirst,
    /// The first message waits for its answer.
    AwaitChallenge(ScramExchange),
    HearFinal(ScramExchange, String),
    AwaitVerdict,
    /// The client may yet find that it does not know us.
    HearEnd {
        user: String,
        account: Account,
    },
}

/// Whether a client can use that mechanism over this connection.
pub(super) fn is_offered(mechanism: Mechanism, core: &Core) -> bool {
    let is_known = match mechanism {
        Mechanism::ScramSha256 => true,
        Mechanism::ScramSha256Plus => !channels(core.peer.tls.as_deref()).is_empty(),
        Mechanism::Plain | Mechanism::Login => false,
    };
    core.peer.offers_scram && is_known
}

/// Has the client prove who it is. The mechanism is one that is offered.
pub(super) fn job(mechanism: Mechanism, initial: Option<Secret>, core: &Core) -> Box<dyn Job> {
    Box::new(Scram {
        plus: mechanism == Mechanism::ScramSha256Plus,
        channels: channels(core.peer.tls.as_deref()),
        initial,
        stage: Stage::Begin,
    })
}

/// What a login can be bound to (RFC 5802 §6).
fn channels(tls: Option<&TlsInfo>) -> Vec<ChannelBinding> {
    let named = |name: &str, data: &[u8]| ChannelBinding {
        name: name.into(),
        data: data.to_vec(),
    };
    let Some(tls) = tls else {
        return Vec::new();
    };
    let exporter = tls.exporter.map(|data| named("tls-exporter", &data));
    let end_point = tls.end_point.as_deref();
    let end_point = end_point.map(|data| named("tls-server-end-point", data));
    exporter.into_iter().chain(end_point).collect()
}

impl Job for Scram {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        loop {
            match ready!(self.advance(cx)) {
                Ok(stage) => self.stage = stage,
                Err(reply) => return Step::Done(reply),
            }
        }
    }
}

/// The next stage, or how it ended.
type Next = Result<Stage, Reply>;

impl Scram {
    fn advance(&mut self, cx: &mut Cx<'_, '_>) -> Step<Next> {
        Step::Done(match &mut self.stage {
            Stage::Begin => match self.initial.take() {
                Some(message) => self.begin(message.expose(), cx.core),
                None => {
                    cx.core.encoder().challenge("");
                    Ok(Stage::HearFirst)
                }
            },
            Stage::HearFirst => {
                let message = ready!(hear(cx)).map_err(refused);
                message.and_then(|message| self.begin(&message, cx.core))
            }
            Stage::AwaitChallenge(exchange) => {
                challenge(exchange, ready!(login::verdict(cx.core)), cx.core)
            }
            Stage::HearFinal(exchange, server_first) => {
                let message = ready!(hear(cx)).map_err(refused);
                let server_first = std::mem::take(server_first);
                message.map(|message| ask_for_verdict(exchange, server_first, message, cx.core))
            }
            Stage::AwaitVerdict => prove(ready!(login::verdict(cx.core)), cx.core),
            Stage::HearEnd { user, account } => {
                let end = ready!(hear(cx)).map_err(refused);
                Err(end.map_or_else(
                    |reply| reply,
                    |_| login::granted(cx.core, user, account.clone()),
                ))
            }
        })
    }

    /// The first message is looked at here, so that nobody is asked about what is none.
    fn begin(&self, message: &[u8], core: &mut Core) -> Next {
        let first = ClientFirst::parse(message, self.plus, &self.channels).map_err(|error| {
            Reply::no(format!("The first message of SCRAM is refused: {error}"))
                .with_code(Code::AuthenticationFailed)
                .on(Occasion::Nothing)
        })?;
        let exchange = ScramExchange {
            user: first.user().as_bytes().to_vec(),
            plus: self.plus,
            channels: self.channels.clone(),
            client_first: message.to_vec(),
            rest: None,
        };
        login::ask(core, LoginRequest::Scram(exchange.clone()));
        Ok(Stage::AwaitChallenge(exchange))
    }
}

/// The first message was answered.
fn challenge(exchange: &ScramExchange, verdict: LoginVerdict, core: &mut Core) -> Next {
    match verdict {
        LoginVerdict::Challenge(message) => {
            core.encoder().challenge(&message);
            Ok(Stage::HearFinal(exchange.clone(), message))
        }
        // Nobody has proved anything yet.
        LoginVerdict::Granted { .. } => Err(login::not_granted(core, LoginVerdict::Denied)),
        other => Err(login::not_granted(core, other)),
    }
}

fn ask_for_verdict(
    exchange: &ScramExchange,
    server_first: String,
    client_final: Vec<u8>,
    core: &mut Core,
) -> Stage {
    let exchange = ScramExchange {
        rest: Some((server_first, client_final)),
        ..exchange.clone()
    };
    login::ask(core, LoginRequest::Scram(exchange));
    Stage::AwaitVerdict
}

/// The client has proved who it is; now it is our turn.
fn prove(verdict: LoginVerdict, core: &mut Core) -> Next {
    match verdict {
        LoginVerdict::Granted {
            user,
            account,
            server_final: Some(message),
        } => {
            core.encoder().challenge(&message);
            Ok(Stage::HearEnd { user, account })
        }
        other => Err(login::not_granted(core, other)),
    }
}
