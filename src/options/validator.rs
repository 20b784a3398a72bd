//! The validator: the options as given, the faults found in them so far, and how values of each
//! type are read.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::error::{OptionError, OptionErrors, Source};
use super::raw::RawOptions;
use super::table::{Argument, Row, TABLE};
use crate::types::AddressRange;

/// Whether to check that the files and directories exist that the options name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileCheck {
    /// Open each one.
    Open,
    /// Assume that they exist.
    Skip,
}

/// Collects the faults of the options while it reads their values. In place of a faulty value it
/// returns the default and goes on; [`Self::finish`] fails then, so that the value is never used.
pub(super) struct Validator<'r> {
    pub(super) raw: &'r RawOptions,
    pub(super) files: FileCheck,
    faults: Vec<OptionError>,
}

impl<'r> Validator<'r> {
    /// Starts with the faults that were found while the options were read, and with those of
    /// options that are given too often.
    pub(super) fn new(raw: &'r RawOptions, files: FileCheck) -> Self {
        let mut validator = Self {
            raw,
            files,
            faults: raw.faults().to_vec(),
        };
        validator.refuse_repetitions();
        validator
    }

    pub(super) fn fault(&mut self, source: &Source, text: impl Into<String>) {
        self.faults.push(OptionError {
            source: source.clone(),
            text: text.into(),
        });
    }

    pub(super) fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    /// Returns `options` if no fault was found.
    ///
    /// # Errors
    /// Returns all faults, sorted by their lines.
    pub(super) fn finish<T>(mut self, options: T) -> Result<T, OptionErrors> {
        if self.faults.is_empty() {
            return Ok(options);
        }
        self.faults.sort_by_key(|fault| fault.source.line());
        Err(OptionErrors(self.faults))
    }

    /// An option that takes one value may be given once on the command line and once in the file.
    fn refuse_repetitions(&mut self) {
        let raw = self.raw;
        let is_single = |row: &&Row| !matches!(row.argument, Argument::Many(_));
        for row in TABLE.iter().filter(is_single) {
            for again in raw.all(row.long).skip(1) {
                self.fault(&again.source, format!("\"{}\" is given twice", row.long));
            }
        }
    }

    /// Reads the one value of `name`.
    pub(super) fn value<T>(
        &mut self,
        name: &str,
        default: T,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> T {
        let raw = self.raw;
        let Some(given) = raw.first(name) else {
            return default;
        };
        match read(given.value_or_empty()) {
            Ok(value) => value,
            Err(fault) => {
                self.fault(&given.source, format!("{name}: {fault}"));
                default
            }
        }
    }

    /// Reads each value of `name`, an option that may be given more than once.
    pub(super) fn values<T>(
        &mut self,
        name: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let mut values = Vec::new();
        for given in self.raw.all(name) {
            match read(given.value_or_empty()) {
                Ok(value) => values.push(value),
                Err(fault) => self.fault(&given.source, format!("{name}: {fault}")),
            }
        }
        values
    }

    pub(super) fn flag(&mut self, name: &str) -> bool {
        self.value(name, false, |value| match value {
            "" | "yes" => Ok(true),
            "no" => Ok(false),
            _ => Err(format!("\"{value}\" is neither yes nor no")),
        })
    }

    /// Reads one of `words`.
    pub(super) fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)], default: T) -> T {
        self.value(name, default, |value| {
            let found = words.iter().find(|(word, _)| *word == value);
            found.map(|&(_, meaning)| meaning).ok_or_else(|| {
                let words: Vec<&str> = words.iter().map(|&(word, _)| word).collect();
                format!("\"{value}\" is not one of {}", words.join(", "))
            })
        })
    }

    pub(super) fn number(&mut self, name: &str, range: RangeInclusive<u64>, default: u64) -> u64 {
        self.value(name, default, |value| {
            let number = value.parse().ok().filter(|number| range.contains(number));
            let (least, most) = (range.start(), range.end());
            number.ok_or_else(|| format!("\"{value}\" is not a number from {least} to {most}"))
        })
    }

    /// Reads a path and checks it, so that the operator sees a fault now and not in the log.
    pub(super) fn path(
        &mut self,
        name: &str,
        check: impl FnOnce(&str) -> std::io::Result<()>,
    ) -> Option<PathBuf> {
        let files = self.files;
        self.value(name, None, |value| match check(value) {
            _ if files == FileCheck::Skip => Ok(Some(value.into())),
            Ok(()) => Ok(Some(value.into())),
            Err(error) => Err(format!("cannot read {value}: {error}")),
        })
    }

    /// Reads the addresses of listeners, each given once.
    pub(super) fn socket_addresses(&mut self, name: &str) -> Vec<SocketAddr> {
        let mut addresses = Vec::new();
        for given in self.raw.all(name) {
            let value = given.value_or_empty();
            match value.parse() {
                Ok(address) if addresses.contains(&address) => {
                    self.fault(&given.source, format!("{name}: {address} is given twice"));
                }
                Ok(address) => addresses.push(address),
                Err(_) => self.fault(
                    &given.source,
                    format!("{name}: \"{value}\" is not like 127.0.0.1:143 or [::1]:143"),
                ),
            }
        }
        addresses
    }

    pub(super) fn address_ranges(&mut self, name: &str) -> Vec<AddressRange> {
        self.values(name, |value| {
            let range = value.parse();
            range.map_err(|()| format!("\"{value}\" is not like 192.0.2.1 or 2001:db8::/32"))
        })
    }

    /// Returns the values of `name` as given.
    pub(super) fn strings(&self, name: &str) -> Vec<String> {
        let given = self.raw.all(name);
        given.filter_map(|given| given.value.clone()).collect()
    }
}
