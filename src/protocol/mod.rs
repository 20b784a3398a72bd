//! The grammar: octets to values and back. This room knows no file, no socket and no clock.
//!
//! ```text
//!  octets ──> framer ──> request ──┬─> fetch, search, store, mailbox, append    the arguments
//!               │         (table)  └─> parser, set, flags, date                 the tokens
//!               └─ literal ───────────────┘
//!  octets <── response <── encode                   dialect decides how; pattern answers FIND and LIST
//! ```
//!
//! [`framer`] cuts the input into commands, literals included, and never holds more than it was allowed
//! to. [`request::parse`] turns one command into a [`Request`]: one row of its table per command, one
//! file per family of arguments, all of them built on the tokens of `parser`. Nothing here depends on
//! the dialect while reading: everything that any dialect has is understood, and the request says which
//! [`Level`] it takes, so that the session can climb to it or refuse it.
//!
//! Writing does depend on it: an [`Encoder`] carries the [`Dialect`] and asks it by the name of the rule.

pub mod append;
pub mod command;
mod copy;
mod date;
pub mod dialect;
pub mod encode;
pub mod fetch;
mod flags;
pub mod framer;
pub mod id;
pub mod list;
mod literal;
mod login;
pub mod mailbox;
mod parser;
pub mod pattern;
pub mod request;
pub mod response;
pub mod resync;
pub mod sasl;
pub mod search;
mod set;
pub mod sort;
mod store;
mod table;

#[cfg(test)]
mod hostile;

pub use append::{AppendArguments, AppendData, parse_append, parse_append_more};
pub use command::{Command, Secret};
pub use dialect::{Dialect, Level};
pub use encode::Encoder;
pub use fetch::{FetchItem, Section, SectionText};
pub use framer::{Event, Framer, Offer};
pub use id::IdFields;
pub use list::{ListArguments, ListReturns, ListSelection};
pub use literal::literal_size;
pub use mailbox::{MailboxKind, StatusItem};
pub use pattern::Pattern;
pub use request::{Outline, Refusal, Request, States, outline, parse};
pub use response::{Code, ListKind, Status};
pub use resync::{FetchModifiers, Resync, SelectParameters};
pub use sasl::{Credentials, Mechanism};
pub use search::{DateOf, SearchKey, SearchReturn, When};
pub use sort::{SortCriterion, SortKey, ThreadAlgorithm};
