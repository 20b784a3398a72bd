//! The arguments of LIST and LSUB (RFC 3501 §6.3.8-6.3.9), with the options of the extended LIST
//! command (RFC 5258; STATUS of RFC 5819, SPECIAL-USE of RFC 6154).

use crate::protocol::ast::{Command, ListArguments, ListKind, ListReturns, ListSelection};

use super::cursor::{Cursor, Parsed};
use super::mailbox_name::mailbox;
use super::status::status_items;

/// Most options in one list. More than there are, for clients that repeat themselves (RFC 5258 §3:
/// once counts).
const MAX_OPTIONS: usize = 20;
/// Most patterns in one command. Each name is compared with all of them.
const MAX_PATTERNS: usize = 20;

/// ```text
/// list        = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]
///                                                                RFC 5258 §6
/// mbox-or-pat = list-mailbox / "(" list-mailbox *(SP list-mailbox) ")"
/// ```
pub(super) fn list(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let selection = match cursor.peek() {
        Some(b'(') => {
            let selection = selection(cursor)?;
            cursor.space()?;
            Some(selection)
        }
        _ => None,
    };
    let reference = mailbox(cursor)?;
    cursor.space()?;
    let several = match cursor.peek() {
        Some(b'(') => Some(cursor.list(MAX_PATTERNS, mailbox)?),
        _ => None,
    };
    let has_several = several.is_some();
    let patterns = match several {
        Some(patterns) => patterns,
        None => vec![mailbox(cursor)?],
    };
    let returns = match cursor.is_at_end() {
        true => None,
        false => Some(returns(cursor)?),
    };
    let is_extended = selection.is_some() || has_several || returns.is_some();
    let selection = selection.unwrap_or_default();
    Ok(Command::List(ListArguments {
        kind: ListKind::List,
        reference,
        patterns,
        selection,
        returns: match is_extended {
            true => with_implied(returns.unwrap_or_default(), selection),
            false => plain_list_returns(),
        },
        is_extended,
    }))
}

/// Returns what the responses to a plain LIST contain (RFC 3348 §3, RFC 6154 §2).
fn plain_list_returns() -> ListReturns {
    ListReturns {
        children: true,
        special_use: true,
        ..ListReturns::default()
    }
}

/// Adds the options that the selection implies (RFC 5258 §3.1, RFC 6154 §2).
fn with_implied(returns: ListReturns, selection: ListSelection) -> ListReturns {
    ListReturns {
        special_use: returns.special_use || selection.special_use,
        subscribed: returns.subscribed || selection.subscribed,
        ..returns
    }
}

/// ```text
/// lsub = "LSUB" SP mailbox SP list-mailbox
/// ```
pub(super) fn lsub(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let reference = mailbox(cursor)?;
    cursor.space()?;
    let patterns = vec![mailbox(cursor)?];
    Ok(Command::List(ListArguments {
        kind: ListKind::Lsub,
        reference,
        patterns,
        selection: ListSelection {
            subscribed: true,
            ..ListSelection::default()
        },
        returns: ListReturns::default(),
        is_extended: false,
    }))
}

/// ```text
/// list-select-opts = "(" [list-select-opt *(SP list-select-opt)] ")"
/// list-select-opt  = "SUBSCRIBED" / "SPECIAL-USE" / "REMOTE" / "RECURSIVEMATCH"
/// ```
///
/// RECURSIVEMATCH is legal only beside an option that restricts the selection.
fn selection(cursor: &mut Cursor<'_>) -> Parsed<ListSelection> {
    let mut selection = ListSelection::default();
    cursor.list(MAX_OPTIONS, |cursor| {
        match cursor.word().to_ascii_uppercase().as_slice() {
            b"SUBSCRIBED" => selection.subscribed = true,
            b"SPECIAL-USE" => selection.special_use = true,
            b"RECURSIVEMATCH" => selection.recursive = true,
            b"REMOTE" => {}
            _ => return Err("there is no such selection option"),
        }
        Ok(())
    })?;
    match selection.recursive && selection.criteria().next().is_none() {
        true => Err("RECURSIVEMATCH needs SUBSCRIBED or SPECIAL-USE"),
        false => Ok(selection),
    }
}

/// ```text
/// list-return-opts = "RETURN" SP "(" [return-option *(SP return-option)] ")"
/// return-option    = "SUBSCRIBED" / "CHILDREN" / "SPECIAL-USE" /
///                    "STATUS" SP "(" status-att *(SP status-att) ")"
/// ```
fn returns(cursor: &mut Cursor<'_>) -> Parsed<ListReturns> {
    cursor.space()?;
    if !cursor.eat_word("RETURN") {
        return Err("only RETURN may follow the pattern");
    }
    cursor.space()?;
    let mut returns = ListReturns::default();
    cursor.list(MAX_OPTIONS, |cursor| {
        match cursor.word().to_ascii_uppercase().as_slice() {
            b"SUBSCRIBED" => returns.subscribed = true,
            b"CHILDREN" => returns.children = true,
            b"SPECIAL-USE" => returns.special_use = true,
            b"STATUS" => {
                cursor.space()?;
                returns.status = status_items(cursor)?;
            }
            _ => return Err("there is no such return option"),
        }
        Ok(())
    })?;
    Ok(returns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ast::StatusItem;

    fn parse(text: &str) -> Parsed<ListArguments> {
        let mut cursor = Cursor::new(text.as_bytes());
        let command = list(&mut cursor)?;
        cursor.end()?;
        match command {
            Command::List(arguments) => Ok(arguments),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_plain_list_returns_children_and_special_uses() {
        for text in ["\"\" a.%", "\"\" \"a.%\"  ", "{0}\r\n a.%"] {
            let plain = parse(text).expect(text);
            assert!(plain.reference.is_empty());
            assert_eq!(plain.patterns, [b"a.%".to_vec()]);
            assert_eq!(plain.selection, ListSelection::default());
            assert_eq!(plain.returns, plain_list_returns());
            assert!(!plain.is_extended);
        }
    }

    #[test]
    fn each_new_argument_makes_the_command_extended() {
        for text in ["() a b", "a (b)", "a b RETURN ()", "() a (b) return ()"] {
            let extended = parse(text).expect(text);
            assert!(extended.is_extended, "{text}");
            assert_eq!(extended.returns, ListReturns::default(), "{text}");
            assert_eq!(extended.patterns, [b"b".to_vec()], "{text}");
        }
    }

    #[test]
    fn reads_options() {
        let text = "(remote SUBSCRIBED subscribed RecursiveMatch) \"\" (INBOX \"a b\" x%) \
                    RETURN (CHILDREN STATUS (UNSEEN MESSAGES) SPECIAL-USE)";
        let all = parse(text).expect("a command");
        assert_eq!(
            all.selection,
            ListSelection {
                subscribed: true,
                special_use: false,
                recursive: true
            }
        );
        assert!(all.selection.criteria().eq(["SUBSCRIBED"]));
        assert_eq!(all.patterns, [&b"INBOX"[..], b"a b", b"x%"]);
        assert_eq!(
            all.returns,
            ListReturns {
                children: true,
                special_use: true,
                status: vec![StatusItem::Unseen, StatusItem::Messages],
                subscribed: true,
            }
        );
        let special = parse("(SPECIAL-USE) \"\" *").expect("a command");
        assert!(special.returns.special_use && !special.returns.subscribed);
    }

    #[test]
    fn refused_arguments() {
        for text in [
            "",
            "\"\"",
            "\"\" * x",
            "(RECURSIVEMATCH) \"\" *",
            "(REMOTE RECURSIVEMATCH) \"\" *",
            "(COLOUR) \"\" *",
            "(SUBSCRIBED \"\" *",
            "(SUBSCRIBED)\"\" *",
            "\"\" (a",
            "\"\" * RETURN",
            "\"\" * RETURN CHILDREN",
            "\"\" * RETURN (COLOUR)",
            "\"\" * RETURN (STATUS)",
            "\"\" * RETURN (STATUS ())",
            "\"\" * RETURN (STATUS (MESSAGES)",
            "\"\" * RETURN () x",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        let many = format!("\"\" ({})", "a ".repeat(MAX_PATTERNS + 1));
        assert!(parse(&many).is_err());
    }
}
