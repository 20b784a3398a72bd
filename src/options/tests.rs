//! The options, from the command line and the option file to their values.

use std::io::Write as _;
use std::time::Duration;

use super::values::DEMO_ADDRESS;
use super::{DialectOption, MailTemplate, Mode, OptionErrors, Options, PlaintextLogin};
use crate::types::SpecialUse;

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
fn options_that_are_not_given_have_defaults() {
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
fn every_option_has_its_value() {
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
        "--trusted-network=192.0.2.0/24",
        "--wire-log=ann",
        "--wire-log=192.0.2.1",
        "--syslog",
        "--max-per-address=9",
        "--max-per-user=11",
        "--max-memory=32",
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
            max_per_user: 11,
            max_memory: 32 << 20,
            idle_timeout: Duration::from_secs(3600),
            max_message: 1024 * 1024,
            run_as: Some("vmail:mail".into()),
            proxy_protocol: ["10.0.0.0/8", "::1"]
                .map(|range| range.parse().expect("a range"))
                .into(),
            trusted_network: vec!["192.0.2.0/24".parse().expect("a range")],
            wire_log: vec!["ann".into(), "192.0.2.1".into()],
            log_level: log::LevelFilter::Debug,
            syslog: true,
        }
    );
}

#[test]
fn the_command_line_hides_the_option_file() {
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
        "the command line hides the listener of the file"
    );
    let options = parse(&["-c", config, "-l", "127.0.0.1:9"]).expect("valid");
    let listen = vec!["127.0.0.1:9".parse().expect("an address")];
    let listen_tls = Vec::new();
    assert_eq!(options.mode, Mode::Serve { listen, listen_tls });
    let options = parse(&["-c", config, "-w"]).expect("valid");
    assert_eq!(options.mode, Mode::Wait);
}

#[test]
fn all_faults_are_reported_at_once_each_with_its_line() {
    let config = file(
        "# imap2d\n\nlisten nowhere\nlisten 127.0.0.1:143\nlisten 127.0.0.1:143\nspeed 9\ndialect imap5\n\
         max-connections 0\nidle-timeout 99999999999999999999\nread-only maybe\nmail /srv/%x\n\
         users /nonexistent/users\nverify /x\nmax-message 1\nmax-message 2\nlog-level\n",
    );
    let config = path(&config);
    let faults = parse(&[
        "-c",
        config,
        "--max-connections=x",
        "--max-per-address=x",
        "stray",
    ])
    .unwrap_err();
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
fn exactly_one_mode_must_be_given() {
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
fn help_version_and_check_config_need_no_other_mode() {
    let config = file("users /dev/null\n");
    let check = parse(&["--check-config", "-c", path(&config)]).expect("valid");
    assert_eq!(check.mode, Mode::CheckConfig, "a file needs no mode");
    assert!(
        parse(&["--check-config", "--inetd"]).is_err(),
        "no user could log in"
    );
    assert_eq!(parse(&["--help"]).expect("valid").mode, Mode::Help);
    assert_eq!(parse(&["-V"]).expect("valid").mode, Mode::Version);
}
