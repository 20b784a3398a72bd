//! Octets to values: the parsers of commands and of their arguments.

mod append;
pub(crate) mod authenticate;
mod command_table;
mod copy;
mod cursor;
mod date;
pub(super) mod fetch;
mod flags;
pub(super) mod id;
pub(super) mod list;
mod literal;
mod login;
pub(super) mod mailbox;
pub(super) mod mod_sequence;
pub(crate) mod request;
pub(super) mod search;
mod sequence_set;
pub(super) mod sort;
mod store;

#[cfg(test)]
mod tests;

pub(crate) use self::append::{AppendArguments, AppendData, parse_append, parse_append_more};
#[cfg(test)]
pub(super) use self::cursor::Cursor;
#[cfg(test)]
pub(super) use self::date::date_time;
pub(super) use self::literal::Announcement;
pub(crate) use self::literal::literal_size;
