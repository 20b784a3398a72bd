//! The day in a Date field, for SEARCH SENTON and its like (RFC 822 §5, RFC 5322 §3.3).

use super::header;
use crate::types::Day;
use crate::types::date::{full_year, month_by_name};

/// The day that the Date field of a header names, as written there; time and zone are left out (RFC
/// 3501 §6.4.4). `None` if there is no such field or no such day.
pub fn day(block: &[u8]) -> Option<Day> {
    let value = header::field(block, "Date")?;
    let words = value
        .split(|&octet| matches!(octet, b' ' | b'\t' | b',' | b'-'))
        .filter(|word| !word.is_empty());
    let mut words = words.skip_while(|word| !word[0].is_ascii_digit());
    let day = number(words.next()?)?;
    let month = month_by_name(words.next()?.get(..3)?)?;
    let year = words.next()?;
    let full = match year.len() {
        2 => full_year(number(year)?),
        _ => number(year)?,
    };
    Day::new(full, month, i8::try_from(day).ok()?)
}

fn number(word: &[u8]) -> Option<i16> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_dates_of_all_times() {
        let cases = [
            ("Date: Sat, 4 Jun 88 13:27:11 PDT\n", Day::new(1988, 6, 4)),
            (
                "date: Mon, 01 January 2024 10:00:00 +0000\r\n",
                Day::new(2024, 1, 1),
            ),
            ("Date: 31-Dec-99 23:59 EST\n", Day::new(1999, 12, 31)),
            ("Date: 4 June\n", None),
            ("Date: 32 Jun 1988\n", None),
            ("Date: yesterday\n", None),
            ("Subject: x\n", None),
        ];
        for (block, expected) in cases {
            assert_eq!(day(block.as_bytes()), expected, "{block}");
        }
    }
}
