//! The program: reads the options, runs the mode they ask for, and returns the exit code: 0 for success,
//! 1 for a failure, 2 for wrong options.

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
    let said = RawOptions::read(std::env::args_os().skip(1));
    let mut options = match Options::from_raw(&said) {
        Ok(options) => options,
        Err(errors) => return ExitCode::from(report(&errors)),
    };
    let code = match options.mode.clone() {
        Mode::Help => print(&options::help()),
        Mode::Version => print(concat!("imap2d ", env!("CARGO_PKG_VERSION"), "\n")),
        Mode::CheckConfig => check(&options),
        Mode::HashPassword(user) => hash_password(user.as_deref()),
        mode => {
            options.syslog |= logging::descriptor_2_is_a_clients();
            logging::start(options.log_level, options.syslog);
            let ended = match mode {
                Mode::Demo { listen } => demonstrate(options, said, listen),
                _ => serve(&options, said, |_| {}),
            };
            ended.map_or_else(|error| failed(&*error), |()| 0)
        }
    };
    ExitCode::from(code)
}

/// Serves until told to stop, or until the one client has gone; announces the first listener's address
/// once clients can connect.
fn serve(
    options: &Options,
    said: RawOptions,
    announce: impl FnOnce(SocketAddr),
) -> Result<(), Box<dyn Error>> {
    #[cfg(feature = "test-backdoor")]
    log::error!("this build has a back door (feature test-backdoor): it is for tests only");
    let server = Server::bind(options)?
        .start_auth_worker()?
        .with_control(said)?
        .enter_sandbox()?;
    announce(server.local_addr());
    Ok(server.run()?)
}

fn demonstrate(
    options: Options,
    said: RawOptions,
    listen: Vec<SocketAddr>,
) -> Result<(), Box<dyn Error>> {
    let demo = Demo::create()?;
    serve(&demo.apply(options, listen), said, |address| {
        print(&demo::instructions(address));
    })
}

/// The options are valid by now; what they refer to may still be wrong.
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

/// What is wrong with this list of users.
fn faults_of(users: &Path) -> Vec<String> {
    let name = users.display();
    PasswdFile::check(users).map_or_else(
        |error| vec![format!("{name}: {error}")],
        |problems| {
            let problems = problems.into_iter();
            problems
                .map(|problem| format!("{name}:{}: {}", problem.line, problem.text))
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

/// Says what is wrong with the options: to the operator, not to a client.
fn report(errors: &OptionErrors) -> u8 {
    if logging::descriptor_2_is_a_clients() {
        logging::start(log::LevelFilter::Error, true);
        errors.0.iter().for_each(|error| log::error!("{error}"));
    } else {
        complain(errors);
    }
    USAGE
}

fn failed(error: &dyn Error) -> u8 {
    log::error!("{error}");
    FAILURE
}

fn complain(about: impl Display) {
    let _ = writeln!(io::stderr(), "{about}");
}

/// Prints to the terminal; that nobody is there to read is no failure.
fn print(text: &str) -> u8 {
    let _ = io::stdout().write_all(text.as_bytes());
    0
}
