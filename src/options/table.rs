//! The table of options: one row per option.

/// A heading of the help text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Serving,
    UsersAndMail,
    Tls,
    Limits,
    Logging,
    Tools,
}

/// What may follow the name of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Argument {
    /// Nothing on the command line; nothing, `yes` or `no` in the option file.
    None,
    /// One value.
    One(&'static str),
    /// One value; the option may be given more than once.
    Many(&'static str),
    /// One value or nothing.
    Maybe(&'static str),
}

/// Where an option may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// On the command line and in the option file.
    Anywhere,
    /// On the command line only.
    CommandLine,
}

/// One option.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) group: Group,
    /// One letter, or an empty string.
    pub(super) short: &'static str,
    pub(super) long: &'static str,
    pub(super) argument: Argument,
    pub(super) place: Place,
    /// The line of the help text.
    pub(super) help: &'static str,
}

use Argument::{Many, Maybe, None as Flag, One};
use Group::{Limits, Logging, Serving, Tls, Tools, UsersAndMail};
use Place::{Anywhere, CommandLine};

const fn row(
    group: Group,
    short: &'static str,
    long: &'static str,
    argument: Argument,
    place: Place,
    help: &'static str,
) -> Row {
    Row {
        group,
        short,
        long,
        argument,
        place,
        help,
    }
}

/// All options, in the order of the help text.
#[rustfmt::skip]
pub(super) const TABLE: &[Row] = &[
    row(Serving, "c", "config",           One("FILE"),          CommandLine, "read options from FILE: \"name value\" a line"),
    row(Serving, "l", "listen",           Many("ADDR:PORT"),    Anywhere,    "serve there, in clear text or by STARTTLS"),
    row(Serving, "L", "listen-tls",       Many("ADDR:PORT"),    Anywhere,    "serve there, with TLS from the start"),
    row(Serving, "i", "inetd",            Flag,                 Anywhere,    "serve the one client on descriptors 0, 1"),
    row(Serving, "p", "preauth",          Maybe("USER"),        Anywhere,    "the same, with USER logged in already"),
    row(Serving, "w", "wait",             Flag,                 Anywhere,    "serve the listening sockets handed down"),
    row(Serving, "",  "run-as",           One("USER[:GROUP]"),  Anywhere,    "become USER once the ports are open"),
    row(Serving, "",  "proxy-protocol",   Many("ADDR[/BITS]"),  Anywhere,    "trust the proxy there to name its clients"),
    row(Serving, "",  "dialect",          One("NAME"),          Anywhere,    "auto, imap2, imap2bis or imap4 [auto]"),

    row(UsersAndMail, "u", "users",            One("FILE"),      Anywhere, "passwd-file: user:{SCHEME}password:..."),
    row(UsersAndMail, "",  "checkpassword",    One("PROGRAM"),   Anywhere, "let PROGRAM check names and passwords"),
    row(UsersAndMail, "m", "mail",             One("PATH"),      Anywhere, "a user's Maildir [%h/Maildir]; %u %n %d %h"),
    row(UsersAndMail, "b", "bboards",          One("DIR"),       Anywhere, "bulletin boards: the Maildirs in DIR"),
    row(UsersAndMail, "",  "namespace-prefix", One("PREFIX"),    Anywhere, "INBOX. as with Courier, or '' [none]"),
    row(UsersAndMail, "",  "special-use",      Many("ROLE=NAME"), Anywhere, "mailbox for Sent, Drafts, Trash, Junk, ..."),
    row(UsersAndMail, "",  "create-roles",     Flag,             Anywhere, "create these mailboxes for new users"),
    row(UsersAndMail, "",  "read-only",        Flag,             Anywhere, "never write to any Maildir"),

    row(Tls, "", "tls-cert",        Many("FILE"), Anywhere, "certificate and its chain, in PEM"),
    row(Tls, "", "tls-key",         Many("FILE"), Anywhere, "its key, if not in the same file"),
    row(Tls, "", "plaintext-login", One("WHO"),   Anywhere, "never, loopback or always [loopback]"),

    row(Limits, "", "max-connections", One("N"),   Anywhere, "connections at a time [4096]"),
    row(Limits, "", "max-per-address", One("N"),   Anywhere, "those not logged in, per address [20]"),
    row(Limits, "", "max-per-user",    One("N"),   Anywhere, "those of one user, logged in [50]"),
    row(Limits, "", "trusted-network", Many("ADDR[/BITS]"), Anywhere, "clients there speak for others (webmail)"),
    row(Limits, "", "max-memory",      One("MIB"), Anywhere, "memory for commands and output [256]"),
    row(Limits, "", "max-message",     One("MIB"), Anywhere, "largest message of APPEND, in MiB [64]"),
    row(Limits, "", "idle-timeout",    One("MIN"), Anywhere, "close after MIN minutes of silence [30]"),

    row(Logging, "", "log-level", One("LEVEL"),      Anywhere, "off, error, warn, info, debug, trace [info]"),
    row(Logging, "", "syslog",    Flag,              Anywhere, "log to syslog, not to descriptor 2"),
    row(Logging, "", "wire-log",  Many("USER|ADDR"), Anywhere, "log their commands and responses"),

    row(Tools, "",  "demo",          Flag,          CommandLine, "serve sample mail on 127.0.0.1:1143"),
    row(Tools, "",  "hash-password", Maybe("USER"), CommandLine, "ask for a password, print its hash"),
    row(Tools, "",  "check-config",  Flag,          CommandLine, "report every fault in the options, and exit"),
    row(Tools, "h", "help",          Flag,          CommandLine, "print this text, and exit"),
    row(Tools, "V", "version",       Flag,          CommandLine, "print the version, and exit"),
];

impl Group {
    pub(super) fn heading(self) -> &'static str {
        match self {
            Self::Serving => "Serving",
            Self::UsersAndMail => "Users and mail",
            Self::Tls => "TLS",
            Self::Limits => "Limits",
            Self::Logging => "Logging",
            Self::Tools => "Tools",
        }
    }
}

/// Finds an option by its long name.
pub(super) fn find(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.long == name)
}

/// Returns the long names of all options.
pub fn option_names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|row| row.long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for (index, row) in TABLE.iter().enumerate() {
            for other in &TABLE[..index] {
                assert_ne!(row.long, other.long);
                assert!(row.short.is_empty() || row.short != other.short);
            }
        }
    }
}
