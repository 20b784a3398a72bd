//! Tests of the lock under which flags change.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::rig::{Rig, account, maildir};
use crate::budget::{Budget, Clock as _};
use crate::session::Turn;

/// Makes a session that has selected a mailbox of that many messages, and begun a command.
fn begin(messages: usize, command: &str) -> (Rig, tempfile::TempDir) {
    let names: Vec<_> = (0..messages).map(|n| format!("{n}.x:2,")).collect();
    let home = maildir(&names);
    let mut rig = Rig::new();
    rig.session.state.log_in("ann", account(home.path()));
    let mut session = std::mem::replace(&mut rig.session, Rig::new().session);
    rig.send_to(&mut session, "a CAPABILITY\r\nb SELECT INBOX\r\nc NOOP\r\n");
    rig.session = session;
    rig.receive();
    let now = rig.clock.now();
    rig.session.handle_input(command.as_bytes(), now);
    (rig, home)
}

/// Takes one step with that many units.
fn step(rig: &mut Rig, units: u32) -> Turn {
    let mut budget = Budget::new(&rig.clock, units, Duration::from_secs(3600));
    let turn = rig.session.run(&mut rig.store, &mut budget);
    rig.receive();
    turn
}

fn seen(home: &Path) -> usize {
    let names = fs::read_dir(home.join("cur")).expect("a Maildir");
    let names = names.map(|entry| entry.expect("an entry").file_name());
    names
        .filter(|name| name.to_string_lossy().ends_with('S'))
        .count()
}

#[test]
fn each_step_of_a_store_takes_one_lock_and_releases_it() {
    for command in ["d STORE 1:* +FLAGS (\\Seen)\r\n", "d FETCH 1:* BODY[]\r\n"] {
        let (mut rig, home) = begin(40, command);
        let lock = home.path().join("dovecot-uidlist.lock");
        let (mut steps, mut most_in_a_step) = (0, 0);
        while seen(home.path()) < 40 {
            let before = seen(home.path());
            assert_eq!(step(&mut rig, 60), Turn::Runnable, "{command}");
            most_in_a_step = most_in_a_step.max(seen(home.path()) - before);
            assert!(!lock.exists(), "{command}: it is released");
            steps += 1;
            assert!(steps < 100, "{command}");
        }
        assert!(steps > 1 && most_in_a_step > 2, "{command}: {steps} steps");
    }
}
