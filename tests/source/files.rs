//! The files below `src`, and which parts of them are tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::LazyLock;

use super::tokens::{blank, body_or_end, closing, tokens, without_comments};

/// One file below `src`.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Its path, from `src/` on.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    /// The text without comments and literals, at the same offsets.
    pub(crate) code: String,
    /// The code without its tests, at the same offsets. Empty if the whole file is tests.
    pub(crate) product: String,
    /// The number of lines that are not tests.
    pub(crate) product_lines: usize,
    /// The modules that lead to it: `["store", "lock"]`. Empty for `lib.rs`, whose names are those
    /// of the crate.
    pub(crate) modules: Vec<String>,
    /// The modules that it declares for tests only.
    test_modules: Vec<String>,
}

impl SourceFile {
    fn read(root: &Path, path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("source is UTF-8");
        let inside = path.strip_prefix(root).expect("it is below the root");
        Self::new(&Path::new("src").join(inside), text)
    }

    /// `path` starts at `src/`.
    pub(crate) fn new(path: &Path, text: String) -> Self {
        let code = without_comments(&text);
        let (product, test_modules) = without_tests(&code);
        let product_lines = text.lines().count() - removed_lines(&code, &product);
        Self {
            modules: modules_of(path),
            path: path.to_owned(),
            text,
            code,
            product,
            product_lines,
            test_modules,
        }
    }

    /// The name of its room: the first folder below `src`, or the file itself.
    pub(crate) fn room(&self) -> &str {
        self.modules.first().map_or("lib", String::as_str)
    }

    pub(crate) fn is_test(&self) -> bool {
        self.product_lines == 0
    }

    /// Its path, a line number, from 0, and what is wrong there.
    pub(crate) fn at(&self, line: usize, what: &str) -> String {
        format!("{}:{}: {what}", self.path.display(), line + 1)
    }

    fn become_test(&mut self) {
        self.product.clear();
        self.product_lines = 0;
    }
}

fn modules_of(path: &Path) -> Vec<String> {
    let names = path.with_extension("");
    let names = names
        .iter()
        .skip(1)
        .map(|name| name.to_str().expect("ASCII"));
    let mut modules: Vec<String> = names.map(str::to_owned).collect();
    if modules
        .last()
        .is_some_and(|last| last == "mod" || last == "lib")
    {
        modules.pop();
    }
    modules
}

/// Returns the code with spaces in place of every item for tests or fuzzers only, and the names of
/// the modules among them that are files of their own.
fn without_tests(code: &str) -> (String, Vec<String>) {
    let tokens = tokens(code);
    let mut product = code.as_bytes().to_vec();
    let mut modules = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        if !starts_with_test_attribute(&code[tokens[index].at..]) {
            index += 1;
            continue;
        }
        let first = index;
        while tokens[index].text == "#" {
            index = closing(&tokens, index + 1) + 1;
        }
        let end = body_or_end(&tokens, index);
        if tokens[end].text == ";" && tokens[end - 2].text == "mod" {
            modules.push(tokens[end - 1].text.to_owned());
        }
        let last = closing(&tokens, end);
        blank(&mut product, tokens[first].at, tokens[last].at + 1);
        index = last + 1;
    }
    let product = String::from_utf8(product).expect("whole tokens have been blanked");
    (product, modules)
}

fn starts_with_test_attribute(code: &str) -> bool {
    let starts = ["#[cfg(test)]", "#[cfg(all(test,", "#[cfg(any(test,"];
    starts.iter().any(|start| code.starts_with(start))
}

fn removed_lines(code: &str, product: &str) -> usize {
    let lines = code.lines().zip(product.lines());
    let mut removed = 0;
    let mut inside = false;
    for (before, after) in lines {
        if before != after {
            inside = true;
            removed += 1;
        } else if inside && before.trim().is_empty() {
            removed += 1;
        } else {
            inside = false;
        }
    }
    removed
}

/// Returns all files below `src`, in the order of their paths. They are read once.
pub(crate) fn source_files() -> &'static [SourceFile] {
    static FILES: LazyLock<Vec<SourceFile>> = LazyLock::new(read_all);
    &FILES
}

fn read_all() -> Vec<SourceFile> {
    let root = repository().join("src");
    let paths = files_below(&root).into_iter();
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    let mut files: Vec<SourceFile> = paths
        .filter(is_rust)
        .map(|path| SourceFile::read(&root, &path))
        .collect();
    mark_tests(&mut files);
    assert!(files.len() > 10, "the source was found");
    files
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns all files of a directory and of those below it, in the order of their paths.
fn files_below(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("the directory can be listed") {
            let path = entry.expect("the directory can be listed").path();
            if path.is_dir() {
                directories.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// Returns the path and the text of the files that are not below `src`: the tests, `contrib`, the
/// packaging, the manifest. Files that are not UTF-8 are left out, and so are the inputs of the
/// fuzzers.
pub(crate) fn other_texts() -> Vec<(PathBuf, String)> {
    let directories = ["tests", "contrib", "packaging"].into_iter();
    let mut paths: Vec<PathBuf> = directories
        .flat_map(|directory| files_below(&repository().join(directory)))
        .collect();
    let fuzz = repository().join("tests/fuzz");
    let inputs = ["corpus", "found"].map(|folder| fuzz.join(folder));
    paths.retain(|path| !inputs.iter().any(|inputs| path.starts_with(inputs)));
    paths.push(repository().join("Cargo.toml"));
    paths.push(repository().join(".ci/run"));
    let read = |path: PathBuf| {
        let text = String::from_utf8(fs::read(&path).expect("the file is readable")).ok()?;
        let path = path.strip_prefix(repository()).expect("it is below");
        Some((path.to_owned(), text))
    };
    paths.into_iter().filter_map(read).collect()
}

/// Empties the product of the files that only tests are compiled with.
fn mark_tests(files: &mut [SourceFile]) {
    let mut tests: Vec<Vec<String>> = Vec::new();
    for file in &*files {
        let of_file = file.test_modules.iter();
        tests.extend(of_file.map(|name| [file.modules.as_slice(), slice::from_ref(name)].concat()));
    }
    for file in files {
        if tests.iter().any(|test| file.modules.starts_with(test)) {
            file.become_test();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_no_part_of_the_product() {
        let text = "//! A.\nuse a::B;\n#[cfg(test)]\nmod hostile;\nfn c() {}\n\n#[cfg(test)]\n#[allow(x)]\nmod tests {\n\n    fn d() {}\n}\n";
        let file = SourceFile::new(Path::new("src/x/mod.rs"), text.to_owned());
        let left: Vec<&str> = file.product.split_whitespace().collect();
        assert_eq!(left, ["use", "a::B;", "fn", "c()", "{}"]);
        assert_eq!(file.test_modules, ["hostile"]);
        assert_eq!(file.modules, ["x"]);
        assert_eq!(file.product_lines, 4);
    }
}
