//! The inputs that `tests/fuzz` keeps. The tool in that folder includes this file too.

use std::fs;
use std::io;
use std::path::Path;

/// Returns the inputs of a target that `tests/fuzz` keeps: those that fuzzing has collected, in
/// `corpus/TARGET`, and those that once found a fault, in the folder `found/TARGET`. `directory` is
/// `tests/fuzz`.
///
/// ```text
/// file  = *input                      corpus/TARGET
/// input = length *OCTET               length: 2 octets, the lowest first
/// ```
///
/// # Errors
/// A file cannot be read, or it ends early.
pub(crate) fn inputs(directory: &Path, name: &str) -> io::Result<Vec<Vec<u8>>> {
    let mut inputs = unpack(&read(&directory.join("corpus").join(name))?)?;
    let found = directory.join("found").join(name);
    if found.is_dir() {
        for entry in fs::read_dir(found)? {
            inputs.push(fs::read(entry?.path())?);
        }
    }
    Ok(inputs)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    }
}

/// Returns the inputs in the content of a file.
///
/// # Errors
/// The content ends early.
pub(crate) fn unpack(mut octets: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let mut inputs = Vec::new();
    while let Some((length, rest)) = octets.split_first_chunk() {
        let input = rest.split_at_checked(u16::from_le_bytes(*length).into());
        let (input, rest) = input.ok_or(io::ErrorKind::UnexpectedEof)?;
        inputs.push(input.to_vec());
        octets = rest;
    }
    Ok(inputs)
}

/// Returns inputs as the content of one file. Leaves out those that are too long for it.
pub(crate) fn pack(inputs: &[Vec<u8>]) -> Vec<u8> {
    let mut octets = Vec::new();
    for input in inputs {
        if let Ok(length) = u16::try_from(input.len()) {
            octets.extend_from_slice(&length.to_le_bytes());
            octets.extend_from_slice(input);
        }
    }
    octets
}
