//! AUTHENTICATE SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 7677): the session passes the messages
//! between the client and the server's auth worker.
//!
//! ```text
//! C: a AUTHENTICATE SCRAM-SHA-256 [client-first]     S: +
//!                                                    C: client-first
//! S: + server-first                                  C: client-final
//! S: + server-final                                  C: (nothing)
//! S: a OK
//! ```
//!
//! IMAP has no place for the server's final message in its OK; so it is one more challenge, with an
//! empty response (RFC 4422 §3.6).

use super::{login_verdict, mechanisms, sasl_response};
use crate::auth::scram::{ChannelBinding, ClientFirst};
use crate::budget::Step;
use crate::protocol::{Code, Mechanism, Secret};
use crate::session::job::{Context, Job, Outcome};
use crate::session::login_request::{LoginRequest, LoginVerdict, ScramExchange};
use crate::session::reply::Reply;
use crate::session::state::SessionState;
use crate::session::update_policy::UpdatePolicy;
use crate::store::Account;
use crate::{ready, try_ready};

struct ScramJob {
    /// Whether the mechanism is the one with channel binding.
    plus: bool,
    /// The channel bindings of the connection.
    channels: Vec<ChannelBinding>,
    /// The client's first message, if it came with the command.
    initial: Option<Secret>,
    stage: ScramStage,
}

enum ScramStage {
    Begin,
    /// The client's first message has to come.
    ClientFirst,
    /// The server has to answer the client's first message.
    ServerFirst(ScramExchange),
    /// The client's final message has to come, in answer to this message of the server.
    ClientFinal(ScramExchange, String),
    /// The server has to verify the client's final message.
    Verdict,
    /// The client has to accept the server's final message: it may find that the server does not
    /// know its secret.
    Acceptance {
        user: String,
        account: Account,
    },
}

/// Lets the client prove who it is by `mechanism`, which is one of SCRAM and is offered.
pub(super) fn job(
    mechanism: Mechanism,
    initial: Option<Secret>,
    state: &SessionState,
) -> Box<dyn Job> {
    Box::new(ScramJob {
        plus: mechanism == Mechanism::ScramSha256Plus,
        channels: mechanisms::channel_bindings(state.peer.tls.as_deref()),
        initial,
        stage: ScramStage::Begin,
    })
}

impl Job for ScramJob {
    fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<Outcome> {
        loop {
            self.stage = match &mut self.stage {
                ScramStage::Begin => match self.initial.take() {
                    Some(message) => try_ready!(self.begin(message.expose(), cx)),
                    None => {
                        cx.state.encoder().challenge("");
                        ScramStage::ClientFirst
                    }
                },
                ScramStage::ClientFirst => {
                    let message = try_ready!(sasl_response::receive(cx));
                    try_ready!(self.begin(&message, cx))
                }
                ScramStage::ServerFirst(exchange) => try_ready!(challenge(exchange, cx)),
                ScramStage::ClientFinal(exchange, server_first) => {
                    let message = try_ready!(sasl_response::receive(cx));
                    let exchange = ScramExchange {
                        rest: Some((std::mem::take(server_first), message)),
                        ..exchange.clone()
                    };
                    login_verdict::request(cx.state, LoginRequest::Scram(exchange));
                    ScramStage::Verdict
                }
                ScramStage::Verdict => try_ready!(prove(cx)),
                ScramStage::Acceptance { user, account } => {
                    try_ready!(sasl_response::receive(cx));
                    let account = account.clone();
                    return Step::Done(Ok(login_verdict::grant(cx.state, user, account)));
                }
            };
        }
    }
}

impl ScramJob {
    /// Passes the client's first message to the server. It is parsed here too, so that the auth
    /// worker is not asked about a message that is not one of SCRAM.
    fn begin(&self, message: &[u8], cx: &mut Context<'_, '_>) -> Step<Result<ScramStage, Reply>> {
        let first = match ClientFirst::parse(message, self.plus, &self.channels) {
            Ok(first) => first,
            Err(error) => {
                let text = format!("The first message of SCRAM is refused: {error}");
                let reply = Reply::no(text).with_code(Code::AuthenticationFailed);
                return Step::Done(Err(reply.with_updates(UpdatePolicy::Nothing)));
            }
        };
        let exchange = ScramExchange {
            user: first.user().as_bytes().to_vec(),
            plus: self.plus,
            channels: self.channels.clone(),
            client_first: message.to_vec(),
            rest: None,
        };
        login_verdict::request(cx.state, LoginRequest::Scram(exchange.clone()));
        Step::Done(Ok(ScramStage::ServerFirst(exchange)))
    }
}

/// Waits for the server's first message, and sends it.
fn challenge(
    exchange: &ScramExchange,
    cx: &mut Context<'_, '_>,
) -> Step<Result<ScramStage, Reply>> {
    Step::Done(match ready!(login_verdict::await_verdict(cx.state)) {
        LoginVerdict::Challenge(message) => {
            cx.state.encoder().challenge(&message);
            Ok(ScramStage::ClientFinal(exchange.clone(), message))
        }
        // The client has not proved anything yet.
        LoginVerdict::Granted { .. } => Err(login_verdict::refuse(cx.state, LoginVerdict::Denied)),
        other => Err(login_verdict::refuse(cx.state, other)),
    })
}

/// Waits for the verdict, and sends the server's final message: the client has proved who it is,
/// and now the server does.
fn prove(cx: &mut Context<'_, '_>) -> Step<Result<ScramStage, Reply>> {
    Step::Done(match ready!(login_verdict::await_verdict(cx.state)) {
        LoginVerdict::Granted {
            user,
            account,
            server_final: Some(message),
        } => {
            cx.state.encoder().challenge(&message);
            Ok(ScramStage::Acceptance { user, account })
        }
        other => Err(login_verdict::refuse(cx.state, other)),
    })
}
