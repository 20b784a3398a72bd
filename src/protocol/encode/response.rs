//! Responses: status lines with their codes, and the lines of untagged data.
//!
//! Every method of [`Encoder`] here writes a whole line, except where it is named `begin_` (then
//! [`Encoder::end_line`] or [`Encoder::end_message_data`] ends it). No text of a status line and no name
//! can break out of its line.

use data_encoding::BASE64;

use crate::types::mailbox_name::SEPARATOR;
use crate::types::{Flags, Keyword, NumberSet, UidValidity};

use super::encoder::Encoder;
use crate::protocol::ast::{ListKind, StatusItem};
use crate::protocol::dialect::Level;

/// Longest text of a status line.
const MAX_TEXT: usize = 500;

/// What a status line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// It was done; untagged: information.
    Ok,
    /// It could not be done; untagged: a warning.
    No,
    /// It was not understood; untagged: the same.
    Bad,
    /// Untagged: the connection ends.
    Bye,
    /// Untagged: the greeting of a session that is logged in.
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

/// A response code (RFC 3501 §7.1, RFC 4315 §3, RFC 5530).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Code<'a> {
    /// There is a mailbox of that name.
    AlreadyExists,
    /// The messages appended have these unique identifiers, in their order (RFC 4315 §3).
    AppendUid(UidValidity, NumberSet),
    /// User or password are wrong.
    AuthenticationFailed,
    /// The user may not do that in the name of another.
    AuthorizationFailed,
    /// The strings of a search are in a charset that is not known here; these are.
    BadCharset(&'a [&'a str]),
    /// It will never be possible.
    Cannot,
    /// What the server can do.
    Capability(String),
    /// The mailbox that was selected no longer is (RFC 7162 §3.2.11).
    Closed,
    /// The messages with the first unique identifiers have copies with the second ones, in the same
    /// order; these are valid as said (RFC 4315 §3).
    CopyUid(UidValidity, NumberSet, NumberSet),
    /// The mod-sequence up to which all changes were told (RFC 7162 §3.1.2.1).
    HighestModSeq(u64),
    /// Somebody else uses it.
    InUse,
    /// A limit of the server is reached.
    Limit,
    /// These messages had changed, and so were left alone (RFC 7162 §3.1.3).
    Modified(NumberSet),
    /// There is no mailbox of that name.
    NonExistent,
    /// There is no room.
    OverQuota,
    /// The flags that can be changed for good.
    PermanentFlags {
        /// System flags.
        system: Flags,
        /// Keywords.
        keywords: &'a [Keyword],
        /// The client can make up more.
        more: bool,
    },
    /// It is forbidden without encryption.
    PrivacyRequired,
    /// The mailbox cannot be changed.
    ReadOnly,
    /// The mailbox can be changed.
    ReadWrite,
    /// The message is longer than any may be (RFC 4469 §4.2, RFC 7889 §4).
    TooBig,
    /// The mailbox could be created first.
    TryCreate,
    /// It may be possible later.
    Unavailable,
    /// The unique identifier that the next message may get.
    UidNext(u32),
    /// The unique identifiers may be others when the mailbox is selected again (RFC 4315 §3).
    UidNotSticky,
    /// The part is encoded in a way that is not known here (RFC 3516 §4.3).
    UnknownCte,
    /// The validity of the unique identifiers.
    UidValidity(UidValidity),
    /// The number of the first message that is not seen.
    Unseen(u32),
    /// No mailbox of that name can have that special use (RFC 6154 §6).
    UseAttr,
}

/// Status lines.
impl Encoder<'_> {
    /// The answer that ends a command.
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

    /// A status line of its own.
    pub(crate) fn untagged(
        &mut self,
        status: Status,
        code: Option<Code<'_>>,
        text: &str,
    ) -> &mut Self {
        self.raw("* ").status_text(status, code, text)
    }

    /// Asks for the literal that the client has announced.
    ///
    /// ```text
    /// ready ::= "+" SP text_line                                     RFC 1064 p. 26
    /// ```
    pub(crate) fn continuation(&mut self, text: &str) -> &mut Self {
        self.raw("+ ").text(text).end_line()
    }

    /// Asks for the next response of an AUTHENTICATE.
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
        if let Some(code) = code.filter(|code| self.shows(code)) {
            self.raw("[").code(&code).raw("] ");
        }
        self.text(text).end_line()
    }

    /// READ-ONLY and READ-WRITE are older than IMAP4, TRYCREATE is IMAP2bis (RFC 1176 p. 11, RFC 1732
    /// p. 4); of all other codes an old client would only show the text to its user.
    fn shows(&self, code: &Code<'_>) -> bool {
        match code {
            Code::ReadOnly | Code::ReadWrite => true,
            Code::TryCreate => self.dialect().level() >= Level::Imap2bis,
            _ => self.dialect().sends_status_codes(),
        }
    }

    fn code(&mut self, code: &Code<'_>) -> &mut Self {
        match code {
            Code::AppendUid(validity, uids) => self
                .raw("APPENDUID ")
                .number(validity.get().into())
                .raw(" ")
                .number_set(uids),
            // RFC 3501 §9: "BADCHARSET" [SP "(" astring *(SP astring) ")" ]
            Code::BadCharset(names) => self.raw("BADCHARSET ").list(names.iter().copied()),
            Code::Capability(list) => self.raw("CAPABILITY ").raw(list),
            Code::CopyUid(validity, from, to) => self
                .raw("COPYUID ")
                .number(validity.get().into())
                .raw(" ")
                .number_set(from)
                .raw(" ")
                .number_set(to),
            Code::HighestModSeq(modseq) => self.raw("HIGHESTMODSEQ ").number(*modseq),
            Code::Modified(set) => self.raw("MODIFIED ").number_set(set),
            Code::PermanentFlags {
                system,
                keywords,
                more,
            } => {
                let system = system.names().map(|name| name as &str);
                let any = more.then_some("\\*");
                let keywords = keywords.iter().map(Keyword::as_str);
                self.raw("PERMANENTFLAGS ");
                self.list(system.chain(keywords).chain(any))
            }
            Code::UidNext(uid) => self.raw("UIDNEXT ").number((*uid).into()),
            Code::UidValidity(validity) => self.raw("UIDVALIDITY ").number(validity.get().into()),
            Code::Unseen(number) => self.raw("UNSEEN ").number((*number).into()),
            plain => self.raw(plain.plain_name()),
        }
    }

    /// Text for people: in one line, in ASCII, not empty, and not to be taken for a response code.
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

    /// The end of what a search or a sort has found, if mod-sequences were asked for and there is one.
    ///
    /// ```text
    /// search-sort-mod-seq = "(" "MODSEQ" SP mod-sequence-value ")"   RFC 7162 §7
    /// ```
    pub(crate) fn greatest_modseq(&mut self, modseq: Option<u64>) -> &mut Self {
        match modseq {
            Some(modseq) => self.raw(" (MODSEQ ").number(modseq).raw(")"),
            None => self,
        }
    }

    /// Ends a line.
    pub(crate) fn end_line(&mut self) -> &mut Self {
        self.raw("\r\n")
    }
}

impl Code<'_> {
    fn plain_name(&self) -> &'static str {
        match self {
            Self::AlreadyExists => "ALREADYEXISTS",
            Self::AppendUid(..) => "APPENDUID",
            Self::AuthenticationFailed => "AUTHENTICATIONFAILED",
            Self::AuthorizationFailed => "AUTHORIZATIONFAILED",
            Self::BadCharset(_) => "BADCHARSET",
            Self::Cannot => "CANNOT",
            Self::Capability(_) => "CAPABILITY",
            Self::Closed => "CLOSED",
            Self::CopyUid(..) => "COPYUID",
            Self::HighestModSeq(_) => "HIGHESTMODSEQ",
            Self::InUse => "INUSE",
            Self::Limit => "LIMIT",
            Self::Modified(_) => "MODIFIED",
            Self::NonExistent => "NONEXISTENT",
            Self::OverQuota => "OVERQUOTA",
            Self::PermanentFlags { .. } => "PERMANENTFLAGS",
            Self::PrivacyRequired => "PRIVACYREQUIRED",
            Self::ReadOnly => "READ-ONLY",
            Self::ReadWrite => "READ-WRITE",
            Self::TooBig => "TOOBIG",
            Self::TryCreate => "TRYCREATE",
            Self::Unavailable => "UNAVAILABLE",
            Self::UidNext(_) => "UIDNEXT",
            Self::UidNotSticky => "UIDNOTSTICKY",
            Self::UidValidity(_) => "UIDVALIDITY",
            Self::UnknownCte => "UNKNOWN-CTE",
            Self::Unseen(_) => "UNSEEN",
            Self::UseAttr => "USEATTR",
        }
    }
}

/// Data about the mailbox and its messages.
///
/// ```text
/// unsolicited ::= "*" SP (msg_num SP msg_data / data) CRLF              RFC 1064 p. 26
/// ```
impl Encoder<'_> {
    /// How many messages there are.
    pub(crate) fn exists(&mut self, count: u32) -> &mut Self {
        self.numbered(count, "EXISTS").end_line()
    }

    /// How many of them are recent.
    pub(crate) fn recent(&mut self, count: u32) -> &mut Self {
        self.numbered(count, "RECENT").end_line()
    }

    /// That message is gone, and the numbers after it are one less from now on.
    pub(crate) fn expunge(&mut self, number: u32) -> &mut Self {
        self.numbered(number, "EXPUNGE").end_line()
    }

    /// Those messages are gone. If that was earlier, the client has no numbers for them; else the numbers
    /// after them are less by one from now on.
    ///
    /// ```text
    /// expunged-resp = "VANISHED" [SP "(EARLIER)"] SP known-uids      RFC 7162 §7
    /// ```
    pub(crate) fn vanished(&mut self, uids: &NumberSet, earlier: bool) -> &mut Self {
        self.raw("* VANISHED ");
        self.raw(if earlier { "(EARLIER) " } else { "" });
        self.number_set(uids).end_line()
    }

    /// The extensions that were switched on (RFC 5161 §3.2).
    pub(crate) fn enabled(&mut self, names: &[&str]) -> &mut Self {
        self.raw("* ENABLED");
        for name in names {
            self.raw(" ").raw(name);
        }
        self.end_line()
    }

    /// That message was copied (RFC 1064 p. 11).
    pub(crate) fn copied(&mut self, number: u32) -> &mut Self {
        self.numbered(number, "COPY").end_line()
    }

    /// Begins the data of a message: its items have to follow, separated by spaces.
    ///
    /// ```text
    /// msg_fetch ::= ("FETCH" / "STORE") SP "(" 1#(...) ")"           RFC 1064 p. 25
    /// ```
    pub(crate) fn begin_fetch(&mut self, number: u32) -> &mut Self {
        self.numbered(number, "FETCH (")
    }

    /// Begins the data that tells the effect of STORE, as the dialect has it.
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

    /// The flags that messages of the mailbox can have.
    ///
    /// ```text
    /// data ::= ("FLAGS" SP flag_list / ...)                          RFC 1064 p. 24
    /// ```
    pub(crate) fn flags_line(&mut self, keywords: &[Keyword]) -> &mut Self {
        self.raw("* FLAGS ")
            .flags(Flags::PERMANENT, keywords)
            .end_line()
    }

    /// Begins the numbers that a search has found; without one, the line says so.
    ///
    /// ```text
    /// "SEARCH" *(SP nz-number)                                       RFC 3501 §9
    /// ```
    pub(crate) fn begin_search(&mut self) -> &mut Self {
        self.raw("* SEARCH")
    }

    /// Begins the answer to an extended search (RFC 4466 §2.6.2): items have to follow.
    ///
    /// ```text
    /// esearch-response = "ESEARCH" [search-correlator] [SP "UID"] *(SP search-return-data)
    /// search-correlator = SP "(" "TAG" SP tag-string ")"
    /// ```
    pub(crate) fn begin_esearch(&mut self, tag: &[u8], uid: bool) -> &mut Self {
        self.raw("* ESEARCH (TAG ").string(tag).raw(")");
        self.raw(if uid { " UID" } else { "" })
    }

    /// Begins the numbers that a SORT has found, in their order (RFC 5256 §5 `sort-data`).
    pub(crate) fn begin_sort(&mut self) -> &mut Self {
        self.raw("* SORT")
    }

    /// The threads that a THREAD has found, each in its parentheses.
    ///
    /// ```text
    /// thread-data = "THREAD" [SP 1*thread-list]                      RFC 5256 §5
    /// ```
    pub(crate) fn thread_line(&mut self, threads: &[u8]) -> &mut Self {
        let space = if threads.is_empty() { "" } else { " " };
        self.raw("* THREAD").raw(space).raw(threads).end_line()
    }

    fn numbered(&mut self, number: u32, what: &str) -> &mut Self {
        self.raw("* ").number(number.into()).raw(" ").raw(what)
    }
}

/// Data about names, and about the server.
impl Encoder<'_> {
    /// A mailbox that FIND has found. The name is the rest of the line, whatever it is (RFC 1176 p. 20).
    pub(crate) fn mailbox(&mut self, name: &str) -> &mut Self {
        self.raw("* MAILBOX ").rest_of_line(name)
    }

    /// A bulletin board that FIND has found.
    pub(crate) fn bboard(&mut self, name: &str) -> &mut Self {
        self.raw("* BBOARD ").rest_of_line(name)
    }

    /// A mailbox that LIST or LSUB has found. If it was found for names below it that were selected by
    /// some criteria, these are told as CHILDINFO.
    ///
    /// ```text
    /// mailbox-list = "(" [mbx-list-flags] ")" SP (DQUOTE QUOTED-CHAR DQUOTE / nil) SP mailbox
    ///                [SP "(" "CHILDINFO" SP "(" quoted *(SP quoted) ")" ")"]    RFC 5258 §6
    /// ```
    pub(crate) fn list_line<'c>(
        &mut self,
        kind: ListKind,
        attributes: &[&str],
        name: &str,
        criteria: impl IntoIterator<Item = &'c str>,
    ) -> &mut Self {
        self.raw("* ")
            .raw(kind.name())
            .raw(" ")
            .list(attributes.iter().copied())
            .format(format_args!(" \"{SEPARATOR}\" "))
            .name(name);
        let mut open = " (\"CHILDINFO\" (";
        let mut close = "";
        for criterion in criteria {
            self.format(format_args!("{open}\"{criterion}\""));
            (open, close) = (" ", "))");
        }
        self.raw(close).end_line()
    }

    /// Facts of a mailbox.
    ///
    /// ```text
    /// "STATUS" SP mailbox SP "(" [status-att-list] ")"
    /// ```
    pub(crate) fn status_line(&mut self, mailbox: &str, facts: &[(StatusItem, u64)]) -> &mut Self {
        self.raw("* STATUS ").name(mailbox).raw(" (");
        for (position, (item, value)) in facts.iter().enumerate() {
            let space = if position > 0 { " " } else { "" };
            let name = item.name();
            self.format(format_args!("{space}{name} {value}"));
        }
        self.raw(")").end_line()
    }

    /// What the server can do: words separated by spaces.
    pub(crate) fn capability(&mut self, words: &str) -> &mut Self {
        self.raw("* CAPABILITY ").raw(words).end_line()
    }

    /// What the server says of itself.
    ///
    /// ```text
    /// id_response = "ID" SPACE id_params_list                        RFC 2971 §4
    /// ```
    pub(crate) fn id(&mut self, fields: &[(&str, &str)]) -> &mut Self {
        self.raw("* ID (");
        for (position, (name, value)) in fields.iter().enumerate() {
            let space = if position > 0 { " " } else { "" };
            self.raw(space).string(name.as_bytes());
            self.raw(" ").string(value.as_bytes());
        }
        self.raw(")").end_line()
    }

    /// The prefixes of the user's own mailboxes, and of those of all if there are any.
    ///
    /// ```text
    /// Namespace_Response = "*" SP "NAMESPACE" SP Namespace SP Namespace SP Namespace    RFC 2342 §6
    /// ```
    pub(crate) fn namespace(&mut self, personal: &str, shared: Option<&str>) -> &mut Self {
        self.raw("* NAMESPACE ").one_namespace(Some(personal));
        // Nobody has a way to the mailboxes of another user.
        self.raw(" ").one_namespace(None);
        self.raw(" ").one_namespace(shared).end_line()
    }

    fn one_namespace(&mut self, prefix: Option<&str>) -> &mut Self {
        match prefix {
            Some(prefix) => self
                .raw("((")
                .string(prefix.as_bytes())
                .format(format_args!(" \"{SEPARATOR}\"))")),
            None => self.nil(),
        }
    }

    fn rest_of_line(&mut self, name: &str) -> &mut Self {
        debug_assert!(!name.contains(['\r', '\n']), "a name is in one line");
        let line = name.split(['\r', '\n']).next().unwrap_or_default();
        self.raw(line).end_line()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::dialect::Dialect;

    fn encoded(level: Level, write: impl FnOnce(&mut Encoder<'_>)) -> String {
        let mut out = Vec::new();
        write(&mut Encoder::new(&mut out, Dialect::pinned(level)));
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn status_lines() {
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
    fn codes_by_dialect() {
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

    #[test]
    fn mailbox_data() {
        let keywords = [Keyword::new("Todo").expect("a keyword")];
        let got = encoded(Level::Imap2, |e| {
            e.exists(3).recent(0).expunge(2).copied(1);
            e.flags_line(&keywords);
            e.begin_search().end_line();
            e.begin_search().raw(" 2 84").end_line();
            e.begin_store(7).raw("FLAGS ()").end_message_data();
            e.begin_fetch(7).raw("UID 9").end_message_data();
            e.mailbox("a \"b\" c").bboard("GENERAL");
        });
        let want = "* 3 EXISTS\r\n* 0 RECENT\r\n* 2 EXPUNGE\r\n* 1 COPY\r\n\
                    * FLAGS (\\Answered \\Flagged \\Deleted \\Seen Todo)\r\n\
                    * SEARCH\r\n* SEARCH 2 84\r\n\
                    * 7 STORE (FLAGS ())\r\n* 7 FETCH (UID 9)\r\n\
                    * MAILBOX a \"b\" c\r\n* BBOARD GENERAL\r\n";
        assert_eq!(got, want);
    }

    #[test]
    fn data_of_imap4() {
        let got = encoded(Level::Imap4, |e| {
            e.flags_line(&[]);
            e.begin_store(7).raw("FLAGS ()").end_message_data();
            e.list_line(ListKind::List, &[], "INBOX", []);
            e.list_line(ListKind::Lsub, &["\\Noselect", "\\HasChildren"], "a b", []);
            e.list_line(ListKind::List, &["\\Noselect"], "", []);
            e.list_line(ListKind::List, &[], "x", ["SUBSCRIBED"]);
            e.list_line(ListKind::List, &[], "x", ["A", "B"]);
            e.status_line(
                "a b",
                &[(StatusItem::Messages, 1), (StatusItem::UidNext, 2)],
            );
            e.capability("IMAP4rev1");
            e.id(&[("name", "x"), ("version", "1")]);
            e.namespace("", Some("#b.")).namespace("INBOX.", None);
        });
        let want = "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n\
                    * 7 FETCH (FLAGS ())\r\n\
                    * LIST () \".\" INBOX\r\n\
                    * LSUB (\\Noselect \\HasChildren) \".\" \"a b\"\r\n\
                    * LIST (\\Noselect) \".\" \"\"\r\n\
                    * LIST () \".\" x (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n\
                    * LIST () \".\" x (\"CHILDINFO\" (\"A\" \"B\"))\r\n\
                    * STATUS \"a b\" (MESSAGES 1 UIDNEXT 2)\r\n\
                    * CAPABILITY IMAP4rev1\r\n\
                    * ID (\"name\" \"x\" \"version\" \"1\")\r\n\
                    * NAMESPACE ((\"\" \".\")) NIL ((\"#b.\" \".\"))\r\n\
                    * NAMESPACE ((\"INBOX.\" \".\")) NIL NIL\r\n";
        assert_eq!(got, want);
    }
}
