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
//! to. [`request::parse`] turns one command into a [`request::Request`]: one row of its table per command, one
//! file per family of arguments, all of them built on the tokens of `parser`. Nothing here depends on
//! the dialect while reading: everything that any dialect has is understood, and the request says which
//! [`Level`] it takes, so that the session can climb to it or refuse it.
//!
//! Writing does depend on it: an [`Encoder`] carries the [`Dialect`] and asks it by the name of the rule.

pub(crate) mod append;
pub(crate) mod command;
mod copy;
mod date;
pub(crate) mod dialect;
pub(crate) mod encode;
pub(crate) mod fetch;
mod flags;
pub(crate) mod framer;
pub(crate) mod id;
pub(crate) mod list;
mod literal;
mod login;
pub(crate) mod mailbox;
mod parser;
pub(crate) mod pattern;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod resync;
pub(crate) mod sasl;
pub(crate) mod search;
mod set;
pub(crate) mod sort;
mod store;
mod table;
mod thread_list;

#[cfg(test)]
mod hostile;

pub(crate) use append::{AppendArguments, AppendData, parse_append, parse_append_more};
pub(crate) use command::{
    AuthenticateArguments, Command, CopyArguments, CreateArguments, FetchArguments, FindArguments,
    PartialArguments, RenameArguments, SearchArguments, Secret, SelectArguments, SortArguments,
    StatusArguments, StoreArguments, SubscribeArguments, ThreadArguments,
};
pub use dialect::{Dialect, Level};
pub(crate) use encode::Encoder;
pub(crate) use fetch::{FetchItem, Section, SectionText};
pub(crate) use id::IdFields;
pub(crate) use list::ListArguments;
pub(crate) use literal::literal_size;
pub(crate) use mailbox::{MailboxKind, StatusItem};
pub(crate) use pattern::Pattern;
pub(crate) use request::{Outline, Refusal, States, outline};
pub(crate) use response::{Code, ListKind, Status};
pub(crate) use resync::{Resync, SelectParameters};
pub(crate) use sasl::{Credentials, Mechanism};
pub(crate) use search::{DateOf, SearchKey, SearchReturn, When};
pub(crate) use sort::{SortCriterion, SortKey, ThreadAlgorithm};
pub(crate) use thread_list::ThreadList;
