//! The arguments of STORE.

use crate::protocol::ast::{Command, StoreArguments};
use crate::protocol::dialect::Level;
use crate::types::FlagOperation;

use super::cursor::{Cursor, Parsed};
use super::flags::flags_to_store;
use super::mod_sequence::mod_sequence_or_zero;
use super::sequence_set::sequence_set;

/// Most modifiers in one pair of parentheses.
const MAX_MODIFIERS: usize = 10;

/// ```text
/// store           ::= "STORE" SP sequence SP store_att                      RFC 1064 p. 26
/// store             = "STORE" SP sequence-set [store-modifiers] SP store-att-flags  RFC 4466 §6
/// store-att-flags   = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))
/// ```
pub(super) fn store(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let set = sequence_set(cursor)?;
    cursor.space()?;
    let unchanged_since = store_modifiers(cursor)?;
    let (operation, silent) = flags_item(cursor)?;
    cursor.space()?;
    let flags = flags_to_store(cursor)?;
    Ok(Command::Store(StoreArguments {
        uid: false,
        set,
        operation,
        silent,
        flags,
        unchanged_since,
    }))
}

/// Parses the name of the item: the operation, and whether it is silent (RFC 1730 p. 34).
fn flags_item(cursor: &mut Cursor<'_>) -> Parsed<(FlagOperation, bool)> {
    let operation = if cursor.eat(b'+') {
        FlagOperation::Add
    } else if cursor.eat(b'-') {
        FlagOperation::Remove
    } else {
        FlagOperation::Replace
    };
    if cursor.eat_word("FLAGS") {
        return Ok((operation, false));
    }
    if cursor.eat_word("FLAGS.SILENT") {
        cursor.needs_rfc_1730();
        return Ok((operation, true));
    }
    Err("only FLAGS, +FLAGS and -FLAGS can be stored")
}

/// ```text
/// store-modifiers = SP "(" store-modifier *(SP store-modifier) ")"           RFC 4466 §2.5
/// store-modifier  = "UNCHANGEDSINCE" SP mod-sequence-valzer
/// ```
fn store_modifiers(cursor: &mut Cursor<'_>) -> Parsed<Option<u64>> {
    let mut unchanged_since = None;
    if cursor.peek() != Some(b'(') {
        return Ok(unchanged_since);
    }
    cursor.needs(Level::Imap4);
    cursor.list(MAX_MODIFIERS, |cursor| {
        if unchanged_since.is_some() || !cursor.eat_word("UNCHANGEDSINCE") {
            return Err("there is no such modifier");
        }
        cursor.space()?;
        unchanged_since = Some(mod_sequence_or_zero(cursor)?);
        Ok(())
    })?;
    cursor.space()?;
    Ok(unchanged_since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{FlagList, Flags};

    fn parse(text: &str) -> Parsed<(Level, FlagOperation, bool, FlagList)> {
        let mut cursor = Cursor::new(text.as_bytes());
        let Command::Store(arguments) = store(&mut cursor)? else {
            panic!("STORE is parsed as something else");
        };
        cursor.end()?;
        let StoreArguments {
            operation,
            silent,
            flags,
            ..
        } = arguments;
        Ok((cursor.level(), operation, silent, flags))
    }

    #[test]
    fn known_answers() {
        use FlagOperation::{Add, Remove, Replace};
        use Level::{Imap2, Imap2bis};
        let seen = |level, operation, silent| {
            let flags = FlagList {
                system: Flags::SEEN,
                keywords: vec![],
            };
            Ok((level, operation, silent, flags))
        };
        assert_eq!(parse("1 FLAGS (\\Seen)"), seen(Imap2, Replace, false));
        assert_eq!(parse("1:3 +flags \\Seen"), seen(Imap2, Add, false));
        assert_eq!(parse("1,3 -Flags (\\seen) "), seen(Imap2, Remove, false));
        assert_eq!(parse("1 +FLAGS.SILENT \\Seen"), seen(Imap2bis, Add, true));
        let cleared = parse("1 FLAGS ()").map(|(.., flags)| flags);
        assert_eq!(cleared, Ok(FlagList::default()));
    }

    #[test]
    fn refused_arguments() {
        for text in [
            "",
            "1",
            "1 FLAGS",
            "1 ++FLAGS \\Seen",
            "1 FLAGS.LOUD \\Seen",
            "1 FLAGSS \\Seen",
            "1 RFC822 x",
            "0 FLAGS \\Seen",
            "FLAGS \\Seen",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_modifiers() {
        let parse = |text: &str| {
            let mut cursor = Cursor::new(text.as_bytes());
            let unchanged_since = store_modifiers(&mut cursor)?;
            cursor.end().map(|()| unchanged_since)
        };
        assert_eq!(parse(""), Ok(None));
        assert_eq!(parse("(UNCHANGEDSINCE 0) "), Ok(Some(0)));
        for text in [
            "(UNCHANGEDSINCE) ",
            "(UNCHANGEDSINCE 1 UNCHANGEDSINCE 2) ",
            "(X 1) ",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
