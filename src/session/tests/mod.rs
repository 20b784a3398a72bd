//! Tests of whole sessions, without a server.

mod bounded_commands;
mod bounded_fetch;
mod counted_memory;
mod deadlines_and_literals;
mod flag_lock;
mod rig;
