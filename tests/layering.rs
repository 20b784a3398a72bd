//! The rules that hold for the source as a whole, checked by reading it: imports go down only, the time
//! comes from above, files stay small and finished.

use std::fs;
use std::path::{Path, PathBuf};

/// Every room of the house, and the rooms it may import from besides itself.
const ROOMS: &[(&str, &[&str])] = &[
    ("types", &[]),
    ("budget", &[]),
    ("certificate", &[]),
    ("options", &["types", "certificate"]),
    ("logging", &["types"]),
    ("protocol", &["types"]),
    ("message", &["types"]),
    ("store", &["types", "budget"]),
    ("auth", &["types"]),
    (
        "session",
        &["types", "budget", "protocol", "message", "store", "auth"],
    ),
    (
        "server",
        &[
            "types",
            "budget",
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
];

/// These may import everything: the program, the map of the crate, and what tests use.
const TOP: &[&str] = &["main", "lib", "program", "testing"];

/// These may ask for the time, start threads and sleep. Everybody else is told what time it is.
const TIMEKEEPERS: &[&str] = &["budget", "logging", "server"];

/// How one asks for the time, or lets it pass.
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

/// The longest a file may be without its tests.
const MAX_LINES: usize = 900;

/// One file below `src`.
struct Source {
    path: PathBuf,
    text: String,
    /// The modules that lead to it: `["store", "lock"]`.
    modules: Vec<String>,
    /// The first line of its tests, from 0; the number of its lines if it has none.
    tests_start: usize,
}

impl Source {
    fn read(root: &Path, path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).expect("source is UTF-8");
        let inside = path.strip_prefix(root).expect("it is below the root");
        let inside = inside.with_extension("");
        let mut modules: Vec<String> = inside
            .iter()
            .map(|name| name.to_str().expect("file names are ASCII").to_string())
            .collect();
        if modules.last().is_some_and(|last| last == "mod") {
            modules.pop();
        }
        let only_tests = modules.iter().any(|name| name == "tests");
        let starts_tests = |line: &str| only_tests || line.starts_with("#[cfg(test)]");
        let tests_start = text.lines().position(starts_tests);
        Self {
            tests_start: tests_start.unwrap_or_else(|| text.lines().count()),
            path,
            text,
            modules,
        }
    }

    fn room(&self) -> &str {
        &self.modules[0]
    }

    /// Lines with their numbers from 0, comments and blank lines left out.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_code = |(_, line): &(usize, &str)| !line.trim_start().starts_with("//");
        self.text.lines().enumerate().filter(is_code)
    }

    /// [`Self::code`] without the tests.
    fn product(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code().take_while(|&(line, _)| line < self.tests_start)
    }

    fn at(&self, line: usize, what: &str) -> String {
        format!("{}:{}: {what}", self.path.display(), line + 1)
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("src can be listed") {
            let path = entry.expect("src can be listed").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(Source::read(&root, path));
            }
        }
    }
    found
}

/// Runs one rule over all files and shows every place that breaks it.
fn check(rule: impl Fn(&Source) -> Vec<String>) {
    let sources = sources();
    assert!(sources.len() > 10, "the source was found");
    let broken: Vec<String> = sources.iter().flat_map(rule).collect();
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// The names that directly follow `crate::` outside comments, one or those of a group, each with its line.
fn imports(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (at, prefix) in text.match_indices("crate::") {
        let line = text[..at].matches('\n').count();
        let line_start = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let rest = &text[at + prefix.len()..];
        let names = match rest.strip_prefix('{') {
            _ if text[line_start..at].contains("//") => Vec::new(),
            Some(group) => group_heads(group),
            None => vec![head(rest)],
        };
        found.extend(names.into_iter().map(|name| (line, name)));
    }
    found
}

/// The first name of each path of `{a::b, c::{d, e}}`, the opening brace already gone.
fn group_heads(group: &str) -> Vec<&str> {
    let mut heads = vec![head(group)];
    let mut depth = 1;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => heads.push(head(&group[at + 1..])),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    heads.retain(|name| !name.is_empty());
    heads
}

fn head(path: &str) -> &str {
    let path = path.trim_start();
    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_');
    &path[..end.unwrap_or(path.len())]
}

/// How many modules up the longest `super::super::` of a line leads.
fn climbs(line: &str) -> usize {
    let mut most = 0;
    for (at, _) in line.match_indices("super::") {
        let mut rest = &line[at..];
        let mut steps = 0;
        while let Some(above) = rest.strip_prefix("super::") {
            rest = above;
            steps += 1;
        }
        most = most.max(steps);
    }
    most
}

#[test]
fn imports_go_down_only() {
    check(|source| {
        if TOP.contains(&source.room()) {
            return Vec::new();
        }
        let rooms = ROOMS.iter().find(|(room, _)| *room == source.room());
        let Some((_, below)) = rooms else {
            return vec![source.at(0, "the house has no such room")];
        };
        let is_room = |name: &str| ROOMS.iter().any(|(room, _)| *room == name);
        let allowed = |name: &str| name == source.room() || below.contains(&name);
        let up = imports(&source.text)
            .into_iter()
            .filter(|(_, name)| is_room(name) && !allowed(name))
            .map(|(line, name)| source.at(line, &format!("imports {name}")));
        let out = source.code().filter(|&(line, text)| {
            let inline_module = usize::from(line >= source.tests_start);
            climbs(text) >= source.modules.len() + inline_module
        });
        up.chain(out.map(|(line, _)| source.at(line, "climbs out of its room")))
            .collect()
    });
}

#[test]
fn the_time_comes_from_above() {
    check(|source| {
        if TIMEKEEPERS.contains(&source.room()) {
            return Vec::new();
        }
        let asks = |text: &str| TIME.iter().any(|call| text.contains(call));
        let found = source.product().filter(|(_, text)| asks(text));
        found
            .map(|(line, text)| source.at(line, text.trim()))
            .collect()
    });
}

#[test]
fn files_are_small_and_say_what_they_are_for() {
    check(|source| {
        let mut broken = Vec::new();
        if source.tests_start > MAX_LINES {
            broken.push(source.at(source.tests_start, "too long without its tests"));
        }
        if !source.text.starts_with("//! ") {
            broken.push(source.at(0, "does not say what it is for"));
        }
        broken
    });
}

#[test]
fn nothing_is_left_undone() {
    check(|source| {
        let marked = |text: &str| UNFINISHED.iter().any(|mark| text.contains(mark));
        let lines = source.text.lines().enumerate();
        let undone = lines.filter(|(_, text)| marked(text));
        let unwraps = source
            .product()
            .filter(|(_, text)| text.contains(".unwrap()"));
        undone
            .chain(unwraps)
            .map(|(line, text)| source.at(line, text.trim()))
            .collect()
    });
}

#[test]
fn the_reader_of_imports_reads_them() {
    let text = "//! See crate::session.\n\
        use crate::types::Uid; // crate::server\n\
        use crate::{\n    types::{Uid, Flags},\n    budget, store::lock};\n\
        fn f(a: crate::a::B, c: crate::c) {}\nuse std::fmt;\n";
    let expected = [
        (1, "types"),
        (2, "types"),
        (2, "budget"),
        (2, "store"),
        (5, "a"),
        (5, "c"),
    ];
    assert_eq!(imports(text), expected);
    assert_eq!(climbs("use super::super::session; use super::x;"), 2);
}
