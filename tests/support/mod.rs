//! What all tests share: the files of a mail host, a server that serves them, a client, and other
//! programs.

pub(crate) mod data;
pub(crate) mod dovecot;
pub(crate) mod imap;
pub(crate) mod maildir;
pub(crate) mod processes;
pub(crate) mod program;
pub(crate) mod relay;
pub(crate) mod server;
pub(crate) mod site;
pub(crate) mod terminal;
pub(crate) mod view;
