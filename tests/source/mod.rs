//! Reads the source of imap2d, so that `layering` can hold it to its rules and measure it.

mod figures;
mod files;
mod functions;
mod modules;
mod paths;
mod tokens;
mod words;

pub(crate) use self::figures::{Distribution, command_names, has_file_of_its_name};
pub(crate) use self::files::{SourceFile, other_texts, source_files};
pub(crate) use self::functions::function_lengths;
pub(crate) use self::modules::circles;
pub(crate) use self::paths::paths;
pub(crate) use self::words::unwanted_words;
