//! Every file of `tests/transcripts` is a session; [`crate::session_rig::transcript`] describes the
//! format.

use std::path::{Path, PathBuf};

use crate::session_rig::transcript;

fn all() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let entries = std::fs::read_dir(directory).expect("the transcripts");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    paths
}

/// Plays each transcript in all eight ways to treat a session, and reports every one that fails,
/// with what the server sent instead.
#[test]
fn every_transcript_plays_as_written() {
    let only = std::env::var("IMAP2D_TRANSCRIPT").unwrap_or_default();
    let chosen = all()
        .into_iter()
        .filter(|path| path.to_string_lossy().contains(&only));
    let mut failed = Vec::new();
    for path in chosen {
        if std::panic::catch_unwind(|| transcript::run(&path)).is_err() {
            failed.push(path);
        }
    }
    assert!(
        failed.is_empty(),
        "these transcripts do not play as written: {failed:#?}"
    );
}
