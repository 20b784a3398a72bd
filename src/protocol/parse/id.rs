//! The arguments of ID (RFC 2971).

use crate::protocol::ast::Command;

use super::cursor::{Cursor, Parsed};

/// Most fields in one ID. RFC 2971 §3.3 allows 30.
const MAX_FIELDS: usize = 100;

/// ```text
/// id             = "ID" SP id_params_list                        RFC 2971 §4
/// id_params_list = "(" #(string SPACE nstring) ")" / nil
/// ```
pub(super) fn id(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    match cursor.eat_word("NIL") {
        true => Ok(Command::Id(Vec::new())),
        false => cursor.list(MAX_FIELDS, field).map(Command::Id),
    }
}

fn field(cursor: &mut Cursor<'_>) -> Parsed<(Vec<u8>, Option<Vec<u8>>)> {
    let name = cursor.string()?.into_owned();
    cursor.space()?;
    let value = match cursor.eat_word("NIL") {
        true => None,
        false => Some(cursor.string()?.into_owned()),
    };
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ast::IdFields;

    fn parse(text: &str) -> Parsed<IdFields> {
        let mut cursor = Cursor::new(text.as_bytes());
        let command = id(&mut cursor)?;
        cursor.end()?;
        match command {
            Command::Id(fields) => Ok(fields),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn field_values_are_strings_or_nil() {
        assert_eq!(parse("NIL"), Ok(Vec::new()));
        assert_eq!(parse("()"), Ok(Vec::new()));
        let want = vec![
            (b"name".to_vec(), Some(b"Sodr".to_vec())),
            (b"os".to_vec(), None),
            (b"version".to_vec(), Some(b"NIL".to_vec())),
        ];
        assert_eq!(
            parse("(\"name\" \"Sodr\" \"os\" nil \"version\" \"NIL\")"),
            Ok(want)
        );
        for wrong in [
            "",
            "x",
            "(",
            "(\"name\")",
            "(\"name\" \"x\" \"os\")",
            "NIL NIL",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        let many = format!("({})", "a b ".repeat(MAX_FIELDS + 1));
        assert!(parse(&many).is_err());
    }
}
