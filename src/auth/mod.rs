//! Who may log in: the users file, the password schemes and SCRAM.
//!
//! [`Authenticator::look_up`] takes the user name that a client claims and returns a
//! [`ClaimedUser`] at once, for unknown names too. [`ClaimedUser::verify`] and [`scram`] check the
//! client's proof and return an [`AuthOutcome`]. Checking may take a second, so the caller runs it
//! outside the event loop. Nothing here knows a protocol or a connection: the session decides
//! whether a password may be sent over its connection before it asks.
//!
//! There is one source of users, the passwd-file. To add another, add a variant to
//! [`Authenticator`]. A password scheme is a variant of `credential::Kind`; a hash of `crypt(3)` is
//! a variant of `crypt::hash::Function`.
//!
//! Every value that holds a secret wipes it when it is dropped.

mod account;
mod authenticator;
mod claimed_user;
mod constant_time;
mod credential;
mod crypt;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod new_password;
mod outcome;
mod passwd_file;
mod passwd_line;
mod saslprep;
pub(crate) mod scram;

pub(crate) use self::account::AccountInfo;
pub(crate) use self::authenticator::Authenticator;
pub(crate) use self::claimed_user::ClaimedUser;
pub(crate) use self::new_password::{SALT_LENGTH, new_password};
pub(crate) use self::outcome::AuthOutcome;
pub(crate) use self::passwd_file::PasswdFile;
