//! Response codes.

use crate::types::{Flags, Keyword, NumberSet, UidValidity};

use super::encoder::Encoder;

/// A response code (RFC 3501 §7.1, RFC 4315 §3, RFC 5530).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Code<'a> {
    /// A mailbox of that name exists.
    AlreadyExists,
    /// The appended messages have these UIDs, in their order (RFC 4315 §3).
    AppendUid(UidValidity, NumberSet),
    /// The user name or the password is wrong.
    AuthenticationFailed,
    /// The user may not act as that other user.
    AuthorizationFailed,
    /// The server does not know the charset of the search; it knows these.
    BadCharset(&'a [&'a str]),
    /// The server will never do this.
    Cannot,
    /// The capabilities of the server, separated by spaces.
    Capability(String),
    /// The mailbox that was selected is no longer selected (RFC 7162 §3.2.11).
    Closed,
    /// The messages with the UIDs of the first set have copies with the UIDs of the second set, in
    /// the same order. The UIDVALIDITY is that of the destination (RFC 4315 §3).
    CopyUid(UidValidity, NumberSet, NumberSet),
    /// The mod-sequence up to which the client knows all changes (RFC 7162 §3.1.2.1).
    HighestModSeq(u64),
    /// Another program or session holds the lock.
    InUse,
    /// The command exceeds a limit of the server.
    Limit,
    /// These messages had changed, and so the server left them unchanged (RFC 7162 §3.1.3).
    Modified(NumberSet),
    /// No mailbox of that name exists.
    NonExistent,
    /// The user's quota or the disk is full.
    OverQuota,
    /// The flags that the client can change permanently.
    PermanentFlags {
        /// The system flags.
        system: Flags,
        /// The keywords.
        keywords: &'a [Keyword],
        /// The client can create keywords.
        more: bool,
    },
    /// The command is not allowed without encryption.
    PrivacyRequired,
    /// The client cannot change the mailbox.
    ReadOnly,
    /// The client can change the mailbox.
    ReadWrite,
    /// The message exceeds the size limit (RFC 4469 §4.2, RFC 7889 §4).
    TooBig,
    /// The command can succeed after the client has created the mailbox.
    TryCreate,
    /// The command can succeed later.
    Unavailable,
    /// The least UID that the next message can get.
    UidNext(u32),
    /// The UIDs may differ when the mailbox is selected again (RFC 4315 §3).
    UidNotSticky,
    /// The server does not know the transfer encoding of the part (RFC 3516 §4.3).
    UnknownCte,
    /// The UIDVALIDITY.
    UidValidity(UidValidity),
    /// The sequence number of the first message without `\Seen`.
    Unseen(u32),
    /// A mailbox of that name cannot have that special use (RFC 6154 §6).
    UseAttr,
}

impl Code<'_> {
    /// Returns the octets of memory that the sets of a code take.
    pub(crate) fn memory(&self) -> usize {
        match self {
            Self::AppendUid(_, uids) => uids.memory(),
            Self::CopyUid(_, sources, copies) => sources.memory() + copies.memory(),
            Self::Modified(numbers) => numbers.memory(),
            _ => 0,
        }
    }
}

impl Code<'_> {
    /// Returns the name of the code.
    fn name(&self) -> &'static str {
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

impl Encoder<'_> {
    /// Writes a response code without its brackets.
    pub(super) fn code(&mut self, code: &Code<'_>) -> &mut Self {
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
            plain => self.raw(plain.name()),
        }
    }
}
