//! The help text.

use std::fmt::Write as _;

use super::table::{Argument, Row, TABLE};

/// Returns the help text: all options, in groups, in lines of at most 79 columns.
pub fn help() -> String {
    let mut text = String::from(
        "Usage: imap2d [OPTION]...\n\
         Serves Maildirs to mail readers, by IMAP2 (RFC 1064) and its successors.\n",
    );
    let mut group = None;
    for row in TABLE {
        if group.replace(row.group) != Some(row.group) {
            let _ = writeln!(text, "\n{}:", row.group.heading());
        }
        let _ = writeln!(text, "  {:<32} {}", synopsis(row), row.help);
    }
    text.push_str("\nThe manual is imap2d(8); the option file is described in imap2d.conf(5).\n");
    text
}

/// `-l, --listen ADDR:PORT`
fn synopsis(row: &Row) -> String {
    let short = match row.short {
        "" => "    ".to_string(),
        letter => format!("-{letter}, "),
    };
    let argument = match row.argument {
        Argument::None => String::new(),
        Argument::One(hint) | Argument::Many(hint) => format!(" {hint}"),
        Argument::Maybe(hint) => format!("[={hint}]"),
    };
    format!("{short}--{}{argument}", row.long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_has_one_line_and_every_group_one_heading() {
        let help = help();
        for line in help.lines() {
            assert!(line.len() < 80, "{line:?}");
        }
        for row in TABLE {
            let lines = help.lines().filter(|line| line.contains(&synopsis(row)));
            assert_eq!((lines.count(), row.help.is_empty()), (1, false), "{row:?}");
            let heading = format!("\n{}:\n", row.group.heading());
            assert_eq!(help.matches(&heading).count(), 1, "{heading}");
        }
    }
}
