//! The options, with every value typed and in range.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;

use super::mail_template::MailTemplate;
use crate::types::{AddressRange, SpecialUse};

/// Where the demonstration listens without `--listen`.
pub(super) const DEMO_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1143);

/// The options of one process, validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// What the process does.
    pub mode: Mode,
    /// Where a user's Maildir is.
    pub mail: MailTemplate,
    /// The directory whose subdirectories are the bulletin boards.
    pub bboards: Option<PathBuf>,
    /// The program that checks passwords, with the interface of `checkpassword`, and its first
    /// arguments.
    pub checkpassword: Option<String>,
    /// The passwd-file.
    pub users: Option<PathBuf>,
    /// The dialect that sessions are pinned to.
    pub dialect: DialectOption,
    /// Never write to any Maildir.
    pub read_only: bool,
    /// The names of mailboxes for special uses, as given. An empty name means that no mailbox has
    /// this use.
    pub special_use: Vec<(SpecialUse, String)>,
    /// Create the mailboxes for special uses for users who have none.
    pub create_roles: bool,
    /// What all mailbox names but INBOX begin with in commands and responses: `INBOX.` or nothing.
    pub namespace_prefix: &'static str,
    /// Which clients may send a password without TLS.
    pub plaintext_login: PlaintextLogin,
    /// The certificates; the first is for clients whose server name matches none of them. Without a
    /// certificate there is no TLS.
    pub tls: Vec<CertificateFiles>,
    /// The most connections at a time, of all listeners together.
    pub max_connections: usize,
    /// The most connections at a time from one address that have not logged in.
    pub max_per_address: usize,
    /// The most connections at a time on which one user is logged in.
    pub max_per_user: usize,
    /// The most memory for the input, the commands and the output of all connections, in octets.
    pub max_memory: usize,
    /// How long a logged-in client may send nothing before the server closes the connection.
    pub idle_timeout: Duration,
    /// The largest message that APPEND accepts, in octets.
    pub max_message: u64,
    /// The system user that the process becomes after it has opened its ports: `USER` or
    /// `USER:GROUP`. See [`enter_sandbox`](crate::Server::enter_sandbox).
    pub run_as: Option<String>,
    /// The addresses of proxies that send the client's address in a PROXY header.
    pub proxy_protocol: Vec<AddressRange>,
    /// Networks whose clients speak for others, such as webmail.
    pub trusted_network: Vec<AddressRange>,
    /// The users and addresses whose commands and responses are logged, as given.
    pub wire_log: Vec<String>,
    /// The least severe level that is logged.
    pub log_level: LevelFilter,
    /// Log to syslog instead of descriptor 2.
    pub syslog: bool,
}

/// What one process does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Listen, and serve all clients that connect.
    Serve {
        /// The listeners whose connections begin in clear text.
        listen: Vec<SocketAddr>,
        /// The listeners whose connections begin with TLS. There is at least one listener in all.
        listen_tls: Vec<SocketAddr>,
    },
    /// Serve the one client on descriptors 0 and 1, which has not logged in.
    Inetd,
    /// Serve the clients of the listening sockets that the parent process has handed down, and exit
    /// when no client has been connected for a while.
    Wait,
    /// Serve the one client on descriptors 0 and 1, logged in as this user, or as the user who runs
    /// the process.
    Preauth(Option<String>),
    /// Serve sample mail from a temporary directory. The operator cannot set `mail`, `users`,
    /// `bboards` and `checkpassword`.
    Demo {
        /// The listeners, at least one; their connections begin in clear text.
        listen: Vec<SocketAddr>,
    },
    /// Ask for a password and print its field of the passwd-file, or the whole line of this user.
    HashPassword(Option<String>),
    /// Report whether the rest of the configuration is valid, too: the users file, the sandbox.
    CheckConfig,
    /// Print the help text.
    Help,
    /// Print the version.
    Version,
}

/// The files of a certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain in PEM, the server's own certificate first.
    pub certificate: PathBuf,
    /// The key in PEM, if it is not in the same file.
    pub key: Option<PathBuf>,
}

/// The argument of `--dialect`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialectOption {
    /// Sessions start in IMAP2 and climb with the client.
    Auto,
    /// RFC 1064 and RFC 1176.
    Imap2,
    /// IMAP2bis, the dialect between RFC 1176 and RFC 1730.
    Imap2bis,
    /// IMAP4rev1 (RFC 3501) from the greeting on.
    Imap4,
}

/// Which clients may send a password over a connection without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaintextLogin {
    /// None.
    Never,
    /// Clients on this host.
    Loopback,
    /// All.
    Always,
}
