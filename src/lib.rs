//! imap2d
pub mod budget;
pub mod options;
pub mod types;
