//! Rust source as tokens: just enough of the language to find paths, functions and braces.

/// One token of Rust source, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    /// The octet offset of its first octet.
    pub(crate) at: usize,
    /// The number of its line, from 0.
    pub(crate) line: usize,
}

impl Token<'_> {
    pub(crate) fn is_name(&self) -> bool {
        self.text.starts_with(is_name_start)
    }
}

/// Splits code, as [`without_comments`] returns it, into names, `::` and single characters.
pub(crate) fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 0);
    while let Some(first) = code[at..].chars().next() {
        let rest = &code[at..];
        let length = if is_name_start(first) {
            rest.find(|c: char| !is_name_part(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        if !first.is_whitespace() {
            let text = &rest[..length];
            found.push(Token { text, at, line });
        }
        line += usize::from(first == '\n');
        at += length;
    }
    found
}

fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn is_name_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns the index of the token that closes the bracket opened by token `open`.
pub(crate) fn closing(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return index;
        }
    }
    tokens.len() - 1
}

/// Returns the index of the first `{` or `;` from token `start` on that stands in no parenthesis or
/// bracket.
pub(crate) fn body_or_end(tokens: &[Token<'_>], start: usize) -> usize {
    let mut index = start;
    while index < tokens.len() {
        match tokens[index].text {
            "{" | ";" => return index,
            "(" | "[" => index = closing(tokens, index),
            _ => {}
        }
        index += 1;
    }
    tokens.len() - 1
}

/// Returns `text` with spaces in place of all comments, strings and characters. Every line keeps
/// its number and every octet its offset.
pub(crate) fn without_comments(text: &str) -> String {
    let mut code = text.as_bytes().to_vec();
    let mut at = 0;
    while at < code.len() {
        let length = comment_or_literal(&text.as_bytes()[at..]);
        blank(&mut code, at, at + length);
        at += length.max(1);
    }
    String::from_utf8(code).expect("whole characters have been blanked")
}

/// Overwrites octets with spaces, and leaves line ends.
pub(crate) fn blank(code: &mut [u8], start: usize, end: usize) {
    for octet in &mut code[start..end] {
        if *octet != b'\n' {
            *octet = b' ';
        }
    }
}

/// Returns the length of the comment or literal that `text` starts with, or 0.
fn comment_or_literal(text: &[u8]) -> usize {
    match text {
        [b'/', b'/', ..] => find(text, b"\n").unwrap_or(text.len()),
        [b'/', b'*', ..] => block_comment(text),
        [b'"', ..] => quoted(text, b'"'),
        [b'r', b'"' | b'#', ..] => raw_string(text),
        [b'\'', b'\\', ..] => quoted(text, b'\''),
        [b'\'', first, ..] => {
            let end = 1 + character_length(*first);
            if text.get(end) == Some(&b'\'') {
                end + 1
            } else {
                0
            }
        }
        _ => 0,
    }
}

fn character_length(first: u8) -> usize {
    match first.leading_ones() {
        0 => 1,
        octets => octets as usize,
    }
}

fn block_comment(text: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while at < text.len() {
        match text[at..] {
            [b'/', b'*', ..] => (at, depth) = (at + 2, depth + 1),
            [b'*', b'/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted(text: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < text.len() && text[at] != quote {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}

/// The length of `r"..."` or `r#"..."#`; 0 for a raw name such as `r#type`.
fn raw_string(text: &[u8]) -> usize {
    let hashes = text[1..].iter().take_while(|&&octet| octet == b'#').count();
    let start = 1 + hashes;
    if text.get(start) != Some(&b'"') {
        return 0;
    }
    let end = [b"\"".as_slice(), &text[1..start]].concat();
    find(&text[start + 1..], &end).map_or(text.len(), |at| start + 1 + at + end.len())
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|part| part == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_become_spaces() {
        let text =
            "a // b\nc /* d /* e */ f */ g \"h\\\"i\" 'j' '\\'' r#\"k\"l\"# m<'n, 'o> 'ü' r#p";
        let code = without_comments(text);
        let left: Vec<&str> = code.split_whitespace().collect();
        assert_eq!(left, ["a", "c", "g", "m<'n,", "'o>", "r#p"]);
        assert_eq!(code.len(), text.len());
    }

    #[test]
    fn tokens_are_names_and_double_colons_and_characters() {
        let found = tokens("fn a() {\n b::c(d[1; 2]) }");
        let texts: Vec<&str> = found.iter().map(|token| token.text).collect();
        assert_eq!(texts.join(" "), "fn a ( ) { b :: c ( d [ 1 ; 2 ] ) }");
        assert_eq!(found[5].line, 1);
        assert_eq!(texts[closing(&found, 4)], "}");
        assert_eq!(texts[body_or_end(&found, 0)], "{");
    }
}
