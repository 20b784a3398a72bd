//! The arguments of SEARCH.
//!
//! The keys form a tree, and the tree is bounded: in depth, because it is walked by recursion, and in
//! size. OR takes two keys and is written before them, so that an alternative of ten addresses comes as
//! nine ORs nested in each other; such a chain is read flat, into one [`SearchKey::Or`].

use std::borrow::Cow;

use crate::types::{Day, Flags, Keyword, MessageSet};

use super::cursor::{Cursor, Parsed};
use super::date::search_date;
use super::fetch::field_name;
use super::flags::keyword;
use super::mod_sequence::search_modseq;
use super::sequence_set::sequence_set;
use crate::protocol::ast::{Command, SearchArguments};
use crate::protocol::dialect::Level;

/// Deepest nesting of NOT, OR and parentheses.
const MAX_DEPTH: usize = 8;
/// Most keys in one search: more than people and programs write, little enough to be tried on each
/// message.
const MAX_KEYS: usize = 1000;

/// A search key: what a message must be like (RFC 1064 p. 13-14, RFC 3501 §6.4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SearchKey {
    /// Every message.
    All,
    /// All keys hold.
    And(Vec<Self>),
    /// One of the keys holds.
    Or(Vec<Self>),
    /// The key does not hold.
    Not(Box<Self>),
    /// The system flag, `\Recent` included, is set or is not.
    Flag {
        /// One flag.
        flag: Flags,
        /// It must be set.
        set: bool,
    },
    /// The keyword is set or is not.
    Keyword {
        /// Its name.
        keyword: Keyword,
        /// It must be set.
        set: bool,
    },
    /// A header field contains the string; if it is empty, there is such a field.
    Header {
        /// The name of the field.
        field: Vec<u8>,
        /// Octets in the search's charset.
        text: Vec<u8>,
    },
    /// The text of the message contains the string.
    Body(Vec<u8>),
    /// The header or the text of the message contains the string.
    Text(Vec<u8>),
    /// The message is of some time.
    Date {
        /// Which of its dates.
        of: DateOf,
        /// How it lies to the day.
        when: When,
        /// The day.
        day: Day,
    },
    /// The message has more octets.
    Larger(u32),
    /// Its mod-sequence is that or greater (RFC 7162 §3.1.5).
    ModSeq(u64),
    /// The message has fewer octets.
    Smaller(u32),
    /// Its internal date lies at least so many seconds back (RFC 5032).
    Older(u32),
    /// Its internal date lies at most so many seconds back (RFC 5032).
    Younger(u32),
    /// Its number is in the set.
    Numbers(MessageSet),
    /// Its unique identifier is in the set.
    Uids(MessageSet),
}

/// Which date of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateOf {
    /// The internal date.
    Internal,
    /// The Date field of its header.
    Sent,
}

/// How a date lies to a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Earlier.
    Before,
    /// The same.
    On,
    /// The same or later.
    Since,
}

/// What an extended search is to return (RFC 4731 §3.1, RFC 5182 §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SearchReturn {
    /// The least number.
    pub min: bool,
    /// The greatest number.
    pub max: bool,
    /// All numbers.
    pub all: bool,
    /// How many there are.
    pub count: bool,
    /// What was found is kept, to be named by `$`.
    pub save: bool,
}

/// ```text
/// search = "SEARCH" [search-return-opts] [SP "CHARSET" SP astring] 1*(SP search-key)
///                                                                RFC 3501 §9, RFC 4466 §2.6.1
/// ```
pub(super) fn search(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let returns = match cursor.eat_word("RETURN") {
        true => Some(returns(cursor)?),
        false => None,
    };
    let charset = match cursor.eat_word("CHARSET") {
        true => Some(charset(cursor)?),
        false => None,
    };
    let keys = keys(cursor)?;
    Ok(Command::Search(SearchArguments {
        uid: false,
        returns,
        charset,
        keys,
    }))
}

/// Most options after RETURN: each of them twice.
const MAX_OPTIONS: usize = 10;

/// ```text
/// search-return-opts = SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"
/// search-return-opt  = "MIN" / "MAX" / "ALL" / "COUNT" / "SAVE"  RFC 4731 §4, RFC 5182 §3
/// ```
/// No option at all means ALL.
fn returns(cursor: &mut Cursor<'_>) -> Parsed<SearchReturn> {
    cursor.needs(Level::Imap4);
    cursor.space()?;
    let mut returns = SearchReturn::default();
    let options = cursor.list(MAX_OPTIONS, |cursor| {
        let option = match &cursor.word().to_ascii_uppercase()[..] {
            b"MIN" => &mut returns.min,
            b"MAX" => &mut returns.max,
            b"ALL" => &mut returns.all,
            b"COUNT" => &mut returns.count,
            b"SAVE" => &mut returns.save,
            _ => return Err("there is no such result option"),
        };
        *option = true;
        Ok(())
    })?;
    cursor.space()?;
    returns.all |= options.is_empty();
    Ok(returns)
}

/// The keys up to the end of the command, at least one.
pub(super) fn keys(cursor: &mut Cursor<'_>) -> Parsed<Vec<SearchKey>> {
    let mut program = Program { keys: 0 };
    let mut keys = vec![program.key(cursor, MAX_DEPTH)?];
    while !cursor.is_at_end() {
        cursor.space()?;
        keys.push(program.key(cursor, MAX_DEPTH)?);
    }
    Ok(keys)
}

fn charset(cursor: &mut Cursor<'_>) -> Parsed<Vec<u8>> {
    cursor.needs(Level::Imap4);
    let name = text(cursor)?;
    cursor.space()?;
    Ok(name)
}

/// Reads the keys of one search, and counts them.
struct Program {
    keys: usize,
}

impl Program {
    /// One key, with what it contains at most `depth` levels deep.
    ///
    /// ```text
    /// search-key = ... / "NOT" SP search-key / "OR" SP search-key SP search-key /
    ///              sequence-set / "(" search-key *(SP search-key) ")"
    /// ```
    fn key(&mut self, cursor: &mut Cursor<'_>, depth: usize) -> Parsed<SearchKey> {
        self.count()?;
        match cursor.peek() {
            Some(b'(') => self.group(cursor, deeper(depth)?),
            Some(b'*' | b'$' | b'0'..=b'9') => numbers(cursor),
            _ if cursor.eat_word("NOT") => self.not(cursor, deeper(depth)?),
            _ if cursor.eat_word("OR") => self.alternatives(cursor, deeper(depth)?),
            _ => simple_key(cursor),
        }
    }

    fn group(&mut self, cursor: &mut Cursor<'_>, depth: usize) -> Parsed<SearchKey> {
        cursor.needs(Level::Imap4);
        let keys = cursor.list(MAX_KEYS, |cursor| self.key(cursor, depth))?;
        match keys.is_empty() {
            true => Err("a group of search keys is empty"),
            false => Ok(SearchKey::And(keys)),
        }
    }

    fn not(&mut self, cursor: &mut Cursor<'_>, depth: usize) -> Parsed<SearchKey> {
        cursor.needs(Level::Imap4);
        cursor.space()?;
        let key = self.key(cursor, depth)?;
        Ok(SearchKey::Not(Box::new(key)))
    }

    /// What follows an OR: two keys, and another one for each OR among them.
    fn alternatives(&mut self, cursor: &mut Cursor<'_>, depth: usize) -> Parsed<SearchKey> {
        cursor.needs(Level::Imap4);
        let mut missing = 2_usize;
        let mut keys = Vec::new();
        while missing > 0 {
            cursor.space()?;
            if cursor.eat_word("OR") {
                self.count()?;
                missing += 1;
            } else {
                keys.push(self.key(cursor, depth)?);
                missing -= 1;
            }
        }
        Ok(SearchKey::Or(keys))
    }

    fn count(&mut self) -> Parsed<()> {
        self.keys += 1;
        match self.keys > MAX_KEYS {
            true => Err("these are too many search keys"),
            false => Ok(()),
        }
    }
}

fn deeper(depth: usize) -> Parsed<usize> {
    let left = depth.checked_sub(1);
    left.ok_or("these search keys are nested too deep")
}

type Reader = fn(&mut Cursor<'_>) -> Parsed<SearchKey>;

/// The keys that contain no others: name, the level that has it, what reads its argument. RFC 1064
/// has FROM and SUBJECT only in its text and examples, and forgot the argument of UNKEYWORD.
///
/// ```text
/// search-key = "ALL" / "ANSWERED" / "BCC" SP astring / "BEFORE" SP date / ...     RFC 3501 §9
/// ```
static KEYS: [(&str, Level, Reader); 36] = {
    use DateOf::{Internal, Sent};
    use Level::{Imap2, Imap4};
    use When::{Before, On, Since};
    [
        ("ALL", Imap2, |_| Ok(SearchKey::All)),
        ("ANSWERED", Imap2, |_| flag(Flags::ANSWERED, true)),
        ("BCC", Imap2, |cursor| field(cursor, "Bcc")),
        ("BEFORE", Imap2, |cursor| date(cursor, Internal, Before)),
        ("BODY", Imap2, |cursor| text(cursor).map(SearchKey::Body)),
        ("CC", Imap2, |cursor| field(cursor, "Cc")),
        ("DELETED", Imap2, |_| flag(Flags::DELETED, true)),
        ("FLAGGED", Imap2, |_| flag(Flags::FLAGGED, true)),
        ("FROM", Imap2, |cursor| field(cursor, "From")),
        ("KEYWORD", Imap2, |cursor| keyword_key(cursor, true)),
        ("NEW", Imap2, |_| Ok(new())),
        ("OLD", Imap2, |_| flag(Flags::RECENT, false)),
        ("ON", Imap2, |cursor| date(cursor, Internal, On)),
        ("RECENT", Imap2, |_| flag(Flags::RECENT, true)),
        ("SEEN", Imap2, |_| flag(Flags::SEEN, true)),
        ("SINCE", Imap2, |cursor| date(cursor, Internal, Since)),
        ("SUBJECT", Imap2, |cursor| field(cursor, "Subject")),
        ("TEXT", Imap2, |cursor| text(cursor).map(SearchKey::Text)),
        ("TO", Imap2, |cursor| field(cursor, "To")),
        ("UNANSWERED", Imap2, |_| flag(Flags::ANSWERED, false)),
        ("UNDELETED", Imap2, |_| flag(Flags::DELETED, false)),
        ("UNFLAGGED", Imap2, |_| flag(Flags::FLAGGED, false)),
        ("UNKEYWORD", Imap2, |cursor| keyword_key(cursor, false)),
        ("UNSEEN", Imap2, |_| flag(Flags::SEEN, false)),
        ("DRAFT", Imap4, |_| flag(Flags::DRAFT, true)),
        ("HEADER", Imap4, header),
        ("LARGER", Imap4, |cursor| {
            size(cursor).map(SearchKey::Larger)
        }),
        ("MODSEQ", Imap4, |cursor| {
            search_modseq(cursor).map(SearchKey::ModSeq)
        }),
        ("OLDER", Imap4, |cursor| {
            interval(cursor).map(SearchKey::Older)
        }),
        ("SENTBEFORE", Imap4, |cursor| date(cursor, Sent, Before)),
        ("SENTON", Imap4, |cursor| date(cursor, Sent, On)),
        ("SENTSINCE", Imap4, |cursor| date(cursor, Sent, Since)),
        ("SMALLER", Imap4, |cursor| {
            size(cursor).map(SearchKey::Smaller)
        }),
        ("UID", Imap4, uids),
        ("UNDRAFT", Imap4, |_| flag(Flags::DRAFT, false)),
        ("YOUNGER", Imap4, |cursor| {
            interval(cursor).map(SearchKey::Younger)
        }),
    ]
};

fn simple_key(cursor: &mut Cursor<'_>) -> Parsed<SearchKey> {
    let word = cursor.word();
    let known = KEYS
        .iter()
        .find(|(name, _, _)| name.as_bytes().eq_ignore_ascii_case(word));
    let (_, level, read) = known.ok_or("there is no such search key")?;
    cursor.needs(*level);
    read(cursor)
}

fn flag(flag: Flags, set: bool) -> Parsed<SearchKey> {
    Ok(SearchKey::Flag { flag, set })
}

/// NEW is what is recent and not seen.
fn new() -> SearchKey {
    let key = |flag, set| SearchKey::Flag { flag, set };
    SearchKey::And(vec![key(Flags::RECENT, true), key(Flags::SEEN, false)])
}

fn keyword_key(cursor: &mut Cursor<'_>, set: bool) -> Parsed<SearchKey> {
    cursor.space()?;
    let keyword = keyword(cursor.atom()?)?;
    Ok(SearchKey::Keyword { keyword, set })
}

fn field(cursor: &mut Cursor<'_>, field: &str) -> Parsed<SearchKey> {
    Ok(SearchKey::Header {
        field: field.into(),
        text: text(cursor)?,
    })
}

fn header(cursor: &mut Cursor<'_>) -> Parsed<SearchKey> {
    cursor.space()?;
    let field = field_name(cursor)?;
    let text = text(cursor)?;
    Ok(SearchKey::Header { field, text })
}

fn text(cursor: &mut Cursor<'_>) -> Parsed<Vec<u8>> {
    cursor.space()?;
    cursor.string().map(Cow::into_owned)
}

fn date(cursor: &mut Cursor<'_>, of: DateOf, when: When) -> Parsed<SearchKey> {
    cursor.space()?;
    let day = search_date(cursor)?;
    Ok(SearchKey::Date { of, when, day })
}

fn size(cursor: &mut Cursor<'_>) -> Parsed<u32> {
    cursor.space()?;
    cursor.number()
}

/// ```text
/// search-key =/ ( "OLDER" / "YOUNGER" ) SP nz-number             RFC 5032 §3
/// ```
fn interval(cursor: &mut Cursor<'_>) -> Parsed<u32> {
    cursor.space()?;
    cursor.nonzero()
}

fn numbers(cursor: &mut Cursor<'_>) -> Parsed<SearchKey> {
    cursor.needs(Level::Imap4);
    sequence_set(cursor).map(SearchKey::Numbers)
}

fn uids(cursor: &mut Cursor<'_>) -> Parsed<SearchKey> {
    cursor.space()?;
    sequence_set(cursor).map(SearchKey::Uids)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Parsed<(Level, Vec<SearchKey>)> {
        let mut cursor = Cursor::new(text.as_bytes());
        let Command::Search(arguments) = search(&mut cursor)? else {
            panic!("SEARCH is parsed as something else");
        };
        Ok((cursor.level(), arguments.keys))
    }

    /// Writes keys as a client would.
    fn written(keys: &[SearchKey]) -> String {
        keys.iter().map(key).collect::<Vec<_>>().join(" ")
    }

    fn key(key: &SearchKey) -> String {
        let string = |octets: &[u8]| format!("\"{}\"", octets.escape_ascii());
        let un = |set: &bool| if *set { "" } else { "UN" };
        match key {
            SearchKey::All => "ALL".into(),
            SearchKey::And(keys) => format!("({})", written(keys)),
            SearchKey::Or(keys) => format!("{}{}", "OR ".repeat(keys.len() - 1), written(keys)),
            SearchKey::Not(inner) => format!("NOT {}", self::key(inner)),
            SearchKey::Flag { flag, set: false } if *flag == Flags::RECENT => "OLD".into(),
            SearchKey::Flag { flag, set } => {
                let name = flag.names().next().expect("one flag");
                format!("{}{}", un(set), name[1..].to_uppercase())
            }
            SearchKey::Keyword { keyword, set } => format!("{}KEYWORD {keyword}", un(set)),
            SearchKey::Header { field, text } => {
                format!("HEADER {} {}", field.escape_ascii(), string(text))
            }
            SearchKey::Body(text) => format!("BODY {}", string(text)),
            SearchKey::Text(text) => format!("TEXT {}", string(text)),
            SearchKey::Date { of, when, .. } => format!("{of:?} {when:?}"),
            SearchKey::Larger(size) => format!("LARGER {size}"),
            SearchKey::Older(seconds) => format!("OLDER {seconds}"),
            SearchKey::Younger(seconds) => format!("YOUNGER {seconds}"),
            SearchKey::ModSeq(least) => format!("MODSEQ {least}"),
            SearchKey::Smaller(size) => format!("SMALLER {size}"),
            SearchKey::Numbers(set) => format!("{:?}", set.0),
            SearchKey::Uids(set) => format!("UID {:?}", set.0),
        }
    }

    #[test]
    fn known_answers_and_back() {
        for text in [
            "ALL",
            "ANSWERED DELETED FLAGGED RECENT SEEN",
            "UNANSWERED UNDELETED UNFLAGGED UNSEEN OLD",
            "KEYWORD $Junk UNKEYWORD Todo",
            "BODY \"a b\" TEXT \"\"",
            "HEADER X-Y \"z\"",
            "NOT NOT SEEN",
            "(SEEN (DELETED FLAGGED))",
            "OR SEEN DELETED",
            "OR OR SEEN DELETED (ALL LARGER 7)",
            "NOT OR SEEN NOT DELETED",
            "DRAFT UNDRAFT LARGER 0 SMALLER 4294967295",
            "OLDER 1 YOUNGER 4294967295",
            "MODSEQ 0 MODSEQ 9223372036854775807",
        ] {
            let (_, keys) = parse(text).expect(text);
            assert_eq!(written(&keys), text);
            let (_, lower) = parse(&text.to_lowercase()).expect(text);
            assert_eq!(written(&lower).to_lowercase(), text.to_lowercase());
        }
    }

    #[test]
    fn fields_are_headers() {
        let (level, keys) =
            parse("FROM crispin TO {3}\r\na)b CC x BCC y SUBJECT \"a \\\" b\"").expect("keys");
        let want = "HEADER From \"crispin\" HEADER To \"a)b\" HEADER Cc \"x\" HEADER Bcc \"y\" \
                    HEADER Subject \"a \\\" b\"";
        assert_eq!((level, &written(&keys)[..]), (Level::Imap2, want));
    }

    #[test]
    fn new_is_recent_and_unseen() {
        let (_, keys) = parse("NEW").expect("a key");
        assert_eq!(written(&keys), "(RECENT UNSEEN)");
    }

    #[test]
    fn dates_and_sets() {
        let (level, keys) =
            parse("SINCE 1-Oct-87 BEFORE \"2-Oct-1987\" ON 3-oct-2001").expect("keys");
        assert_eq!(level, Level::Imap2);
        let day = Day::new(1987, 10, 1).expect("a day");
        let (of, when) = (DateOf::Internal, When::Since);
        assert_eq!(keys[0], SearchKey::Date { of, when, day });
        let (level, keys) = parse("SENTON 3-Oct-2001 2:4,* UID 7").expect("keys");
        assert_eq!((level, keys.len()), (Level::Imap4, 3));
        assert!(matches!(&keys[1], SearchKey::Numbers(set) if set.has_last()));
        assert!(matches!(&keys[2], SearchKey::Uids(set) if set.greatest_number() == 7));
    }

    #[test]
    fn what_climbs() {
        for text in [
            "(SEEN)",
            "NOT SEEN",
            "OR SEEN SEEN",
            "1",
            "UID 1",
            "DRAFT",
            "CHARSET x SEEN",
            "OLDER 1",
            "$",
            "RETURN () SEEN",
        ] {
            assert_eq!(parse(text).expect(text).0, Level::Imap4, "{text}");
        }
        assert_eq!(parse("UNSEEN SUBJECT OR").expect("keys").0, Level::Imap2);
    }

    #[test]
    fn the_charset_is_kept() {
        let mut cursor = Cursor::new(b"charset \"UTF-8\" TEXT x");
        let Ok(Command::Search(arguments)) = search(&mut cursor) else {
            panic!("no search");
        };
        assert_eq!(arguments.charset.as_deref(), Some(b"UTF-8".as_slice()));
    }

    #[test]
    fn what_is_to_be_returned() {
        let returned = |text: &str| {
            let mut cursor = Cursor::new(text.as_bytes());
            match search(&mut cursor) {
                Ok(Command::Search(arguments)) => arguments.returns,
                other => panic!("{text}: {other:?}"),
            }
        };
        assert_eq!(returned("ALL"), None);
        let none = SearchReturn::default();
        let all = SearchReturn { all: true, ..none };
        let save = SearchReturn { save: true, ..none };
        let ends = SearchReturn {
            min: true,
            max: true,
            ..none
        };
        assert_eq!(returned("return () ALL"), Some(all));
        assert_eq!(returned("RETURN (SAVE) ALL"), Some(save));
        assert_eq!(returned("RETURN (max Min MIN) CHARSET x ALL"), Some(ends));
    }

    #[test]
    fn refused_programs() {
        for text in [
            "",
            "NOSUCH",
            "SEEN NOSUCH",
            "FROM",
            "FROM ",
            "NOT",
            "OR SEEN",
            "OR",
            "()",
            "(",
            "(SEEN",
            "SEEN)",
            "((SEEN)",
            "SINCE x",
            "KEYWORD \\Seen",
            "KEYWORD",
            "LARGER",
            "LARGER x",
            "LARGER 4294967296",
            "0",
            "1:2:3",
            "UID",
            "UID 0",
            "HEADER a",
            "HEADER a:b c",
            "CHARSET",
            "CHARSET x",
            "SEEN CHARSET x SEEN",
            "SEENSEEN",
            "FROM \"a",
            "-",
            "OLDER 0",
            "YOUNGER x",
            "$,1",
            "1,$",
            "$:1",
            "RETURN",
            "RETURN ALL",
            "RETURN () ",
            "RETURN (MIN",
            "RETURN (NOSUCH) ALL",
            "CHARSET x RETURN (MIN) ALL",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nesting_and_size_are_bounded() {
        let nested = |depth: usize| format!("{}SEEN{}", "(".repeat(depth), ")".repeat(depth));
        assert!(parse(&nested(MAX_DEPTH)).is_ok());
        assert!(parse(&nested(MAX_DEPTH + 1)).is_err());
        assert!(parse(&nested(100_000)).is_err());
        assert!(parse(&format!("{}SEEN", "NOT ".repeat(MAX_DEPTH + 1))).is_err());
        assert!(parse(&"SEEN ".repeat(MAX_KEYS)).is_ok());
        assert!(parse(&"SEEN ".repeat(MAX_KEYS + 1)).is_err());
        let chain = |ors: usize| format!("{}{}", "OR ".repeat(ors), "SEEN ".repeat(ors + 1));
        assert!(parse(&chain(100)).is_ok());
        assert!(parse(&chain(100_000)).is_err());
        assert!(parse(&"OR SEEN ".repeat(100_000)).is_err());
    }
}
