//! Commands: the table, and what becomes of a command's text.
//!
//! A new command is a row in `ROWS`, a variant of [`Command`], and a parser in the file of its family.

use std::borrow::Cow;
use std::fmt;

use zeroize::Zeroizing;

use crate::types::{FlagList, FlagOperation, MessageSet};

use super::append::append;
use super::dialect::Level;
use super::fetch::{self, FetchItem};
use super::id::{self, IdFields};
use super::list::{self, ListArguments};
use super::mailbox::{self, MailboxKind, StatusItem};
use super::parser::{Cursor, Parsed};
use super::resync::{FetchModifiers, SelectParameters};
use super::sasl::{self, Mechanism};
use super::search::{self, SearchKey, SearchReturn};
use super::set::sequence_set;
use super::sort::{self, SortCriterion, ThreadAlgorithm};
use super::store;

/// Longest tag that is repeated.
const MAX_TAG: usize = 100;
/// Most names in one ENABLE.
const MAX_EXTENSIONS: usize = 100;

/// A command as the client sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// To be repeated, octet by octet, in the answer.
    pub tag: Vec<u8>,
    /// What to do.
    pub command: Command,
    /// The lowest level that has all of it: below that, it is an unknown command.
    pub level: Level,
    /// The level that the client has shown to speak, which is what the dialect climbs to. At least
    /// [`Self::level`].
    pub trigger: Level,
    /// The states in which it is legal.
    pub states: States,
}

/// What is answered BAD, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The tag, if one was found; without it the answer is untagged.
    pub tag: Option<Vec<u8>>,
    /// For the client. It repeats nothing that the client sent.
    pub reason: Cow<'static, str>,
}

impl Refusal {
    pub(super) fn new(tag: Option<Vec<u8>>, command: &str, reason: &str) -> Self {
        Self {
            tag,
            reason: format!("{command}: {reason}").into(),
        }
    }

    /// The refusal of a command of which only the beginning is known, such as one that is too long.
    pub fn of(text: &[u8], reason: &'static str) -> Self {
        Self {
            tag: tag(&mut Cursor::new(text)).ok(),
            reason: reason.into(),
        }
    }
}

/// A set of the states a session can be in (RFC 3501 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct States(u8);

impl States {
    /// The client has not logged in.
    pub const NOT_AUTHENTICATED: Self = Self(1);
    /// It has, and no mailbox is selected.
    pub const AUTHENTICATED: Self = Self(2);
    /// A mailbox is selected.
    pub const SELECTED: Self = Self(4);

    const LOGGED_IN: Self = Self::AUTHENTICATED.or(Self::SELECTED);
    const ANY: Self = Self::NOT_AUTHENTICATED.or(Self::LOGGED_IN);

    /// The states of both.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True if all states of `other` are in the set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A password. It does not show itself, and is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Keeps this vector, and no copy of it.
    pub fn new(password: Vec<u8>) -> Self {
        Self(Zeroizing::new(password))
    }

    /// The password itself, for whoever verifies it.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What a client wants. Names of mailboxes are as sent, and may be no names at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Say who one is, step by step.
    Authenticate {
        /// How; nothing stands for a way that is not known here.
        mechanism: Option<Mechanism>,
        /// The first response, out of its wrapping, if it came along (RFC 4959).
        initial: Option<Secret>,
    },
    /// Select a bulletin board (RFC 1176 p. 11).
    Bboard {
        /// Its name.
        name: Vec<u8>,
    },
    /// What the server can do.
    Capability,
    /// Look for news of the mailbox.
    Check,
    /// Remove the deleted messages without a word, and leave the mailbox.
    Close,
    /// Copy messages.
    Copy {
        /// The set is of unique identifiers.
        uid: bool,
        /// Which.
        set: MessageSet,
        /// Where to.
        mailbox: Vec<u8>,
    },
    /// Create a mailbox.
    Create {
        /// Its name.
        mailbox: Vec<u8>,
        /// The attributes of the special uses it is to have (RFC 6154 §3).
        uses: Vec<Vec<u8>>,
    },
    /// Delete a mailbox.
    Delete {
        /// Its name.
        mailbox: Vec<u8>,
    },
    /// Select a mailbox for reading only.
    Examine {
        /// Its name.
        mailbox: Vec<u8>,
        /// How.
        parameters: SelectParameters,
    },
    /// Switch extensions on that change what the server says (RFC 5161).
    Enable {
        /// Their names.
        extensions: Vec<Vec<u8>>,
    },
    /// Remove the deleted messages.
    Expunge {
        /// Only those with these unique identifiers.
        uids: Option<MessageSet>,
    },
    /// Data of messages.
    Fetch {
        /// The set is of unique identifiers.
        uid: bool,
        /// Which messages.
        set: MessageSet,
        /// Which data, at least one item.
        items: Vec<FetchItem>,
        /// Of which of them.
        modifiers: FetchModifiers,
    },
    /// Names of mailboxes or bulletin boards, in the old way (RFC 1176 p. 12, RFC 2062 p. 1-2).
    Find {
        /// Which kind.
        what: MailboxKind,
        /// All of them, not only what is subscribed to.
        all: bool,
        /// See [`super::Pattern::find`].
        pattern: Vec<u8>,
    },
    /// Say what program one is.
    Id {
        /// What it says of itself.
        fields: IdFields,
    },
    /// Be told of changes as they happen (RFC 2177).
    Idle,
    /// Names of mailboxes.
    List(ListArguments),
    /// Say who one is.
    Login {
        /// The user.
        user: Vec<u8>,
        /// The password.
        password: Secret,
    },
    /// Say goodbye.
    Logout,
    /// Move messages.
    Move {
        /// The set is of unique identifiers.
        uid: bool,
        /// Which.
        set: MessageSet,
        /// Where to.
        mailbox: Vec<u8>,
    },
    /// Where the mailboxes are.
    Namespace,
    /// Nothing.
    Noop,
    /// A piece of a message (RFC 2062 p. 3).
    Partial {
        /// The number of the message.
        number: u32,
        /// Of which text.
        item: FetchItem,
        /// The first octet, counted from 1.
        start: u32,
        /// How many octets.
        count: u32,
    },
    /// Rename a mailbox.
    Rename {
        /// The mailbox.
        from: Vec<u8>,
        /// Its new name.
        to: Vec<u8>,
    },
    /// Search for messages.
    Search {
        /// The answer is to be in unique identifiers.
        uid: bool,
        /// What is to be told of what was found, in an extended search.
        returns: Option<SearchReturn>,
        /// The charset of the strings in the keys.
        charset: Option<Vec<u8>>,
        /// All must hold; at least one.
        keys: Vec<SearchKey>,
    },
    /// Select a mailbox.
    Select {
        /// Its name.
        mailbox: Vec<u8>,
        /// How.
        parameters: SelectParameters,
    },
    /// Search for messages, and sort them.
    Sort {
        /// The answer is to be in unique identifiers.
        uid: bool,
        /// By what; the first counts most.
        criteria: Vec<SortCriterion>,
        /// The charset of the strings in the keys.
        charset: Vec<u8>,
        /// All must hold; at least one.
        keys: Vec<SearchKey>,
    },
    /// Begin TLS.
    StartTls,
    /// Facts of a mailbox that need not be selected.
    Status {
        /// Its name.
        mailbox: Vec<u8>,
        /// Which facts, each once, at least one.
        items: Vec<StatusItem>,
    },
    /// Change flags.
    Store {
        /// The set is of unique identifiers.
        uid: bool,
        /// Of which messages.
        set: MessageSet,
        /// How.
        operation: FlagOperation,
        /// The new flags need not be told.
        silent: bool,
        /// Which flags.
        flags: FlagList,
        /// Only of messages with no greater mod-sequence.
        unchanged_since: Option<u64>,
    },
    /// Subscribe, or unsubscribe.
    Subscribe {
        /// What the name is of.
        what: MailboxKind,
        /// The name.
        name: Vec<u8>,
        /// Subscribe.
        on: bool,
    },
    /// Search for messages, and tell which answer which.
    Thread {
        /// The answer is to be in unique identifiers.
        uid: bool,
        /// How to find that out.
        algorithm: ThreadAlgorithm,
        /// The charset of the strings in the keys.
        charset: Vec<u8>,
        /// All must hold; at least one.
        keys: Vec<SearchKey>,
    },
    /// Leave the mailbox, and remove nothing (RFC 3691).
    Unselect,
}

/// One command of the table.
struct Row {
    name: &'static str,
    /// The first protocol that has it.
    level: Level,
    /// Where it is legal.
    states: States,
    arguments: Arguments,
}

/// What follows the name of a command.
enum Arguments {
    /// Nothing.
    None(Command),
    /// A space, and what this reads.
    Some(fn(&mut Cursor<'_>) -> Parsed<Command>),
}

/// ```text
/// request ::= tag SP (noop / login / logout / select / check / expunge / copy / fetch / store / search /
///             find / bboard) CRLF                                RFC 1176 p. 28
/// command   = tag SP (command-any / command-auth / command-nonauth / command-select) CRLF
/// ```
static ROWS: [Row; 36] = {
    use Level::{Imap2, Imap2bis, Imap4};
    const ANY: States = States::ANY;
    const LOGGED_IN: States = States::LOGGED_IN;
    const SELECTED: States = States::SELECTED;
    [
        row("APPEND", Imap2bis, LOGGED_IN, append),
        row(
            "AUTHENTICATE",
            Imap4,
            States::NOT_AUTHENTICATED,
            sasl::authenticate,
        ),
        row("BBOARD", Imap2, LOGGED_IN, mailbox::bboard),
        bare("CAPABILITY", Imap4, ANY, Command::Capability),
        bare("CHECK", Imap2, SELECTED, Command::Check),
        bare("CLOSE", Imap4, SELECTED, Command::Close),
        row("COPY", Imap2, SELECTED, copy),
        row("CREATE", Imap2bis, LOGGED_IN, mailbox::create),
        row("DELETE", Imap2bis, LOGGED_IN, mailbox::delete),
        row("ENABLE", Imap4, LOGGED_IN, enable),
        row("EXAMINE", Imap2bis, LOGGED_IN, mailbox::examine),
        bare("EXPUNGE", Imap2, SELECTED, Command::Expunge { uids: None }),
        row("FETCH", Imap2, SELECTED, fetch::fetch),
        row("FIND", Imap2, LOGGED_IN, mailbox::find),
        row("ID", Imap4, ANY, id::id),
        bare("IDLE", Imap4, LOGGED_IN, Command::Idle),
        row("LIST", Imap4, LOGGED_IN, list::list),
        row("LOGIN", Imap2, States::NOT_AUTHENTICATED, login),
        bare("LOGOUT", Imap2, ANY, Command::Logout),
        row("LSUB", Imap4, LOGGED_IN, list::lsub),
        row("MOVE", Imap4, SELECTED, move_messages),
        bare("NAMESPACE", Imap4, LOGGED_IN, Command::Namespace),
        bare("NOOP", Imap2, ANY, Command::Noop),
        row("PARTIAL", Imap2bis, SELECTED, fetch::partial),
        row("RENAME", Imap2bis, LOGGED_IN, mailbox::rename),
        row("SEARCH", Imap2, SELECTED, search::search),
        row("SELECT", Imap2, LOGGED_IN, mailbox::select),
        row("SORT", Imap4, SELECTED, sort::sort),
        bare(
            "STARTTLS",
            Imap4,
            States::NOT_AUTHENTICATED,
            Command::StartTls,
        ),
        row("STATUS", Imap4, LOGGED_IN, mailbox::status),
        row("STORE", Imap2, SELECTED, store::store),
        row("SUBSCRIBE", Imap2bis, LOGGED_IN, mailbox::subscribe),
        row("THREAD", Imap4, SELECTED, sort::thread),
        row("UID", Imap4, SELECTED, uid),
        bare("UNSELECT", Imap4, SELECTED, Command::Unselect),
        row("UNSUBSCRIBE", Imap2bis, LOGGED_IN, mailbox::unsubscribe),
    ]
};

const fn row(
    name: &'static str,
    level: Level,
    states: States,
    arguments: fn(&mut Cursor<'_>) -> Parsed<Command>,
) -> Row {
    let arguments = Arguments::Some(arguments);
    Row {
        name,
        level,
        states,
        arguments,
    }
}

const fn bare(name: &'static str, level: Level, states: States, command: Command) -> Row {
    let arguments = Arguments::None(command);
    Row {
        name,
        level,
        states,
        arguments,
    }
}

/// Reads a command, without its line end.
///
/// # Errors
/// The refusal that is to be answered BAD.
pub fn parse(text: &[u8]) -> Result<Request, Refusal> {
    let mut cursor = Cursor::new(text);
    let tag = tag(&mut cursor).map_err(|reason| Refusal {
        tag: None,
        reason: reason.into(),
    })?;
    let Some(row) = command_row(&mut cursor) else {
        return Err(Refusal {
            tag: Some(tag),
            reason: "there is no such command".into(),
        });
    };
    match arguments(&mut cursor, row) {
        Ok(command) => Ok(Request {
            tag,
            command,
            level: cursor.level(),
            trigger: cursor.trigger(),
            states: row.states,
        }),
        Err(reason) => Err(Refusal::new(Some(tag), row.name, reason)),
    }
}

/// ```text
/// tag = 1*<any ASTRING-CHAR except "+">                          RFC 3501 §9
/// ```
/// A command of which only its name matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline<'t> {
    /// Its tag.
    pub tag: Vec<u8>,
    /// Its name, in capitals; of a command on UIDs, what follows that word.
    pub name: &'static str,
    /// All that follows the name.
    pub arguments: &'t [u8],
}

/// What a command is, if it begins as one of ours, whatever its arguments are.
///
/// ```text
/// outline = tag SP ["UID" SP] name *OCTET
/// ```
pub fn outline(text: &[u8]) -> Option<Outline<'_>> {
    let mut cursor = Cursor::new(text);
    let tag = tag(&mut cursor).ok()?;
    let mut row = command_row(&mut cursor)?;
    if row.name == "UID" {
        row = command_row(&mut cursor)?;
    }
    Some(Outline {
        tag,
        name: row.name,
        arguments: cursor.take_rest().trim_ascii_start(),
    })
}

pub(super) fn tag(cursor: &mut Cursor<'_>) -> Parsed<Vec<u8>> {
    let tag =
        cursor.take_while(|octet| octet.is_ascii_graphic() && !b"(){%*\"\\+".contains(&octet));
    let ends = matches!(cursor.peek(), None | Some(b' '));
    match tag.len() {
        1..=MAX_TAG if ends => Ok(tag.to_vec()),
        _ => Err("a command must begin with a tag"),
    }
}

fn command_row(cursor: &mut Cursor<'_>) -> Option<&'static Row> {
    cursor.space().ok()?;
    let word = cursor.word();
    row_of(word)
}

fn row_of(name: &[u8]) -> Option<&'static Row> {
    ROWS.iter()
        .find(|row| row.name.as_bytes().eq_ignore_ascii_case(name))
}

fn arguments(cursor: &mut Cursor<'_>, row: &Row) -> Parsed<Command> {
    cursor.needs(row.level);
    let command = match &row.arguments {
        Arguments::None(command) => command.clone(),
        Arguments::Some(read) => {
            cursor.space()?;
            read(cursor)?
        }
    };
    cursor.end()?;
    Ok(command)
}

/// ```text
/// login ::= "LOGIN" SP userid SP password                        RFC 1064 p. 25
/// ```
fn login(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let user = cursor.string()?.into_owned();
    cursor.space()?;
    let password = Secret::new(cursor.string()?.into_owned());
    Ok(Command::Login { user, password })
}

/// ```text
/// enable = "ENABLE" 1*(SP capability)                            RFC 5161 §4
/// ```
fn enable(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let mut extensions = Vec::new();
    loop {
        let name =
            cursor.take_while(|octet| octet.is_ascii_graphic() && !b"(){\"".contains(&octet));
        if name.is_empty() || extensions.len() == MAX_EXTENSIONS {
            return Err("the names of some extensions were expected");
        }
        extensions.push(name.to_vec());
        if cursor.is_at_end() {
            return Ok(Command::Enable { extensions });
        }
        cursor.space()?;
    }
}

/// ```text
/// copy ::= "COPY" SP sequence SP mailbox                         RFC 1064 p. 24
/// ```
fn copy(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let (set, mailbox) = messages_and_mailbox(cursor)?;
    Ok(Command::Copy {
        uid: false,
        set,
        mailbox,
    })
}

/// ```text
/// move = "MOVE" SP sequence-set SP mailbox                       RFC 6851 §5
/// ```
fn move_messages(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let (set, mailbox) = messages_and_mailbox(cursor)?;
    Ok(Command::Move {
        uid: false,
        set,
        mailbox,
    })
}

fn messages_and_mailbox(cursor: &mut Cursor<'_>) -> Parsed<(MessageSet, Vec<u8>)> {
    let set = sequence_set(cursor)?;
    cursor.space()?;
    Ok((set, mailbox::mailbox(cursor)?))
}

/// ```text
/// uid  = "UID" SP (copy / fetch / search / store)                RFC 3501 §9
/// uid =/ "UID" SP "EXPUNGE" SP sequence-set                      RFC 4315 §4
/// uid =/ "UID" SP move                                           RFC 6851 §5
/// sort = ["UID" SP] "SORT" ... ; thread = ["UID" SP] "THREAD" ... RFC 5256 §5
/// ```
fn uid(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    const REASON: &str = "it goes with COPY, EXPUNGE, FETCH, MOVE, SEARCH, SORT, STORE and THREAD";
    let row = row_of(cursor.word()).filter(|row| row.name != "UID");
    let row = row.ok_or(REASON)?;
    if row.name == "EXPUNGE" {
        cursor.space()?;
        let uids = Some(sequence_set(cursor)?);
        return Ok(Command::Expunge { uids });
    }
    let mut command = arguments(cursor, row)?;
    match &mut command {
        Command::Copy { uid, .. }
        | Command::Fetch { uid, .. }
        | Command::Move { uid, .. }
        | Command::Search { uid, .. }
        | Command::Sort { uid, .. }
        | Command::Store { uid, .. }
        | Command::Thread { uid, .. } => *uid = true,
        _ => return Err(REASON),
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::SetEnd;

    fn parsed(text: &str) -> Request {
        parse(text.as_bytes()).unwrap_or_else(|refusal| panic!("{text}: {refusal:?}"))
    }

    fn refused(text: &str) -> Refusal {
        parse(text.as_bytes()).expect_err(text)
    }

    /// A right command for every row, and what it takes.
    const EXAMPLES: [(&str, Level); 53] = {
        use Level::{Imap2, Imap2bis, Imap4};
        [
            ("AUTHENTICATE PLAIN", Imap4),
            ("BBOARD general", Imap2),
            ("CAPABILITY", Imap4),
            ("CHECK", Imap2),
            ("CLOSE", Imap4),
            ("COPY 1:3 x", Imap2),
            ("CREATE x", Imap2bis),
            ("DELETE x", Imap2bis),
            ("ENABLE CONDSTORE X-FOO", Imap4),
            ("EXAMINE x", Imap2bis),
            ("EXAMINE x (CONDSTORE)", Imap4),
            ("EXPUNGE", Imap2),
            ("FETCH 1 ALL", Imap2),
            ("FETCH 1 FULL", Imap2bis),
            ("FETCH 1 BODY[]", Imap4),
            ("FETCH 1 FLAGS (CHANGEDSINCE 7)", Imap4),
            ("FIND MAILBOXES *", Imap2),
            ("FIND ALL.MAILBOXES *", Imap2bis),
            ("ID NIL", Imap4),
            ("IDLE", Imap4),
            ("LIST \"\" *", Imap4),
            ("LOGIN u p", Imap2),
            ("LOGOUT", Imap2),
            ("LSUB \"\" *", Imap4),
            ("MOVE 1:3 x", Imap4),
            ("NAMESPACE", Imap4),
            ("NOOP", Imap2),
            ("PARTIAL 1 RFC822 1 10", Imap2bis),
            ("RENAME x y", Imap2bis),
            ("SEARCH UNSEEN", Imap2),
            ("SEARCH NOT SEEN", Imap4),
            ("SELECT x", Imap2),
            ("SORT (DATE) UTF-8 ALL", Imap4),
            ("STARTTLS", Imap4),
            ("STATUS x (UNSEEN)", Imap4),
            ("STORE 1 +FLAGS \\Seen", Imap2),
            ("SUBSCRIBE x", Imap4),
            ("SUBSCRIBE MAILBOX x", Imap2bis),
            ("THREAD REFERENCES UTF-8 ALL", Imap4),
            ("UID COPY 1 x", Imap4),
            ("UID EXPUNGE 1:2", Imap4),
            ("UID FETCH 1 ALL", Imap4),
            ("UID MOVE 1 x", Imap4),
            ("UID SEARCH ALL", Imap4),
            ("UID SORT (DATE) UTF-8 ALL", Imap4),
            ("UID STORE 1 FLAGS ()", Imap4),
            ("UID THREAD REFERENCES UTF-8 ALL", Imap4),
            ("UNSELECT", Imap4),
            ("UNSUBSCRIBE x", Imap4),
            ("UNSUBSCRIBE BBOARD x", Imap2bis),
            ("select x", Imap2),
            ("NOOP ", Imap2),
            ("LOGIN {1+}\r\nu p", Imap4),
        ]
    };

    #[test]
    fn levels() {
        for (text, level) in EXAMPLES {
            let request = parsed(&format!("a1 {text}"));
            assert_eq!(
                (&request.tag[..], request.level),
                (&b"a1"[..], level),
                "{text}"
            );
            assert_eq!(request.trigger, level, "{text}");
        }
    }

    #[test]
    fn every_row_has_an_example() {
        for row in &ROWS {
            let is_of_row = |(text, _): &(&str, Level)| text.split(' ').next() == Some(row.name);
            let has_one = EXAMPLES.iter().any(is_of_row);
            assert!(has_one || row.name == "APPEND", "{}", row.name);
        }
    }

    /// The requests in the transcripts and examples of RFC 1064 (p. 7-14, 19-20) and RFC 1176.
    #[test]
    fn examples_of_the_rfcs() {
        for text in [
            "A001 LOGIN Fred Secret",
            "A002 SELECT INBOX",
            "A003 FETCH 1:19 ALL",
            "A004 FETCH 8 RFC822.TEXT",
            "A005 STORE 8 +Flags \\Deleted",
            "A006 EXPUNGE",
            "A003 COPY 2:4 MEETING",
            "A004 FETCH 3 RFC822",
            "A005 FETCH 4 (FLAGS RFC822.HEADER)",
            "A003 STORE 2:4 +FLAGS (\\DELETED)",
            "A003 SEARCH DELETED FROM \"SMITH\" SINCE 1-OCT-87",
            "a001 login crispin secret",
            "a003 fetch 16 all",
            "a004 fetch 16 rfc822",
            "a005 logout",
            "A002 FIND MAILBOXES *",
            "A002 FIND BBOARDS *",
        ] {
            let request = parsed(text);
            assert_eq!(request.tag, text.as_bytes()[..4]);
            assert_eq!(request.trigger, Level::Imap2, "{text}");
        }
    }

    #[test]
    fn states() {
        let legal = |text: &str| {
            let states = parsed(&format!("a {text}")).states;
            [
                States::NOT_AUTHENTICATED,
                States::AUTHENTICATED,
                States::SELECTED,
            ]
            .map(|state| states.contains(state))
        };
        assert_eq!(legal("NOOP"), [true, true, true]);
        assert_eq!(legal("LOGIN u p"), [true, false, false]);
        assert_eq!(legal("SELECT x"), [false, true, true]);
        assert_eq!(legal("UID FETCH 1 ALL"), [false, false, true]);
    }

    #[test]
    fn a_star_is_a_trigger_only() {
        let request = parsed("a FETCH 1:* FAST");
        assert_eq!(request.level, Level::Imap2);
        assert_eq!(request.trigger, Level::Imap4);
    }

    #[test]
    fn rfc_1730_is_understood_under_a_pin_to_imap2() {
        for text in [
            "STORE 1 +FLAGS.SILENT (\\Seen \\Deleted)",
            "FETCH 1 RFC822.TEXT.PEEK",
            "PARTIAL 1 RFC822.PEEK 1 10",
        ] {
            let request = parsed(&format!("a {text}"));
            let levels = (request.level, request.trigger);
            assert_eq!(levels, (Level::Imap2bis, Level::Imap4), "{text}");
        }
    }

    #[test]
    fn logins_of_all_kinds() {
        for (text, want) in [
            ("u p*(]%\\\"x", "p*(]%\\\"x"),
            ("\"u\" \"p\\\"\\\\ q\"", "p\"\\ q"),
            ("{1}\r\nu {3}\r\np q", "p q"),
            ("u \"\"", ""),
            ("u \u{fc}", "\u{fc}"),
        ] {
            let Command::Login { user, password } = parsed(&format!("a LOGIN {text}")).command
            else {
                panic!("{text} is no login");
            };
            assert_eq!((&user[..], password.expose()), (&b"u"[..], want.as_bytes()));
        }
        for text in [
            "",
            " ",
            " u",
            " u ",
            " u p q",
            " {1}\r\nu",
            " \"u p",
            " u {p",
        ] {
            refused(&format!("a LOGIN{text}"));
        }
    }

    #[test]
    fn arguments_in_detail() {
        let set = MessageSet(vec![(SetEnd::Number(2), SetEnd::Number(4))]);
        let want = Command::Copy {
            uid: true,
            set,
            mailbox: b"x y".to_vec(),
        };
        assert_eq!(parsed("a UID COPY 2:4 \"x y\"").command, want);
        let want = Command::Partial {
            number: 4,
            item: FetchItem::Rfc822 { peek: false },
            start: 1,
            count: 1024,
        };
        assert_eq!(parsed("A005 PARTIAL 4 RFC822 1 1024").command, want);
        let want = Command::Bboard {
            name: b"general".to_vec(),
        };
        assert_eq!(parsed("a BBoard general").command, want);
    }

    #[test]
    fn refusals_with_a_tag() {
        for text in [
            "a",
            "a ",
            "a NOSUCH",
            "a NOOP x",
            "a NOOPX",
            "a CHECK 1",
            "a IDLE 1",
            "a UNSELECT x",
            "a SELECT",
            "a SELECT ",
            "a SELECT x y",
            "a UID",
            "a UID NOOP",
            "a UID UID FETCH 1 ALL",
            "a UID SELECT x",
            "a APPEND x",
            "a APPEND",
            "a APPEND x {1}\r\ny",
            "a PARTIAL 1 FLAGS 1 1",
            "a PARTIAL 0 RFC822 1 1",
            "a PARTIAL 1 RFC822 0 1",
            "a PARTIAL 1:2 RFC822 1 1",
            "a COPY 1",
            "a COPY 0 x",
            "a FETCH",
            "a FETCH 1",
            "a \0",
            "a NOOP\0",
            "a SELECT x\0",
        ] {
            assert_eq!(refused(text).tag.as_deref(), Some(&b"a"[..]), "{text}");
        }
    }

    #[test]
    fn refusals_without_a_tag() {
        let long = "a".repeat(MAX_TAG + 1);
        for text in [
            "",
            " ",
            " NOOP",
            "* NOOP",
            "+ NOOP",
            "a+ NOOP",
            "\"a\" NOOP",
            "\0",
            "\u{e9} NOOP",
            "a\tNOOP",
            &long,
        ] {
            assert_eq!(refused(text).tag, None, "{text}");
        }
        assert_eq!(refused(&long[1..]).tag, Some(long[1..].into()));
    }

    #[test]
    fn the_tag_of_a_beginning() {
        let refusal = Refusal::of(b"a1 LOGIN xxxxx", "too long");
        assert_eq!(refusal.tag.as_deref(), Some(&b"a1"[..]));
        assert_eq!(Refusal::of(b"xxxx*", "too long").tag, None);
    }

    #[test]
    fn a_password_shows_nowhere() {
        let request = parsed("a LOGIN u hunter2");
        assert!(!format!("{request:?}").contains("hunter2"));
        assert!(
            !refused("a LOGIN u hunter2 hunter2")
                .reason
                .contains("hunter2")
        );
    }
}
