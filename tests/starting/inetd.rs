//! inetd and xinetd, which pass the server either the listening socket or one connection.

use std::fs;
use std::net::SocketAddr;
use std::process::Stdio;

use rustix::process::{Pid, Signal};

use super::{IDLE_LIMIT, connect, converse, site};
use crate::support::processes::{Process, is_root_to};
use crate::support::program::{Program, until};
use crate::support::server;
use crate::support::server::free_address;
use crate::support::site::Site;

/// Returns the path of the server and its arguments, which start with the program's name, as inetd
/// needs it.
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

/// Returns the processes that serve the site, found by their arguments.
fn servers(site: &Site) -> Vec<Pid> {
    let users = site.users().display().to_string();
    let is_one = |arguments: &str| arguments.contains(&users) && arguments.contains("\0--wait");
    let processes = fs::read_dir("/proc").expect("processes").flatten();
    let found = processes.filter(|process| {
        let arguments = fs::read(process.path().join("cmdline")).unwrap_or_default();
        is_one(&String::from_utf8_lossy(&arguments))
    });
    let pid = |name: &str| Pid::from_raw(name.parse().ok()?);
    found
        .filter_map(|process| pid(process.file_name().to_str()?))
        .collect()
}

/// One process serves all clients and exits when it has none; inetd starts another for the next
/// client.
fn serves_again_and_again(site: &Site, address: SocketAddr) {
    let serve_two = || {
        converse(connect(address));
        converse(connect(address));
        let servers = servers(site);
        assert_eq!(servers.len(), 1, "one process has served both");
        servers[0]
    };
    let until_nobody_serves = || {
        until("its end", IDLE_LIMIT, || {
            servers(site).is_empty().then_some(())
        });
    };
    let first = serve_two();
    until_nobody_serves();
    let second = serve_two();
    assert_ne!(first, second);
    rustix::process::kill_process(second, Signal::TERM).expect("it is there for this test");
    until_nobody_serves();
}

#[test]
fn openbsd_inetd_passes_the_listening_socket() {
    let Some(program) = Program::find("inetd") else {
        return;
    };
    if !is_root_to("start inetd") {
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

/// Starts xinetd in the foreground, with one service at the address that is returned. Returns
/// `None` if the test cannot run.
fn xinetd(site: &Site, mode: &str, wait: &str) -> Option<(Process, SocketAddr)> {
    let program = Program::find("xinetd")?;
    if !is_root_to("start inetd") {
        return None;
    }
    let address = free_address();
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
    Some((Process::start(&mut command), address))
}

#[test]
fn xinetd_starts_one_process_per_client() {
    let site = site();
    if let Some((_xinetd, address)) = xinetd(&site, "--inetd", "no") {
        converse(connect(address));
        converse(connect(address));
    }
}

#[test]
fn xinetd_passes_the_listening_socket() {
    let site = site();
    if let Some((_xinetd, address)) = xinetd(&site, "--wait", "yes") {
        serves_again_and_again(&site, address);
    }
}
