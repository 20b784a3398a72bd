//! From the options as given to the options with their meaning.

use std::ffi::OsStr;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::error::{OptionErrors, Source};
use super::mail_template::MailTemplate;
use super::parse;
use super::raw::RawOptions;
use super::validator::{FileCheck, Validator};
use super::values::{DialectOption, Mode, Options, PlaintextLogin};

/// On usual systems a process cannot have more sockets.
const CONNECTIONS: RangeInclusive<u64> = 1..=1_000_000;
/// A week at most. RFC 3501 §5.4 demands at least 30 minutes; the operator may choose less.
const IDLE_MINUTES: RangeInclusive<u64> = 1..=7 * 24 * 60;
/// 64 GiB at most.
const MESSAGE_MIB: RangeInclusive<u64> = 1..=65_536;

/// 1 TiB at most. A 32-bit system has less than 4 GiB, which is as good as no limit there.
const MEMORY_MIB: RangeInclusive<u64> = 1..=if cfg!(target_pointer_width = "32") {
    4095
} else {
    1 << 20
};

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

impl Options {
    /// Reads the command line (without the program's name) and the option file that it names.
    ///
    /// # Errors
    /// Returns all faults of both, each with its place.
    pub fn from_args<S: AsRef<OsStr>>(
        args: impl IntoIterator<Item = S>,
    ) -> Result<Self, OptionErrors> {
        Self::from_raw(&RawOptions::read(args))
    }

    /// Validates the options as given.
    ///
    /// # Errors
    /// Returns all faults, each with its place.
    pub fn from_raw(raw: &RawOptions) -> Result<Self, OptionErrors> {
        validate(raw, FileCheck::Open)
    }

    /// Validates the options as given, but does not check that the files and directories exist that
    /// they name. A process that cannot open these, or does not use them, calls this.
    ///
    /// # Errors
    /// Returns all faults, each with its place.
    pub fn from_raw_without_files(raw: &RawOptions) -> Result<Self, OptionErrors> {
        validate(raw, FileCheck::Skip)
    }
}

fn validate(raw: &RawOptions, files: FileCheck) -> Result<Options, OptionErrors> {
    let mut validator = Validator::new(raw, files);
    let mut options = read(&mut validator);
    check_combinations(&mut validator, &options);
    validator.check_tls();
    let is_check = validator.flag("check-config");
    if options.mode == Mode::CheckConfig && !is_check && !validator.has_faults() {
        let text = "no mode is given: add --listen, --listen-tls, --inetd, --wait, --preauth or \
                    --demo (--help lists all options)";
        validator.fault(&Source::CommandLine, text);
    }
    if is_check {
        options.mode = Mode::CheckConfig;
    }
    validator.finish(options)
}

/// Reads the value of every option.
fn read(validator: &mut Validator<'_>) -> Options {
    let loopback = PlaintextLogin::Loopback;
    Options {
        mode: validator.mode(),
        mail: validator.value("mail", MailTemplate::default(), MailTemplate::parse),
        bboards: validator.path("bboards", |path| std::fs::read_dir(path).map(drop)),
        checkpassword: validator.value("checkpassword", None, |value| {
            parse::checkpassword(value).map(Some)
        }),
        users: validator.path("users", |path| std::fs::File::open(path).map(drop)),
        dialect: validator.word("dialect", DIALECTS, DialectOption::Auto),
        read_only: validator.flag("read-only"),
        special_use: validator.values("special-use", parse::special_use),
        create_roles: validator.flag("create-roles"),
        namespace_prefix: validator.value("namespace-prefix", "", parse::namespace_prefix),
        tls: validator.tls(),
        plaintext_login: validator.word("plaintext-login", PLAINTEXT_LOGIN, loopback),
        max_connections: validator.number("max-connections", CONNECTIONS, 4096) as usize,
        max_per_address: validator.number("max-per-address", CONNECTIONS, 20) as usize,
        max_per_user: validator.number("max-per-user", CONNECTIONS, 50) as usize,
        max_memory: (validator.number("max-memory", MEMORY_MIB, 256) as usize) << 20,
        idle_timeout: Duration::from_secs(60 * validator.number("idle-timeout", IDLE_MINUTES, 30)),
        max_message: validator.number("max-message", MESSAGE_MIB, 64) << 20,
        run_as: validator.value("run-as", None, |value| parse::run_as(value).map(Some)),
        proxy_protocol: validator.address_ranges("proxy-protocol"),
        trusted_network: validator.address_ranges("trusted-network"),
        wire_log: validator.strings("wire-log"),
        log_level: validator.word("log-level", LOG_LEVELS, log::LevelFilter::Info),
        syslog: validator.flag("syslog"),
    }
}

/// Checks the rules about more than one option.
fn check_combinations(validator: &mut Validator<'_>, options: &Options) {
    let raw = validator.raw;
    let (users, checkpassword) = (raw.first("users"), raw.first("checkpassword"));
    match options.mode {
        Mode::Serve { .. } | Mode::Inetd | Mode::Wait
            if users.is_none() && checkpassword.is_none() =>
        {
            let text = "no user could log in: add --users FILE or --checkpassword PROGRAM";
            validator.fault(&Source::CommandLine, text);
        }
        Mode::Demo { .. } => {
            let own = ["mail", "users", "bboards", "checkpassword"];
            for given in own.iter().filter_map(|name| raw.first(name)) {
                let text = format!("\"{}\" cannot be combined with --demo", given.name);
                validator.fault(&given.source, text);
            }
        }
        _ => {}
    }
    if let (Some(_), Some(given)) = (users, checkpassword) {
        let text = "\"users\" and \"checkpassword\" exclude each other: remove one";
        validator.fault(&given.source, text);
    }
}
