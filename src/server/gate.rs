//! Who is let in: asks `auth`, and finds the mail of those it knows.

use super::walls::Walls;
use crate::auth::{self, AccountInfo, Authenticator};
use crate::options::{MailTemplate, Options, PlaintextLogin};
use crate::session::{Peer, Verdict};
use crate::store::Account;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The longest part of a name that is repeated in the log.
const LOGGED_NAME: usize = 64;

/// The rules of who may come in, and where each one's mail is.
pub(super) struct Gate {
    users: Authenticator,
    mail: MailTemplate,
    bboards: Option<PathBuf>,
    plaintext_login: PlaintextLogin,
    walls: Walls,
}

impl Gate {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            users: Authenticator::new(options.users.as_deref()),
            mail: options.mail.clone(),
            bboards: options.bboards.clone(),
            plaintext_login: options.plaintext_login,
            walls: Walls::of_mode(&options.mode),
        }
    }

    /// What can change of the options while the server runs.
    pub(super) fn change(&mut self, options: &Options) {
        self.plaintext_login = options.plaintext_login;
    }

    /// From now on whoever is let in is served behind these walls.
    pub(super) fn put_behind(&mut self, walls: Walls) {
        self.walls = walls;
    }

    /// Who is at the other end of a TCP connection.
    pub(super) fn peer(&self, address: SocketAddr) -> Peer {
        // An IPv4 client of an IPv6 socket is shown, and judged, as what it is.
        let ip = address.ip().to_canonical();
        Peer {
            name: SocketAddr::new(ip, address.port()).to_string(),
            may_log_in: self.may_log_in(ip.is_loopback()),
            tls: None,
        }
    }

    /// Whether a password may come in clear text, from this machine or from another.
    pub(super) fn may_log_in(&self, is_local: bool) -> bool {
        match self.plaintext_login {
            PlaintextLogin::Never => false,
            PlaintextLogin::Loopback => is_local,
            PlaintextLogin::Always => true,
        }
    }

    /// Checks a password that came from `peer`.
    pub(super) fn verify(&mut self, user: &[u8], password: &[u8], peer: &str) -> Verdict {
        match self.users.verify(user, password) {
            auth::Verdict::Granted(person) => self.account(&person).map_or_else(
                |reason| unavailable(user, &reason),
                |account| Verdict::Granted {
                    user: person.user,
                    account,
                },
            ),
            auth::Verdict::Denied => {
                log::warn!("login failed: user=\"{}\" from {peer}", printable(user));
                Verdict::Denied
            }
            auth::Verdict::Unavailable(reason) => unavailable(user, &reason),
        }
    }

    /// The name and the mail of the one whom the system has let in already: `user`, or whoever runs this
    /// process. The error says why there is nobody.
    pub(super) fn preauthenticated(
        &mut self,
        user: Option<&str>,
    ) -> Result<(String, Account), String> {
        let person = self.users.preauthenticated(user)?;
        let account = self.account(&person)?;
        Ok((person.user, account))
    }

    /// Lets somebody in who may: where the mail is, of which nothing has been touched yet.
    fn account(&mut self, person: &AccountInfo) -> Result<Account, String> {
        let account = Account {
            root: mail_root(person, &self.mail)?,
            bboards: self.bboards.clone(),
        };
        self.walls.admit(person, &account)?;
        Ok(account)
    }
}

/// Where somebody's mail is. A path of their own comes before `mail`, the one for all.
pub(super) fn mail_root(person: &AccountInfo, mail: &MailTemplate) -> Result<PathBuf, String> {
    let own = person
        .mail
        .as_deref()
        .map(MailTemplate::parse)
        .transpose()?;
    own.as_ref()
        .unwrap_or(mail)
        .expand(&person.user, person.home.as_deref())
        .map_err(|error| error.to_string())
}

/// Our fault: the client is told that much, the log is told why.
fn unavailable(user: &[u8], reason: &str) -> Verdict {
    log::error!(
        "login of user=\"{}\" is not possible: {reason}",
        printable(user)
    );
    Verdict::Unavailable("Login is not possible at the moment".into())
}

/// A name from a client, as it may stand in a log between quotes: no line break, no quote, not endless.
fn printable(name: &[u8]) -> String {
    let shown = &name[..name.len().min(LOGGED_NAME)];
    String::from_utf8_lossy(shown).escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logged_name_cannot_forge_a_line() {
        let name = b"x\" from 10.0.0.1\r\nlogin failed: \xff";
        let shown = printable(name);
        assert!(!shown.contains(['\r', '\n']), "{shown}");
        assert!(shown.starts_with("x\\\" from"), "{shown}");
        assert_eq!(printable(&[b'a'; 1000]).len(), LOGGED_NAME);
    }

    #[test]
    fn a_user_may_have_a_mail_path_of_their_own() {
        let all = MailTemplate::fixed("/srv/mail".into());
        let root = |mail: Option<&str>| {
            let person = AccountInfo {
                user: "ann".into(),
                home: None,
                mail: mail.map(String::from),
                uid: None,
                gid: None,
            };
            mail_root(&person, &all)
        };
        assert_eq!(root(None), Ok(PathBuf::from("/srv/mail")));
        assert_eq!(root(Some("maildir:/own/%u")), Ok(PathBuf::from("/own/ann")));
        assert!(root(Some("maildir:~/Maildir")).is_err(), "there is no home");
    }

    #[test]
    fn clear_text_follows_the_option() {
        let gate = |plaintext_login| Gate {
            users: Authenticator::Nobody,
            mail: MailTemplate::default(),
            bboards: None,
            plaintext_login,
            walls: Walls::Shared,
        };
        let may = |option, address: &str| {
            let address = address.parse().expect("an address");
            gate(option).peer(address).may_log_in
        };
        for local in ["127.0.0.1:5", "[::1]:5", "[::ffff:127.0.0.1]:5"] {
            assert!(may(PlaintextLogin::Loopback, local), "{local}");
            assert!(!may(PlaintextLogin::Never, local), "{local}");
        }
        assert!(!may(PlaintextLogin::Loopback, "192.0.2.1:5"));
        assert!(may(PlaintextLogin::Always, "192.0.2.1:5"));
    }
}
