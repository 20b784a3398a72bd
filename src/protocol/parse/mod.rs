//! Octets to values: the parsers of commands and of their arguments.
//!
//! ```text
//! request ──> command_table ──> one file per family of commands:
//!    │                            append  authenticate  copy  enable  fetch  find  id  list  login
//!    │                            mailbox  search  select  sort  status  store  subscribe
//!    └─> tag                            │
//!         │                         what several families share:
//!         │                           date  flags  header_field  mailbox_name  mod_sequence
//!         │                           section  sequence_set
//!         v                             v
//!         └───────────> cursor <────────┘
//!                         └─> literal
//! ```
//!
//! [`parse_request`] reads a whole command; [`parse_append`] reads an APPEND before its message has
//! arrived. The parsers understand all dialects at once: the [`Cursor`](self::cursor::Cursor)
//! records which [`Level`](crate::protocol::Level) the text needs. The grammar production above
//! each parser is the syntax it obeys.

mod append;
mod authenticate;
mod command_table;
mod copy;
mod cursor;
mod date;
mod enable;
mod fetch;
mod find;
mod flags;
mod header_field;
mod id;
mod list;
mod literal;
mod login;
mod mailbox;
mod mailbox_name;
mod mod_sequence;
mod request;
mod search;
mod section;
mod select;
mod sequence_set;
mod sort;
mod status;
mod store;
mod subscribe;
mod tag;

#[cfg(test)]
mod tests;

pub(crate) use self::append::{parse_append, parse_append_more};
pub(crate) use self::authenticate::decode_response;
pub(super) use self::literal::LiteralAnnouncement;
pub(crate) use self::literal::literal_size;
pub(crate) use self::request::{Outline, outline, parse_request, reject_command};
#[cfg(any(test, feature = "fuzzing"))]
pub(super) use self::{cursor::Cursor, date::date_time};
