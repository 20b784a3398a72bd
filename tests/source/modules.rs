//! Which file uses names of which other file, and the circles among them.
//!
//! A name counts as used from the file that defines it, however many `use` re-export it on the way;
//! to import a module alone is no use of its file. What one file calls on values of another file's
//! types is not seen.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::files::SourceFile;
use super::paths::{Path, paths};
use super::tokens::{Token, tokens};

/// How many re-exports a name may go through.
const MAX_REEXPORTS: usize = 10;

/// The paths by which one file uses another.
type Uses = BTreeMap<usize, BTreeSet<String>>;

struct Modules<'a> {
    /// The files by their modules: `"store::lock"`.
    by_name: HashMap<String, usize>,
    files: Vec<Module<'a>>,
    /// The files of the macros that are exported, which are names of the crate itself.
    macros: HashMap<String, usize>,
}

struct Module<'a> {
    file: &'a SourceFile,
    paths: Vec<Path>,
    /// What the names that it imports stand for.
    bindings: HashMap<String, Vec<String>>,
}

/// Where a path leads.
enum Target {
    Module,
    NameIn(usize),
}

impl<'a> Modules<'a> {
    fn new(files: &'a [SourceFile]) -> Self {
        let product = files.iter().filter(|file| !file.is_test());
        let mut files: Vec<Module<'a>> = product.map(Module::new).collect();
        let by_name = files.iter().enumerate();
        let by_name = by_name.map(|(index, module)| (module.file.modules.join("::"), index));
        let by_name: HashMap<String, usize> = by_name.collect();
        for module in &mut files {
            let bound = module.paths.iter().filter_map(|path| {
                let name = path.binds.as_ref().filter(|name| *name != "*")?;
                Some((name.clone(), absolute(&by_name, module, path)?))
            });
            module.bindings = bound.collect();
        }
        let macros = files.iter().enumerate();
        let macros = macros
            .flat_map(|(index, module)| macros_of(module.file).map(move |name| (name, index)));
        let macros = macros.collect();
        Self {
            by_name,
            files,
            macros,
        }
    }

    /// Follows an absolute path to the file that defines what it names.
    fn target(&self, path: &[String], reexports: usize) -> Option<Target> {
        let lengths = (0..=path.len()).rev();
        let (length, index) = lengths
            .map(|length| (length, path[..length].join("::")))
            .find_map(|(length, name)| Some((length, *self.by_name.get(&name)?)))?;
        let Some(name) = path.get(length) else {
            return Some(Target::Module);
        };
        if let Some(&defines) = self.macros.get(name).filter(|_| length == 0) {
            return Some(Target::NameIn(defines));
        }
        match self.files[index].bindings.get(name) {
            Some(bound) if reexports < MAX_REEXPORTS && bound[..] != path[..=length] => {
                let path = [bound.as_slice(), &path[length + 1..]].concat();
                self.target(&path, reexports + 1)
            }
            _ => Some(Target::NameIn(index)),
        }
    }

    /// The other files whose names this one uses.
    fn uses_of(&self, index: usize) -> Uses {
        let module = &self.files[index];
        let mut uses = Uses::new();
        for path in &module.paths {
            let Some(mut absolute) = absolute(&self.by_name, module, path) else {
                continue;
            };
            if path.binds.as_deref() == Some("*") {
                absolute.push("*".to_owned());
            }
            if let Some(Target::NameIn(used)) = self.target(&absolute, 0) {
                if used != index {
                    uses.entry(used).or_default().insert(path.text());
                }
            }
        }
        uses
    }
}

impl<'a> Module<'a> {
    fn new(file: &'a SourceFile) -> Self {
        let paths = paths(&file.product);
        let bindings = HashMap::new();
        Self {
            file,
            paths,
            bindings,
        }
    }
}

/// Returns the names of the macros that a file defines.
fn macros_of(file: &SourceFile) -> impl Iterator<Item = String> {
    let tokens = tokens(&file.product);
    let defines =
        |three: &[Token<'_>]| (three[0].text == "macro_rules").then(|| three[2].text.to_owned());
    tokens
        .windows(3)
        .filter_map(defines)
        .collect::<Vec<_>>()
        .into_iter()
}

/// Returns a path of a module from the crate on, or `None` if it leads to another crate.
fn absolute(
    by_name: &HashMap<String, usize>,
    module: &Module<'_>,
    path: &Path,
) -> Option<Vec<String>> {
    let own = module.file.modules.as_slice();
    let segments = path.segments.as_slice();
    let climbs = segments.iter().take_while(|name| *name == "super").count();
    let (above, rest) = match segments.first()?.as_str() {
        "crate" => (&[][..], &segments[1..]),
        "self" => (own, &segments[1..]),
        "super" => (&own[..own.len().checked_sub(climbs)?], &segments[climbs..]),
        // A `use` of a name that another `use` of the file brought is rare: it is not followed.
        first => match module.bindings.get(first) {
            Some(bound) if path.binds.is_none() => (bound.as_slice(), &segments[1..]),
            _ => {
                let child = [own, &segments[..1]].concat().join("::");
                by_name.contains_key(&child).then_some((own, segments))?
            }
        },
    };
    Some([above, rest].concat())
}

/// Files that use one another's names, and by which paths.
#[derive(Debug)]
pub(crate) struct Circle {
    /// The paths of the files.
    pub(crate) files: Vec<String>,
    /// A line for each use.
    pub(crate) uses: Vec<String>,
}

/// Returns the groups of files of which each uses, by way of the others, all others. Tests do not
/// count.
pub(crate) fn circles(files: &[SourceFile]) -> Vec<Circle> {
    let modules = Modules::new(files);
    let count = modules.files.len();
    let uses: Vec<Uses> = (0..count).map(|index| modules.uses_of(index)).collect();
    let mut reached: Vec<BTreeSet<usize>> = (0..count).map(|file| reachable(&uses, file)).collect();
    let mut found = Vec::new();
    for file in 0..count {
        let back = |other: &usize| reached[*other].contains(&file);
        let group: BTreeSet<usize> = reached[file].iter().copied().filter(back).collect();
        if group.contains(&file) {
            found.push(describe(&modules, &uses, &group));
        }
        // Each circle is found once.
        for member in group {
            reached[member].clear();
        }
    }
    found
}

/// The files that a file uses, and those that they use, and so on.
fn reachable(uses: &[Uses], from: usize) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        let new = uses[file].keys().filter(|used| found.insert(**used));
        open.extend(new);
    }
    found
}

fn describe(modules: &Modules<'_>, uses: &[Uses], group: &BTreeSet<usize>) -> Circle {
    let file = |index: usize| modules.files[index].file;
    let path = |index: usize| file(index).path.display().to_string();
    let mut lines = Vec::new();
    for &user in group {
        let inside = uses[user].iter().filter(|(used, _)| group.contains(used));
        for (used, names) in inside {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            lines.push(format!(
                "    {} uses {}: {}",
                path(user),
                path(*used),
                names.join(", ")
            ));
        }
    }
    Circle {
        files: group.iter().map(|&index| path(index)).collect(),
        uses: lines,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn files(texts: &[(&str, &str)]) -> Vec<SourceFile> {
        let texts = texts.iter();
        texts
            .map(|(path, text)| SourceFile::new(Path::new(path), (*text).to_owned()))
            .collect()
    }

    #[test]
    fn a_reexport_counts_as_a_use_of_the_file_that_defines_the_name() {
        let found = circles(&files(&[
            (
                "src/a/mod.rs",
                "mod b; mod c; pub(crate) use self::b::B; pub(crate) use c::C;",
            ),
            ("src/a/b.rs", "use super::C;"),
            ("src/a/c.rs", "fn f() { super::B::new() }"),
        ]));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].files, ["src/a/b.rs", "src/a/c.rs"]);
    }

    #[test]
    fn an_exported_macro_counts_as_a_name_of_its_file() {
        let found = circles(&files(&[
            ("src/lib.rs", "mod a; mod b;"),
            (
                "src/a.rs",
                "#[macro_export]\nmacro_rules! ready { () => { $crate::b::B } }",
            ),
            ("src/b.rs", "use crate::ready;"),
        ]));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].files, ["src/a.rs", "src/b.rs"]);
    }

    #[test]
    fn to_import_a_module_is_to_use_only_the_names_taken_from_it() {
        let found = circles(&files(&[
            ("src/a/mod.rs", "mod b; mod c; pub(crate) use self::b::f;"),
            ("src/a/b.rs", "use crate::a; fn g() { a::c::h() }"),
            ("src/a/c.rs", "use super::b;"),
        ]));
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn a_folder_that_uses_its_files_and_defines_what_they_use_is_in_a_circle() {
        let found = circles(&files(&[
            ("src/a/mod.rs", "mod b;\npub(crate) struct D(b::E);\n"),
            (
                "src/a/b.rs",
                "use super::D;\n#[cfg(test)]\nuse super::x::Y;\n",
            ),
        ]));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].uses.len(), 2, "{found:?}");
    }
}
