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

mod ast;
pub(crate) mod dialect;
mod encode;
pub(crate) mod framer;
mod parse;
pub(crate) mod pattern;

#[cfg(test)]
mod tests;

pub(crate) use ast::{
    AuthenticateArguments, Command, CopyArguments, CreateArguments, FetchArguments, FindArguments,
    PartialArguments, RenameArguments, SearchArguments, Secret, SelectArguments, SortArguments,
    StatusArguments, StoreArguments, SubscribeArguments, ThreadArguments,
};
pub use dialect::{Dialect, Level};
pub(crate) use encode::{Code, Encoder, ListKind, Status, ThreadList};
pub(crate) use parse::authenticate as sasl;
pub(crate) use parse::authenticate::{Credentials, Mechanism};
pub(crate) use parse::fetch::{FetchItem, Section, SectionText};
pub(crate) use parse::id::IdFields;
pub(crate) use parse::list::ListArguments;
pub(crate) use parse::mailbox::{MailboxKind, StatusItem};
pub(crate) use parse::mod_sequence::{Resync, SelectParameters};
pub(crate) use parse::request::{self, Outline, Refusal, States, outline};
pub(crate) use parse::search::{DateOf, SearchKey, SearchReturn, When};
pub(crate) use parse::sort::{SortCriterion, SortKey, ThreadAlgorithm};
pub(crate) use parse::{
    AppendArguments, AppendData, literal_size, parse_append, parse_append_more,
};
pub(crate) use pattern::Pattern;
