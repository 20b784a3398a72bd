//! [`LoginCounts`] as octets, for the file that processes share.
//!
//! ```text
//! file    = "imap2d logins 1" LF checksum content      ; checksum: SHA-256 of the content
//! content = written secret pairs names networks known lines  ; written: the time of writing
//! table   = number *(key failures under-way last-failure last-start)
//! known   = number *(key number *(key time))
//! lines   = since logged left-out
//! ```
//!
//! Keys and times have 64 bits, all other numbers 32, and all are big-endian. Times
//! are of the kernel's monotonic clock: a file from the time before the host was booted, whose
//! times are in the future, is not used.

use super::count_table::{CountTable, Key, MAX_RECORDS, Millis, Record, SHARED_RECORDS};
use super::known_names::{KnownNames, MAX_NAMES, MAX_NETWORKS};
use super::login_counts::{LogLines, LoginCounts, Secret};
use sha2::{Digest, Sha256};

const HEADER: &[u8] = b"imap2d logins 1\n";

/// Time by which a file may be from the future: a process learns the time at the beginning of its
/// turn, and another one may have written the file since.
const FUTURE: Millis = 60_000;

/// The largest file, with room to spare.
pub(super) const MAX_FILE: usize = 1 << 20;

/// Returns the octets of these counts.
pub(super) fn encode(counts: &LoginCounts, now: Millis) -> Vec<u8> {
    let mut content = Vec::new();
    content.extend(now.to_be_bytes());
    content.extend(counts.secret);
    for table in [&counts.pairs, &counts.names, &counts.networks] {
        let records = table.records();
        content.extend(length(records.len()));
        for (key, record) in records {
            content.extend(key.0.to_be_bytes());
            content.extend(record.failures.to_be_bytes());
            content.extend(record.under_way.to_be_bytes());
            content.extend(record.last_failure.to_be_bytes());
            content.extend(record.last_start.to_be_bytes());
        }
    }
    let names = counts.known.names();
    content.extend(length(names.len()));
    for (name, pairs) in names {
        content.extend(name.0.to_be_bytes());
        content.extend(length(pairs.len()));
        for (pair, last) in pairs {
            content.extend(pair.0.to_be_bytes());
            content.extend(last.to_be_bytes());
        }
    }
    content.extend(counts.lines.since.to_be_bytes());
    content.extend(counts.lines.logged.to_be_bytes());
    content.extend(counts.lines.left_out.to_be_bytes());
    [HEADER, &*Sha256::digest(&content), &content].concat()
}

/// Returns the counts that these octets stand for, or `None` if they are damaged or of another
/// version.
pub(super) fn decode(octets: &[u8], now: Millis) -> Option<LoginCounts> {
    let (checksum, content) = octets.strip_prefix(HEADER)?.split_at_checked(32)?;
    if *Sha256::digest(content) != *checksum {
        return None;
    }
    let mut reader = Reader(content);
    if reader.u64()? > now.saturating_add(FUTURE) {
        return None;
    }
    let counts = LoginCounts {
        secret: reader.secret()?,
        pairs: reader.table()?,
        names: reader.table()?,
        networks: reader.table()?,
        known: reader.known()?,
        lines: LogLines {
            since: reader.u64()?,
            logged: reader.u32()?,
            left_out: reader.u32()?,
        },
    };
    reader.0.is_empty().then_some(counts)
}

/// Returns a number of things that is small because their containers are bounded.
fn length(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes()
}

/// The octets that are not read yet.
struct Reader<'o>(&'o [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn secret(&mut self) -> Option<Secret> {
        self.array()
    }

    fn length(&mut self, most: usize) -> Option<usize> {
        let length = usize::try_from(self.u32()?).ok()?;
        (length <= most).then_some(length)
    }

    fn table(&mut self) -> Option<CountTable> {
        let length = self.length(MAX_RECORDS + SHARED_RECORDS as usize)?;
        let records: Option<Vec<_>> = (0..length).map(|_| self.record()).collect();
        Some(CountTable::from_records(records?.into_iter()))
    }

    fn record(&mut self) -> Option<(Key, Record)> {
        let key = Key(self.u64()?);
        let record = Record {
            failures: self.u32()?,
            under_way: self.u32()?,
            last_failure: self.u64()?,
            last_start: self.u64()?,
        };
        Some((key, record))
    }

    fn known(&mut self) -> Option<KnownNames> {
        let length = self.length(MAX_NAMES)?;
        let names: Option<Vec<_>> = (0..length).map(|_| self.known_name()).collect();
        Some(KnownNames::from_names(names?.into_iter()))
    }

    fn known_name(&mut self) -> Option<(Key, Vec<(Key, Millis)>)> {
        let name = Key(self.u64()?);
        let length = self.length(MAX_NETWORKS)?;
        let pairs = (0..length).map(|_| Some((Key(self.u64()?), self.u64()?)));
        Some((name, pairs.collect::<Option<_>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(steps: &[(u64, u8, Millis)]) -> LoginCounts {
        let mut counts = LoginCounts::new([7; 32]);
        for &(number, what, at) in steps {
            let key = Key::new(number);
            match what % 6 {
                0 => counts.known.insert(key, Key::new(number / 2), at),
                1 => counts.pairs.change(key, at, |record, _| record.start(at)),
                2 => counts.pairs.change(key, at, |record, _| record.fail(at)),
                3 => drop(counts.lines.admit(at)),
                4 => counts.names.change(key, at, |record, _| record.fail(at)),
                _ => counts.networks.change(key, at, |record, _| record.fail(at)),
            }
        }
        counts
    }

    proptest! {
        #[test]
        fn counts_are_decoded_as_they_were_encoded(
            steps in proptest::collection::vec((0..100_u64, any::<u8>(), 0..1000_u64), 0..200),
            damage in any::<proptest::sample::Index>(),
        ) {
            let counts = counts(&steps);
            let mut octets = encode(&counts, 1_000_000);
            prop_assert_eq!(decode(&octets, 1_000_000), Some(counts));
            let counts = decode(&octets, 1_000_000);
            prop_assert!(counts.is_some());
            prop_assert_eq!(decode(&octets, 1_000_000 - FUTURE), counts);
            prop_assert_eq!(decode(&octets, 999_999 - FUTURE), None, "from the future");
            let at = damage.index(octets.len());
            prop_assert_eq!(decode(&octets[..at], 1_000_000), None);
            octets[at] ^= 1;
            prop_assert_eq!(decode(&octets, 1_000_000), None);
        }
    }

    #[test]
    fn the_largest_counts_fit_the_file() {
        let mut counts = LoginCounts::new([7; 32]);
        for number in 0..2 * MAX_RECORDS as u64 {
            let key = Key::new(number * 77);
            for table in [&mut counts.pairs, &mut counts.names, &mut counts.networks] {
                table.change(key, 1, |record, _| record.fail(1));
            }
            for network in 0..2 * MAX_NETWORKS as u64 {
                counts.known.insert(key, Key::new(network), number);
            }
        }
        let octets = encode(&counts, u64::MAX);
        assert!(octets.len() <= MAX_FILE / 2, "{}", octets.len());
        assert_eq!(decode(&octets, u64::MAX), Some(counts));
    }
}
