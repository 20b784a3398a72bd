//! One row per option.

use std::fmt::Write as _;

/// What may follow the name of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Argument {
    /// Nothing on the command line; nothing, `yes` or `no` in the option file.
    None,
    /// One value.
    One(&'static str),
    /// One value each time; the option may be given more than once.
    Many(&'static str),
    /// One value or nothing.
    Maybe(&'static str),
}

/// Where an option may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Anywhere,
    CommandLine,
    /// Nowhere yet: the name is taken, the work is not done.
    LaterVersion,
}

/// One option.
#[derive(Debug)]
pub(super) struct Row {
    /// One letter, or nothing.
    pub(super) short: &'static str,
    pub(super) long: &'static str,
    pub(super) argument: Argument,
    pub(super) place: Place,
    /// One line of the help text; nothing if it only names the option.
    help: &'static str,
}

use Argument::{Many, Maybe, None as Flag, One};
use Place::{Anywhere, CommandLine, LaterVersion};

const fn row(
    short: &'static str,
    long: &'static str,
    argument: Argument,
    place: Place,
    help: &'static str,
) -> Row {
    Row {
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
    row("c", "config",          One("FILE"),       CommandLine, "read options from FILE: \"name value\" a line"),
    row("l", "listen",          Many("ADDR:PORT"), Anywhere,    "serve there, in clear text or by STARTTLS"),
    row("i", "inetd",           Flag,              Anywhere,    "serve the one client on descriptors 0 and 1"),
    row("p", "preauth",         Maybe("USER"),     Anywhere,    "the same, logged in already: --preauth=USER"),
    row("",  "demo",            Flag,              CommandLine, "serve sample mail on 127.0.0.1:1143"),
    row("m", "mail",            One("PATH"),       Anywhere,    "a user's Maildir [%h/Maildir]; %u %n %d %h"),
    row("b", "bboards",         One("DIR"),        Anywhere,    "bulletin boards: the Maildirs in DIR"),
    row("u", "users",           One("FILE"),       Anywhere,    "passwd-file: user:{SCHEME}password:..."),
    row("",  "dialect",         One("NAME"),       Anywhere,    "auto, imap2, imap2bis or imap4 [auto]"),
    row("",  "plaintext-login", One("WHO"),        Anywhere,    "never, loopback or always [loopback]"),
    row("",  "idle-timeout",    One("MIN"),        Anywhere,    "close after MIN minutes of silence [30]"),
    row("",  "log-level",       One("LEVEL"),      Anywhere,    "off, error, warn, info, debug, trace [info]"),
    row("",  "check-config",    Flag,              CommandLine, "report every error in the options, and exit"),
    row("h", "help",            Flag,              CommandLine, "print this, and exit"),
    row("V", "version",         Flag,              CommandLine, "print the version, and exit"),

    row("",  "checkpassword",   One("PROGRAM"),    Anywhere,    ""),
    row("",  "create-roles",    Flag,              Anywhere,    ""),
    row("",  "hash-password",   Maybe("USER"),     CommandLine, ""),
    row("L", "listen-tls",      Many("ADDR:PORT"), Anywhere,    ""),
    row("",  "max-connections", One("N"),          Anywhere,    ""),
    row("",  "max-per-address", One("N"),          Anywhere,    ""),
    row("",  "max-message",     One("MIB"),        Anywhere,    ""),
    row("",  "namespace-prefix", One("PREFIX"),    Anywhere,    ""),
    row("",  "read-only",       Flag,              Anywhere,    ""),
    row("",  "run-as",          One("USER[:GROUP]"), Anywhere,  ""),
    row("",  "proxy-protocol",  Many("ADDR[/BITS]"), Anywhere,  ""),
    row("",  "special-use",     Many("ROLE=NAME"), Anywhere,    ""),
    row("",  "syslog",          Flag,              Anywhere,    ""),
    row("",  "tls-cert",        Many("FILE"),      Anywhere,    ""),
    row("",  "tls-key",         Many("FILE"),      Anywhere,    ""),
    row("",  "wire-log",        Many("USER|ADDR"), Anywhere,    ""),
    row("w", "wait",            Flag,              Anywhere,    ""),

    row("",  "verify",          One("MAILDIR"),    LaterVersion, ""),
];

impl Row {
    /// True if this version obeys the option.
    fn is_ready(&self) -> bool {
        self.place != LaterVersion
    }

    /// `-l, --listen ADDR:PORT`
    fn synopsis(&self) -> String {
        let short = match self.short {
            "" => "    ".to_string(),
            letter => format!("-{letter}, "),
        };
        let argument = match self.argument {
            Flag => String::new(),
            One(hint) | Many(hint) => format!(" {hint}"),
            Maybe(hint) => format!("[={hint}]"),
        };
        format!("{short}--{}{argument}", self.long)
    }
}

/// Finds an option by its long name.
pub(super) fn find(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.long == name)
}

/// The long names of the options that this version obeys.
pub fn option_names() -> impl Iterator<Item = &'static str> {
    TABLE
        .iter()
        .filter(|row| row.is_ready())
        .map(|row| row.long)
}

/// One less than the columns of a terminal, where some would begin a new line.
const COLUMNS: usize = 79;

/// The help text: 23 lines of at most 79 columns, so that it fits the screen of a terminal.
pub fn help() -> String {
    let mut text = String::from(
        "Usage: imap2d [OPTION]...\n\
         Serves Maildirs to mail readers, by IMAP2 (RFC 1064) and its successors.\n\n",
    );
    let ready = || TABLE.iter().filter(|row| row.is_ready());
    for row in ready().filter(|row| !row.help.is_empty()) {
        let _ = writeln!(text, "  {:<27} {}", row.synopsis(), row.help);
    }
    let mut line = String::from("See imap2d(8) for these:");
    for row in ready().filter(|row| row.help.is_empty()) {
        let synopsis = row.synopsis();
        if line.len() + 1 + synopsis.trim().len() > COLUMNS {
            let _ = writeln!(text, "{line}");
            line = String::from(" ");
        }
        let _ = write!(line, " {}", synopsis.trim());
    }
    let _ = writeln!(text, "{line}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_fits_a_screen() {
        let help = help();
        assert!(help.lines().count() < 24, "{}", help.lines().count());
        for line in help.lines() {
            assert!(line.len() < 80, "{line:?}");
        }
    }

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
