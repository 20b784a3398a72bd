//! AUTHENTICATE (RFC 3501 §6.2.2, RFC 4959): PLAIN and LOGIN, which bring the user name and the
//! password in another form than the command LOGIN. The mechanisms that do not send the password
//! are in `scram`.

use super::login::PasswordLogin;
use super::{mechanisms, sasl_response, scram};
use crate::budget::Step;
use crate::protocol::{AuthenticateArguments, Code, Mechanism, SaslExchange, SaslProgress, Secret};
use crate::session::job::{Context, Job, Outcome};
use crate::session::reply::Reply;
use crate::session::state::SessionState;
use crate::try_ready;

struct AuthenticateJob {
    mechanism: Mechanism,
    /// The response that came with the command.
    initial: Option<Secret>,
    stage: AuthenticateStage,
}

enum AuthenticateStage {
    /// The next challenge has to be sent, unless the response is here already.
    Challenge(SaslExchange),
    /// The challenge was sent, and the client's response has to come.
    Response(SaslExchange),
    /// The server verifies the user name and the password.
    Verify(PasswordLogin),
}

/// Authenticates the client by the mechanism that it names.
pub(super) fn job(
    arguments: AuthenticateArguments,
    state: &SessionState,
) -> Result<Box<dyn Job>, Reply> {
    let AuthenticateArguments { mechanism, initial } = arguments;
    let (mechanism, exchange) = match mechanism {
        Some(Mechanism::Plain) => (Mechanism::Plain, SaslExchange::Message),
        Some(Mechanism::Login) => (Mechanism::Login, SaslExchange::User),
        Some(mechanism) if mechanisms::is_scram_offered(mechanism, state) => {
            return Ok(scram::job(mechanism, initial, state));
        }
        _ => return Err(Reply::no("The server does not know that mechanism")),
    };
    mechanisms::check_password_allowed(state)?;
    Ok(Box::new(AuthenticateJob {
        mechanism,
        initial,
        stage: AuthenticateStage::Challenge(exchange),
    }))
}

impl Job for AuthenticateJob {
    fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<Outcome> {
        loop {
            let (exchange, response) = match &mut self.stage {
                AuthenticateStage::Verify(login) => return login.step(cx),
                AuthenticateStage::Challenge(exchange) => match self.initial.take() {
                    Some(initial) => (exchange.clone(), initial.expose().to_vec()),
                    None => {
                        cx.state.encoder().challenge(exchange.challenge());
                        self.stage = AuthenticateStage::Response(exchange.clone());
                        continue;
                    }
                },
                AuthenticateStage::Response(exchange) => {
                    (exchange.clone(), try_ready!(sasl_response::receive(cx)))
                }
            };
            self.stage = match exchange.respond(response) {
                Ok(SaslProgress::Challenge(exchange)) => AuthenticateStage::Challenge(exchange),
                Ok(SaslProgress::Done(credentials)) => {
                    let login = PasswordLogin::begin(credentials, self.mechanism, cx.state);
                    AuthenticateStage::Verify(login)
                }
                Ok(SaslProgress::Denied) => {
                    let reply = Reply::no("One user cannot act as another");
                    return Step::Done(Err(reply.with_code(Code::AuthorizationFailed)));
                }
                Err(reason) => return Step::Done(Err(sasl_response::refuse(reason))),
            };
        }
    }
}
