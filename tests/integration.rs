//! imap2d from the outside: the real binary driven by real programs and by a client of our own, and
//! sessions on a real Maildir with a clock that stands still.

mod checkpassword;
mod clients;
mod completion;
mod conversation;
mod demo;
mod dovecot;
mod fail2ban;
mod foreign;
mod hammer;
mod large;
mod layering;
mod logins;
mod modes;
mod packages;
mod papers;
mod passwords;
mod program;
mod resync;
mod rig;
mod sandbox;
mod source;
mod starting;
mod support;
#[cfg(feature = "tls")]
mod tls;
mod transcripts;
mod wire_log;
