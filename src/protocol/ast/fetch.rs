//! The arguments of FETCH and PARTIAL: message data items.

use crate::protocol::dialect::Level;
use crate::types::SequenceSet;

use super::section::Section;

/// The arguments of FETCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FetchArguments {
    /// The command has the prefix UID: `set` consists of UIDs.
    pub(crate) uid: bool,
    /// The messages.
    pub(crate) set: SequenceSet,
    /// The data items, at least one.
    pub(crate) items: Vec<FetchItem>,
    /// The modifiers behind the items.
    pub(crate) modifiers: FetchModifiers,
}

/// The modifiers of FETCH (RFC 7162 §3.1.4.1 and §3.2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct FetchModifiers {
    /// Selects only messages with a greater mod-sequence.
    pub(crate) changed_since: Option<u64>,
    /// Asks also for the UIDs of the messages expunged since then.
    pub(crate) vanished: bool,
}

/// The arguments of PARTIAL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartialArguments {
    /// The sequence number of the message.
    pub(crate) number: u32,
    /// The text that the range is of.
    pub(crate) item: FetchItem,
    /// The first octet, counted from 1.
    pub(crate) start: u32,
    /// The number of octets.
    pub(crate) count: u32,
}

/// A message data item (RFC 1064 p. 11-12, RFC 3501 §6.4.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FetchItem {
    /// The envelope.
    Envelope,
    /// The flags.
    Flags,
    /// The internal date: when the server received the message.
    InternalDate,
    /// The whole message. Sets `\Seen` unless the client peeks (RFC 1730 p. 31).
    Rfc822 {
        /// Leaves `\Seen` unchanged.
        peek: bool,
    },
    /// The header, with the blank line that ends it.
    Rfc822Header,
    /// What follows the header. Sets `\Seen` unless the client peeks (RFC 1730 p. 32).
    Rfc822Text {
        /// Leaves `\Seen` unchanged.
        peek: bool,
    },
    /// The size of the message in octets.
    Rfc822Size,
    /// The body structure without extension data.
    Body,
    /// The body structure with extension data.
    BodyStructure,
    /// The mod-sequence (RFC 7162 §3.1.4.2).
    ModSeq,
    /// The UID.
    Uid,
    /// A body section.
    Section(Section),
    /// A body part with its transfer encoding decoded (RFC 3516).
    Binary(Section),
    /// The size of a decoded body part in octets (RFC 3516).
    BinarySize(Section),
}

use FetchItem as Item;

/// The items without an argument: their names and the first levels that have them.
pub(crate) static PLAIN_ITEMS: [(&str, Level, FetchItem); 13] = [
    ("ENVELOPE", Level::Imap2, Item::Envelope),
    ("FLAGS", Level::Imap2, Item::Flags),
    ("INTERNALDATE", Level::Imap2, Item::InternalDate),
    ("RFC822", Level::Imap2, Item::Rfc822 { peek: false }),
    ("RFC822.HEADER", Level::Imap2, Item::Rfc822Header),
    (
        "RFC822.TEXT",
        Level::Imap2,
        Item::Rfc822Text { peek: false },
    ),
    ("RFC822.SIZE", Level::Imap2, Item::Rfc822Size),
    ("RFC822.PEEK", Level::Imap2bis, Item::Rfc822 { peek: true }),
    (
        "RFC822.TEXT.PEEK",
        Level::Imap2bis,
        Item::Rfc822Text { peek: true },
    ),
    ("BODY", Level::Imap2bis, Item::Body),
    ("BODYSTRUCTURE", Level::Imap4, Item::BodyStructure),
    ("MODSEQ", Level::Imap4, Item::ModSeq),
    ("UID", Level::Imap4, Item::Uid),
];

impl FetchItem {
    /// Returns the name of the item in the response. The name of a `.PEEK` item is that of the item
    /// without `.PEEK` (RFC 1730 p. 50-51).
    pub(crate) fn name(&self) -> &[u8] {
        match self {
            Self::Section(section) | Self::Binary(section) | Self::BinarySize(section) => {
                &section.as_written
            }
            Self::Rfc822 { .. } => b"RFC822",
            Self::Rfc822Text { .. } => b"RFC822.TEXT",
            plain => {
                let known = PLAIN_ITEMS.iter().find(|(_, _, item)| item == plain);
                known.map_or(b"", |(name, _, _)| name.as_bytes())
            }
        }
    }

    /// True if fetching the item sets `\Seen` (RFC 1176 p. 15, RFC 3501 §6.4.5).
    pub(crate) fn sets_seen(&self) -> bool {
        match self {
            Self::Rfc822 { peek } | Self::Rfc822Text { peek } => !peek,
            Self::Section(section) | Self::Binary(section) => !section.peek,
            _ => false,
        }
    }

    /// True if the item is text of the message, of which PARTIAL can fetch a range.
    pub(crate) fn is_text(&self) -> bool {
        matches!(
            self,
            Self::Rfc822 { .. } | Self::Rfc822Header | Self::Rfc822Text { .. } | Self::Section(_)
        )
    }
}
