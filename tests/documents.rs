//! The documents describe the options that the program has: the manual pages, the sample option
//! file, the README.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use imap2d::Options;
use imap2d::testing::{RawOptions, help, option_names};

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(path).expect("the document is there")
}

fn names() -> BTreeSet<String> {
    option_names().map(str::to_string).collect()
}

/// Returns the names of the options that an option file may contain.
fn names_in_files() -> BTreeSet<String> {
    let on_command_line_only = [
        "check-config",
        "config",
        "demo",
        "hash-password",
        "help",
        "version",
    ];
    let mut names = names();
    for name in on_command_line_only {
        assert!(names.remove(name), "{name}");
    }
    names
}

#[test]
fn the_manual_page_lists_the_options() {
    let page = document("packaging/imap2d.8");
    let items = page.lines().filter(|line| line.starts_with(".It Fl"));
    let listed: BTreeSet<String> = items
        .flat_map(|item| item.split_whitespace())
        .filter_map(|word| word.strip_prefix('-').map(str::to_string))
        .collect();
    assert_eq!(listed, names());
}

#[test]
fn the_help_text_lists_the_options() {
    let listed: BTreeSet<String> = help()
        .split([' ', '\n'])
        .filter_map(|word| word.strip_prefix("--"))
        .map(|word| word.split(['[', '=']).next().unwrap_or("").to_string())
        .collect();
    assert_eq!(listed, names());
}

/// In the sample file a commented-out option follows its `#` directly; an explanation follows after
/// a space.
#[test]
fn the_sample_option_file_is_valid_with_all_its_options() {
    let sample = document("contrib/imap2d.conf");
    let directory = tempfile::tempdir().expect("a directory");
    let written = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).expect("written");
        path.to_str().expect("UTF-8").to_string()
    };
    // It names files that exist where imap2d is installed.
    let users = written("users", "");
    let installed = written("installed", &sample.replace("/etc/imap2d/users", &users));
    let checked = Options::from_args(["--check-config", "--config", &installed]);
    assert!(checked.is_ok(), "{checked:?}");

    let active: Vec<&str> = sample
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(option) if option.starts_with(|c: char| c.is_ascii_lowercase()) => option,
            _ => line,
        })
        .collect();
    let all = written("all", &active.join("\n"));
    let raw = RawOptions::read(["--config", &all]);
    assert_eq!(raw.faults(), [], "every line is an option");

    let given: BTreeSet<String> = raw.names().map(str::to_string).collect();
    let given = &given - &BTreeSet::from(["config".to_string()]);
    assert_eq!(given, names_in_files(), "and every option has its line");
}

/// The manual page describes each option as the help text does: by its name and its argument.
#[test]
fn the_manual_page_of_the_option_file_lists_the_options() {
    let page = document("packaging/imap2d.conf.5");
    let items = page
        .lines()
        .filter_map(|line| line.strip_prefix(".It Cm "))
        .map(|item| item.replace(" Ar ", " ").replace(" Op ", "[=") + "\n");
    let mut listed = BTreeSet::new();
    for item in items {
        let said = format!("--{}", item.trim());
        assert!(help().contains(&said), "the help text has no {said}");
        let end = item.find([' ', '[', '\n']).unwrap_or(item.len());
        listed.insert(item[..end].to_string());
    }
    assert_eq!(listed, names_in_files());
}

#[test]
fn the_examples_of_the_option_file_are_valid() {
    let page = document("packaging/imap2d.conf.5");
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("example");
    let examples: Vec<&str> = page.split(".Bd -literal").skip(1).collect();
    for example in &examples {
        let lines = example.lines().skip(1).take_while(|line| *line != ".Ed");
        fs::write(&file, lines.collect::<Vec<_>>().join("\n")).expect("written");
        let raw = RawOptions::read(["--config", file.to_str().expect("UTF-8")]);
        assert_eq!(raw.faults(), [], "{example}");
    }
    assert_eq!(examples.len(), 3);
}

#[test]
fn the_readme_names_options_that_exist() {
    let readme = document("README.md");
    let mut found = 0;
    for (at, _) in readme
        .match_indices(" --")
        .chain(readme.match_indices("`--"))
    {
        let rest = &readme[at + 3..];
        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '-');
        let name = &rest[..end.unwrap_or(rest.len())];
        let of_cargo = [
            "", "-", "locked", "path", "features", "release", "test", "example", "peer",
        ]
        .contains(&name);
        assert!(of_cargo || names().contains(name), "--{name}");
        found += usize::from(!of_cargo);
    }
    assert!(found > 5, "options were found");
}
