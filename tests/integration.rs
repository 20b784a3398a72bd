<<<<<<< HEAD
//! imap2d from the outside.

mod layering;
mod papers;
mod program;
=======
//! imap2d from the outside: the real binary, driven by real programs and by a client of our own.

mod clients;
mod conversation;
mod dovecot;
mod hammer;
mod support;
>>>>>>> clients
