//! Socket activation, by the program that systemd has to try it with.

use std::process::Stdio;

use super::{IDLE_LIMIT, Process, connect, converse, free_address, site};
use crate::support::program::Program;
use crate::support::server;
use crate::support::site::Site;

/// `systemd-socket-activate` listens at these addresses and becomes the server when somebody connects.
fn activate(program: &Program, site: &Site, addresses: &[String]) -> Process {
    let server = server::command_of_owner(site);
    let mut command = program.command();
    for address in addresses {
        command.args(["--listen", address]);
    }
    command.arg(server.get_program()).args(server.get_args());
    command.arg("--wait").stderr(Stdio::null());
    site.as_owner(&mut command);
    Process::start(&mut command)
}

/// Any number of sockets; all are served by the one process, which ends when nobody comes.
#[test]
fn sockets_are_handed_down() {
    let Some(program) = Program::find("systemd-socket-activate") else {
        return;
    };
    let site = site();
    let addresses = [free_address(), free_address()];
    let mut server = activate(
        &program,
        &site,
        &addresses.map(|address| address.to_string()),
    );
    for address in addresses {
        converse(connect(address));
    }
    assert!(server.end(IDLE_LIMIT).success());
}
