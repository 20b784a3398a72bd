//! The dates of SEARCH and APPEND, in the forms of all protocols.

use crate::types::{DateTime, Day, full_year, month_by_name};

use super::cursor::{Cursor, Parsed};

const NO_DATE: &str = "a date was expected, such as 1-Oct-1987";
const NO_DATE_TIME: &str = "a date and time was expected, such as \" 1-Oct-1987 12:00:00 +0000\"";

/// Parses the day of a search key. A time of day behind it is ignored: the grammar of
/// RFC 1064 p. 26 has a time in every date, but a search compares days only.
///
/// ```text
/// date      = date-text / DQUOTE date-text DQUOTE            RFC 3501 §9
/// date-text = date-day "-" date-month "-" date-year
/// ```
pub(super) fn search_date(cursor: &mut Cursor<'_>) -> Parsed<Day> {
    let text = cursor.string()?;
    let ((year, month, day), rest) = civil_date(&text).ok_or(NO_DATE)?;
    if !matches!(rest, [] | [b' ', ..]) {
        return Err(NO_DATE);
    }
    Day::new(year, month, day).ok_or("there is no such day")
}

/// Parses the internal date of an appended message.
///
/// ```text
/// date-time     = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE
/// date_time_old = <"> date_day_fixed "-" date_month "-" 2digit SPACE time "-" zone_name <">
///                                                                RFC 2062 p. 6
/// ```
pub(crate) fn date_time(cursor: &mut Cursor<'_>) -> Parsed<DateTime> {
    let text = cursor.quoted()?;
    let (date, rest) = civil_date(&text).ok_or(NO_DATE_TIME)?;
    let (time, rest) = time_of_day(rest).ok_or(NO_DATE_TIME)?;
    let offset = zone(rest).ok_or(NO_DATE_TIME)?;
    DateTime::from_civil(date, time, offset).ok_or("there is no such day or time")
}

/// Year, month, day.
type Ymd = (i16, i8, i8);
/// Hour, minute, second.
type Hms = (i8, i8, i8);

/// Parses day, month and year, and returns also what follows them. The day may be padded with a
/// space; the year may have two digits.
///
/// ```text
/// date-day   = 1*2DIGIT
/// date-month = "Jan" / "Feb" / "Mar" / ...
/// date-year  = 4DIGIT / 2DIGIT
/// ```
fn civil_date(text: &[u8]) -> Option<(Ymd, &[u8])> {
    let (day, rest) = digits(text.trim_ascii_start())?;
    let rest = rest.strip_prefix(b"-")?;
    let (month, rest) = rest.split_at_checked(3)?;
    let (year, after) = digits(rest.strip_prefix(b"-")?)?;
    let year = match year {
        [_, _] => full_year(value(year)),
        [_, _, _, _] => value(year),
        _ => return None,
    };
    let day = i8::try_from(value(day)).ok()?;
    Some(((year, month_by_name(month)?, day), after))
}

/// ```text
/// time = 2DIGIT ":" 2DIGIT ":" 2DIGIT
/// ```
fn time_of_day(text: &[u8]) -> Option<(Hms, &[u8])> {
    let (hour, rest) = digits(text.strip_prefix(b" ")?)?;
    let (minute, rest) = digits(rest.strip_prefix(b":")?)?;
    let (second, rest) = digits(rest.strip_prefix(b":")?)?;
    let small = |digits| i8::try_from(value(digits)).ok();
    Some(((small(hour)?, small(minute)?, small(second)?), rest))
}

/// Parses a zone and returns its minutes east of Greenwich. A missing or unknown zone is read as
/// Greenwich, because refusing the message would lose more than its time of day.
///
/// ```text
/// zone = ("+" / "-") 4DIGIT            RFC 3501 §9, after a space
/// "-" zone_name                        RFC 1064 p. 24 (its example, p. 19, has a space, not "-")
/// ```
fn zone(text: &[u8]) -> Option<i32> {
    let text = text.trim_ascii();
    if let [sign @ (b'+' | b'-'), number @ ..] = text {
        if let Some((hhmm @ [_, _, _, _], [])) = digits(number) {
            let (hours, minutes) = (value(&hhmm[..2]), value(&hhmm[2..]));
            let minutes = i32::from(hours) * 60 + i32::from(minutes);
            return Some(if *sign == b'-' { -minutes } else { minutes });
        }
    }
    let name = text.strip_prefix(b"-").unwrap_or(text);
    let is_name = name.iter().all(u8::is_ascii_alphabetic);
    is_name.then(|| zone_by_name(name))
}

/// ```text
/// zone_name ::= "UT" / "GMT" / "Z" / "AST" / "EDT" / ...             RFC 2062 p. 7
/// ```
fn zone_by_name(name: &[u8]) -> i32 {
    const NAMES: [(&str, i32); 16] = [
        ("AST", -4),
        ("EDT", -4),
        ("EST", -5),
        ("CDT", -5),
        ("CST", -6),
        ("MDT", -6),
        ("MST", -7),
        ("PDT", -7),
        ("PST", -8),
        ("YDT", -8),
        ("YST", -9),
        ("HDT", -9),
        ("HST", -10),
        ("BDT", -10),
        ("BST", -11),
        ("UT", 0),
    ];
    let known = NAMES
        .iter()
        .find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
    60 * known.map_or_else(|| military_zone(name), |&(_, hours)| hours)
}

/// Returns the hours east of Greenwich of a zone of one letter: A to M without J lie east, N to Y
/// west, Z is Greenwich itself.
fn military_zone(name: &[u8]) -> i32 {
    let [letter] = name else { return 0 };
    let after = |first: u8| i32::from(letter.to_ascii_uppercase() - first);
    match letter.to_ascii_uppercase() {
        b'A'..=b'I' => after(b'A') + 1,
        b'K'..=b'M' => after(b'K') + 10,
        b'N'..=b'Y' => -after(b'N') - 1,
        _ => 0,
    }
}

/// Splits off one to four digits.
fn digits(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|octet| !octet.is_ascii_digit());
    let (digits, rest) = text.split_at(end.unwrap_or(text.len()));
    (1..=4).contains(&digits.len()).then_some((digits, rest))
}

/// Returns the value of at most four digits.
fn value(digits: &[u8]) -> i16 {
    digits
        .iter()
        .fold(0, |value, digit| value * 10 + i16::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Parsed<Day> {
        search_date(&mut Cursor::new(text.as_bytes()))
    }

    fn time(text: &str) -> Parsed<DateTime> {
        date_time(&mut Cursor::new(format!("\"{text}\"").as_bytes()))
    }

    #[test]
    fn reads_days_in_all_forms() {
        let want = Day::new(1987, 10, 1).ok_or("");
        for text in [
            "1-OCT-87",
            "01-oct-1987",
            "\"1-Oct-87\"",
            "\" 1-Oct-1987\"",
            "\"1-Oct-87 12:00:00-PDT\"",
            "{8}\r\n1-Oct-87",
        ] {
            assert_eq!(day(text), want, "{text}");
        }
        assert_eq!(day("1-Jan-48"), Day::new(2048, 1, 1).ok_or(""));
    }

    #[test]
    fn refused_days() {
        for text in [
            "",
            "x",
            "1-Oct",
            "1-Oct-",
            "1-Oct-987",
            "1-Oct-19870",
            "32-Oct-1987",
            "0-Oct-1987",
            "29-Feb-1987",
            "1-Okt-1987",
            "1-Oct-1987x",
            "1/10/1987",
            "999-Oct-1987",
            "-1-Oct-1987",
        ] {
            assert!(day(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_one_time_in_all_zones() {
        for text in [
            " 9-Jun-1988 12:55:43 -0700",
            "09-Jun-88 12:55:43-PDT",
            " 9-Jun-88 12:55:43 PDT",
            " 9-Jun-88 19:55:43-GMT",
            " 9-Jun-88 19:55:43-Z",
            " 9-Jun-88 19:55:43",
            " 9-Jun-1988 12:55:43-0700",
            " 9-Jun-88 12:55:43-T",
            " 9-Jun-88 23:55:43-D",
            "10-Jun-88 07:55:43-M",
            "09-Jun-88 07:55:43-Y",
            " 9-Jun-88 19:55:43-XYZZY",
        ] {
            assert_eq!(time(text).map(|t| t.unix), Ok(581_889_343), "{text}");
        }
    }

    #[test]
    fn refused_times() {
        for text in [
            "",
            " 9-Jun-1988",
            " 9-Jun-1988 12:55",
            " 9-Jun-1988 12:55:43 +07",
            " 9-Jun-1988 24:00:00 +0000",
            " 9-Jun-1988 12:60:00 +0000",
            " 9-Jun-1988 300:00:00 +0000",
            "31-Jun-1988 12:55:43 +0000",
            " 9-Jun-1988 12:55:43 \\\"",
        ] {
            assert!(time(text).is_err(), "{text}");
        }
        assert!(date_time(&mut Cursor::new(b"9-Jun-1988")).is_err());
    }
}
