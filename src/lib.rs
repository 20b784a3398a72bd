//! imap2d
pub mod auth;
pub mod budget;
pub mod logging;
pub mod options;
pub mod types;
