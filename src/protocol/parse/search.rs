//! The arguments of SEARCH.
//!
//! Search keys form a tree. Its depth is bounded, because it is walked by recursion, and so is its
//! size. OR takes two keys and precedes them, so that a client writes an alternative of ten
//! addresses as nine ORs nested in one another; such a chain is parsed without recursion, into one
//! [`SearchKey::Or`].

use std::borrow::Cow;

use crate::protocol::ast::{
    Command, DateComparison, DateField, SearchArguments, SearchKey, SearchReturn,
};
use crate::protocol::dialect::Level;
use crate::types::Flags;

use super::cursor::{Cursor, Parsed};
use super::date::search_date;
use super::flags::keyword;
use super::header_field::field_name;
use super::mod_sequence::search_mod_sequence;
use super::sequence_set::sequence_set;

/// Deepest nesting of NOT, OR and parentheses.
const MAX_DEPTH: usize = 8;
/// Most keys in one search: more than people and programs write, few enough to be tried on each
/// message.
const MAX_KEYS: usize = 1000;
/// Most options behind RETURN: each of them twice.
const MAX_OPTIONS: usize = 10;

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
    let keys = search_keys(cursor)?;
    Ok(Command::Search(SearchArguments {
        uid: false,
        returns,
        charset,
        keys,
    }))
}

/// ```text
/// search-return-opts = SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"
/// search-return-opt  = "MIN" / "MAX" / "ALL" / "COUNT" / "SAVE"  RFC 4731 §4, RFC 5182 §3
/// ```
///
/// The empty list means ALL.
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

/// Parses the keys up to the end of the command, at least one.
pub(super) fn search_keys(cursor: &mut Cursor<'_>) -> Parsed<Vec<SearchKey>> {
    let mut parser = KeyParser { count: 0 };
    let mut keys = vec![parser.key(cursor, MAX_DEPTH)?];
    while !cursor.is_at_end() {
        cursor.space()?;
        keys.push(parser.key(cursor, MAX_DEPTH)?);
    }
    Ok(keys)
}

fn charset(cursor: &mut Cursor<'_>) -> Parsed<Vec<u8>> {
    cursor.needs(Level::Imap4);
    let name = text(cursor)?;
    cursor.space()?;
    Ok(name)
}

/// Parses the keys of one search and counts them.
struct KeyParser {
    /// The number of keys parsed so far, nested ones included.
    count: usize,
}

impl KeyParser {
    /// Parses one key, in which keys may be nested at most `depth` levels deep.
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

    /// Parses what follows an OR: two keys, and one more for each OR directly among them.
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
        self.count += 1;
        match self.count > MAX_KEYS {
            true => Err("there are too many search keys"),
            false => Ok(()),
        }
    }
}

fn deeper(depth: usize) -> Parsed<usize> {
    let left = depth.checked_sub(1);
    left.ok_or("search keys are nested too deeply")
}

type ArgumentParser = fn(&mut Cursor<'_>) -> Parsed<SearchKey>;

/// The keys that contain no others: name, first level that has it, parser of the argument. RFC 1064
/// has FROM and SUBJECT only in its text and examples, and its grammar lacks the argument of
/// UNKEYWORD.
///
/// ```text
/// search-key = "ALL" / "ANSWERED" / "BCC" SP astring / "BEFORE" SP date / ...     RFC 3501 §9
/// ```
static KEYS: [(&str, Level, ArgumentParser); 36] = {
    use DateComparison::{Before, On, Since};
    use DateField::{Internal, Sent};
    use Level::{Imap2, Imap4};
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
        ("NEW", Imap2, |_| Ok(new_key())),
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
            search_mod_sequence(cursor).map(SearchKey::ModSeq)
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

/// NEW stands for RECENT UNSEEN.
fn new_key() -> SearchKey {
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

fn date(cursor: &mut Cursor<'_>, of: DateField, when: DateComparison) -> Parsed<SearchKey> {
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
    use crate::types::Day;

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
    fn field_keys_are_headers() {
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
        let (of, when) = (DateField::Internal, DateComparison::Since);
        assert_eq!(keys[0], SearchKey::Date { of, when, day });
        let (level, keys) = parse("SENTON 3-Oct-2001 2:4,* UID 7").expect("keys");
        assert_eq!((level, keys.len()), (Level::Imap4, 3));
        assert!(matches!(&keys[1], SearchKey::Numbers(set) if set.has_last()));
        assert!(matches!(&keys[2], SearchKey::Uids(set) if set.greatest_number() == 7));
    }

    #[test]
    fn keys_of_imap4() {
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
    fn reads_the_charset() {
        let mut cursor = Cursor::new(b"charset \"UTF-8\" TEXT x");
        let Ok(Command::Search(arguments)) = search(&mut cursor) else {
            panic!("SEARCH is parsed as something else");
        };
        assert_eq!(arguments.charset.as_deref(), Some(b"UTF-8".as_slice()));
    }

    #[test]
    fn reads_the_result_options() {
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
    fn refused_arguments() {
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
