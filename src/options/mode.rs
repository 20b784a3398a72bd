//! Which mode the options ask for.

use super::error::Source;
use super::raw::GivenOption;
use super::validator::Validator;
use super::values::{DEMO_ADDRESS, Mode};

/// The options that select a mode in which clients are served.
const MODES: &[&str] = &["demo", "inetd", "wait", "preauth", "listen", "listen-tls"];

impl Validator<'_> {
    /// Returns the mode. [`Mode::CheckConfig`] stands for no mode, too: `--check-config` needs
    /// none.
    pub(super) fn mode(&mut self) -> Mode {
        for (name, mode) in [("help", Mode::Help), ("version", Mode::Version)] {
            if self.raw.first(name).is_some() {
                return mode;
            }
        }
        if let Some(given) = self.raw.first("hash-password") {
            return Mode::HashPassword(given.value.clone());
        }
        let listen = self.socket_addresses("listen");
        let listen_tls = self.socket_addresses("listen-tls");
        // Reports a faulty value; `given_modes` looks at the value itself.
        self.flag("inetd");
        self.flag("wait");
        let serve = |listen, listen_tls| Mode::Serve { listen, listen_tls };
        let given = self.given_modes();
        let names: Vec<&str> = given.iter().map(|given| given.name).collect();
        match *names {
            ["inetd"] => Mode::Inetd,
            ["wait"] => Mode::Wait,
            ["preauth"] => Mode::Preauth(given[0].value.clone()),
            ["demo"] => Mode::Demo {
                listen: vec![DEMO_ADDRESS],
            },
            ["demo", "listen"] => Mode::Demo { listen },
            // The command line may hide the other one, which is in the file.
            ["listen"] => serve(listen, Vec::new()),
            ["listen-tls"] => serve(Vec::new(), listen_tls),
            ["listen", "listen-tls"] => serve(listen, listen_tls),
            [first, second, ..] => {
                let source = given[1].source.clone();
                let text = format!("\"{first}\" and \"{second}\" exclude each other: remove one");
                self.fault(&source, text);
                Mode::CheckConfig
            }
            _ => Mode::CheckConfig,
        }
    }

    /// Returns the options that select a mode. If there are any on the command line, they hide
    /// those of the option file, so that one file can serve a listener and inetd alike.
    fn given_modes(&self) -> Vec<&GivenOption> {
        let is_on_command_line = |given: &&GivenOption| given.source == Source::CommandLine;
        let is_off = |given: &&GivenOption| {
            matches!(given.name, "inetd" | "wait") && given.value.as_deref() == Some("no")
        };
        let mut given: Vec<&GivenOption> = MODES
            .iter()
            .filter_map(|name| self.raw.first(name))
            .filter(|given| !is_off(given))
            .collect();
        if given.iter().any(is_on_command_line) {
            given.retain(is_on_command_line);
        }
        given
    }
}
