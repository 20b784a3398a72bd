//! The faults of the options, each with its place.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// The place of an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// On the command line.
    CommandLine,
    /// In the option file.
    File {
        /// The path of the file, as the operator wrote it.
        path: Arc<Path>,
        /// The line, from 1; 0 for the file as a whole.
        line: usize,
    },
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionError {
    /// The place of the option.
    pub source: Source,
    /// The fault and, where it helps, what to do; for the operator.
    pub text: String,
}

/// All faults of the options, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionErrors(pub Vec<OptionError>);

impl Source {
    /// Returns the line of the option file; 0 for the command line and for the file as a whole.
    pub fn line(&self) -> usize {
        match self {
            Self::CommandLine => 0,
            Self::File { line, .. } => *line,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => f.write_str("command line"),
            Self::File { path, line: 0 } => path.display().fmt(f),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
        }
    }
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.text)
    }
}

/// Writes one fault a line.
impl fmt::Display for OptionErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for OptionErrors {}
