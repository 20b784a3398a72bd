//! The operator's side of a server that is a program of its own: signals, the options as they were said, and the
//! service manager. A server that is embedded in a test suite has none of this.
//!
//! `SIGHUP` has the options read again: the same command line, and the option file as it is now. If there is
//! a fault in them, all faults are logged and the options stay as they are. What can change while the server
//! runs changes at once, for those who are connected too where that makes sense; the rest is named in a
//! warning and waits for a restart.

use super::sd_notify::ServiceManager;
use super::signals::{SignalRequest, Signals};
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
    "max-message",
    "max-per-address",
    "namespace-prefix",
    "plaintext-login",
    "proxy-protocol",
    "special-use",
    "wire-log",
];

/// The operator's side of a server.
pub(crate) struct Control {
    signals: Signals,
    said: RawOptions,
    /// Who reads the option file, if this process may not.
    reader: Option<OptionReader>,
    pub(crate) manager: ServiceManager,
}

impl Control {
    pub(crate) fn new(signals: Signals, said: RawOptions) -> Self {
        Self {
            signals,
            said,
            reader: None,
            manager: ServiceManager::from_env(),
        }
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.signals.register(registry, token)
    }

    /// From now on the end of a child is something to ask for too.
    pub(crate) fn watch_children(&self) -> io::Result<()> {
        self.signals.watch_children()
    }

    /// The command line, every option by its long name.
    pub(crate) fn command_line(&self) -> Vec<String> {
        self.said.command_line()
    }

    /// To be called while the option file can be read: from now on it can be read again when it cannot.
    pub(crate) fn keep_reading(&mut self) -> io::Result<()> {
        let file = self.said.option_file();
        self.reader = file.map(OptionReader::start).transpose()?;
        Ok(())
    }

    /// What signals have asked for since the last call.
    pub(crate) fn asked(&mut self) -> Vec<SignalRequest> {
        self.signals.asked()
    }

    /// The options as they are now, unless there is a fault in them.
    pub(crate) fn reread(&mut self) -> Option<Options> {
        self.manager.tell_reloading();
        let said = self.said_now();
        // The files it names were looked at when they were opened, or are not before a restart.
        let options = Options::from_said_without_files(&said);
        match &options {
            Ok(_) => {
                log::info!("the options were read again");
                self.warn_of_the_rest(&said);
                self.said = said;
            }
            Err(OptionErrors(faults)) => {
                faults.iter().for_each(|fault| log::error!("{fault}"));
                log::error!("the options stay as they are: there are faults in what they are now");
            }
        }
        self.manager.tell_ready();
        options.ok()
    }

    fn said_now(&mut self) -> RawOptions {
        let command_line = self.said.command_line();
        match &mut self.reader {
            Some(reader) => RawOptions::read_with(command_line, |_| reader.read()),
            None => RawOptions::read(command_line),
        }
    }

    fn warn_of_the_rest(&self, said: &RawOptions) {
        let changed = said.differing(&self.said);
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
    fn the_live_ones_are_options() {
        for name in LIVE {
            assert!(option_names().any(|option| option == *name), "{name}");
        }
    }
}
