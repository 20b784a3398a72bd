//! What the fuzzers do with sessions: two clients of one user, and other programs, act on a Maildir
//! as a script says; faults come in between.
//!
//! ```text
//! input  = OCTET *(line LF)          the octet: the bits of `World::new`
//! line   = "@" letter [digit] ...    an action of another program, or a fault: `action`
//!        / *OCTET                    a line that the present client sends, with CRLF
//! ```
//!
//! What must hold, whatever the script says:
//!
//! * no step costs more than its budget allows, and the sessions come to rest (`world`);
//! * the responses are lines and literals, EXISTS grows, and the numbers of messages are in range,
//!   so that a client that only counts knows as many messages as the session (`client`);
//! * only EXPUNGE, CLOSE and DELETE remove messages, and of a mailbox that stays only those that
//!   are marked as deleted; what was refused has made no message, and an APPEND that was answered
//!   OK has; no UID ever names another message (`disk`);
//! * once the faults are over, a new process finds every message, and neither locks nor files in
//!   `tmp/` are left (`world`).

mod action;
mod client;
mod disk;
mod faults;
#[cfg(test)]
mod tests;
mod world;

use self::world::World;

/// Most lines of a script that are played.
const MAX_LINES: usize = 40;

/// Plays a script.
pub(crate) fn sessions(input: &[u8]) {
    let Some((&setup, script)) = input.split_first() else {
        return;
    };
    let mut world = World::new(setup);
    let lines = script.split(|&octet| octet == b'\n');
    for line in lines.take(MAX_LINES) {
        world.play(line);
    }
    world.end();
}
