//! imap2d
pub mod auth;
pub mod budget;
pub mod demo;
pub mod logging;
pub mod options;
pub mod types;
