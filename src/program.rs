//! The program: reads the options, runs the mode that they select, and returns the exit code: 0 for
//! success, 1 for a failure, 2 for faults in the options.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use crate::auth::PasswdFile;
use crate::demo::{self, Demo};
use crate::hash_password;
use crate::logging;
use crate::options::{self, Mode, OptionErrors, Options, RawOptions};
use crate::server::{self, Server};

const FAILURE: u8 = 1;
const USAGE: u8 = 2;

/// Runs the program `imap2d` with the arguments of this process.
pub fn run() -> ExitCode {
    if let Some(code) = server::run_if_helper(std::env::args_os()) {
        return code;
    }
    let raw = RawOptions::read(std::env::args_os().skip(1));
    let mut options = match Options::from_raw(&raw) {
        Ok(options) => options,
        Err(errors) => return ExitCode::from(report(&errors)),
    };
    let code = match options.mode.clone() {
        Mode::Help => print(&options::help()),
        Mode::Version => print(concat!("imap2d ", env!("CARGO_PKG_VERSION"), "\n")),
        Mode::CheckConfig => check(&options),
        Mode::HashPassword(user) => hash_password(user.as_deref()),
        mode => {
            options.syslog |= logging::descriptor_2_is_a_client();
            logging::start(options.log_level, options.syslog);
            let ended = match mode {
                Mode::Demo { listen } => demonstrate(options, raw, listen),
                _ => serve(&options, raw, |_| {}),
            };
            ended.map_or_else(|error| failed(&*error), |()| 0)
        }
    };
    ExitCode::from(code)
}

/// Serves until a signal stops the server or, where there is only one client, until it has
/// disconnected. Calls `announce` with the address of the first listener once clients can connect.
fn serve(
    options: &Options,
    raw: RawOptions,
    announce: impl FnOnce(SocketAddr),
) -> Result<(), Box<dyn Error>> {
    #[cfg(feature = "test-backdoor")]
    log::error!("this build has a back door (feature test-backdoor): it is for tests only");
    let server = Server::bind(options)?
        .start_auth_worker()?
        .with_control(raw)?
        .enter_sandbox()?;
    announce(server.local_addr());
    Ok(server.run()?)
}

fn demonstrate(
    options: Options,
    raw: RawOptions,
    listen: Vec<SocketAddr>,
) -> Result<(), Box<dyn Error>> {
    let demo = Demo::create()?;
    serve(&demo.apply(options, listen), raw, |address| {
        print(&demo::instructions(address));
    })
}

/// Checks what the options, which are valid by now, refer to on this machine.
fn check(options: &Options) -> u8 {
    let on_this_machine = server::check(options).err();
    let faults = on_this_machine.map(|error| error.to_string());
    let users = options.users.as_deref().map(faults_of).unwrap_or_default();
    let faults: Vec<String> = faults.into_iter().chain(users).collect();
    if faults.is_empty() {
        return print("configuration is valid\n");
    }
    faults.iter().for_each(complain);
    USAGE
}

/// Returns the faults of a passwd-file.
fn faults_of(users: &Path) -> Vec<String> {
    let name = users.display();
    PasswdFile::check(users).map_or_else(
        |error| vec![format!("{name}: {error}")],
        |faults| {
            let faults = faults.into_iter();
            faults
                .map(|fault| format!("{name}:{}: {}", fault.line, fault.text))
                .collect()
        },
    )
}

fn hash_password(user: Option<&str>) -> u8 {
    match hash_password::ask(user) {
        Ok(text) => print(&format!("{text}\n")),
        Err(error) => {
            complain(error);
            FAILURE
        }
    }
}

/// Reports the faults of the options to the operator: to the log if descriptor 2 is a client's
/// socket, else on descriptor 2.
fn report(errors: &OptionErrors) -> u8 {
    if logging::descriptor_2_is_a_client() {
        logging::start(log::LevelFilter::Error, true);
        errors.0.iter().for_each(|error| log::error!("{error}"));
    } else {
        complain(errors);
    }
    USAGE
}

/// Logs why the server ended.
fn failed(error: &dyn Error) -> u8 {
    log::error!("{error}");
    FAILURE
}

/// Prints to descriptor 2.
fn complain(about: impl Display) {
    let _ = writeln!(io::stderr(), "{about}");
}

/// Prints to standard output. A closed pipe is not a failure.
fn print(text: &str) -> u8 {
    let _ = io::stdout().write_all(text.as_bytes());
    0
}
