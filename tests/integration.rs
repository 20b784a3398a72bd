//! The integration tests. They run the real binary, drive it with programs of other projects and
//! with a client of our own, and check the repository itself.
//!
//! | what is under test | modules |
//! | --- | --- |
//! | the protocol, octet by octet, with a fake clock | `transcripts`, played by `session_rig` |
//! | a TCP session, large messages, the wire log | `tcp_session`, `gigabyte_message`, `wire_log` |
//! | mail programs and libraries as clients | `clients`; with TLS: `tls` |
//! | other writers in the Maildir | `other_programs`, `dovecot`, `concurrent_writers` |
//! | kill -9 and power cuts | `crash` |
//! | clients that reconnect after a restart | `qresync` |
//! | what was answered is on disk | `flush_order` |
//! | logins and passwords | `login`, `password_hashes`, `checkpassword`, `fail2ban` |
//! | how the server is started and controlled | `starting`, `inetd_and_preauth`, `demo` |
//! | what its processes may do | `sandbox` |
//! | greedy clients, faults of the server | `greedy_clients`, `injected_faults` |
//! | the command line and its documents | `program`, `shell_completion`, `documents`, `packages` |
//! | the source: imports, names, words, sizes | `layering`, which reads it by `source` |
//!
//! `support` has what all share: a mail host's files, a server, a client, other programs.
//!
//! A test that needs a program which is not installed, or root, prints `NOT RUN: ...` and passes,
//! unless `IMAP2D_REAL_CLIENTS=required` is set, as in `.ci/run`.

mod checkpassword;
mod clients;
mod concurrent_writers;
mod crash;
mod demo;
mod documents;
mod dovecot;
mod fail2ban;
mod flush_order;
mod gigabyte_message;
mod greedy_clients;
mod inetd_and_preauth;
#[cfg(feature = "test-backdoor")]
mod injected_faults;
mod layering;
mod login;
mod other_programs;
mod packages;
mod password_hashes;
mod program;
mod qresync;
mod sandbox;
mod session_rig;
mod shell_completion;
mod source;
mod starting;
mod support;
mod tcp_session;
#[cfg(feature = "tls")]
mod tls;
mod transcripts;
mod wire_log;
