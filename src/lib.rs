//! imap2d
pub mod budget;
pub mod protocol;
pub mod types;
