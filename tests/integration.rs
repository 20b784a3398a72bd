//! imap2d from the outside.

mod layering;
mod papers;
mod program;
