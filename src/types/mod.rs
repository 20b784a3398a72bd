//! The nouns that every room shares. Nothing here reads a file, a socket or a clock, and nothing here
//! parses the protocol; a value that exists is valid.

pub mod address_range;
pub mod date;
pub mod flags;
pub mod mailbox_name;
pub mod message_set;
pub mod mutf7;
pub mod special_use;
pub mod uid;

pub use address_range::AddressRange;
pub use date::{DateTime, Day};
pub use flags::{FlagList, FlagOperation, Flags, Keyword, KeywordSet};
pub use mailbox_name::{BboardName, MailboxName, MailboxRef};
pub use message_set::{MessageSet, NumberSet, SetEnd};
pub use special_use::SpecialUse;
pub use uid::{Uid, UidValidity};
