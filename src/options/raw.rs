//! The options as given: names and values with their places, not yet validated.

use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use super::error::{OptionError, Source};
use super::table::{self, Argument, Place, TABLE};

/// The command line and the option file as the operator wrote them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawOptions {
    given: Vec<GivenOption>,
    /// The faults of what could not be split into names and values.
    faults: Vec<OptionError>,
}

/// An option that was given once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GivenOption {
    pub(super) name: &'static str,
    pub(super) value: Option<String>,
    pub(super) source: Source,
}

impl GivenOption {
    /// Returns the value; an empty string if the option was given without one.
    pub(super) fn value_or_empty(&self) -> &str {
        self.value.as_deref().unwrap_or("")
    }
}

impl RawOptions {
    /// The largest option file, in octets. Real ones are a page or two.
    pub(crate) const MAX_FILE: usize = 256 * 1024;

    /// Reads the command line (without the program's name) and the option file that it names.
    pub fn read<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Self {
        Self::read_with(args, Self::contents)
    }

    /// As [`Self::read`], but calls `contents` to read the option file.
    pub(crate) fn read_with<S: AsRef<OsStr>>(
        args: impl IntoIterator<Item = S>,
        contents: impl FnOnce(&Path) -> io::Result<Vec<u8>>,
    ) -> Self {
        let mut raw = Self::default();
        raw.read_command_line(args);
        if let Some(path) = raw.option_file().map(Path::to_owned) {
            raw.read_file(&path, contents(&path));
        }
        raw
    }

    /// Returns the contents of an option file.
    ///
    /// # Errors
    /// If the file cannot be read, or has more than [`Self::MAX_FILE`] octets.
    pub fn contents(path: &Path) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        let file = std::fs::File::open(path)?;
        file.take(Self::MAX_FILE as u64 + 1)
            .read_to_end(&mut text)?;
        if text.len() > Self::MAX_FILE {
            return Err(io::Error::other(
                "the file is larger than 256 KiB, so it is not an option file",
            ));
        }
        Ok(text)
    }

    /// Returns the path of the option file, as the operator wrote it.
    pub(crate) fn option_file(&self) -> Option<&Path> {
        self.first("config")?.value.as_deref().map(Path::new)
    }

    /// Returns the faults of what could not be split into names and values.
    pub fn faults(&self) -> &[OptionError] {
        &self.faults
    }

    /// Returns the names of the given options, in no particular order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.given.iter().map(|given| given.name)
    }

    /// Returns the command line, with every option by its long name.
    pub fn command_line(&self) -> Vec<String> {
        let given = self.given.iter();
        let given = given.filter(|given| given.source == Source::CommandLine);
        given
            .map(|given| match &given.value {
                Some(value) => format!("--{}={value}", given.name),
                None => format!("--{}", given.name),
            })
            .collect()
    }

    /// Returns the names of the options whose values differ between `self` and `other`.
    pub(crate) fn differing(&self, other: &Self) -> Vec<&'static str> {
        let values = |raw: &Self, name| -> Vec<Option<String>> {
            raw.all(name).map(|given| given.value.clone()).collect()
        };
        let names = TABLE.iter().map(|row| row.long);
        names
            .filter(|name| values(self, name) != values(other, name))
            .collect()
    }

    /// Returns the option `name` each time it was given. The command line hides the option file.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &GivenOption> {
        let has_name = move |given: &&GivenOption| given.name == name;
        let is_on_command_line = |given: &GivenOption| given.source == Source::CommandLine;
        let is_file_hidden = self.given.iter().filter(has_name).any(is_on_command_line);
        let counts = move |given: &&GivenOption| !is_file_hidden || is_on_command_line(given);
        self.given.iter().filter(has_name).filter(counts)
    }

    /// Returns the first of [`Self::all`].
    pub(super) fn first(&self, name: &str) -> Option<&GivenOption> {
        self.all(name).next()
    }

    fn fault(&mut self, source: Source, text: String) {
        self.faults.push(OptionError { source, text });
    }

    fn add(&mut self, name: &'static str, value: Option<String>, source: Source) {
        self.given.push(GivenOption {
            name,
            value,
            source,
        });
    }

    fn read_command_line<S: AsRef<OsStr>>(&mut self, args: impl IntoIterator<Item = S>) {
        let matches = match grammar().parse(args) {
            Ok(matches) => matches,
            Err(fail) => return self.fault(Source::CommandLine, fault_text(&fail)),
        };
        for row in TABLE {
            let count = matches.opt_count(row.long);
            let values = matches.opt_strs(row.long);
            if values.is_empty() && count > 0 {
                self.add(row.long, None, Source::CommandLine);
            } else {
                for value in values {
                    self.add(row.long, Some(value), Source::CommandLine);
                }
            }
        }
        for stray in &matches.free {
            let text = format!("\"{stray}\" does not belong to any option");
            self.fault(Source::CommandLine, text);
        }
    }

    fn read_file(&mut self, path: &Path, contents: io::Result<Vec<u8>>) {
        let path: Arc<Path> = path.into();
        let at = |line| Source::File {
            path: Arc::clone(&path),
            line,
        };
        let text = match contents {
            Ok(text) => text,
            Err(error) => {
                return self.fault(at(0), format!("cannot read the option file: {error}"));
            }
        };
        for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
            match parse_line(line) {
                Ok(Some((name, value))) => self.add(name, value, at(index + 1)),
                Ok(None) => {}
                Err(fault) => self.fault(at(index + 1), fault),
            }
        }
    }
}

/// Parses a line of the option file. A `#` inside a word is part of the word.
///
/// ```text
/// line    = [name [SPACE value]] [SPACE] ["#" comment]
/// ```
fn parse_line(line: &[u8]) -> Result<Option<(&'static str, Option<String>)>, String> {
    let line = std::str::from_utf8(line).map_err(|_| "the line is not UTF-8".to_string())?;
    let line = without_comment(line).trim();
    let (name, value) = match line.split_once(char::is_whitespace) {
        Some((name, value)) => (name, Some(value.trim())),
        None => (line, None),
    };
    if name.is_empty() {
        return Ok(None);
    }
    if name.contains('=') || value.is_some_and(|value| value.starts_with('=')) {
        return Err("write \"name value\", without \"=\"".into());
    }
    let row = table::find(name).ok_or_else(|| format!("there is no option \"{name}\""))?;
    match row.place {
        Place::Anywhere => {}
        Place::CommandLine => {
            return Err(format!("\"{name}\" can be given on the command line only"));
        }
    }
    match (row.argument, value) {
        (Argument::One(hint) | Argument::Many(hint), None) => {
            Err(format!("\"{name}\" needs a value: {name} {hint}"))
        }
        _ => Ok(Some((row.long, value.map(str::to_string)))),
    }
}

fn without_comment(line: &str) -> &str {
    let starts_comment =
        |&(at, _): &(usize, &str)| at == 0 || line[..at].ends_with(|c: char| c.is_whitespace());
    let comment = line.match_indices('#').find(starts_comment);
    comment.map_or(line, |(at, _)| &line[..at])
}

/// Returns the command line's grammar for `getopts`. It lets every option be repeated; the
/// validator reports repetitions together with all other faults.
fn grammar() -> getopts::Options {
    let mut options = getopts::Options::new();
    for row in TABLE {
        match row.argument {
            Argument::None => options.optflagmulti(row.short, row.long, ""),
            Argument::One(hint) | Argument::Many(hint) => {
                options.optmulti(row.short, row.long, "", hint)
            }
            Argument::Maybe(hint) => options.optflagopt(row.short, row.long, "", hint),
        };
    }
    options
}

/// Returns the text for a fault that `getopts` found.
fn fault_text(fail: &getopts::Fail) -> String {
    use getopts::Fail;
    let dashes = |name: &str| {
        let dashes = if name.chars().count() == 1 { "-" } else { "--" };
        format!("{dashes}{name}")
    };
    match fail {
        Fail::ArgumentMissing(name) => format!("{} needs a value", dashes(name)),
        Fail::OptionDuplicated(name) => format!("{} is given twice", dashes(name)),
        Fail::UnexpectedArgument(name) => format!("{} takes no value", dashes(name)),
        Fail::UnrecognizedOption(name) => format!("there is no option {}", dashes(name)),
        Fail::OptionMissing(name) => format!("{} is missing", dashes(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_option_file_are_split_into_name_and_value() {
        for (line, name, value) in [
            ("read-only", "read-only", None),
            (
                "  users\t/etc/imap2d/users  \r",
                "users",
                Some("/etc/imap2d/users"),
            ),
            ("users /a b  # the staff", "users", Some("/a b")),
            ("mail /srv/#mail/%u", "mail", Some("/srv/#mail/%u")),
            ("preauth ann", "preauth", Some("ann")),
        ] {
            let expected = Some((name, value.map(str::to_string)));
            assert_eq!(parse_line(line.as_bytes()), Ok(expected), "{line:?}");
        }
        for empty in ["", "   ", "# users", "  # users", "\r"] {
            assert_eq!(parse_line(empty.as_bytes()), Ok(None), "{empty:?}");
        }
        for bad in [
            &b"user /x"[..],
            b"users",
            b"users  # none",
            b"users = /x",
            b"users=/x",
            b"--users /x",
            b"demo",
            b"config /x",
            b"verify /x",
            b"users \xff",
        ] {
            assert!(
                parse_line(bad).is_err(),
                "{:?}",
                bad.escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn the_user_of_preauth_may_be_absent() {
        let user = |args: &[&str]| {
            let raw = RawOptions::read(args);
            assert_eq!(raw.faults(), [], "{args:?}");
            raw.first("preauth").expect("given").value.clone()
        };
        let ann = Some("ann".to_string());
        assert_eq!(user(&["--preauth"]), None);
        assert_eq!(user(&["-p"]), None);
        assert_eq!(user(&["-p", "--read-only"]), None);
        assert_eq!(user(&["--preauth=ann"]), ann);
        assert_eq!(user(&["-pann"]), ann);
        assert_eq!(user(&["-p", "ann"]), ann);
    }

    #[test]
    fn the_command_line_can_be_read_again() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let path = file.path().to_str().expect("UTF-8");
        std::fs::write(path, "max-message 5\nread-only\n").expect("written");
        let first = RawOptions::read(["-wc", path, "--users=/u", "-pann", "-l", "127.0.0.1:1"]);
        let again = RawOptions::read(first.command_line());
        assert_eq!(again, first);

        std::fs::write(path, "max-message 6\nsyslog\n").expect("written");
        let later = RawOptions::read(first.command_line());
        assert_eq!(
            later.differing(&first),
            ["read-only", "max-message", "syslog"]
        );
        assert_eq!(later.differing(&later), [] as [&str; 0]);
    }
}
