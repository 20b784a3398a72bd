//! imap2d
pub mod budget;
pub mod types;
