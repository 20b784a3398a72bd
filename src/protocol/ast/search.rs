//! The arguments of SEARCH.

use crate::types::{Day, Flags, Keyword, SequenceSet};

/// The arguments of SEARCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SearchArguments {
    /// The command has the prefix UID: the response shall consist of UIDs.
    pub(crate) uid: bool,
    /// The result options of an extended search.
    pub(crate) returns: Option<SearchReturn>,
    /// The charset of the strings in the keys.
    pub(crate) charset: Option<Vec<u8>>,
    /// The search keys, at least one; a message must match all of them.
    pub(crate) keys: Vec<SearchKey>,
}

/// A search key: a condition on a message (RFC 1064 p. 13-14, RFC 3501 §6.4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SearchKey {
    /// Matches every message.
    All,
    /// All keys match.
    And(Vec<Self>),
    /// One of the keys matches.
    Or(Vec<Self>),
    /// The key does not match.
    Not(Box<Self>),
    /// The system flag, `\Recent` included, is set or not set.
    Flag {
        /// One flag.
        flag: Flags,
        /// Whether the flag must be set.
        set: bool,
    },
    /// The keyword is set or not set.
    Keyword {
        /// Its name.
        keyword: Keyword,
        /// Whether the keyword must be set.
        set: bool,
    },
    /// A header field contains the string; the empty string matches if the field exists.
    Header {
        /// The field name.
        field: Vec<u8>,
        /// The string, in the charset of the search.
        text: Vec<u8>,
    },
    /// The text of the message contains the string.
    Body(Vec<u8>),
    /// The header or the text of the message contains the string.
    Text(Vec<u8>),
    /// A date of the message lies before, on or after a day.
    Date {
        /// The date of the message.
        of: DateField,
        /// How that date compares with the day.
        when: DateComparison,
        /// The day.
        day: Day,
    },
    /// The message has more octets.
    Larger(u32),
    /// The mod-sequence of the message is at least this (RFC 7162 §3.1.5).
    ModSeq(u64),
    /// The message has fewer octets.
    Smaller(u32),
    /// The internal date lies at least this many seconds back (RFC 5032).
    Older(u32),
    /// The internal date lies at most this many seconds back (RFC 5032).
    Younger(u32),
    /// The sequence number is in the set.
    Numbers(SequenceSet),
    /// The UID is in the set.
    Uids(SequenceSet),
}

/// A date of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateField {
    /// The internal date.
    Internal,
    /// The Date field of the header.
    Sent,
}

/// How a date compares with a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateComparison {
    /// Earlier than the day.
    Before,
    /// On the day.
    On,
    /// On the day or later.
    Since,
}

/// The result options of an extended search (RFC 4731 §3.1, RFC 5182 §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SearchReturn {
    /// Return the least number.
    pub(crate) min: bool,
    /// Return the greatest number.
    pub(crate) max: bool,
    /// Return all numbers.
    pub(crate) all: bool,
    /// Return the number of matches.
    pub(crate) count: bool,
    /// Save the result, to be referred to by `$`.
    pub(crate) save: bool,
}
