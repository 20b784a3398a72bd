//! Measures speed and memory of imap2d, and of another server for comparison if one is named.
//!
//! ```text
//! cargo build --release
//! cargo run --release --example bench -- all target/release/imap2d --peer dovecot
//! ```
//!
//! The servers are real processes, reached over the loopback interface. The bench generates the
//! Maildirs once, below `--area`, and keeps them for the next run. Before each start it removes the
//! files that a server has written beside the mail. Compare figures of two servers only if they
//! come from the same run. Run the bench as root: otherwise it cannot see the memory of processes
//! that hide theirs, and `strace` sees nothing.

mod client;
mod cold;
mod flush;
mod generate;
mod hostile;
mod measure;
mod server;
mod shares;

use measure::{Bench, Figures, Limit};
use server::Program;
use std::error::Error;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, io};

const USAGE: &str = "usage: bench generate DIR N          make a Maildir of N messages
       bench MEASUREMENT BINARY [--peer dovecot] [--area DIR] [--sessions N] [--messages N] [--seconds N]
             [--limits MS,MIB]

  startup    time to the greeting, memory of an idle server, size of the program
  idle       memory for each further client with a mailbox selected (N sessions; 10 and N messages), and
             wake-ups while nothing happens
  news       1, N/4 and N sessions in IDLE: memory; wake-ups and (by strace) system calls while nothing
             happens; time until all receive a delivery
  select     memory and time for a mailbox of N messages
  search     time for commands that go over 10000 messages
  fairness   how long a NOOP takes beside a SEARCH TEXT and a client that does not read
  shares     NOOP, SELECT, a small FETCH and APPEND of another user, and NOOP and SELECT of the same
             user, beside ten sessions that search all texts of a mailbox of N messages
  flush      appends of 60 sessions, and a NOOP beside them, while each flush to disk takes 50 ms (by
             strace); how many times more appends that is than if the server made the three flushes
             of each append one after the other, which would be 6.7 in a second
  cold       NOOP of another user while one reads a gigabyte that is not in memory, also from a slow disk
             (by a control group)
  hostile    for each of the worst commands that one user can send: how long another user's NOOP
             and a new client's greeting take meanwhile, and the memory of the serving process; each
             command gets N seconds. With --limits the bench fails if a stall is longer than MS or the
             memory more than MIB
  all        all of these

A peer gets a tenth of the sessions, if each costs it a process.";

type Measurement = fn(&Bench) -> io::Result<Figures>;

const MEASUREMENTS: [(&str, Measurement); 10] = [
    ("startup", Bench::startup),
    ("idle", Bench::idle),
    ("news", Bench::news),
    ("select", Bench::select),
    ("search", Bench::search),
    ("fairness", Bench::fairness),
    ("shares", Bench::shares),
    ("flush", Bench::flush),
    ("cold", Bench::cold),
    ("hostile", Bench::hostile),
];

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<(), Box<dyn Error>> {
    match args {
        [command, dir, count] if command == "generate" => {
            Ok(generate::maildir(Path::new(dir), count.parse()?)?)
        }
        [command, binary, options @ ..] => {
            let wanted = |name: &str| command == name || command == "all";
            if !MEASUREMENTS.iter().any(|&(name, _)| wanted(name)) {
                return Err(USAGE.into());
            }
            raise_descriptor_limit(args)?;
            let benches = benches(PathBuf::from(binary), options)?;
            for (name, measurement) in MEASUREMENTS.iter().filter(|&&(name, _)| wanted(name)) {
                report(name, *measurement, &benches)?;
            }
            Ok(())
        }
        _ => Err(USAGE.into()),
    }
}

/// Returns imap2d, and the peer if one is asked for.
fn benches(binary: PathBuf, options: &[String]) -> Result<Vec<Bench>, Box<dyn Error>> {
    let option = |name: &str| {
        let at = options.iter().position(|option| option == name)?;
        options.get(at + 1).map(String::as_str)
    };
    let number = |name, default| option(name).map_or(Ok(default), str::parse::<u32>);
    let bench = |program, divisor: u32| -> Result<Bench, Box<dyn Error>> {
        Ok(Bench {
            program,
            area: option("--area")
                .map_or_else(|| env::temp_dir().join("imap2d-bench"), PathBuf::from),
            sessions: 2.max(number("--sessions", 2000)? / divisor),
            large: number("--messages", 100_000)?.into(),
            seconds: number("--seconds", 10)?.into(),
            hostile_limits: option("--limits").map(limits).transpose()?,
        })
    };
    let mut benches = vec![bench(Program::Imap2d(binary), 1)?];
    match option("--peer") {
        None => {}
        Some("dovecot") => benches.push(bench(Program::Dovecot, 10)?),
        Some(other) => return Err(format!("no such peer: {other}").into()),
    }
    Ok(benches)
}

/// Reads limits for `hostile`: the longest stall in ms, and the most memory in MiB.
fn limits(text: &str) -> Result<(f64, f64), Box<dyn Error>> {
    let (stall, memory) = text.split_once(',').ok_or("--limits takes MS,MIB")?;
    Ok((stall.parse()?, memory.parse()?))
}

/// Prints the figures of one measurement, one per line.
fn report(title: &str, measurement: Measurement, benches: &[Bench]) -> io::Result<()> {
    let ours = measurement(&benches[0])?;
    let peer = benches.get(1).map(measurement).transpose()?;
    println!("\n{title}");
    let mut over = 0;
    for figure in ours.0 {
        print!(
            "{:<44}{:>10.2} {:<4}",
            figure.name, figure.value, figure.unit
        );
        match figure.limit {
            Some(Limit::AtMost(most)) => {
                let is_over = figure.value > most;
                over += u32::from(is_over);
                let verdict = if is_over { "OVER" } else { "ok" };
                print!(" (limit {most:.0}: {verdict})");
            }
            Some(Limit::AtLeast(least)) => {
                let verdict = if figure.value >= least { "ok" } else { "UNDER" };
                print!(" (at least {least:.0}: {verdict})");
            }
            None => {}
        }
        let mut others = peer.iter().flat_map(|peer| &peer.0);
        if let Some(other) = others.find(|other| other.name == figure.name) {
            let ratio = figure.value / other.value;
            print!("   peer {:.2}, ratio {ratio:.4}", other.value);
        }
        println!();
    }
    match benches[0].hostile_limits {
        Some(_) if over > 0 => Err(io::Error::other(format!("{over} figures are over limits"))),
        _ => Ok(()),
    }
}

/// Two thousand clients need more descriptors than a shell allows by default, and std cannot raise
/// the limit. A shell can, so this program starts itself again through one.
fn raise_descriptor_limit(args: &[String]) -> Result<(), Box<dyn Error>> {
    const MARK: &str = "IMAP2D_BENCH_LIMIT_RAISED";
    if env::var_os(MARK).is_some() {
        return Ok(());
    }
    let script = "ulimit -n \"$(ulimit -Hn)\" && exec \"$0\" \"$@\"";
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(script)
        .arg(env::current_exe()?)
        .args(args)
        .env(MARK, "1");
    // On success this does not return.
    Err(shell.exec().into())
}
