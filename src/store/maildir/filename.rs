//! The name of a message's file, which is all that a Maildir stores about a message besides its
//! text.
//!
//! ```text
//! name   = base [":2," flags ["," extra]]
//! base   = unique *("," key "=" value)
//! ```
//!
//! The base never changes as long as the message is in this mailbox; it identifies the message. The
//! rest changes with every flag. Other programs do not all agree on either part: we find the base
//! before the *first* colon and the flags behind the *last*, as Dovecot does, and keep everything
//! that we do not understand.

use std::cmp::Ordering;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use crate::types::{Flags, KeywordSet};

/// The letters of the system flags, in ASCII order.
const LETTERS: [(u8, Flags); 5] = [
    (b'D', Flags::DRAFT),
    (b'F', Flags::FLAGGED),
    (b'R', Flags::ANSWERED),
    (b'S', Flags::SEEN),
    (b'T', Flags::DELETED),
];

/// Returns the part that never changes: everything before the first colon.
pub(crate) fn base(name: &[u8]) -> &[u8] {
    memchr::memchr(b':', name).map_or(name, |colon| &name[..colon])
}

/// Returns the system flags and the keyword letters in a name.
pub(crate) fn flags(name: &[u8]) -> (Flags, KeywordSet) {
    let (letters, _) = split_info(split_name(name).1);
    letters.iter().fold(
        (Flags::NONE, KeywordSet::NONE),
        |(system, keywords), &letter| match (system_flag(letter), keyword_index(letter)) {
            (Some(flag), _) => (system.with(flag), keywords),
            (_, Some(index)) => (system, keywords.with(KeywordSet::of(index))),
            _ => (system, keywords),
        },
    )
}

/// Appends to `out` the name with other flags. Letters that stand neither for a system flag nor for
/// a keyword stay, and so does everything from a second comma on; `\Recent` has no letter.
pub(crate) fn with_flags(name: &[u8], system: Flags, keywords: KeywordSet, out: &mut Vec<u8>) {
    let (front, info) = split_name(name);
    let (letters, extra) = split_info(info);
    out.extend_from_slice(front);
    out.extend_from_slice(b":2,");
    let start = out.len();
    let is_unknown =
        |&letter: &u8| system_flag(letter).is_none() && keyword_index(letter).is_none();
    out.extend(letters.iter().copied().filter(is_unknown));
    let is_set = |&(_, flag): &(u8, Flags)| system.contains(flag);
    out.extend(LETTERS.into_iter().filter(is_set).map(|(letter, _)| letter));
    out.extend(keywords.iter().map(|index| b'a' + index as u8));
    out[start..].sort_unstable();
    out.extend_from_slice(extra);
}

/// Returns the sizes in a base: `S`, the octets of the file (of its content, if that is
/// compressed), and `W`, the octets of the message on the wire. They are hints, not exact enough
/// for a literal.
pub(crate) fn sizes(base: &[u8]) -> (Option<u64>, Option<u64>) {
    let size = |key: &[u8]| {
        let mut fields = base.split(|&b| b == b',').skip(1);
        fields
            .find_map(|field| field.strip_prefix(key))
            .and_then(number)
    };
    (size(b"S="), size(b"W="))
}

/// Compares two bases in the order in which new files get their UIDs: by the time at their start,
/// by the microseconds behind an `M` in the second field, by their octets.
///
/// Dovecot compares microseconds only if both names have them. With three names, one of them
/// without microseconds, that is no consistent order; here those without come first.
pub(crate) fn uid_order(a: &[u8], b: &[u8]) -> Ordering {
    leading_number(a)
        .cmp(&leading_number(b))
        .then_with(|| microseconds(a).cmp(&microseconds(b)))
        .then_with(|| a.cmp(b))
}

/// Returns a small key: two bases with different keys compare like their keys in [`uid_order`], two
/// with equal keys have to be compared themselves. It makes sorting many bases cheap.
pub(crate) fn uid_order_key(base: &[u8]) -> (u64, u64) {
    let value = |digits: &[u8]| match digits {
        b"" => 0,
        digits => number(digits).unwrap_or(u64::MAX),
    };
    let seconds = value(leading_number(base).1);
    let fraction = microseconds(base).map(|(_, digits)| value(digits).saturating_add(1));
    // If the number is too large for the key, the key cannot tell which of two is the greater.
    match seconds {
        u64::MAX => (seconds, 0),
        _ => (seconds, fraction.unwrap_or(0)),
    }
}

/// Returns the decimal number at the start, of any length, in a form that compares by value.
fn leading_number(text: &[u8]) -> (usize, &[u8]) {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let zeros = text[..digits].iter().take_while(|&&b| b == b'0').count();
    (digits - zeros, &text[zeros..digits])
}

/// Returns the number behind the first `M` with a digit in the second dot-separated field.
fn microseconds(base: &[u8]) -> Option<(usize, &[u8])> {
    let field = base.split(|&b| b == b'.').nth(1)?;
    let mut marks = memchr::memchr_iter(b'M', field).map(|at| &field[at + 1..]);
    let number = marks.find(|rest| rest.first().is_some_and(u8::is_ascii_digit))?;
    Some(leading_number(number))
}

/// Returns what is before and what is behind the last colon.
fn split_name(name: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memrchr(b':', name) {
        Some(colon) => (&name[..colon], &name[colon + 1..]),
        None => (name, b""),
    }
}

/// Returns the flag letters, and the rest from the comma on. Info that does not begin with `2,`
/// holds no flags.
fn split_info(info: &[u8]) -> (&[u8], &[u8]) {
    let flags = info.strip_prefix(b"2,").unwrap_or(b"");
    let comma = memchr::memchr(b',', flags).unwrap_or(flags.len());
    flags.split_at(comma)
}

fn system_flag(letter: u8) -> Option<Flags> {
    let found = LETTERS.iter().find(|&&(known, _)| known == letter);
    found.map(|&(_, flag)| flag)
}

fn keyword_index(letter: u8) -> Option<usize> {
    letter
        .is_ascii_lowercase()
        .then(|| usize::from(letter - b'a'))
}

/// Parses a decimal number that consists of digits only and fits.
pub(crate) fn number<N: FromStr>(digits: &[u8]) -> Option<N> {
    let are_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(digits).ok().filter(|_| are_digits)?;
    text.parse().ok()
}

/// Makes unique file names of time, process and host, as Dovecot composes them. The time in them
/// always increases, whatever the clock does. So one value of this type, shared by everything that
/// delivers in this process, never makes a name twice, and each name comes behind the one before in
/// [`uid_order`].
#[derive(Debug)]
pub(crate) struct UniqueNames {
    suffix: String,
    last: Duration,
}

impl UniqueNames {
    /// Returns the name generator of this process on this host.
    pub(crate) fn new(host: &str, pid: u32) -> Self {
        Self {
            suffix: format!("P{pid}.{}", escape_host(host)),
            last: Duration::ZERO,
        }
    }

    /// Returns a new name: `<seconds>.M<microseconds>P<pid>.<host>`.
    pub(crate) fn next(&mut self, wall: SystemTime) -> String {
        let now = wall
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let now = now.max(self.last + Duration::from_micros(1));
        self.last = now;
        format!("{}.M{}{}", now.as_secs(), now.subsec_micros(), self.suffix)
    }
}

/// Longest part of the host name that goes into a file name, which has at most 255 octets in all.
const MAX_HOST: usize = 100;

/// Writes in octal the characters that would end the base, its first field, or the directory.
fn escape_host(host: &str) -> String {
    let mut escaped = String::new();
    for c in host.chars() {
        if matches!(c, '/' | ':' | ',') || c.is_control() {
            escaped.push_str(&format!("\\{:03o}", u32::from(c)));
        } else {
            escaped.push(c);
        }
        if escaped.len() >= MAX_HOST {
            break;
        }
    }
    escaped
}

/// Adds the sizes to a unique name, as [`sizes`] reads them.
pub(crate) fn with_sizes(unique: &str, stored: u64, on_the_wire: u64) -> String {
    format!("{unique},S={stored},W={on_the_wire}")
}

/// Returns a base name that no file has, with the sizes that `base` shows.
pub(crate) fn fresh_base(names: &mut UniqueNames, base: &[u8], wall: SystemTime) -> Vec<u8> {
    let unique = names.next(wall);
    match sizes(base) {
        (Some(stored), Some(wire)) => with_sizes(&unique, stored, wire).into_bytes(),
        _ => unique.into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, system: Flags, keywords: KeywordSet) -> String {
        let mut out = Vec::new();
        with_flags(name.as_bytes(), system, keywords, &mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn base_ends_at_the_first_colon() {
        assert_eq!(base(b"1.M2P3.h,S=28,W=31:2,FS"), b"1.M2P3.h,S=28,W=31");
        assert_eq!(base(b"plain"), b"plain");
        assert_eq!(base(b"a:b:2,S"), b"a");
        assert_eq!(base(b":2,S"), b"");
    }

    #[test]
    fn reads_flags_as_dovecot_writes_them() {
        let (system, keywords) = flags(b"1.h:2,Sab");
        assert_eq!(system, Flags::SEEN);
        assert_eq!(keywords, KeywordSet(0b11));
        let (system, keywords) = flags(b"1.h:2,DFb");
        assert_eq!(system, Flags::DRAFT.with(Flags::FLAGGED));
        assert_eq!(keywords, KeywordSet::of(1));
        let all = Flags::DRAFT
            .with(Flags::FLAGGED)
            .with(Flags::ANSWERED)
            .with(Flags::SEEN)
            .with(Flags::DELETED);
        assert_eq!(flags(b"1.h:2,DFPRSTz,S").0, all);
        assert_eq!(flags(b"1.h:2,DFPRSTz,S").1, KeywordSet::of(25));
        for none in [
            &b"1.h"[..],
            b"1.h:",
            b"1.h:2",
            b"1.h:2,",
            b"1.h:1,S",
            b"1.h:2,,S",
            b":",
        ] {
            assert_eq!(flags(none), (Flags::NONE, KeywordSet::NONE));
        }
    }

    #[test]
    fn writes_flags_in_order_and_keeps_the_rest() {
        let none = KeywordSet::NONE;
        assert_eq!(with("1.h", Flags::NONE, none), "1.h:2,");
        assert_eq!(with("1.h:2,S", Flags::NONE, none), "1.h:2,");
        let both = Flags::SEEN.with(Flags::DRAFT).with(Flags::RECENT);
        assert_eq!(with("1.h", both, KeywordSet(0b101)), "1.h:2,DSac");
        assert_eq!(with("1.h:2,Pq_9,x,y", Flags::SEEN, none), "1.h:2,9PS_,x,y");
        assert_eq!(with("a:b:2,T", Flags::SEEN, none), "a:b:2,S");
        assert_eq!(with("1.h:1,exp", Flags::SEEN, none), "1.h:2,S");
    }

    #[test]
    fn flags_written_are_flags_read() {
        for bits in 0..32u32 {
            let set = LETTERS
                .iter()
                .enumerate()
                .filter(|(i, _)| bits & (1 << i) != 0);
            let system = set.fold(Flags::NONE, |all, (_, &(_, flag))| all.with(flag));
            let keywords = KeywordSet((bits * 0x0010_8421) & 0x03FF_FFFF);
            let name = with("1.h:2,PX,extra", system, keywords);
            assert_eq!(flags(name.as_bytes()), (system, keywords), "{name}");
        }
    }

    #[test]
    fn sizes_are_digits_between_commas() {
        assert_eq!(sizes(b"1.M2P3.h,S=28,W=31"), (Some(28), Some(31)));
        assert_eq!(sizes(b"1.h,W=31,U=5,S=28"), (Some(28), Some(31)));
        assert_eq!(sizes(b"1.h,S=28x,W="), (None, None));
        assert_eq!(sizes(b"1.h,S=-1,W=99999999999999999999"), (None, None));
        assert_eq!(sizes(b"S=5"), (None, None));
    }

    #[test]
    fn new_files_are_ordered_by_time() {
        let sorted = [
            "abc",
            "9.x",
            "10.a",
            "10.M5Z.h",
            "010.M7P1.h",
            "10.V803I9M20.h",
            "10.M100P1.h",
            "10.M18446744073709551615P1.h",
            "10.M18446744073709551616P1.h",
            "18446744073709551616.M1P1.h",
            "18446744073709551617.M0P1.h",
            "99999999999999999999999.x",
        ];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(uid_order(a.as_bytes(), b.as_bytes()), i.cmp(&j), "{a} {b}");
                let by_key = uid_order_key(a.as_bytes()).cmp(&uid_order_key(b.as_bytes()));
                assert!(by_key.is_eq() || by_key == i.cmp(&j), "{a} {b}");
            }
        }
    }

    #[test]
    fn unique_names_increase_whatever_the_clock_does() {
        let mut names = UniqueNames::new("a/b:c", 77);
        let at = |micros| SystemTime::UNIX_EPOCH + Duration::from_micros(micros);
        let made = [
            names.next(at(1_700_000_000_999_999)),
            names.next(at(1_700_000_000_999_999)),
            names.next(at(5)),
        ];
        assert_eq!(made[0], "1700000000.M999999P77.a\\057b\\072c");
        assert_eq!(made[1], "1700000001.M0P77.a\\057b\\072c");
        assert_eq!(made[2], "1700000001.M1P77.a\\057b\\072c");
        let long = UniqueNames::new(&"\n".repeat(400), 1).next(at(0));
        assert!(long.len() < 150, "{long}");
    }
}
