//! Command line completion in bash and zsh: what the screen shows after the tabulator key.

use std::path::Path;

use imap2d::testing::option_names;

use crate::support::program::Program;
use crate::support::terminal::Terminal;

/// The completion files, and a file whose name is known.
const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/completions");

/// What the user types before the key, and what the screen must show after it.
const CASES: &[(&str, &str)] = &[
    ("imap2d --read", "--read-only"),
    ("imap2d --read-only --check-", "--read-only --check-config"),
    ("imap2d --dialect imap2", "imap2bis"),
    ("imap2d --log-level de", "--log-level debug"),
    ("imap2d --plaintext-login lo", "--plaintext-login loopback"),
    ("imap2d --preauth=roo", "--preauth=root"),
];

/// Starts a shell with the completions loaded and the program on its path.
fn shell(command: &str, prepare: &str) -> Option<(tempfile::TempDir, Terminal)> {
    let name = command.split(' ').next().unwrap_or(command);
    let (tmux, _) = (Program::find("tmux")?, Program::find(name)?);
    let directory = tempfile::tempdir().expect("a directory");
    let program = Path::new(env!("CARGO_BIN_EXE_imap2d"));
    let beside = program.parent().expect("a program is in a directory");
    let terminal = Terminal::run(tmux, directory.path().join("tmux"), command, |tmux| {
        let path = std::env::var("PATH").unwrap_or_default();
        tmux.env("PATH", format!("{}:{path}", beside.display()));
    });
    // The prompt is quoted twice, so that the screen does not show it before the command has run.
    terminal.type_text(&format!("{prepare}; echo rea''dy"));
    terminal.press("Enter");
    terminal.wait_for("ready");
    Some((directory, terminal))
}

fn bash() -> Option<(tempfile::TempDir, Terminal)> {
    shell(
        "bash --norc --noprofile",
        &format!("source {DIRECTORY}/imap2d"),
    )
}

fn zsh() -> Option<(tempfile::TempDir, Terminal)> {
    let prepare = format!("fpath=({DIRECTORY} $fpath); autoload -Uz compinit; compinit -u -D");
    shell("zsh -f", &prepare)
}

/// Types on an empty screen and presses the tabulator key.
fn ask(terminal: &Terminal, typed: &str) {
    terminal.press("C-u");
    terminal.press("C-l");
    terminal.type_text(typed);
    terminal.press("Tab");
    terminal.press("Tab");
}

fn completes(terminal: &Terminal) {
    for (typed, shown) in CASES {
        ask(terminal, typed);
        terminal.wait_for(shown);
    }
    ask(terminal, &format!("imap2d --users {DIRECTORY}/_im"));
    terminal.wait_for("/_imap2d");
    ask(terminal, "imap2d --");
    for name in option_names() {
        terminal.wait_for(&format!("--{name}"));
    }
}

#[test]
fn bash_completes() {
    if let Some((_directory, terminal)) = bash() {
        completes(&terminal);
    }
}

#[test]
fn zsh_completes() {
    if let Some((_directory, terminal)) = zsh() {
        completes(&terminal);
    }
}

/// The program accepts the values that the completions offer.
#[test]
fn the_program_accepts_the_values_offered() {
    for file in ["imap2d", "_imap2d"] {
        let text = std::fs::read_to_string(Path::new(DIRECTORY).join(file)).expect("it is there");
        let mut found = 0;
        for (option, values) in text.lines().filter_map(offered) {
            for value in values.split(' ') {
                let raw = imap2d::Options::from_args(["--demo", option, value]);
                assert!(raw.is_ok(), "{file}: {option} {value}: {raw:?}");
                found += 1;
            }
        }
        assert_eq!(found, 13, "{file}");
    }
}

/// Finds the values in `--dialect) ... 'auto imap2'` of bash's file and in `--dialect:*)
/// action='(auto imap2)'` of zsh's.
fn offered(line: &str) -> Option<(&str, &str)> {
    let (option, rest) = line.trim().split_once(')')?;
    let values = rest.split('\'').nth(1)?;
    let option = option.strip_suffix(":*").unwrap_or(option);
    let values = values.trim_start_matches('(').trim_end_matches(')');
    (option.starts_with("--") && !values.is_empty()).then_some((option, values))
}
