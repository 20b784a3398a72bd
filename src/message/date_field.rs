//! The Date field, for SEARCH SENTON and the like, and for SORT (RFC 822 §5, RFC 5322 §3.3).

use super::header;
use crate::types::{DateTime, Day, full_year, month_by_name};

/// Most octets of a Date field that are looked at. A date with its comments has less than a
/// hundred.
const MAX_DATE: usize = 1000;

/// Returns the day in the value of a Date field, as written, without regard to time and zone (RFC
/// 3501 §6.4.4). Returns `None` if the calendar has no such day.
pub(crate) fn parse_day(value: &[u8]) -> Option<Day> {
    let value = beginning(value);
    let (year, month, day) = parse_civil(&mut split_words(&value))?;
    Day::new(year, month, day)
}

/// Returns the date and time in the value of a Date field. An invalid zone counts as UTC, an
/// invalid time as midnight (RFC 5256 §2.2). Returns `None` if the calendar has no such day.
pub(crate) fn parse_time(value: &[u8]) -> Option<DateTime> {
    let value = beginning(value);
    let mut words = split_words(&value);
    let date = parse_civil(&mut words)?;
    let clock = words.next().and_then(parse_clock);
    let minutes = words
        .next()
        .filter(|_| clock.is_some())
        .and_then(parse_zone);
    let moment = |clock, minutes| DateTime::from_civil(date, clock, minutes);
    let moment = clock.and_then(|clock| moment(clock, minutes.unwrap_or(0)));
    moment.or_else(|| DateTime::from_civil(date, (0, 0, 0), 0))
}

fn beginning(value: &[u8]) -> Vec<u8> {
    header::unfold(&value[..value.len().min(MAX_DATE)])
}

/// Splits the value into words, and skips those before the day of the month.
fn split_words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let words = value.split(|&octet| matches!(octet, b' ' | b'\t' | b','));
    let words = words.filter(|word| !word.is_empty());
    words.skip_while(|word| !word[0].is_ascii_digit())
}

/// Parses year, month and day. Old mail has hyphens between them.
///
/// ```text
/// date = 1*2DIGIT month 2DIGIT                                   RFC 822 §5.1
/// ```
fn parse_civil<'w>(words: &mut impl Iterator<Item = &'w [u8]>) -> Option<(i16, i8, i8)> {
    let mut pieces = words.next()?.split(|&octet| octet == b'-');
    let mut next = || pieces.next().or_else(|| words.next());
    let day = parse_number(next()?)?;
    let month = month_by_name(next()?.get(..3)?)?;
    let year = next()?;
    let full = match year.len() {
        2 => full_year(parse_number(year)?),
        _ => parse_number(year)?,
    };
    Some((full, month, i8::try_from(day).ok()?))
}

/// Parses a time to hour, minute and second.
///
/// ```text
/// hour = 2DIGIT ":" 2DIGIT [":" 2DIGIT]
/// ```
fn parse_clock(word: &[u8]) -> Option<(i8, i8, i8)> {
    let mut numbers = word.split(|&octet| octet == b':').map(|piece| {
        let number = parse_number(piece)?;
        i8::try_from(number).ok()
    });
    let (hour, minute) = (numbers.next()??, numbers.next()??);
    Some((hour, minute, numbers.next().unwrap_or(Some(0))?))
}

/// Parses a zone to minutes east of Greenwich.
///
/// ```text
/// zone = ("+" / "-") 4DIGIT / "UT" / "GMT" / "EST" / "EDT" / ... ; obs-zone     RFC 5322 §4.3
/// ```
fn parse_zone(word: &[u8]) -> Option<i32> {
    const NAMES: [(&[u8], i32); 8] = [
        (b"EDT", -4),
        (b"EST", -5),
        (b"CDT", -5),
        (b"CST", -6),
        (b"MDT", -6),
        (b"MST", -7),
        (b"PDT", -7),
        (b"PST", -8),
    ];
    let (&sign, digits) = word.split_first()?;
    if !matches!(sign, b'+' | b'-') {
        let (_, hours) = NAMES
            .iter()
            .find(|(name, _)| word.eq_ignore_ascii_case(name))?;
        return Some(hours * 60);
    }
    let all_digits = digits.len() == 4 && digits.iter().all(u8::is_ascii_digit);
    let number = i32::from(parse_number(digits).filter(|_| all_digits)?);
    let minutes = number / 100 * 60 + number % 100;
    Some(if sign == b'-' { -minutes } else { minutes })
}

fn parse_number(word: &[u8]) -> Option<i16> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_zones() {
        let at = |date, clock, minutes| DateTime::from_civil(date, clock, minutes);
        for (value, want) in [
            // RFC 5256 §2.2.
            (
                "31 Dec 2000 16:01:33 -0800",
                at((2001, 1, 1), (0, 1, 33), 0),
            ),
            (
                "Sat, 4 Jun 88 13:27:11 PDT",
                at((1988, 6, 4), (20, 27, 11), 0),
            ),
            (
                "Mon, 1 Jan 2024 10:00 +0530",
                at((2024, 1, 1), (4, 30, 0), 0),
            ),
            (
                "1 Jan 2024 10:00:00 (no zone)",
                at((2024, 1, 1), (10, 0, 0), 0),
            ),
            ("1 Jan 2024 10:00:00 +x", at((2024, 1, 1), (10, 0, 0), 0)),
            ("1 Jan 2024 25:00:00 +0100", at((2024, 1, 1), (0, 0, 0), 0)),
            ("1 Jan 2024 noon", at((2024, 1, 1), (0, 0, 0), 0)),
            ("31-Dec-99 23:59 EST", at((2000, 1, 1), (4, 59, 0), 0)),
            ("1 Jan 2024", at((2024, 1, 1), (0, 0, 0), 0)),
            ("31 Feb 2024 10:00:00 +0000", None),
            ("", None),
        ] {
            let folded = format!(" {value}\r\n");
            assert_eq!(parse_time(folded.as_bytes()), want, "{value}");
        }
    }

    #[test]
    fn days_of_old_and_new_mail_are_read() {
        let cases = [
            ("Sat, 4 Jun 88 13:27:11 PDT\n", Day::new(1988, 6, 4)),
            (
                "Mon, 01 January 2024 10:00:00 +0000\r\n",
                Day::new(2024, 1, 1),
            ),
            ("31-Dec-99 23:59 EST\n", Day::new(1999, 12, 31)),
            ("4 June\n", None),
            ("32 Jun 1988\n", None),
            ("yesterday\n", None),
        ];
        for (value, expected) in cases {
            assert_eq!(parse_day(value.as_bytes()), expected, "{value}");
        }
    }
}
