//! What the options mean. Every rule about a value stands here, once.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::error::{OptionError, OptionErrors, Source};
use super::raw::{RawOptions, Said};
use super::table::{self, Argument};
use super::{DEMO_ADDRESS, DialectOption, MailTemplate, Mode, Options, PlaintextLogin};
use crate::types::{AddressRange, MailboxName, SpecialUse};

/// More sockets than that one process cannot have on any usual system.
const CONNECTIONS: RangeInclusive<u64> = 1..=1_000_000;
/// A week at most. Less than RFC 3501 §5.4 allows (30 minutes) is the operator's decision.
const IDLE_MINUTES: RangeInclusive<u64> = 1..=7 * 24 * 60;
/// 64 GiB at most.
const MESSAGE_MIB: RangeInclusive<u64> = 1..=65_536;

const DIALECTS: &[(&str, DialectOption)] = &[
    ("auto", DialectOption::Auto),
    ("imap2", DialectOption::Imap2),
    ("imap2bis", DialectOption::Imap2bis),
    ("imap4", DialectOption::Imap4),
];

const PLAINTEXT_LOGIN: &[(&str, PlaintextLogin)] = &[
    ("never", PlaintextLogin::Never),
    ("loopback", PlaintextLogin::Loopback),
    ("always", PlaintextLogin::Always),
];

const LOG_LEVELS: &[(&str, log::LevelFilter)] = &[
    ("off", log::LevelFilter::Off),
    ("error", log::LevelFilter::Error),
    ("warn", log::LevelFilter::Warn),
    ("info", log::LevelFilter::Info),
    ("debug", log::LevelFilter::Debug),
    ("trace", log::LevelFilter::Trace),
];

/// How it is found out whether files are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Files {
    /// By looking.
    Looked,
    /// They are taken to be.
    Taken,
}

/// Checks everything that was said.
pub(super) fn options(raw: &RawOptions, files: Files) -> Result<Options, OptionErrors> {
    let mut reader = Reader {
        raw,
        files,
        faults: raw.faults().to_vec(),
    };
    reader.refuse_repetitions();
    let options = Options {
        mode: reader.mode(),
        mail: reader.mail(),
        bboards: reader.path("bboards", |path| std::fs::read_dir(path).map(drop)),
        checkpassword: reader.value("checkpassword", None, |value| {
            checkpassword(value).map(Some)
        }),
        users: reader.path("users", |path| std::fs::File::open(path).map(drop)),
        dialect: reader.word("dialect", DIALECTS, DialectOption::Auto),
        read_only: reader.flag("read-only"),
        special_use: reader.special_use(),
        create_roles: reader.flag("create-roles"),
        namespace_prefix: reader.value("namespace-prefix", "", namespace_prefix),
        tls: reader.tls(),
        plaintext_login: reader.word("plaintext-login", PLAINTEXT_LOGIN, PlaintextLogin::Loopback),
        max_connections: reader.number("max-connections", CONNECTIONS, 4096) as usize,
        max_per_address: reader.number("max-per-address", CONNECTIONS, 20) as usize,
        idle_timeout: Duration::from_secs(60 * reader.number("idle-timeout", IDLE_MINUTES, 30)),
        max_message: reader.number("max-message", MESSAGE_MIB, 64) << 20,
        run_as: reader.value("run-as", None, run_as),
        proxy_protocol: reader.address_ranges("proxy-protocol"),
        wire_log: reader.names("wire-log"),
        log_level: reader.word("log-level", LOG_LEVELS, log::LevelFilter::Info),
        syslog: reader.flag("syslog"),
    };
    reader.check_together(&options);
    reader.check_tls();
    reader.verdict(options)
}

/// What was said, and what was found wrong with it so far. Where a value is wrong, reading goes on
/// with the default: it will not be used.
pub(super) struct Reader<'r> {
    pub(super) raw: &'r RawOptions,
    pub(super) files: Files,
    faults: Vec<OptionError>,
}

impl Reader<'_> {
    pub(super) fn fault(&mut self, source: &Source, text: impl Into<String>) {
        self.faults.push(OptionError {
            source: source.clone(),
            text: text.into(),
        });
    }

    /// Options that take one value take it once, on each side.
    fn refuse_repetitions(&mut self) {
        let raw = self.raw;
        let single = |row: &&table::Row| !matches!(row.argument, Argument::Many(_));
        for row in table::TABLE.iter().filter(single) {
            for again in raw.all(row.long).skip(1) {
                self.fault(&again.source, format!("\"{}\" is given twice", row.long));
            }
        }
    }

    /// Reads the one value of `name`.
    fn value<T>(
        &mut self,
        name: &str,
        default: T,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> T {
        let raw = self.raw;
        let Some(said) = raw.first(name) else {
            return default;
        };
        match read(said.value.as_deref().unwrap_or("")) {
            Ok(value) => value,
            Err(fault) => {
                self.fault(&said.source, format!("{name}: {fault}"));
                default
            }
        }
    }

    fn flag(&mut self, name: &str) -> bool {
        self.value(name, false, |value| match value {
            "" | "yes" => Ok(true),
            "no" => Ok(false),
            _ => Err("say yes or no, or nothing".into()),
        })
    }

    fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)], default: T) -> T {
        self.value(name, default, |value| {
            let found = words.iter().find(|(word, _)| *word == value);
            found.map(|&(_, meaning)| meaning).ok_or_else(|| {
                let words: Vec<&str> = words.iter().map(|&(word, _)| word).collect();
                format!("\"{value}\" is none of {}", words.join(", "))
            })
        })
    }

    fn number(&mut self, name: &str, range: RangeInclusive<u64>, default: u64) -> u64 {
        self.value(name, default, |value| {
            let number = value.parse().ok().filter(|number| range.contains(number));
            let (least, most) = (range.start(), range.end());
            number.ok_or_else(|| format!("\"{value}\" is no number from {least} to {most}"))
        })
    }

    /// A path that is there: a fault found now need not be looked for in the log.
    fn path(
        &mut self,
        name: &str,
        check: impl FnOnce(&str) -> std::io::Result<()>,
    ) -> Option<PathBuf> {
        let files = self.files;
        self.value(name, None, |value| match check(value) {
            _ if files == Files::Taken => Ok(Some(value.into())),
            Ok(()) => Ok(Some(value.into())),
            Err(error) => Err(format!("cannot read {value}: {error}")),
        })
    }

    fn mail(&mut self) -> MailTemplate {
        self.value("mail", MailTemplate::default(), MailTemplate::parse)
    }

    fn listen(&mut self, name: &str) -> Vec<SocketAddr> {
        let mut addresses = Vec::new();
        for said in self.raw.all(name) {
            let value = said.value.as_deref().unwrap_or("");
            match value.parse() {
                Ok(address) if addresses.contains(&address) => {
                    self.fault(&said.source, format!("{name}: {address} is given twice"));
                }
                Ok(address) => addresses.push(address),
                Err(_) => self.fault(
                    &said.source,
                    format!("{name}: \"{value}\" is not like 127.0.0.1:143 or [::1]:143"),
                ),
            }
        }
        addresses
    }

    fn names(&self, name: &str) -> Vec<String> {
        let said = self.raw.all(name);
        said.filter_map(|said| said.value.clone()).collect()
    }

    fn address_ranges(&mut self, name: &str) -> Vec<AddressRange> {
        let mut ranges = Vec::new();
        for said in self.raw.all(name) {
            let value = said.value.as_deref().unwrap_or("");
            match value.parse() {
                Ok(range) => ranges.push(range),
                Err(()) => self.fault(
                    &said.source,
                    format!("{name}: \"{value}\" is not like 192.0.2.1 or 2001:db8::/32"),
                ),
            }
        }
        ranges
    }

    /// `Sent=Sent Items`: the name is what people see, so it may be in any letters.
    fn special_use(&mut self) -> Vec<(SpecialUse, String)> {
        let mut names = Vec::new();
        for said in self.raw.all("special-use") {
            let value = said.value.as_deref().unwrap_or("");
            match special_use(value) {
                Ok(name) => names.push(name),
                Err(fault) => self.fault(&said.source, format!("special-use: {fault}")),
            }
        }
        names
    }

    /// What was said about the mode. A mode on the command line puts aside the mode of the option file,
    /// so that one file can serve a listener and inetd alike.
    fn modes_said(&self) -> Vec<&Said> {
        let on_command_line = |said: &&Said| said.source == Source::CommandLine;
        let denied = |said: &&Said| {
            matches!(said.name, "inetd" | "wait") && said.value.as_deref() == Some("no")
        };
        let mut said: Vec<&Said> = ["demo", "inetd", "wait", "preauth", "listen", "listen-tls"]
            .iter()
            .filter_map(|name| self.raw.first(name))
            .filter(|said| !denied(said))
            .collect();
        if said.iter().any(on_command_line) {
            said.retain(on_command_line);
        }
        said
    }

    fn mode(&mut self) -> Mode {
        for (name, mode) in [("help", Mode::Help), ("version", Mode::Version)] {
            if self.raw.first(name).is_some() {
                return mode;
            }
        }
        if let Some(said) = self.raw.first("hash-password") {
            return Mode::HashPassword(said.value.clone());
        }
        let listen = self.listen("listen");
        let listen_tls = self.listen("listen-tls");
        // Only for the fault that its value may be; what it means is asked of `modes_said`.
        self.flag("inetd");
        self.flag("wait");
        let serve = |listen, listen_tls| Mode::Serve { listen, listen_tls };
        let said = self.modes_said();
        let names: Vec<&str> = said.iter().map(|said| said.name).collect();
        match *names {
            ["inetd"] => Mode::Inetd,
            ["wait"] => Mode::Wait,
            ["preauth"] => Mode::Preauth(said[0].value.clone()),
            ["demo"] => Mode::Demo {
                listen: vec![DEMO_ADDRESS],
            },
            ["demo", "listen"] => Mode::Demo { listen },
            // One of them may have been put aside.
            ["listen"] => serve(listen, Vec::new()),
            ["listen-tls"] => serve(Vec::new(), listen_tls),
            ["listen", "listen-tls"] => serve(listen, listen_tls),
            [first, second, ..] => {
                let source = said[1].source.clone();
                self.fault(
                    &source,
                    format!("\"{first}\" and \"{second}\" exclude each other"),
                );
                Mode::CheckConfig
            }
            _ => Mode::CheckConfig,
        }
    }

    /// Rules about more than one option.
    fn check_together(&mut self, options: &Options) {
        let raw = self.raw;
        match options.mode {
            Mode::Serve { .. } | Mode::Inetd | Mode::Wait
                if raw.first("users").is_none() && raw.first("checkpassword").is_none() =>
            {
                self.fault(
                    &Source::CommandLine,
                    "nobody could log in: say --users FILE or --checkpassword PROGRAM",
                );
            }
            Mode::Demo { .. } => {
                for said in ["mail", "users", "bboards", "checkpassword"]
                    .iter()
                    .filter_map(|name| raw.first(name))
                {
                    self.fault(
                        &said.source,
                        format!("the demonstration brings its own \"{}\"", said.name),
                    );
                }
            }
            _ => {}
        }
        if let (Some(_), Some(said)) = (raw.first("users"), raw.first("checkpassword")) {
            self.fault(
                &said.source,
                "\"users\" and \"checkpassword\" exclude each other",
            );
        }
    }

    fn verdict(mut self, mut options: Options) -> Result<Options, OptionErrors> {
        let check = self.flag("check-config");
        if options.mode == Mode::CheckConfig && !check && self.faults.is_empty() {
            let text = "nothing to do: say --listen, --listen-tls, --inetd, --wait, --preauth or --demo (--help lists all)";
            self.fault(&Source::CommandLine, text);
        }
        if !self.faults.is_empty() {
            self.faults.sort_by_key(|fault| fault.source.line());
            return Err(OptionErrors(self.faults));
        }
        if check {
            options.mode = Mode::CheckConfig;
        }
        Ok(options)
    }
}

/// ```text
/// value = path *(SP argument)
/// ```
fn checkpassword(value: &str) -> Result<String, String> {
    let program = value.split_whitespace().next().unwrap_or_default();
    if !program.starts_with('/') {
        return Err(format!(
            "\"{value}\" does not begin with the full path of a program"
        ));
    }
    match std::fs::metadata(program) {
        Ok(file) if file.is_file() => Ok(value.into()),
        Ok(_) => Err(format!("{program} is no program")),
        Err(error) => Err(format!("cannot run {program}: {error}")),
    }
}

/// Nothing can be said on the command line; the option file takes two apostrophes for it.
fn namespace_prefix(value: &str) -> Result<&'static str, String> {
    match value {
        "" | "''" => Ok(""),
        "INBOX." => Ok("INBOX."),
        _ => Err(format!("\"{value}\" is neither INBOX. nor ''")),
    }
}

/// ```text
/// value = user [":" group]
/// ```
/// Whether there are such is found out by who becomes one.
fn run_as(value: &str) -> Result<Option<String>, String> {
    let parts: Vec<&str> = value.split(':').collect();
    if parts.len() > 2 || parts.contains(&"") {
        return Err(format!("\"{value}\" is not like vmail or vmail:mail"));
    }
    Ok(Some(value.into()))
}

/// ```text
/// value = role "=" [name]
/// ```
fn special_use(value: &str) -> Result<(SpecialUse, String), String> {
    let (role, name) = value
        .split_once('=')
        .ok_or_else(|| format!("\"{value}\" is not like Sent=Sent Items"))?;
    let (role, name) = (role.trim(), name.trim());
    let mut all = SpecialUse::ALL.into_iter();
    let found = all.find(|used| used.name().eq_ignore_ascii_case(role));
    let used = found.ok_or_else(|| {
        let names: Vec<&str> = SpecialUse::ALL.iter().map(|used| used.name()).collect();
        format!("\"{role}\" is none of {}", names.join(", "))
    })?;
    if !name.is_empty() {
        MailboxName::new(name.as_bytes()).map_err(|fault| format!("\"{name}\": {fault}"))?;
    }
    Ok((used, name.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn parse(args: &[&str]) -> Result<Options, Vec<String>> {
        Options::from_args(args)
            .map_err(|OptionErrors(faults)| faults.iter().map(ToString::to_string).collect())
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(text.as_bytes()).expect("written");
        file
    }

    fn path(file: &tempfile::NamedTempFile) -> &str {
        file.path().to_str().expect("UTF-8")
    }

    #[test]
    fn defaults() {
        let options = parse(&["--preauth"]).expect("valid");
        assert_eq!(options.mode, Mode::Preauth(None));
        assert_eq!(options.mail, MailTemplate::default());
        assert_eq!(options.dialect, DialectOption::Auto);
        assert_eq!(options.plaintext_login, PlaintextLogin::Loopback);
        assert_eq!(options.max_connections, 4096);
        assert_eq!(options.idle_timeout, Duration::from_secs(1800));
        assert_eq!(options.max_message, 64 * 1024 * 1024);
        assert_eq!(options.log_level, log::LevelFilter::Info);
        assert!(!options.read_only && !options.syslog && !options.create_roles);
        assert_eq!(
            (options.special_use, options.namespace_prefix),
            (vec![], "")
        );
        assert_eq!((options.users, options.bboards), (None, None));
        assert_eq!(options.tls, []);
    }

    #[test]
    fn every_option_is_understood() {
        let users = file("");
        let options = parse(&[
            "-l",
            "127.0.0.1:143",
            "--listen",
            "[::1]:143",
            "-u",
            path(&users),
            "-m",
            "/srv/%u",
            "-b",
            "/",
            "--dialect",
            "imap2bis",
            "--read-only",
            "--special-use",
            "sent=Gesendete Objekte",
            "--special-use=Trash=",
            "--create-roles",
            "--namespace-prefix=INBOX.",
            "--plaintext-login=always",
            "--max-connections",
            "7",
            "--idle-timeout",
            "60",
            "--max-message",
            "1",
            "--run-as=vmail:mail",
            "--log-level",
            "debug",
            "--proxy-protocol=10.0.0.0/8",
            "--proxy-protocol=::1",
            "--wire-log=ann",
            "--wire-log=192.0.2.1",
            "--syslog",
            "--max-per-address=9",
        ])
        .expect("valid");
        let address = |text: &str| text.parse().expect("an address");
        let listen = ["127.0.0.1:143", "[::1]:143"].map(address);
        assert_eq!(
            options,
            Options {
                mode: Mode::Serve {
                    listen: listen.to_vec(),
                    listen_tls: Vec::new(),
                },
                mail: MailTemplate::parse("/srv/%u").expect("a template"),
                bboards: Some("/".into()),
                checkpassword: None,
                users: Some(users.path().into()),
                dialect: DialectOption::Imap2bis,
                read_only: true,
                special_use: vec![
                    (SpecialUse::Sent, "Gesendete Objekte".to_string()),
                    (SpecialUse::Trash, String::new()),
                ],
                create_roles: true,
                namespace_prefix: "INBOX.",
                tls: Vec::new(),
                plaintext_login: PlaintextLogin::Always,
                max_connections: 7,
                max_per_address: 9,
                idle_timeout: Duration::from_secs(3600),
                max_message: 1024 * 1024,
                run_as: Some("vmail:mail".into()),
                proxy_protocol: ["10.0.0.0/8", "::1"]
                    .map(|range| range.parse().expect("a range"))
                    .into(),
                wire_log: vec!["ann".into(), "192.0.2.1".into()],
                log_level: log::LevelFilter::Debug,
                syslog: true,
            }
        );
    }

    #[test]
    fn namespace_prefixes() {
        assert_eq!(namespace_prefix(""), Ok(""));
        assert_eq!(namespace_prefix("''"), Ok(""));
        assert_eq!(namespace_prefix("INBOX."), Ok("INBOX."));
        assert!(namespace_prefix("INBOX").is_err());
    }

    #[test]
    fn users_to_run_as() {
        assert_eq!(run_as("vmail"), Ok(Some("vmail".into())));
        assert_eq!(run_as("5000:5000"), Ok(Some("5000:5000".into())));
        for bad in ["", ":", "vmail:", ":mail", "a:b:c"] {
            assert!(run_as(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn special_uses() {
        let sent = |name: &str| Ok((SpecialUse::Sent, name.to_string()));
        assert_eq!(special_use("Sent=Sent Items"), sent("Sent Items"));
        assert_eq!(special_use("SENT = Entwürfe.x"), sent("Entwürfe.x"));
        assert_eq!(special_use("Sent="), sent(""));
        for bad in ["", "Sent", "All=x", "=x", "Sent=a/b", "Sent=.a", "\\Sent=x"] {
            assert!(special_use(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_command_line_wins() {
        let users = file("");
        let config = file(&format!(
            "listen 127.0.0.1:143\nusers {}\ndialect imap2\nmax-message 5\nsyslog\nread-only yes\n",
            path(&users)
        ));
        let config = path(&config);
        let options = parse(&["-c", config, "--dialect", "imap4"]).expect("valid");
        assert_eq!(options.dialect, DialectOption::Imap4);
        assert_eq!(options.max_message, 5 << 20);
        assert!(options.syslog && options.read_only);
        assert!(matches!(options.mode, Mode::Serve { .. }));

        let options = parse(&["-c", config, "--inetd"]).expect("valid");
        assert_eq!(
            options.mode,
            Mode::Inetd,
            "the listener of the file is put aside"
        );
        let options = parse(&["-c", config, "-l", "127.0.0.1:9"]).expect("valid");
        let listen = vec!["127.0.0.1:9".parse().expect("an address")];
        let listen_tls = Vec::new();
        assert_eq!(options.mode, Mode::Serve { listen, listen_tls });
        let options = parse(&["-c", config, "-w"]).expect("valid");
        assert_eq!(options.mode, Mode::Wait);
    }

    #[test]
    fn all_faults_at_once_each_with_its_line() {
        let config = file(
            "# imap2d\n\nlisten nowhere\nlisten 127.0.0.1:143\nlisten 127.0.0.1:143\nspeed 9\ndialect imap5\n\
             max-connections 0\nidle-timeout 99999999999999999999\nread-only maybe\nmail /srv/%x\n\
             users /nonexistent/users\nverify /x\nmax-message 1\nmax-message 2\nlog-level\n",
        );
        let config = path(&config);
        let faults =
            parse(&["-c", config, "--max-connections=x", "--verify=x", "stray"]).unwrap_err();
        let lines: Vec<usize> = faults
            .iter()
            .filter_map(|fault| {
                fault
                    .strip_prefix(config)?
                    .strip_prefix(':')?
                    .split(':')
                    .next()?
                    .parse()
                    .ok()
            })
            .collect();
        for line in [3, 5, 6, 7, 9, 10, 11, 12, 13, 15, 16] {
            assert!(lines.contains(&line), "line {line} of {faults:#?}");
        }
        assert_eq!(lines.len(), 11, "{faults:#?}");
        let on_command_line = faults
            .iter()
            .filter(|fault| fault.starts_with("command line: "));
        assert_eq!(on_command_line.count(), 3, "{faults:#?}");
    }

    #[test]
    fn one_mode_at_a_time() {
        for bad in [
            &[][..],
            &["--inetd", "--preauth"],
            &["--inetd", "--listen", "127.0.0.1:143"],
            &["--demo", "--inetd"],
            &["--wait", "--inetd"],
            &["--wait"],
            &["--demo", "--mail", "/srv/%u"],
            &["--inetd"],
            &["--listen", "127.0.0.1:143"],
            &["--preauth", "--listen", "x"],
            &["--bogus"],
            &["-c", "/nonexistent/imap2d.conf", "--preauth"],
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        let listen = vec![DEMO_ADDRESS];
        assert_eq!(
            parse(&["--demo"]).expect("valid").mode,
            Mode::Demo { listen }
        );
        let listen = vec!["127.0.0.1:0".parse().expect("an address")];
        let demo = parse(&["--demo", "-l", "127.0.0.1:0"]).expect("valid");
        assert_eq!(demo.mode, Mode::Demo { listen });
    }

    #[test]
    fn one_shot_modes() {
        let config = file("users /dev/null\n");
        let check = parse(&["--check-config", "-c", path(&config)]).expect("valid");
        assert_eq!(
            check.mode,
            Mode::CheckConfig,
            "a file without a mode is no fault"
        );
        assert!(
            parse(&["--check-config", "--inetd"]).is_err(),
            "nobody could log in"
        );
        assert_eq!(parse(&["--help"]).expect("valid").mode, Mode::Help);
        assert_eq!(parse(&["-V"]).expect("valid").mode, Mode::Version);
    }
}
