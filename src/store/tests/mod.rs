//! Tests of the store as a whole, on Maildirs in a temporary directory, with a clock that only the
//! test moves. Two stores on one Maildir behave like two processes, because locks belong to open
//! files.

mod append_copy_expunge;
mod bounded_messages;
mod bounded_sync;
mod bounded_tree;
mod change_notices;
mod closing_mailboxes;
mod concurrent_writers;
mod flushes;
mod folders;
mod group_commit;
mod interleaved_jobs;
mod maildir_oddities;
mod mod_sequences;
mod move_messages;
mod open_limit;
mod permanent_changes;
mod random_deliveries;
mod random_model;
mod rig;
mod sequence_numbers;
mod sync;
