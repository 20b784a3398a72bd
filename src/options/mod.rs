//! The command line and the option file.
//!
//! Options are read twice. [`RawOptions`] is what was *said*: names and values, each with the place where
//! it stands, the command line before the file. [`Options`] is what that *means*: every value typed,
//! bounded and fit to be used as it is. Between the two stands the one function that finds faults,
//! and it finds all of them before it gives up, so that an operator mends a file once.
//!
//! `table.rs` has one row per option; the help text, the parser and the option file all follow it.

mod error;
mod mail_template;
mod meaning;
mod raw;
mod table;
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;

use crate::types::{AddressRange, SpecialUse};

pub use error::OptionErrors;
pub use mail_template::MailTemplate;
pub use raw::RawOptions;
pub use table::{help, option_names};

/// Where the demonstration listens unless `--listen` says otherwise.
pub(crate) const DEMO_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1143);

/// Everything imap2d was told, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// What to run.
    pub mode: Mode,
    /// Where a user's Maildir is.
    pub mail: MailTemplate,
    /// The directory whose subdirectories are the bulletin boards.
    pub bboards: Option<PathBuf>,
    /// The program that checks passwords, with the interface of `checkpassword`, and its first arguments.
    pub checkpassword: Option<String>,
    /// The passwd-file.
    pub users: Option<PathBuf>,
    /// Which dialect sessions are pinned to.
    pub dialect: DialectOption,
    /// Never write to any Maildir.
    pub read_only: bool,
    /// Names for special uses, as they were given; an empty one leaves the use to nobody.
    pub special_use: Vec<(SpecialUse, String)>,
    /// Create the mailboxes for special uses for users who have none.
    pub create_roles: bool,
    /// What the names of mailboxes begin with to clients: `INBOX.` or nothing.
    pub namespace_prefix: &'static str,
    /// Who may say LOGIN without TLS.
    pub plaintext_login: PlaintextLogin,
    /// The certificates; the first is for clients that ask for none of them. With one, TLS is possible.
    pub tls: Vec<CertificateFiles>,
    /// The most connections at a time, over all listeners.
    pub max_connections: usize,
    /// The most connections at a time from one address that have yet to log in.
    pub max_per_address: usize,
    /// How long a logged-in client may be silent.
    pub idle_timeout: Duration,
    /// The largest message that APPEND takes, in octets.
    pub max_message: u64,
    /// Whom the process is to become once it has its ports: `USER` or `USER:GROUP`. Obeyed by
    /// [`enter_sandbox`](crate::Server::enter_sandbox).
    pub run_as: Option<String>,
    /// Proxies, which say who the client is.
    pub proxy_protocol: Vec<AddressRange>,
    /// Users and addresses of which it is logged what they say, and hear: as they were given.
    pub wire_log: Vec<String>,
    /// What is logged.
    pub log_level: LevelFilter,
    /// Log to the system's logger instead of descriptor 2.
    pub syslog: bool,
}

/// What one process does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Listen, and serve whoever connects.
    Serve {
        /// Listeners where a connection begins in clear text.
        listen: Vec<SocketAddr>,
        /// Listeners where it begins with TLS. There is at least one of either.
        listen_tls: Vec<SocketAddr>,
    },
    /// Serve the one client on descriptors 0 and 1, which has yet to log in.
    Inetd,
    /// Serve whoever connects to the sockets that whoever started the process listens on, and end when nobody
    /// does for a while.
    Wait,
    /// Serve the one client on descriptors 0 and 1 as this user, or as the one who runs the process.
    Preauth(Option<String>),
    /// Serve sample mail from a temporary directory; `mail`, `users` and `bboards` are not set.
    Demo {
        /// Cleartext listeners; at least one.
        listen: Vec<SocketAddr>,
    },
    /// Ask for a password and print what the passwd-file is to hold: its field, or the line of this user.
    HashPassword(Option<String>),
    /// Say whether the options are valid, which they are once this value exists.
    CheckConfig,
    /// Print the help text.
    Help,
    /// Print the version.
    Version,
}

/// Where a certificate is kept, and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain, our own certificate first, in PEM.
    pub certificate: PathBuf,
    /// The key, if it is not in the same file.
    pub key: Option<PathBuf>,
}

/// The argument of `--dialect`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialectOption {
    /// Start in IMAP2, climb with the client.
    Auto,
    /// RFC 1064 and RFC 1176.
    Imap2,
    /// IMAP2bis, which lies between RFC 1176 and RFC 1730.
    Imap2bis,
    /// IMAP4rev1 (RFC 3501) from the greeting on.
    Imap4,
}

/// Who may send a password over a connection that is not encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaintextLogin {
    /// Nobody.
    Never,
    /// Clients on this machine.
    Loopback,
    /// Everybody.
    Always,
}

impl Options {
    /// Reads the command line (without the program's name) and the option file it names.
    ///
    /// # Errors
    /// All faults of both, each with its place.
    pub fn from_args<S: AsRef<std::ffi::OsStr>>(
        args: impl IntoIterator<Item = S>,
    ) -> Result<Self, OptionErrors> {
        Self::from_said(&RawOptions::read(args))
    }

    /// What was said, checked.
    ///
    /// # Errors
    /// All faults, each with its place.
    pub fn from_said(said: &RawOptions) -> Result<Self, OptionErrors> {
        meaning::options(said, meaning::Files::Looked)
    }

    /// What was said, checked, but not whether the files and directories are there that it names: by a
    /// process that cannot tell, or will not use them.
    ///
    /// # Errors
    /// All faults, each with its place.
    pub fn from_said_without_files(said: &RawOptions) -> Result<Self, OptionErrors> {
        meaning::options(said, meaning::Files::Taken)
    }
}
