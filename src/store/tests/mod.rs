//! Tests of the store as a whole, on Maildirs in a temporary directory, under a clock that moves
//! when told to. Two stores on one Maildir are as good as two processes: locks belong to open
//! files.

mod folders;
mod foreign;
mod hammer;
mod interleaved;
mod jobs;
mod model;
mod modseqs;
mod moving;
mod news;
mod numbers;
mod rig;
mod syncing;
