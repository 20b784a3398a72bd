//! The nouns of the protocol: a [`Command`] and what its arguments consist of. Each file holds the
//! nouns of one family of commands; nothing here reads or writes octets.
//!
//! Mailbox names are kept as the octets that the client sent. They may not be valid names:
//! [`crate::types::MailboxName`] decides that.

mod append;
mod command;
mod copy;
mod credentials;
mod fetch;
mod list;
mod mailbox;
mod request;
mod search;
mod section;
mod select;
mod sort;
mod status;
mod store;

pub(crate) use self::append::{AppendArguments, AppendData, AppendMessage};
pub(crate) use self::command::{Command, IdFields};
pub(crate) use self::copy::CopyArguments;
pub(crate) use self::credentials::{AuthenticateArguments, Credentials, Mechanism, Secret};
pub(super) use self::fetch::PLAIN_ITEMS;
pub(crate) use self::fetch::{FetchArguments, FetchItem, FetchModifiers, PartialArguments};
pub(crate) use self::list::{ListArguments, ListKind, ListReturns, ListSelection};
pub(crate) use self::mailbox::{
    CreateArguments, FindArguments, MailboxKind, RenameArguments, SubscribeArguments,
};
pub(crate) use self::request::{ParseError, Request, States};
pub(crate) use self::search::{
    DateComparison, DateField, SearchArguments, SearchKey, SearchReturn,
};
pub(crate) use self::section::{Section, SectionText};
pub(crate) use self::select::{Resync, SelectArguments, SelectParameters};
pub(crate) use self::sort::{
    SortArguments, SortCriterion, SortKey, ThreadAlgorithm, ThreadArguments,
};
pub(crate) use self::status::{StatusArguments, StatusItem};
pub(crate) use self::store::StoreArguments;
