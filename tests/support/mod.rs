//! The rig that every test shares: a mail host's files, a server over them, a client, other programs.

pub mod data;
pub mod dovecot;
pub mod imap;
pub mod maildir;
pub mod program;
pub mod server;
pub mod site;
pub mod view;
