//! imap2d
pub mod budget;
pub mod message;
pub mod types;
