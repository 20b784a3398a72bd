//! imap2d
pub mod budget;
pub mod store;
pub mod types;
