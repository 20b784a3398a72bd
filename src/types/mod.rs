//! The nouns that all rooms share. A value of one of these types is valid by construction. Nothing
//! here reads a file, a socket or a clock, and nothing here parses the protocol.
//!
//! | file | contents |
//! | --- | --- |
//! | `uid` | [`Uid`] and [`UidValidity`] |
//! | `flags`, `keyword` | system [`Flags`]; [`Keyword`] names and the [`KeywordSet`] of a mailbox |
//! | `sequence_set` | a [`SequenceSet`] as the client writes it |
//! | `number_set` | the [`NumberSet`] that it stands for in a mailbox |
//! | `date` | [`DateTime`] and [`Day`], in UTC |
//! | [`memory`] | how much memory collections take |
//! | `mailbox_name` | names of mailboxes and bulletin boards |
//! | [`modified_utf7`] | the encoding of mailbox names |
//! | `special_use` | what a mailbox is for |
//! | `address_range` | ranges of IP addresses in options |

mod address_range;
mod date;
mod flags;
mod keyword;
mod mailbox_name;
pub(crate) mod memory;
pub(crate) mod modified_utf7;
mod number_set;
mod sequence_set;
mod special_use;
mod uid;

pub(crate) use self::address_range::AddressRange;
pub use self::date::DateTime;
pub(crate) use self::date::{Day, MONTHS, full_year, month_by_name};
pub(crate) use self::flags::{FlagList, FlagOperation, Flags};
pub(crate) use self::keyword::{Keyword, KeywordSet};
pub(crate) use self::mailbox_name::{
    BBOARD_PREFIX, BboardName, MailboxName, MailboxRef, NameError, SEPARATOR,
};
pub(crate) use self::number_set::NumberSet;
pub(crate) use self::sequence_set::{SequenceSet, SetEnd};
pub use self::special_use::SpecialUse;
pub(crate) use self::uid::{Uid, UidValidity};
