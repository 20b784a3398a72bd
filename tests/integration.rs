//! imap2d from the outside: the real binary driven by real programs and by a client of our own, and
//! sessions on a real Maildir with a clock that stands still.

mod checkpassword;
mod clients;
mod concurrent_writers;
mod conversation;
mod demo;
mod dovecot;
mod fail2ban;
mod gigabyte_message;
mod inetd_and_preauth;
mod layering;
mod login;
mod other_programs;
mod packages;
mod papers;
mod password_hashes;
mod program;
mod qresync;
mod sandbox;
mod session_rig;
mod shell_completion;
mod source;
mod starting;
mod support;
#[cfg(feature = "tls")]
mod tls;
mod transcripts;
mod wire_log;
