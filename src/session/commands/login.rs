//! LOGIN (RFC 1064 p. 9, RFC 3501 §6.2.3).

use super::{login_verdict, mechanisms};
use crate::budget::Step;
use crate::protocol::{Credentials, Mechanism};
use crate::ready;
use crate::session::job::{Context, Job, Outcome};
use crate::session::login_request::{LoginRequest, LoginVerdict};
use crate::session::reply::Reply;
use crate::session::state::SessionState;

/// A login with user name and password that waits for the server's verdict.
pub(super) struct PasswordLogin(());

/// Logs in with user name and password.
pub(super) fn job(
    credentials: Credentials,
    state: &mut SessionState,
) -> Result<Box<dyn Job>, Reply> {
    mechanisms::check_password_allowed(state)?;
    let login = PasswordLogin::begin(credentials, Mechanism::Login, state);
    Ok(Box::new(login))
}

impl PasswordLogin {
    /// Passes the user name and the password to the server.
    pub(super) fn begin(
        credentials: Credentials,
        method: Mechanism,
        state: &mut SessionState,
    ) -> Self {
        let request = LoginRequest::Password {
            user: credentials.user,
            password: credentials.password,
            method,
        };
        login_verdict::request(state, request);
        Self(())
    }
}

impl Job for PasswordLogin {
    fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<Outcome> {
        Step::Done(match ready!(login_verdict::await_verdict(cx.state)) {
            LoginVerdict::Granted { user, account, .. } => {
                Ok(login_verdict::grant(cx.state, &user, account))
            }
            other => Err(login_verdict::refuse(cx.state, other)),
        })
    }
}
