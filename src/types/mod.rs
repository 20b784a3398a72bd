//! The nouns that every room shares. Nothing here reads a file, a socket or a clock, and nothing here
//! parses the protocol; a value that exists is valid.

pub(crate) mod address_range;
pub(crate) mod date;
pub(crate) mod flags;
pub(crate) mod mailbox_name;
pub(crate) mod message_set;
pub(crate) mod mutf7;
pub(crate) mod special_use;
pub(crate) mod uid;

pub(crate) use address_range::AddressRange;
pub use date::DateTime;
pub(crate) use date::Day;
pub(crate) use flags::{FlagList, FlagOperation, Flags, Keyword, KeywordSet};
pub(crate) use mailbox_name::{BboardName, MailboxName, MailboxRef};
pub(crate) use message_set::{MessageSet, NumberSet, SetEnd};
pub use special_use::SpecialUse;
pub(crate) use uid::{Uid, UidValidity};
