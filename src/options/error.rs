//! What is wrong with the options, and where it was said.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Where an option was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// On the command line.
    CommandLine,
    /// In the option file.
    File {
        /// The file, as it was named.
        path: Arc<Path>,
        /// The line, from 1; 0 for the file as a whole.
        line: usize,
    },
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionError {
    /// Where it is.
    pub source: Source,
    /// What it is, for the operator.
    pub text: String,
}

/// All faults that were found, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionErrors(pub Vec<OptionError>);

impl Source {
    /// The line of the option file; 0 for what has none.
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

/// One fault a line.
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
