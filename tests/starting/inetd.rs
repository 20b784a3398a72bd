//! inetd and xinetd, which hand the listening socket down or one connection.

use std::fs;
use std::net::SocketAddr;
use std::process::Stdio;

use super::{IDLE_LIMIT, Process, connect, converse, free_address, site};
use crate::support::program::{Program, until};
use crate::support::server;
use crate::support::site::Site;

/// The program and the arguments of the server, the program's name first as inetd wants it.
fn command_line(site: &Site, mode: &str) -> (String, String) {
    let command = server::command_of_owner(site);
    let arguments: Vec<_> = command
        .get_args()
        .map(|one| one.to_string_lossy())
        .collect();
    let arguments = format!("{} {mode}", arguments.join(" "));
    (
        command.get_program().to_string_lossy().into_owned(),
        arguments,
    )
}

/// Both become the user in their configuration.
fn as_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!(
            "NOT RUN: inetd becomes the user in its configuration, so that this test needs root"
        );
    }
    root
}

/// The processes that serve the site, found by their arguments.
fn servers(site: &Site) -> usize {
    let users = site.users().display().to_string();
    let mode = |arguments: &str| arguments.contains(&users) && arguments.contains("\0--wait");
    let processes = fs::read_dir("/proc").expect("processes").flatten();
    let arguments = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    arguments
        .filter(|arguments| mode(&String::from_utf8_lossy(arguments)))
        .count()
}

/// A process serves all who come, ends when nobody does, and is followed by another.
fn serves_again_and_again(site: &Site, address: SocketAddr) {
    for _ in 0..2 {
        converse(connect(address));
        converse(connect(address));
        assert_eq!(servers(site), 1, "one process has served both");
        until("its end", IDLE_LIMIT, || (servers(site) == 0).then_some(()));
    }
}

#[test]
fn openbsd_inetd_waits() {
    let Some(program) = Program::find("inetd") else {
        return;
    };
    if !as_root() {
        return;
    }
    let site = site();
    let address = free_address();
    let (binary, arguments) = command_line(&site, "--wait");
    let config = site.path("inetd.conf");
    let line = format!("{address} stream tcp wait nobody {binary} imap2d {arguments}\n");
    fs::write(&config, line).expect("the configuration");
    let mut command = program.command();
    command.arg("-i").arg(&config).stderr(Stdio::null());
    let _inetd = Process::start(&mut command);
    serves_again_and_again(&site, address);
}

/// xinetd in the foreground, with one service.
fn xinetd(program: &Program, site: &Site, address: SocketAddr, mode: &str, wait: &str) -> Process {
    let (binary, arguments) = command_line(site, mode);
    let service = format!(
        "service imap2\n{{\n type = UNLISTED\n bind = {}\n port = {}\n socket_type = stream\n \
         protocol = tcp\n wait = {wait}\n user = nobody\n server = {binary}\n server_args = {arguments}\n \
         disable = no\n}}\n",
        address.ip(),
        address.port(),
    );
    let config = site.path("xinetd.conf");
    fs::write(&config, service).expect("the configuration");
    let mut command = program.command();
    command
        .args(["-dontfork", "-pidfile"])
        .arg(site.path("xinetd.pid"));
    command.arg("-f").arg(&config).stderr(Stdio::null());
    Process::start(&mut command)
}

#[test]
fn xinetd_starts_one_process_per_client() {
    let Some(program) = Program::find("xinetd") else {
        return;
    };
    if !as_root() {
        return;
    }
    let site = site();
    let address = free_address();
    let _xinetd = xinetd(&program, &site, address, "--inetd", "no");
    converse(connect(address));
    converse(connect(address));
}

#[test]
fn xinetd_waits() {
    let Some(program) = Program::find("xinetd") else {
        return;
    };
    if !as_root() {
        return;
    }
    let site = site();
    let address = free_address();
    let _xinetd = xinetd(&program, &site, address, "--wait", "yes");
    serves_again_and_again(&site, address);
}
