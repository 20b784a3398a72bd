//! The measures of the source that one number tells.

use std::fmt;

use super::files::SourceFile;
use super::tokens::tokens;

/// How some lengths are distributed.
#[derive(Debug)]
pub(crate) struct Distribution {
    sorted: Vec<usize>,
}

impl Distribution {
    pub(crate) fn new(mut lengths: Vec<usize>) -> Self {
        lengths.sort_unstable();
        Self { sorted: lengths }
    }

    /// Returns the least length that `percent` of all do not exceed.
    fn percentile(&self, percent: usize) -> usize {
        let rank = (self.sorted.len() * percent).div_ceil(100).max(1);
        self.sorted.get(rank - 1).copied().unwrap_or(0)
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, p90, p99, max] = [50, 90, 99, 100].map(|percent| self.percentile(percent));
        let count = self.sorted.len();
        write!(
            f,
            "median {median}, p90 {p90}, p99 {p99}, max {max} lines, of {count}"
        )
    }
}

/// Returns the names of the table of commands, which is the file `command_table.rs` of `protocol`:
/// the first argument of each `row("NAME", ...)`.
pub(crate) fn command_names(files: &[SourceFile]) -> Vec<String> {
    let is_table =
        |file: &&SourceFile| file.room() == "protocol" && file.path.ends_with("command_table.rs");
    let table = files.iter().find(is_table).expect("the table of commands");
    let tokens = tokens(&table.product);
    let rows = tokens
        .windows(2)
        .filter(|pair| pair[0].text == "row" && pair[1].text == "(");
    let names = rows.filter_map(|row| {
        let argument = table.text[row[1].at + 1..].trim_start().strip_prefix('"')?;
        argument.split('"').next().map(str::to_lowercase)
    });
    names.collect()
}

/// Whether a file or a folder of `session/commands` has the name of a command. `move` is a word of
/// Rust and is written `move_`.
pub(crate) fn has_file_of_its_name(files: &[SourceFile], command: &str) -> bool {
    files.iter().any(|file| {
        let place = file
            .modules
            .strip_prefix(["session".to_owned(), "commands".to_owned()].as_slice());
        let name = place.and_then(<[String]>::first);
        name.is_some_and(|name| name.trim_end_matches('_') == command)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_lengths() {
        let distribution = Distribution::new((1..=10).rev().collect());
        let expected = "median 5, p90 9, p99 10, max 10 lines, of 10";
        assert_eq!(distribution.to_string(), expected);
    }
}
