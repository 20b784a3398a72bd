//! The rules that hold for the source as a whole, checked by reading it (see `source`): imports go
//! down only, between rooms and between files; the time comes from above; files are small,
//! finished, found by their names, and written in plain words.
//!
//! The figures that the rules are about:
//!
//! ```text
//! cargo test --test integration layering::figures -- --nocapture
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::source::{
    Distribution, SourceFile, circles, command_names, function_lengths, has_file_of_its_name,
    other_texts, paths, source_files, unwanted_words,
};

/// The rooms that each room may import from besides itself. The map in `src/lib.rs` says so.
static ROOMS: LazyLock<BTreeMap<String, BTreeSet<String>>> = LazyLock::new(read_map);

/// These may import everything: the binary, the map of the crate, and the names that only tests
/// use.
const TOP: &[&str] = &["main", "lib", "testing"];

/// These may ask for the time, start threads and sleep. All others take the time as an argument.
const TIMEKEEPERS: &[&str] = &["budget", "logging", "server"];

/// The calls that ask for the time, or let it pass.
const TIME: &[&str] = &[
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "thread::sleep",
    "thread::spawn",
];

/// Marks of work left undone, and of debugging.
const UNFINISHED: &[&str] = &["TODO", "FIXME", "XXX", "todo!", "unimplemented!", "dbg!"];

/// The longest a file may be without its tests, in lines.
const MAX_LINES: usize = 900;

/// The last column of a comment.
const MAX_COMMENT_COLUMNS: usize = 100;

/// Runs one rule over all files and shows every place that breaks it.
fn check(rule: impl Fn(&SourceFile) -> Vec<String>) {
    let broken: Vec<String> = source_files().iter().flat_map(rule).collect();
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// Reads the rooms and arrows from the map. A room that no arrow begins at imports nothing.
fn read_map() -> BTreeMap<String, BTreeSet<String>> {
    let is_map = |file: &&SourceFile| file.path.ends_with("src/lib.rs");
    let map = source_files().iter().find(is_map).expect("src/lib.rs");
    let lines = map
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("//! "));
    let lines = lines.skip_while(|line| *line != "# The rooms");
    let lines = lines.skip_while(|line| *line != "```text").skip(1);
    let mut rooms: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut importer = String::new();
    for line in lines.take_while(|line| *line != "```") {
        let (name, imports) = line.split_once("──>").unwrap_or(("", line));
        if !name.is_empty() {
            name.trim().clone_into(&mut importer);
        }
        for import in imports
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            rooms.entry(import.to_owned()).or_default();
            rooms
                .entry(importer.clone())
                .or_default()
                .insert(import.to_owned());
        }
    }
    rooms
}

/// The rooms below which a room is: those that its arrow leads to, and those that theirs lead to.
fn rooms_below(room: &str) -> BTreeSet<&str> {
    let mut below = BTreeSet::new();
    let mut open = vec![room];
    while let Some(room) = open.pop() {
        let imports = ROOMS.get(room).into_iter().flatten().map(String::as_str);
        open.extend(imports.filter(|import| below.insert(*import)));
    }
    below
}

/// The lines of code, without comments and blank lines, with their numbers from 0.
fn lines(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
}

#[test]
fn rooms_import_only_from_rooms_below_them() {
    check(|file| {
        if TOP.contains(&file.room()) {
            return Vec::new();
        }
        let Some(imports) = ROOMS.get(file.room()) else {
            return vec![file.at(0, "the map in src/lib.rs has no such room")];
        };
        let is_allowed = |name: &str| name == file.room() || imports.contains(name);
        let paths = paths(&file.code);
        let broken = paths.iter().filter(|path| match path.segments[0].as_str() {
            "crate" => path
                .segments
                .get(1)
                .is_some_and(|name| ROOMS.contains_key(name) && !is_allowed(name)),
            "super" => {
                let climbs = path
                    .segments
                    .iter()
                    .take_while(|name| *name == "super")
                    .count();
                let is_test = !lines(&file.product).any(|(line, _)| line == path.line);
                climbs >= file.modules.len() + usize::from(is_test)
            }
            _ => false,
        });
        broken
            .map(|path| file.at(path.line, &format!("imports {}", path.text())))
            .collect()
    });
}

#[test]
fn the_map_has_no_circles_and_no_arrow_that_is_not_used() {
    for (room, imports) in ROOMS.iter() {
        assert!(!rooms_below(room).contains(room.as_str()), "{room}");
        let files = source_files().iter().filter(|file| file.room() == room);
        let used: BTreeSet<String> = files
            .flat_map(|file| paths(&file.product))
            .filter(|path| path.segments[0] == "crate")
            .filter_map(|path| path.segments.get(1).cloned())
            .collect();
        let unused: Vec<_> = imports.difference(&used).collect();
        assert!(unused.is_empty(), "{room} does not import {unused:?}");
    }
}

#[test]
fn files_do_not_import_one_another_in_circles() {
    let circles = circles(source_files());
    let uses: Vec<String> = circles.into_iter().flat_map(|circle| circle.uses).collect();
    assert!(uses.is_empty(), "\n{}", uses.join("\n"));
}

#[test]
fn the_time_comes_from_above() {
    check(|file| {
        if TIMEKEEPERS.contains(&file.room()) {
            return Vec::new();
        }
        let asks = |line: &str| TIME.iter().any(|call| line.contains(call));
        let found = lines(&file.product).filter(|(_, line)| asks(line));
        found
            .map(|(number, line)| file.at(number, line.trim()))
            .collect()
    });
}

#[test]
fn files_are_small_and_say_what_they_contain() {
    check(|file| {
        let mut broken = Vec::new();
        if file.product_lines > MAX_LINES {
            broken.push(file.at(file.product_lines, "too long without its tests"));
        }
        if !file.text.starts_with("//! ") {
            broken.push(file.at(0, "does not say what it contains"));
        }
        broken
    });
}

#[test]
fn a_module_with_children_is_a_mod_rs() {
    check(|file| {
        let is_child = |other: &SourceFile| {
            other.modules.len() > file.modules.len() && other.modules.starts_with(&file.modules)
        };
        let is_folder = file.path.ends_with("mod.rs") || file.modules.is_empty();
        let is_broken = !is_folder && source_files().iter().any(is_child);
        Vec::from_iter(is_broken.then(|| file.at(0, "stands beside its folder")))
    });
}

#[test]
fn nothing_is_left_undone() {
    check(|file| {
        let is_marked = |line: &str| UNFINISHED.iter().any(|mark| line.contains(mark));
        let undone = lines(&file.text).filter(|(_, line)| is_marked(line));
        let unwraps = lines(&file.product).filter(|(_, line)| line.contains(".unwrap()"));
        undone
            .chain(unwraps)
            .map(|(number, line)| file.at(number, line.trim()))
            .collect()
    });
}

#[test]
fn every_command_has_a_file_of_its_name() {
    let hidden = hidden_commands(source_files());
    assert!(
        hidden.is_empty(),
        "src/session/commands has no file or folder of the name of {hidden:?}"
    );
}

fn hidden_commands(files: &[SourceFile]) -> Vec<String> {
    let mut names = command_names(files);
    assert!(
        names.len() >= 36,
        "the commands of the table were found: {names:?}"
    );
    names.retain(|name| !has_file_of_its_name(files, name));
    names
}

#[test]
fn comments_end_at_column_100() {
    let mut broken = Vec::new();
    let source = source_files().iter();
    let source = source.map(|file| (file.path.clone(), file.text.clone()));
    for (path, text) in source.chain(other_texts()) {
        let path = path.display();
        let long = long_comments(&text);
        broken.extend(long.map(|line| format!("{path}:{}: ends behind column 100", line + 1)));
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// The comment lines, with `//` or `#`, that are too long and could be broken between two words.
fn long_comments(text: &str) -> impl Iterator<Item = usize> {
    let is_comment = |line: &str| line.starts_with("//") || line.starts_with("# ");
    let comments = lines(text).filter(move |(_, line)| is_comment(line.trim_start()));
    let long = comments.filter(|(_, line)| line.chars().count() > MAX_COMMENT_COLUMNS);
    let long = long.filter(|(_, line)| line.split_whitespace().count() > 2);
    long.map(|(number, _)| number)
}

#[test]
fn the_words_of_the_private_dialect_are_gone() {
    check(|file| places(file, unwanted_words(file)));
}

/// Returns each line that a rule found, with its file.
fn places(file: &SourceFile, found: Vec<(usize, String)>) -> Vec<String> {
    let found = found.into_iter();
    found.map(|(line, what)| file.at(line, &what)).collect()
}

/// Prints the figures of the source.
#[test]
fn figures() {
    let files = source_files();
    let product: Vec<&SourceFile> = files.iter().filter(|file| !file.is_test()).collect();
    let lengths = product.iter().map(|file| file.product_lines).collect();
    let functions = product
        .iter()
        .flat_map(|file| function_lengths(file))
        .collect();
    let commands = command_names(files).len();
    let found = commands - hidden_commands(files).len();
    let circles = circles(files);
    let long_comments: usize = files
        .iter()
        .map(|file| long_comments(&file.text).count())
        .sum();
    let words: usize = files.iter().map(|file| unwanted_words(file).len()).sum();
    println!(
        "files, without their tests:      {}",
        Distribution::new(lengths)
    );
    println!(
        "functions, without tests:        {}",
        Distribution::new(functions)
    );
    println!("commands found by file name:     {found} of {commands}");
    println!("circles between files:           {}", circles.len());
    println!("comment lines over 100 columns:  {long_comments}");
    println!("words of the private dialect:    {words}");
}
