//! Dates and times, in UTC throughout: a repository has no place of its own.

use jiff::Timestamp;
use jiff::civil::Date;

/// A second in time, as APPEND takes it and INTERNALDATE shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime {
    /// Seconds since 1970-01-01 00:00:00 UTC.
    pub unix: i64,
}

/// A day, for SEARCH, which leaves time and zone out of account (RFC 3501 §6.4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(Date);

/// English month names as both protocols write them.
pub const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// 1 to 12 for a month's three letters in any case.
pub fn month_by_name(name: &[u8]) -> Option<i8> {
    let at = MONTHS
        .iter()
        .position(|month| month.as_bytes().eq_ignore_ascii_case(name))?;
    i8::try_from(at + 1).ok()
}

/// The year that two digits mean: 00-48 is 20xx, 49-99 is 19xx, as c-client reads them.
pub fn full_year(two_digits: i16) -> i16 {
    if two_digits < 49 {
        2000 + two_digits
    } else {
        1900 + two_digits
    }
}

impl DateTime {
    /// From a civil date and time in a zone `offset_minutes` east of Greenwich; `None` if there is no
    /// such day or time. A leap second is read as the second before it.
    pub fn from_civil(
        (year, month, day): (i16, i8, i8),
        (hour, minute, second): (i8, i8, i8),
        offset_minutes: i32,
    ) -> Option<Self> {
        if !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0..=60).contains(&second) {
            return None;
        }
        let date = Date::new(year, month, day).ok()?;
        let days = i64::from(Date::constant(1970, 1, 1).until(date).ok()?.get_days());
        let local = days * 86_400 + i64::from(hour) * 3600 + i64::from(minute) * 60;
        Some(Self {
            unix: local + i64::from(second.min(59)) - i64::from(offset_minutes) * 60,
        })
    }

    /// The day it falls on, in UTC.
    pub fn day(self) -> Day {
        Day(self.civil().date())
    }

    /// Year, month, day and hour, minute, second, in UTC.
    pub fn parts(self) -> ((i16, i8, i8), (i8, i8, i8)) {
        let civil = self.civil();
        (
            (civil.year(), civil.month(), civil.day()),
            (civil.hour(), civil.minute(), civil.second()),
        )
    }

    fn civil(self) -> jiff::civil::DateTime {
        let second = self
            .unix
            .clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
        let timestamp = Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH);
        jiff::tz::Offset::UTC.to_datetime(timestamp)
    }
}

impl Day {
    /// `None` if there is no such day.
    pub fn new(year: i16, month: i8, day: i8) -> Option<Self> {
        Date::new(year, month, day).ok().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_and_back() {
        // RFC 1064 p. 19: 9-Jun-88 12:55:43 PDT, seven hours west.
        let date = DateTime::from_civil((1988, 6, 9), (12, 55, 43), -7 * 60).expect("a date");
        assert_eq!(date.unix, 581_889_343);
        assert_eq!(date.parts(), ((1988, 6, 9), (19, 55, 43)));
        assert_eq!(Some(date.day()), Day::new(1988, 6, 9));
    }

    #[test]
    fn refuses_what_does_not_exist() {
        assert_eq!(DateTime::from_civil((2023, 2, 29), (0, 0, 0), 0), None);
        assert_eq!(DateTime::from_civil((2023, 2, 28), (24, 0, 0), 0), None);
        assert_eq!(Day::new(2024, 2, 30), None);
    }

    #[test]
    fn extreme_seconds_do_not_panic() {
        for unix in [i64::MIN, i64::MAX, -1, 0] {
            let _ = DateTime { unix }.parts();
        }
    }

    #[test]
    fn two_digit_years() {
        assert_eq!([88, 0, 48, 49].map(full_year), [1988, 2000, 2048, 1949]);
        assert_eq!(month_by_name(b"oCT"), Some(10));
    }
}
