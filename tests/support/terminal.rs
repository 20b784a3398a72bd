//! A terminal without a person: a private tmux whose screen the test reads and whose keys it
//! presses.

use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::program::{Program, run, until};

/// How long a screen may take to show the expected text.
const PATIENCE: Duration = Duration::from_secs(20);

/// One program on one screen. Both end when the value is dropped.
#[derive(Debug)]
pub(crate) struct Terminal {
    tmux: Program,
    socket: PathBuf,
}

impl Terminal {
    /// Runs a shell command on a screen of 100 columns and 30 lines. `prepare` sets its
    /// environment.
    pub(crate) fn run(
        tmux: Program,
        socket: PathBuf,
        shell_command: &str,
        prepare: impl FnOnce(&mut Command),
    ) -> Self {
        let terminal = Self { tmux, socket };
        let mut command = terminal.command(&["new-session", "-d", "-x", "100", "-y", "30"]);
        command.arg(shell_command);
        prepare(&mut command);
        run(&mut command, PATIENCE).success();
        terminal
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.tmux.command();
        command
            .args(["-f", "/dev/null", "-S"])
            .arg(&self.socket)
            .args(arguments);
        command
    }

    /// Returns what the screen shows; nothing once the program has ended.
    pub(crate) fn screen(&self) -> String {
        run(&mut self.command(&["capture-pane", "-p"]), PATIENCE).text()
    }

    /// Waits until the screen shows `text`, and returns the screen.
    ///
    /// # Panics
    ///
    /// If it does not; the message shows the screen.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if screen.contains(text) {
                return screen;
            }
            assert!(
                Instant::now() < deadline,
                "{text:?} is not on the screen:\n{screen}"
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Types a text literally.
    pub(crate) fn type_text(&self, text: &str) {
        run(&mut self.command(&["send-keys", "-l", text]), PATIENCE).success();
    }

    /// Presses a key by the name that tmux has for it, such as `Enter` or `C-u`.
    pub(crate) fn press(&self, key: &str) {
        run(&mut self.command(&["send-keys", key]), PATIENCE).success();
    }

    /// Waits until the program has ended, and the terminal with it.
    pub(crate) fn wait_for_end(&self) {
        until("the end of the program", PATIENCE, || {
            let gone = !run(&mut self.command(&["has-session"]), PATIENCE)
                .status
                .success();
            gone.then_some(())
        });
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // At the end of a successful test the program has already ended.
        run(&mut self.command(&["kill-server"]), PATIENCE);
    }
}
