//! The control of a server that is a program of its own: its signals, the options that `SIGHUP`
//! reloads, and the service manager.
//!
//! `SIGHUP` makes the server read its options again: the same command line, and the option file
//! with its present content. If there is a fault in them, all faults are logged and the options
//! stay unchanged. What can change while the server runs changes at once, also for connected
//! clients where that makes sense; the other changed options are named in a warning and wait for a
//! restart.

use super::sd_notify::ServiceManager;
use super::signals::{SignalRequest, Signals};
use crate::logging;
use crate::options::{OptionErrors, Options, RawOptions};
use crate::server::sandbox::OptionReader;
use mio::{Registry, Token};
use std::io;

/// The options that change while the server runs. All others wait for a restart.
const LIVE: &[&str] = &[
    "create-roles",
    "dialect",
    "idle-timeout",
    "log-level",
    "max-connections",
    "max-memory",
    "max-message",
    "max-per-address",
    "max-per-user",
    "namespace-prefix",
    "plaintext-login",
    "proxy-protocol",
    "special-use",
    "trusted-network",
    "wire-log",
];

/// The control of a server.
pub(crate) struct Control {
    signals: Signals,
    /// The options as they were given last.
    raw: RawOptions,
    /// The process that reads the option file, if this process may not.
    reader: Option<OptionReader>,
    pub(crate) manager: ServiceManager,
}

impl Control {
    pub(crate) fn new(signals: Signals, raw: RawOptions) -> Self {
        Self {
            signals,
            raw,
            reader: None,
            manager: ServiceManager::from_env(),
        }
    }

    /// Registers the signals with the poll.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.signals.register(registry, token)
    }

    /// Makes the end of a child process an event too.
    pub(crate) fn watch_children(&self) -> io::Result<()> {
        self.signals.watch_children()
    }

    /// Returns the command line, each option by its long name.
    pub(crate) fn command_line(&self) -> Vec<String> {
        self.raw.command_line()
    }

    /// Starts a process that reads the option file, for the time when this process no longer may.
    pub(crate) fn start_option_reader(&mut self) -> io::Result<()> {
        let file = self.raw.option_file();
        self.reader = file.map(OptionReader::start).transpose()?;
        Ok(())
    }

    /// Returns the requests of signals since the last call.
    pub(crate) fn requests(&mut self) -> Vec<SignalRequest> {
        self.signals.requests()
    }

    /// Reads the options again and sets the log level. Returns `None` if there is a fault in them.
    pub(crate) fn reload_options(&mut self) -> Option<Options> {
        self.manager.notify_reloading();
        let raw = self.read_options();
        // Files that the options name were checked when they were opened, or wait for a restart.
        let options = Options::from_raw_without_files(&raw);
        match &options {
            Ok(options) => {
                log::info!("the options were read again");
                logging::set_level(options.log_level);
                self.warn_of_options_that_wait(&raw);
                self.raw = raw;
            }
            Err(OptionErrors(faults)) => {
                faults.iter().for_each(|fault| log::error!("{fault}"));
                log::error!("the options stay unchanged: correct these faults and reload again");
            }
        }
        self.manager.notify_ready();
        options.ok()
    }

    fn read_options(&mut self) -> RawOptions {
        let command_line = self.raw.command_line();
        match &mut self.reader {
            Some(reader) => RawOptions::read_with(command_line, |_| reader.read()),
            None => RawOptions::read(command_line),
        }
    }

    fn warn_of_options_that_wait(&self, raw: &RawOptions) {
        let changed = raw.differing(&self.raw);
        let waiting: Vec<_> = changed
            .into_iter()
            .filter(|name| !LIVE.contains(name))
            .collect();
        if !waiting.is_empty() {
            log::warn!("changed, but not before a restart: {}", waiting.join(", "));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::option_names;

    #[test]
    fn the_live_options_exist() {
        for name in LIVE {
            assert!(option_names().any(|option| option == *name), "{name}");
        }
    }
}
