//! The entry points of the fuzzers in `tests/fuzz`, which need the feature `fuzzing`, and of the
//! unit test that replays the corpus they keep.

#[cfg(test)]
mod kept;

use crate::{auth, message, protocol, server, session, store};

/// A function that takes arbitrary octets, and panics if something does not hold.
pub type Target = fn(&[u8]);

/// The targets by their names, which the binaries in `tests/fuzz/fuzz_targets` have too.
pub const TARGETS: &[(&str, Target)] = &[
    ("addresses_and_dates", message::fuzz::addresses_and_dates),
    ("command", protocol::fuzz::command),
    ("commands", protocol::fuzz::commands),
    ("decoding", message::fuzz::decoding),
    ("file_names", store::fuzz::file_names),
    ("header_text", message::fuzz::header_text),
    ("keywords", store::fuzz::keywords),
    ("mod_sequences", store::fuzz::mod_sequences),
    ("names", protocol::fuzz::names),
    ("packets", server::fuzz::packets),
    ("proxy_header", server::fuzz::proxy_header),
    ("responses", protocol::fuzz::responses),
    ("sasl", protocol::fuzz::sasl),
    ("scram", auth::fuzz::scram),
    ("sessions", session::fuzz::sessions),
    ("string_search", message::fuzz::string_search),
    ("structure", message::fuzz::structure),
    ("subscriptions", store::fuzz::subscriptions),
    ("uid_list", store::fuzz::uid_list),
    ("users", auth::fuzz::users),
];

/// Returns the target of that name.
pub fn target(name: &str) -> Option<Target> {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.map(|(_, target)| *target)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_kept_inputs_find_nothing() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
        for (name, target) in TARGETS {
            let inputs = kept::inputs(&directory, name).expect("the inputs can be read");
            assert!(!inputs.is_empty(), "{name} has no input");
            inputs.iter().for_each(|input| target(input));
        }
    }

    #[test]
    fn every_target_has_a_binary() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/fuzz_targets");
        let binaries = std::fs::read_dir(directory).expect("a folder");
        let mut binaries: Vec<String> = binaries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        binaries.sort();
        let expected: Vec<String> = TARGETS
            .iter()
            .map(|(name, _)| format!("{name}.rs"))
            .collect();
        assert_eq!(binaries, expected);
    }

    #[test]
    fn packed_inputs_are_unpacked() {
        let inputs = vec![Vec::new(), b"a".to_vec(), vec![7; 300]];
        let packed = kept::pack(&inputs);
        assert_eq!(kept::unpack(&packed).expect("whole"), inputs);
        assert!(kept::unpack(&packed[..packed.len() - 1]).is_err());
    }
}
