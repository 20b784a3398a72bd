//! The arguments of STORE.

use super::cursor::{Cursor, Parsed};
use super::flags::flags_to_store;
use super::mod_sequence::store_modifiers;
use super::sequence_set::sequence_set;
use crate::protocol::ast::{Command, StoreArguments};
use crate::types::FlagOperation;

/// ```text
/// store           ::= "STORE" SP sequence SP store_att                      RFC 1064 p. 26
/// store             = "STORE" SP sequence-set [store-modifiers] SP store-att-flags  RFC 4466 §6
/// store-att-flags   = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))
/// ```
pub(super) fn store(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let set = sequence_set(cursor)?;
    cursor.space()?;
    let unchanged_since = store_modifiers(cursor)?;
    let (operation, silent) = item(cursor)?;
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

/// What to do, and whether to be silent about it (RFC 1730 p. 34).
fn item(cursor: &mut Cursor<'_>) -> Parsed<(FlagOperation, bool)> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::dialect::Level;
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
    fn refused() {
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
}
