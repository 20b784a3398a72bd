//! The rules that hold for the source as a whole, checked by reading it (see `source`): imports go
//! down only, between rooms and between files; the time comes from above; files are small,
//! finished, found by their names, and written in plain words.
//!
//! The figures that the rules are about:
//!
//! ```text
//! cargo test --test integration layering::figures -- --nocapture
//! ```

use std::collections::BTreeMap;

use super::source::{
    Distribution, SourceFile, circles, command_names, function_lengths, has_file_of_its_name,
    paths, source_files, unwanted_words,
};

/// Every room of the house, and the rooms it may import from besides itself.
const ROOMS: &[(&str, &[&str])] = &[
    ("types", &[]),
    ("budget", &[]),
    ("file_stamp", &[]),
    ("certificate", &[]),
    ("options", &["types", "certificate"]),
    ("logging", &["types"]),
    ("protocol", &["types"]),
    ("message", &["types"]),
    ("store", &["types", "budget", "file_stamp"]),
    ("auth", &["types", "file_stamp"]),
    (
        "session",
        &["types", "budget", "protocol", "message", "store", "auth"],
    ),
    (
        "server",
        &[
            "types",
            "budget",
            "file_stamp",
            "protocol",
            "message",
            "store",
            "auth",
            "session",
            "options",
            "logging",
            "certificate",
        ],
    ),
    ("demo", &["types", "options"]),
    ("hash_password", &["auth"]),
    (
        "program",
        &[
            "auth",
            "options",
            "logging",
            "demo",
            "hash_password",
            "server",
        ],
    ),
];

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

/// What is still broken, by room, with room for moves and renames: a count may only shrink. At the
/// end all these lists are empty, and deleted.
const FILES_IN_CIRCLES: &[(&str, usize)] = &[("options", 2)];
const LONG_COMMENT_LINES: &[(&str, usize)] = &[
    ("budget", 5),
    ("certificate", 6),
    ("demo", 2),
    ("lib", 4),
    ("logging", 4),
    ("options", 12),
    ("program", 2),
];
const UNWANTED_WORDS: &[(&str, usize)] = &[
    ("auth", 3),
    ("certificate", 1),
    ("demo", 2),
    ("hash_password", 2),
    ("options", 12),
    ("program", 1),
];

/// Runs one rule over all files and shows every place that breaks it.
fn check(rule: impl Fn(&SourceFile) -> Vec<String>) {
    let broken: Vec<String> = source_files().iter().flat_map(rule).collect();
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// Compares what is broken, as pairs of a room and a place, with how much of it is known.
fn check_known(known: &[(&str, usize)], broken: &[(String, String)]) {
    let mut by_room: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (room, place) in broken {
        by_room.entry(room).or_default().push(place);
    }
    let mut worse = Vec::new();
    for (room, places) in &by_room {
        let limit = known.iter().find(|(known, _)| known == room);
        let limit = limit.map_or(0, |(_, count)| *count);
        let count = places.len();
        if count > limit {
            let list = places.join("\n");
            worse.push(format!("{list}\n{room}: {count}, more than {limit}"));
        }
    }
    assert!(worse.is_empty(), "\n{}", worse.join("\n\n"));
    for (room, _) in known {
        if !by_room.contains_key(room) {
            println!("{room} is clean: delete its line from the list of what is known");
        }
    }
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
        let room = ROOMS.iter().find(|(room, _)| *room == file.room());
        let Some((_, below)) = room else {
            return vec![file.at(0, "the house has no such room")];
        };
        let is_room = |name: &str| ROOMS.iter().any(|(room, _)| *room == name);
        let is_allowed = |name: &str| name == file.room() || below.contains(&name);
        let paths = paths(&file.code);
        let broken = paths.iter().filter(|path| match path.segments[0].as_str() {
            "crate" => path
                .segments
                .get(1)
                .is_some_and(|name| is_room(name) && !is_allowed(name)),
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
fn files_do_not_import_one_another_in_circles() {
    let mut broken = Vec::new();
    for circle in circles(source_files()) {
        println!(
            "circle of {} files:\n{}",
            circle.files.len(),
            circle.uses.join("\n")
        );
        broken.extend(circle.rooms.into_iter().zip(circle.files));
    }
    check_known(FILES_IN_CIRCLES, &broken);
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
    check_known(
        LONG_COMMENT_LINES,
        &broken_places(source_files(), long_comments),
    );
}

fn long_comments(file: &SourceFile) -> Vec<(usize, String)> {
    let comments = lines(&file.text).filter(|(_, line)| line.trim_start().starts_with("//"));
    let long = comments.filter(|(_, line)| line.chars().count() > MAX_COMMENT_COLUMNS);
    long.map(|(number, _)| (number, "comment ends behind column 100".to_owned()))
        .collect()
}

#[test]
fn the_words_of_the_private_dialect_are_gone() {
    check_known(
        UNWANTED_WORDS,
        &broken_places(source_files(), unwanted_words),
    );
}

/// Applies a rule to all files, and returns the room and the place of all it finds.
fn broken_places(
    files: &[SourceFile],
    rule: impl Fn(&SourceFile) -> Vec<(usize, String)>,
) -> Vec<(String, String)> {
    let of_file = |file: &SourceFile| {
        let places = rule(file).into_iter();
        let places = places.map(|(line, what)| (file.room().to_owned(), file.at(line, &what)));
        places.collect::<Vec<_>>()
    };
    files.iter().flat_map(of_file).collect()
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
    let long_comments = broken_places(files, long_comments);
    let words = broken_places(files, unwanted_words);
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
    println!(
        "files in circles:                {:?}",
        by_room(circles.iter().flat_map(|circle| &circle.rooms))
    );
    println!(
        "comment lines over 100 columns:  {:?}",
        by_room(long_comments.iter().map(|(room, _)| room))
    );
    println!(
        "words of the private dialect:    {:?}",
        by_room(words.iter().map(|(room, _)| room))
    );
}

fn by_room<'a>(rooms: impl Iterator<Item = &'a String>) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for room in rooms {
        *counts.entry(room.as_str()).or_default() += 1;
    }
    counts
}
