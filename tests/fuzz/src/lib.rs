//! What all fuzz targets share.

use std::sync::OnceLock;

use imap2d::testing::fuzz::{Target, target};

/// Runs the target of that name.
pub fn run(name: &str, octets: &[u8]) {
    static TARGET: OnceLock<Target> = OnceLock::new();
    TARGET.get_or_init(|| target(name).expect("imap2d has a target of that name"))(octets);
}
