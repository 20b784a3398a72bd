//! Status responses and continuation requests.

use data_encoding::BASE64;

use crate::protocol::dialect::Level;

use super::encoder::Encoder;
use super::response_code::Code;

/// Longest text of a status response, in characters.
const MAX_TEXT: usize = 500;

/// The condition that a status response reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Tagged: the command succeeded. Untagged: information.
    Ok,
    /// Tagged: the command failed. Untagged: a warning.
    No,
    /// The server could not understand the command.
    Bad,
    /// Untagged: the server closes the connection.
    Bye,
    /// Untagged: the greeting of a session that is already authenticated.
    PreAuth,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::No => "NO",
            Self::Bad => "BAD",
            Self::Bye => "BYE",
            Self::PreAuth => "PREAUTH",
        }
    }
}

impl Encoder<'_> {
    /// Writes the tagged response that ends a command.
    ///
    /// ```text
    /// response ::= tag SP ("OK" / "NO" / "BAD") SP text_line CRLF    RFC 1064 p. 26
    /// ```
    pub(crate) fn tagged(
        &mut self,
        tag: &[u8],
        status: Status,
        code: Option<Code<'_>>,
        text: &str,
    ) -> &mut Self {
        self.raw(tag).raw(" ").status_text(status, code, text)
    }

    /// Writes an untagged status response.
    pub(crate) fn untagged(
        &mut self,
        status: Status,
        code: Option<Code<'_>>,
        text: &str,
    ) -> &mut Self {
        self.raw("* ").status_text(status, code, text)
    }

    /// Begins a status response, tagged or untagged. A code may follow, and then
    /// [`Self::end_status`].
    pub(crate) fn begin_status(&mut self, tag: &[u8], status: Status) -> &mut Self {
        self.raw(tag).raw(" ").raw(status.name()).raw(" ")
    }

    /// Ends a status response with its text.
    pub(crate) fn end_status(&mut self, text: &str) -> &mut Self {
        self.text(text).end_line()
    }

    /// Writes a continuation request with a text for people.
    ///
    /// ```text
    /// ready ::= "+" SP text_line                                     RFC 1064 p. 26
    /// ```
    pub(crate) fn continuation(&mut self, text: &str) -> &mut Self {
        self.raw("+ ").text(text).end_line()
    }

    /// Writes a continuation request for the next response of an AUTHENTICATE.
    ///
    /// ```text
    /// continue-req = "+" SP (resp-text / base64) CRLF                RFC 3501 §9
    /// ```
    pub(crate) fn challenge(&mut self, text: &str) -> &mut Self {
        self.raw("+ ")
            .raw(BASE64.encode(text.as_bytes()))
            .end_line()
    }

    fn status_text(&mut self, status: Status, code: Option<Code<'_>>, text: &str) -> &mut Self {
        self.raw(status.name()).raw(" ");
        if let Some(code) = code.filter(|code| self.sends(code)) {
            self.raw("[").code(&code).raw("] ");
        }
        self.text(text).end_line()
    }

    /// True if the dialect sends the code. READ-ONLY and READ-WRITE are older than IMAP4, TRYCREATE
    /// is of IMAP2bis (RFC 1176 p. 11, RFC 1732 p. 4). Any other code an old client would only show
    /// to its user.
    fn sends(&self, code: &Code<'_>) -> bool {
        match code {
            Code::ReadOnly | Code::ReadWrite => true,
            Code::TryCreate => self.dialect().level() >= Level::Imap2bis,
            _ => self.dialect().sends_status_codes(),
        }
    }

    /// Writes text for people: one line of ASCII, not empty, not to be mistaken for a response
    /// code.
    fn text(&mut self, text: &str) -> &mut Self {
        let text = text.trim();
        if text.is_empty() {
            return self.raw(".");
        }
        for (position, character) in text.chars().take(MAX_TEXT).enumerate() {
            let octet = match character {
                '[' if position == 0 => b'(',
                ' '..='~' => character as u8,
                _ if character.is_control() => b' ',
                _ => b'?',
            };
            self.raw([octet]);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::encode::testing::encoded;
    use crate::types::{Flags, Keyword, NumberSet, UidValidity};

    #[test]
    fn status_responses_and_continuation_requests() {
        let got = encoded(Level::Imap4, |e| {
            e.tagged(b"a1", Status::Ok, None, "NOOP completed");
            e.tagged(b"a2", Status::Ok, Some(Code::ReadWrite), "SELECT completed");
            e.untagged(Status::Bad, None, "a command must begin with a tag");
            e.untagged(Status::Bye, None, "goodbye");
            e.untagged(Status::PreAuth, None, "hello");
            e.continuation("ready");
            e.challenge("").challenge("Password:");
        });
        let want = "a1 OK NOOP completed\r\n\
                    a2 OK [READ-WRITE] SELECT completed\r\n\
                    * BAD a command must begin with a tag\r\n\
                    * BYE goodbye\r\n\
                    * PREAUTH hello\r\n\
                    + ready\r\n\
                    + \r\n\
                    + UGFzc3dvcmQ6\r\n";
        assert_eq!(got, want);
    }

    #[test]
    fn each_dialect_sends_the_codes_it_knows() {
        let keywords = [Keyword::new("Todo").expect("a keyword")];
        let permanent = Code::PermanentFlags {
            system: Flags::SEEN,
            keywords: &keywords,
            more: true,
        };
        let validity = UidValidity::new(7).expect("not 0");
        let sparse: NumberSet = [(1, 2), (5, 5)].into_iter().collect();
        let no = |level, code: Code<'_>| {
            encoded(level, |e| {
                e.untagged(Status::No, Some(code), "x");
            })
        };
        for (code, since, want) in [
            (Code::ReadOnly, Level::Imap2, "READ-ONLY"),
            (Code::TryCreate, Level::Imap2bis, "TRYCREATE"),
            (Code::InUse, Level::Imap4, "INUSE"),
            (Code::Unseen(3), Level::Imap4, "UNSEEN 3"),
            (Code::UidNext(u32::MAX), Level::Imap4, "UIDNEXT 4294967295"),
            (Code::UidValidity(validity), Level::Imap4, "UIDVALIDITY 7"),
            (Code::UidNotSticky, Level::Imap4, "UIDNOTSTICKY"),
            (
                Code::AppendUid(validity, NumberSet::range(4, 4)),
                Level::Imap4,
                "APPENDUID 7 4",
            ),
            (
                Code::CopyUid(validity, sparse, NumberSet::range(9, 11)),
                Level::Imap4,
                "COPYUID 7 1:2,5 9:11",
            ),
            (
                Code::HighestModSeq(1 << 62),
                Level::Imap4,
                "HIGHESTMODSEQ 4611686018427387904",
            ),
            (permanent, Level::Imap4, "PERMANENTFLAGS (\\Seen Todo \\*)"),
            (
                Code::Capability("IMAP4rev1".into()),
                Level::Imap4,
                "CAPABILITY IMAP4rev1",
            ),
        ] {
            for level in [Level::Imap2, Level::Imap2bis, Level::Imap4] {
                let want = match level >= since {
                    true => format!("* NO [{want}] x\r\n"),
                    false => "* NO x\r\n".into(),
                };
                assert_eq!(no(level, code.clone()), want);
            }
        }
    }

    #[test]
    fn text_cannot_leave_its_line() {
        let text = |text: &str| {
            encoded(Level::Imap4, |e| {
                e.untagged(Status::Ok, None, text);
            })
        };
        assert_eq!(text("a\r\n* BYE \0"), "* OK a  * BYE  \r\n");
        assert_eq!(text("\u{e9}\u{2028}\x7fx"), "* OK ?? x\r\n");
        assert_eq!(text("[ALERT] x"), "* OK (ALERT] x\r\n");
        assert_eq!(text("\n"), "* OK .\r\n");
        assert_eq!(
            text(&"x".repeat(100_000)).len(),
            "* OK \r\n".len() + MAX_TEXT
        );
    }
}
