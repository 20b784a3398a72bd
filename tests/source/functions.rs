//! The functions of a file and how long they are.

use super::files::SourceFile;
use super::tokens::{body_or_end, closing, tokens};

/// Returns the number of lines of each function that is not a test, from `fn` to the closing brace.
pub(crate) fn function_lengths(file: &SourceFile) -> Vec<usize> {
    let tokens = tokens(&file.product);
    let mut lengths = Vec::new();
    for index in 0..tokens.len().saturating_sub(1) {
        if tokens[index].text != "fn" || !tokens[index + 1].is_name() {
            continue;
        }
        let body = body_or_end(&tokens, index);
        if tokens[body].text == "{" {
            let end = closing(&tokens, body);
            lengths.push(tokens[end].line - tokens[index].line + 1);
        }
    }
    lengths
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn functions_with_bodies_are_measured() {
        let text = "trait A {\n fn b(c: [u8; 2]);\n fn d() {}\n}\nfn e(f: fn(u8)) {\n\n}\n";
        let file = SourceFile::new(Path::new("src/a.rs"), text.to_owned());
        assert_eq!(function_lengths(&file), [1, 3]);
    }
}
