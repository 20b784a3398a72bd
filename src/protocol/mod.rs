//! The grammar of IMAP: octets to values and back. This room knows no file, no socket and no clock.
//!
//! ```text
//! octets ──> framer ──> parse ──> ast
//! octets <── encode ──> dialect
//! ```
//!
//! | file | contents |
//! | --- | --- |
//! | `ast/` | the nouns: [`Command`], [`FetchItem`], [`SearchKey`] and the like |
//! | `parse/` | parsers: [`parse_request`] turns the text of a command into a [`Request`] |
//! | `encode/` | the [`Encoder`], which writes responses |
//! | [`framer`] | cuts the input into commands, literals included, within a memory limit |
//! | [`dialect`] | the [`Dialect`] of a session and the [`Level`] of a request |
//! | `pattern` | the wildcards of FIND, LIST and LSUB |
//! | [`sasl`] | the SASL exchanges in which the client sends its password |
//!
//! Reading does not depend on the dialect: the parsers accept what any dialect has, and the request
//! records the [`Level`] it needs, so that the session can climb to that level or refuse the
//! request. Writing does depend on it: the [`Encoder`] asks its [`Dialect`] for each rule by name.

mod ast;
mod dialect;
mod encode;
mod framer;
mod parse;
mod pattern;
mod sasl;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
#[cfg(test)]
mod tests;

pub(crate) use self::ast::{
    AppendArguments, AppendData, AppendMessage, AuthenticateArguments, Command, CopyArguments,
    CreateArguments, Credentials, DateComparison, DateField, FetchArguments, FetchItem,
    FindArguments, IdFields, ListArguments, ListKind, ListSelection, MailboxKind, Mechanism,
    ParseError, PartialArguments, RenameArguments, Request, Resync, SearchArguments, SearchKey,
    SearchReturn, Secret, Section, SectionText, SelectArguments, SelectParameters, SortArguments,
    SortCriterion, SortKey, States, StatusArguments, StatusItem, StoreArguments,
    SubscribeArguments, ThreadAlgorithm, ThreadArguments,
};
pub use self::dialect::{Dialect, Level};
pub(crate) use self::encode::{Code, Encoder, Status, ThreadList};
pub(crate) use self::framer::{Framer, FramerEvent, LiteralOffer};
pub(crate) use self::parse::{
    Outline, decode_response, literal_size, outline, parse_append, parse_append_more,
    parse_request, reject_command,
};
pub(crate) use self::pattern::Pattern;
pub(crate) use self::sasl::{SaslExchange, SaslProgress};
