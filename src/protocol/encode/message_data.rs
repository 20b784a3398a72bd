//! Untagged data about the selected mailbox and its messages.
//!
//! ```text
//! unsolicited ::= "*" SP (msg_num SP msg_data / data) CRLF              RFC 1064 p. 26
//! ```

use crate::types::{Flags, Keyword};

use super::encoder::Encoder;

impl Encoder<'_> {
    /// Writes the number of messages.
    pub(crate) fn exists(&mut self, count: u32) -> &mut Self {
        self.numbered(count, "EXISTS").end_line()
    }

    /// Writes the number of messages with `\Recent`.
    pub(crate) fn recent(&mut self, count: u32) -> &mut Self {
        self.numbered(count, "RECENT").end_line()
    }

    /// Writes that a message is expunged: the sequence numbers above `number` decrease by one.
    pub(crate) fn expunge(&mut self, number: u32) -> &mut Self {
        self.numbered(number, "EXPUNGE").end_line()
    }

    /// Begins to say that messages are expunged: their UIDs follow, and the end of the line. With
    /// `earlier` the client has no sequence numbers for them; without it the sequence numbers of
    /// the messages behind them decrease.
    ///
    /// ```text
    /// expunged-resp = "VANISHED" [SP "(EARLIER)"] SP known-uids      RFC 7162 §7
    /// ```
    pub(crate) fn begin_vanished(&mut self, earlier: bool) -> &mut Self {
        self.raw("* VANISHED ");
        self.raw(if earlier { "(EARLIER) " } else { "" })
    }

    /// Writes that a message was copied (RFC 1064 p. 11).
    pub(crate) fn copied(&mut self, number: u32) -> &mut Self {
        self.numbered(number, "COPY").end_line()
    }

    /// Begins the data of a message. The items have to follow, separated by spaces, and then
    /// [`Self::end_message_data`].
    ///
    /// ```text
    /// msg_fetch ::= ("FETCH" / "STORE") SP "(" 1#(...) ")"           RFC 1064 p. 25
    /// ```
    pub(crate) fn begin_fetch(&mut self, number: u32) -> &mut Self {
        self.numbered(number, "FETCH (")
    }

    /// Begins the data that show the effect of STORE, in the form of the dialect.
    pub(crate) fn begin_store(&mut self, number: u32) -> &mut Self {
        match self.dialect().answers_store_with_store() {
            true => self.numbered(number, "STORE ("),
            false => self.begin_fetch(number),
        }
    }

    /// Ends the data of a message.
    pub(crate) fn end_message_data(&mut self) -> &mut Self {
        self.raw(")").end_line()
    }

    /// Writes the flags that messages of the mailbox can have.
    ///
    /// ```text
    /// data ::= ("FLAGS" SP flag_list / ...)                          RFC 1064 p. 24
    /// ```
    pub(crate) fn flags_line(&mut self, keywords: &[Keyword]) -> &mut Self {
        self.raw("* FLAGS ")
            .flags(Flags::PERMANENT, keywords)
            .end_line()
    }

    /// Begins a response about one message, or about a number of messages.
    fn numbered(&mut self, number: u32, what: &str) -> &mut Self {
        self.raw("* ").number(number.into()).raw(" ").raw(what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::dialect::Level;
    use crate::protocol::encode::testing::encoded;
    use crate::types::NumberSet;

    #[test]
    fn data_of_imap2() {
        let keywords = [Keyword::new("Todo").expect("a keyword")];
        let got = encoded(Level::Imap2, |e| {
            e.exists(3).recent(0).expunge(2).copied(1);
            e.flags_line(&keywords);
            e.begin_store(7).raw("FLAGS ()").end_message_data();
            e.begin_fetch(7).raw("UID 9").end_message_data();
        });
        let want = "* 3 EXISTS\r\n* 0 RECENT\r\n* 2 EXPUNGE\r\n* 1 COPY\r\n\
                    * FLAGS (\\Answered \\Flagged \\Deleted \\Seen Todo)\r\n\
                    * 7 STORE (FLAGS ())\r\n* 7 FETCH (UID 9)\r\n";
        assert_eq!(got, want);
    }

    #[test]
    fn data_of_imap4() {
        let uids: NumberSet = [(1, 2), (5, 5)].into_iter().collect();
        let got = encoded(Level::Imap4, |e| {
            e.flags_line(&[]);
            e.begin_store(7).raw("FLAGS ()").end_message_data();
            e.begin_vanished(true).number_set(&uids).end_line();
            e.begin_vanished(false).number_set(&uids).end_line();
        });
        let want = "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n\
                    * 7 FETCH (FLAGS ())\r\n\
                    * VANISHED (EARLIER) 1:2,5\r\n* VANISHED 1:2,5\r\n";
        assert_eq!(got, want);
    }
}
