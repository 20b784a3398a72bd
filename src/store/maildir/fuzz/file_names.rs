//! Names of message files.

use std::cmp::Ordering;

use crate::store::maildir::filename;
use crate::types::{Flags, KeywordSet};

/// Reads lines as names of message files.
///
/// New flags are the flags that are read back, the base stays, and the order of new files is an
/// order, which the small key agrees with.
pub(crate) fn file_names(names: &[u8]) {
    let names: Vec<&[u8]> = names.split(|&octet| octet == b'\n').take(3).collect();
    for name in &names {
        check_flags(name);
        let _ = filename::sizes(filename::base(name));
    }
    let [a, b, c] = names[..] else {
        return;
    };
    check_order(a, b);
    check_order(b, c);
    if filename::uid_order(a, b).is_le() && filename::uid_order(b, c).is_le() {
        assert!(filename::uid_order(a, c).is_le());
    }
}

fn check_flags(name: &[u8]) {
    let (system, keywords) = filename::flags(name);
    assert!(!system.contains(Flags::RECENT));
    let mut same = Vec::new();
    filename::with_flags(name, system, keywords, &mut same);
    assert_eq!(filename::flags(&same), (system, keywords));
    assert_eq!(filename::base(&same), filename::base(name));
    let mut again = Vec::new();
    filename::with_flags(&same, system, keywords, &mut again);
    assert_eq!(again, same);
    let mut other = Vec::new();
    filename::with_flags(name, Flags::SEEN, KeywordSet::of(3), &mut other);
    assert_eq!(filename::flags(&other), (Flags::SEEN, KeywordSet::of(3)));
}

fn check_order(a: &[u8], b: &[u8]) {
    let order = filename::uid_order(a, b);
    assert_eq!(filename::uid_order(b, a), order.reverse());
    assert_eq!(order == Ordering::Equal, a == b);
    match filename::uid_order_key(a).cmp(&filename::uid_order_key(b)) {
        Ordering::Equal => {}
        by_key => assert_eq!(by_key, order),
    }
}
