//! Socket activation, with `systemd-socket-activate`, systemd's own program to test it.

use std::process::Stdio;

use super::{IDLE_LIMIT, connect, converse, site};
use crate::support::processes::Process;
use crate::support::program::Program;
use crate::support::server;
use crate::support::server::free_address;
use crate::support::site::Site;

/// Starts `systemd-socket-activate`, which listens at these addresses and becomes the server when a
/// client connects.
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

/// The one process serves all sockets, and exits when it has no client.
#[test]
fn activated_sockets_are_served() {
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
