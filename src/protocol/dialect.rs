//! The protocol that a session speaks, and the rules that depend on it.
//!
//! A session starts in IMAP2 and may only climb. It climbs at the first request that its present
//! protocol does not have, and already answers that request in the new dialect. Each difference in
//! behaviour is a method of [`Dialect`] named after the behaviour, so that no command compares
//! protocol versions.

use crate::types::Flags;

/// A protocol. Later protocols compare greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// RFC 1064 and RFC 1176, whose commands and data no client can tell apart.
    Imap2,
    /// The additions between RFC 1176 and RFC 1730: MIME parts, mailbox management, APPEND.
    Imap2bis,
    /// RFC 3501.
    Imap4,
}

/// The rules that a session follows at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// The protocol.
    level: Level,
    /// The dialect does not climb.
    pinned: bool,
    /// The client has enabled UTF8=ACCEPT.
    utf8: bool,
}

impl Dialect {
    /// Returns the dialect of a new session, which starts in IMAP2 and climbs with the client.
    pub const fn auto() -> Self {
        Self {
            level: Level::Imap2,
            pinned: false,
            utf8: false,
        }
    }

    /// Returns a dialect that never climbs.
    pub const fn pinned(level: Level) -> Self {
        Self {
            level,
            pinned: true,
            utf8: false,
        }
    }

    /// Returns the present protocol.
    pub(crate) fn level(self) -> Level {
        self.level
    }

    /// Climbs to a level that the client has shown to speak. Does nothing if the dialect is pinned
    /// or already at that level or above.
    pub(crate) fn climb(&mut self, level: Level) {
        if !self.pinned {
            self.level = self.level.max(level);
        }
    }

    /// True if the dialect has requests of that level. A dialect pinned to IMAP2 accepts requests
    /// of IMAP2bis too, because no c-client program can do without EXAMINE and CREATE; later
    /// requests are unknown commands to it.
    pub(crate) fn accepts(self, level: Level) -> bool {
        !self.pinned || level <= self.level.max(Level::Imap2bis)
    }

    /// Records that the client accepts UTF-8 from now on (RFC 6855 §3).
    pub(crate) fn accept_utf8(&mut self) {
        self.utf8 = true;
    }

    /// Mailbox names are in UTF-8; otherwise they are in modified UTF-7 (RFC 3501 §5.1.3).
    pub(crate) fn names_in_utf8(self) -> bool {
        self.utf8
    }

    /// A quoted string may contain UTF-8 (RFC 6855 §3).
    pub(crate) fn quotes_utf8(self) -> bool {
        self.utf8
    }

    /// STORE is answered by `n STORE (...)` (RFC 1064 p. 15); otherwise by `n FETCH (...)`.
    pub(crate) fn answers_store_with_store(self) -> bool {
        self.level == Level::Imap2
    }

    /// COPY is answered by `n COPY` for each message (RFC 1064 p. 11).
    pub(crate) fn reports_copy(self) -> bool {
        self.level == Level::Imap2
    }

    /// COPY sets `\Seen` on the originals (RFC 1064 p. 11).
    pub(crate) fn copy_marks_seen(self) -> bool {
        self.level == Level::Imap2
    }

    /// COPY to a mailbox that does not exist creates it (RFC 1064 p. 11).
    pub(crate) fn copy_creates_mailbox(self) -> bool {
        self.level == Level::Imap2
    }

    /// FIND MAILBOXES finds all mailboxes that can be selected except INBOX (RFC 1176 p. 12);
    /// otherwise it finds the names that the user is subscribed to, whatever exists of them
    /// (RFC 2062 p. 2).
    pub(crate) fn finds_unsubscribed_mailboxes(self) -> bool {
        self.level == Level::Imap2
    }

    /// The response code TRYCREATE is sent in an untagged response too, where IMAP2bis clients look
    /// for it (RFC 1732 p. 4).
    pub(crate) fn sends_trycreate_untagged(self) -> bool {
        self.level == Level::Imap2bis
    }

    /// INTERNALDATE has a year of two digits and the name of a zone (RFC 1064 p. 24).
    pub(crate) fn short_internal_date(self) -> bool {
        self.level == Level::Imap2
    }

    /// Response codes other than READ-ONLY and READ-WRITE are sent. Clients older than IMAP4 would
    /// only show them to the user (RFC 1176 p. 20).
    pub(crate) fn sends_status_codes(self) -> bool {
        self.level == Level::Imap4
    }

    /// Returns the octet that replaces the octet 0 in a literal. CHAR8 of RFC 3501 §9 excludes 0,
    /// and clients of that protocol end a string there; ASCII-STRING of RFC 1064 p. 8 includes it.
    pub(crate) fn nul_in_literal(self) -> u8 {
        match self.level {
            Level::Imap2 | Level::Imap2bis => 0,
            Level::Imap4 => 0x80,
        }
    }

    /// Returns the flags that are not shown. Older clients warn the user of an unknown flag such as
    /// `\Draft`.
    pub(crate) fn hidden_flags(self) -> Flags {
        match self.level {
            Level::Imap2 | Level::Imap2bis => Flags::DRAFT,
            Level::Imap4 => Flags::NONE,
        }
    }

    /// A quoted string may contain neither `{` nor `%` (RFC 1064 p. 8 CHARACTER).
    pub(crate) fn quotes_strictly(self) -> bool {
        self.level < Level::Imap4
    }

    /// CHECK is answered by EXISTS and RECENT even if neither has changed (RFC 1176 p. 13).
    pub(crate) fn check_repeats_counts(self) -> bool {
        self.level < Level::Imap4
    }

    /// EXISTS is sent before and after the EXPUNGE responses (RFC 1064 p. 10).
    pub(crate) fn brackets_expunge_with_exists(self) -> bool {
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
    fn a_pinned_dialect_does_not_climb() {
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
    fn rules_depend_on_the_level() {
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
