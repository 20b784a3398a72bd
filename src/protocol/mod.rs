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
mod pattern;
pub(crate) mod sasl;

#[cfg(test)]
mod tests;

pub(crate) use self::ast::{
    AppendArguments, AppendData, AppendMessage, AuthenticateArguments, Command, CopyArguments,
    CreateArguments, Credentials, DateComparison, DateField, FetchArguments, FetchItem,
    FindArguments, IdFields, ListArguments, ListKind, MailboxKind, Mechanism, ParseError,
    PartialArguments, RenameArguments, Request, Resync, SearchArguments, SearchKey, SearchReturn,
    Secret, Section, SectionText, SelectArguments, SelectParameters, SortArguments, SortCriterion,
    SortKey, States, StatusArguments, StatusItem, StoreArguments, SubscribeArguments,
    ThreadAlgorithm, ThreadArguments,
};
pub use self::dialect::{Dialect, Level};
pub(crate) use self::encode::{Code, Encoder, Status, ThreadList};
pub(crate) use self::parse::{
    Outline, decode_response, literal_size, outline, parse_append, parse_append_more,
    parse_request, reject_command,
};
pub(crate) use self::pattern::Pattern;
