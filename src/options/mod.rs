//! The command line and the option file.
//!
//! Options are read in two stages. [`RawOptions`] holds the names and values as the operator wrote
//! them, each with its place: the command line before the file. [`Options`] holds what they mean,
//! with every value typed and in range. `validate.rs` turns the one into the other. It collects all
//! faults before it fails, so that the operator corrects a file once.
//!
//! `table.rs` has one row per option; the help text and both parsers follow it.

mod error;
mod help;
mod mail_template;
mod mode;
mod parse;
mod raw;
mod table;
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
mod tls;
mod validate;
mod validator;
mod values;

pub use self::error::OptionErrors;
pub use self::help::help;
pub use self::mail_template::MailTemplate;
pub use self::raw::RawOptions;
pub use self::table::option_names;
pub use self::values::{CertificateFiles, DialectOption, Mode, Options, PlaintextLogin};

#[cfg(test)]
mod tests;
