//! Flags as arguments of STORE and APPEND.

use crate::types::{FlagList, Flags, Keyword};

use super::cursor::{Cursor, Parsed};

/// Most keywords in one list: more than any mailbox can have, few enough to compare each with all
/// others.
const MAX_KEYWORDS: usize = 100;

/// Parses flags in parentheses, which may be none.
///
/// ```text
/// flag-list = "(" [flag *(SP flag)] ")"                       RFC 3501 §9
/// ```
pub(super) fn flag_list(cursor: &mut Cursor<'_>) -> Parsed<FlagList> {
    let mut flags = FlagList::default();
    cursor.list(usize::MAX, |cursor| flag(cursor, &mut flags))?;
    Ok(flags)
}

/// Parses flags with or without parentheses, up to the end of the command. c-client sends both
/// forms.
///
/// ```text
/// flag_list      ::= ATOM / "(" 1#ATOM ")"                    RFC 1064 p. 25
/// store-att-flags  = ... SP (flag-list / (flag *(SP flag)))   RFC 3501 §9
/// ```
pub(super) fn flags_to_store(cursor: &mut Cursor<'_>) -> Parsed<FlagList> {
    if cursor.peek() == Some(b'(') {
        return flag_list(cursor);
    }
    let mut flags = FlagList::default();
    loop {
        flag(cursor, &mut flags)?;
        if cursor.is_at_end() {
            return Ok(flags);
        }
        cursor.space()?;
    }
}

/// ```text
/// flag = "\Answered" / "\Flagged" / "\Deleted" / "\Seen" / "\Draft" / flag-keyword
/// ```
fn flag(cursor: &mut Cursor<'_>, flags: &mut FlagList) -> Parsed<()> {
    let name = cursor.take_while(|octet| octet.is_ascii_graphic() && !b"()".contains(&octet));
    match name {
        [] => Err("a flag was expected"),
        [b'\\', ..] => system_flag(name, flags),
        _ => add_keyword(keyword(name)?, flags),
    }
}

/// Adds a system flag. `\Recent` is ignored: it cannot be set, but clients that copy the flags of
/// one message to another send it.
fn system_flag(name: &[u8], flags: &mut FlagList) -> Parsed<()> {
    let flag = Flags::by_name(name).ok_or("there is no system flag of that name")?;
    flags.system = flags.system.with(flag.without(Flags::RECENT));
    Ok(())
}

fn add_keyword(keyword: Keyword, flags: &mut FlagList) -> Parsed<()> {
    if flags.keywords.contains(&keyword) {
        return Ok(());
    }
    if flags.keywords.len() == MAX_KEYWORDS {
        return Err("there are too many keywords");
    }
    flags.keywords.push(keyword);
    Ok(())
}

/// ```text
/// flag-keyword = atom
/// ```
pub(super) fn keyword(name: &[u8]) -> Parsed<Keyword> {
    let name = std::str::from_utf8(name).ok();
    name.and_then(Keyword::new)
        .ok_or("the name of a keyword is not valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Parsed<FlagList> {
        let mut cursor = Cursor::new(text.as_bytes());
        let flags = flags_to_store(&mut cursor)?;
        cursor.end().map(|()| flags)
    }

    fn written(flags: &FlagList) -> String {
        let keywords = flags.keywords.iter().map(Keyword::as_str);
        let system = flags.system.names().map(|name| name as &str);
        system.chain(keywords).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn known_answers() {
        for (text, want) in [
            ("\\Seen", "\\Seen"),
            ("()", ""),
            ("( )", ""),
            ("(\\SEEN \\deleted)", "\\Deleted \\Seen"),
            ("\\Seen \\Flagged Todo", "\\Flagged \\Seen Todo"),
            ("($Junk \\Draft $JUNK)", "\\Draft $Junk"),
            ("(\\Recent \\Seen)", "\\Seen"),
        ] {
            let flags = parse(text).expect(text);
            assert_eq!(written(&flags), want);
            let again = parse(&format!("({want})"));
            assert_eq!(again, Ok(flags));
        }
    }

    #[test]
    fn refused_flags() {
        for text in [
            "",
            "(",
            "(\\Seen",
            "\\",
            "\\Nonsense",
            "\\*",
            "(\\Seen))",
            "((\\Seen))",
            "a\"b",
            "a\0",
            "\u{e9}",
            "(a,b",
            "a]",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        let many: Vec<_> = (0..=MAX_KEYWORDS).map(|n| format!("k{n}")).collect();
        assert!(parse(&many.join(" ")).is_err());
    }
}
