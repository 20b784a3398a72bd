//! Which protocol a session speaks, and what hangs on it.
//!
//! A session starts in IMAP2 and may only climb. What lets it climb is the first request that the
//! predecessor protocol does not have; the new dialect holds for the answer to that very request. All
//! differences in behaviour are methods of [`Dialect`] named for the behaviour, so that no command ever
//! compares versions.

use crate::types::Flags;

/// A protocol, in the order of their history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// RFC 1064 and RFC 1176, between whose commands and data no client can tell.
    Imap2,
    /// What grew between RFC 1176 and RFC 1730: MIME parts, mailbox management, APPEND.
    Imap2bis,
    /// RFC 3501.
    Imap4,
}

/// The rules of a session at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    level: Level,
    pinned: bool,
    utf8: bool,
}

impl Dialect {
    /// Starts in IMAP2 and climbs with the client.
    pub const fn auto() -> Self {
        Self {
            level: Level::Imap2,
            pinned: false,
            utf8: false,
        }
    }

    /// Stays what it is, whatever the client sends.
    pub const fn pinned(level: Level) -> Self {
        Self {
            level,
            pinned: true,
            utf8: false,
        }
    }

    /// The protocol spoken now.
    pub fn level(self) -> Level {
        self.level
    }

    /// Climbs to a level that the client has shown to speak. It never falls, and a pinned dialect
    /// does not move.
    pub fn climb(&mut self, level: Level) {
        if !self.pinned {
            self.level = self.level.max(level);
        }
    }

    /// True if a request of that level is understood. A dialect pinned to IMAP2 takes IMAP2bis requests
    /// too, because no c-client program can do without EXAMINE and CREATE; anything later is an
    /// unknown command to it.
    pub fn accepts(self, level: Level) -> bool {
        !self.pinned || level <= self.level.max(Level::Imap2bis)
    }

    /// The client takes UTF-8 from now on (RFC 6855 §3).
    pub fn accept_utf8(&mut self) {
        self.utf8 = true;
    }

    /// Names of mailboxes are in UTF-8, else they are in modified UTF-7 (RFC 3501 §5.1.3).
    pub fn names_in_utf8(self) -> bool {
        self.utf8
    }

    /// UTF-8 may stand in a quoted string (RFC 6855 §3).
    pub fn quotes_utf8(self) -> bool {
        self.utf8
    }

    /// The new flags after STORE are told as `n STORE (...)` (RFC 1064 p. 15), else as `n FETCH (...)`.
    pub fn answers_store_with_store(self) -> bool {
        self.level == Level::Imap2
    }

    /// Each message copied is told as `n COPY` (RFC 1064 p. 11).
    pub fn reports_copy(self) -> bool {
        self.level == Level::Imap2
    }

    /// COPY sets `\Seen` on the originals (RFC 1064 p. 11).
    pub fn copy_marks_seen(self) -> bool {
        self.level == Level::Imap2
    }

    /// COPY to a mailbox that does not exist creates it (RFC 1064 p. 11).
    pub fn copy_creates_mailbox(self) -> bool {
        self.level == Level::Imap2
    }

    /// FIND MAILBOXES tells all names that can be selected except INBOX (RFC 1176 p. 12); later it
    /// tells those that are subscribed to, as they are (RFC 2062 p. 2).
    pub fn finds_unsubscribed_mailboxes(self) -> bool {
        self.level == Level::Imap2
    }

    /// The advice to create the destination goes out as an untagged OK too, which is where IMAP2bis
    /// clients look for it (RFC 1732 p. 4).
    pub fn sends_trycreate_untagged(self) -> bool {
        self.level == Level::Imap2bis
    }

    /// INTERNALDATE has a year of two digits and the name of a zone (RFC 1064 p. 24).
    pub fn short_internal_date(self) -> bool {
        self.level == Level::Imap2
    }

    /// Bracketed codes other than READ-ONLY and READ-WRITE are sent; before IMAP4 they would only be
    /// shown to the user (RFC 1176 p. 20).
    pub fn sends_status_codes(self) -> bool {
        self.level == Level::Imap4
    }

    /// What stands for the octet 0 in a literal. RFC 3501 §9 CHAR8 has none, and its clients end a string
    /// there; RFC 1064 p. 8 ASCII-STRING has.
    pub fn nul_in_literal(self) -> u8 {
        match self.level {
            Level::Imap2 | Level::Imap2bis => 0,
            Level::Imap4 => 0x80,
        }
    }

    /// Flags that are not shown: older clients warn of a flag that they do not know, as `\Draft` is.
    pub fn hidden_flags(self) -> Flags {
        match self.level {
            Level::Imap2 | Level::Imap2bis => Flags::DRAFT,
            Level::Imap4 => Flags::NONE,
        }
    }

    /// `{` and `%` may not stand in a quoted string (RFC 1064 p. 8 CHARACTER).
    pub fn quotes_strictly(self) -> bool {
        self.level < Level::Imap4
    }

    /// CHECK tells EXISTS and RECENT even if they are what they were (RFC 1176 p. 13).
    pub fn check_repeats_counts(self) -> bool {
        self.level < Level::Imap4
    }

    /// EXISTS goes out before and after the EXPUNGE lines (RFC 1064 p. 10).
    pub fn brackets_expunge_with_exists(self) -> bool {
        self.level < Level::Imap4
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Level::{Imap2, Imap2bis, Imap4};

    #[test]
    fn climbs_and_never_falls() {
        let mut dialect = Dialect::auto();
        for (request, then) in [
            (Imap2, Imap2),
            (Imap2bis, Imap2bis),
            (Imap2, Imap2bis),
            (Imap4, Imap4),
            (Imap2bis, Imap4),
        ] {
            assert!(dialect.accepts(request));
            dialect.climb(request);
            assert_eq!(dialect.level(), then);
        }
    }

    #[test]
    fn a_pin_holds() {
        for (pin, takes_bis, takes_4) in [
            (Imap2, true, false),
            (Imap2bis, true, false),
            (Imap4, true, true),
        ] {
            let mut dialect = Dialect::pinned(pin);
            dialect.climb(Imap4);
            assert_eq!(dialect.level(), pin);
            assert!(dialect.accepts(Imap2));
            assert_eq!(dialect.accepts(Imap2bis), takes_bis);
            assert_eq!(dialect.accepts(Imap4), takes_4);
        }
    }

    #[test]
    fn rules_by_level() {
        let rules = |level| {
            let dialect = Dialect::pinned(level);
            [
                dialect.answers_store_with_store(),
                dialect.short_internal_date(),
                dialect.sends_trycreate_untagged(),
                dialect.quotes_strictly(),
                dialect.hidden_flags().is_empty(),
            ]
        };
        assert_eq!(rules(Imap2), [true, true, false, true, false]);
        assert_eq!(rules(Imap2bis), [false, false, true, true, false]);
        assert_eq!(rules(Imap4), [false, false, false, false, true]);
    }
}
