//! The program `imap2d`: see [`imap2d::run`].

use std::process::ExitCode;

fn main() -> ExitCode {
    imap2d::run()
}
