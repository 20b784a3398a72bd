//! The paths that a file names: those it imports and those it writes out.

use super::tokens::{Token, closing, tokens};

/// One path of Rust: `crate::types::Uid`, or the same as part of a `use`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    /// The number of its line, from 0.
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
    /// The name under which a `use` makes it known in this file; `*` for all names. `None` if it is
    /// written out.
    pub(crate) binds: Option<String>,
}

impl Path {
    pub(crate) fn text(&self) -> String {
        self.segments.join("::")
    }
}

/// Returns all paths of at least two segments in code without comments, and all that a `use` names.
/// A path that starts with `::` leads to another crate and is left out.
pub(crate) fn paths(code: &str) -> Vec<Path> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        index = if tokens[index].text == "use" && tokens.get(index + 1).is_some_and(starts_path) {
            read_use(&tokens, index + 1, &[], &mut found)
        } else if tokens[index].text == "pub" && text_at(&tokens, index + 1) == "(" {
            closing(&tokens, index + 1) + 1
        } else if tokens[index].is_name() {
            read_written_out(&tokens, index, &mut found)
        } else if tokens[index].text == "::" {
            skip_path(&tokens, index)
        } else {
            index + 1
        };
    }
    found
}

fn starts_path(token: &Token<'_>) -> bool {
    token.is_name() || token.text == "::" || token.text == "{"
}

fn text_at<'a>(tokens: &[Token<'a>], index: usize) -> &'a str {
    tokens.get(index).map_or("", |token| token.text)
}

/// Reads the path that starts at `index`, and returns the index behind it.
fn read_written_out(tokens: &[Token<'_>], index: usize, found: &mut Vec<Path>) -> usize {
    let end = skip_path(tokens, index);
    let names = tokens[index..end].iter().filter(|token| token.is_name());
    let segments: Vec<String> = names.map(|name| name.text.to_owned()).collect();
    if segments.len() > 1 {
        let line = tokens[index].line;
        found.push(Path {
            line,
            segments,
            binds: None,
        });
    }
    end
}

/// Returns the index behind the names and colons from `index` on.
fn skip_path(tokens: &[Token<'_>], index: usize) -> usize {
    let mut end = index + 1;
    while end < tokens.len() {
        let continues = match tokens[end - 1].text {
            "::" => tokens[end].is_name(),
            _ => tokens[end].text == "::",
        };
        if !continues {
            break;
        }
        end += 1;
    }
    end
}

/// Reads one tree of a `use`, which stands below `prefix`, and returns the index behind it.
fn read_use(tokens: &[Token<'_>], start: usize, prefix: &[String], found: &mut Vec<Path>) -> usize {
    let line = tokens[start].line;
    let mut segments = prefix.to_vec();
    let mut index = start;
    loop {
        match text_at(tokens, index) {
            "::" if index == start => return skip_tree(tokens, index),
            "::" => index += 1,
            "{" => return read_group(tokens, index, &segments, found),
            "*" => {
                found.push(Path {
                    line,
                    segments,
                    binds: Some("*".to_owned()),
                });
                return index + 1;
            }
            "as" => {
                let binds = Some(text_at(tokens, index + 1).to_owned());
                found.push(Path {
                    line,
                    segments,
                    binds,
                });
                return index + 2;
            }
            "self" if !segments.is_empty() => index += 1,
            name if tokens.get(index).is_some_and(Token::is_name) => {
                segments.push(name.to_owned());
                index += 1;
            }
            _ => {
                let binds = segments.last().cloned();
                found.push(Path {
                    line,
                    segments,
                    binds,
                });
                return index;
            }
        }
    }
}

/// Reads `{a::b, c}` from its opening brace on, and returns the index behind it.
fn read_group(
    tokens: &[Token<'_>],
    open: usize,
    prefix: &[String],
    found: &mut Vec<Path>,
) -> usize {
    let end = closing(tokens, open);
    let mut index = open + 1;
    while index < end {
        index = match tokens[index].text {
            "," => index + 1,
            _ => read_use(tokens, index, prefix, found),
        };
    }
    end + 1
}

/// Returns the index of the `,`, `}` or `;` behind a tree of another crate.
fn skip_tree(tokens: &[Token<'_>], start: usize) -> usize {
    let mut index = start;
    while !matches!(text_at(tokens, index), "," | "}" | ";" | "") {
        index = match tokens[index].text {
            "{" => closing(tokens, index) + 1,
            _ => index + 1,
        };
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_become_paths() {
        let code = "pub(in crate::a) use super::{self, b::{C as D, *}, ::e::f};\nuse g;\n\
            fn h(i: crate::j::K) -> impl L + use<'_> { m::<n::O>(); ::p::q() }";
        let found: Vec<String> = paths(code)
            .iter()
            .map(|path| match &path.binds {
                Some(name) => format!("{}: {} as {name}", path.line, path.text()),
                None => format!("{}: {}", path.line, path.text()),
            })
            .collect();
        let expected = [
            "0: super as super",
            "0: super::b::C as D",
            "0: super::b as *",
            "1: g as g",
            "2: crate::j::K",
            "2: n::O",
        ];
        assert_eq!(found, expected);
    }
}
