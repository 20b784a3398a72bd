//! Dates and times, in UTC throughout: a repository has no place of its own.

use std::fmt;
use std::time::{Duration, SystemTime};

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{Timestamp, civil};

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
pub(crate) const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// 1 to 12 for a month's three letters in any case.
pub(crate) fn month_by_name(name: &[u8]) -> Option<i8> {
    let at = MONTHS
        .iter()
        .position(|month| month.as_bytes().eq_ignore_ascii_case(name))?;
    i8::try_from(at + 1).ok()
}

/// The year that two digits mean: 00-48 is 20xx, 49-99 is 19xx, as c-client reads them.
pub(crate) fn full_year(two_digits: i16) -> i16 {
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
        let local = date.at(hour, minute, second.min(59), 0);
        let since = local.duration_since(civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0));
        Some(Self {
            unix: since.as_secs() - i64::from(offset_minutes) * 60,
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

    /// The same for the system; nothing if it cannot tell this time.
    pub fn system_time(self) -> Option<SystemTime> {
        let seconds = Duration::from_secs(self.unix.unsigned_abs());
        if self.unix < 0 {
            SystemTime::UNIX_EPOCH.checked_sub(seconds)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(seconds)
        }
    }

    fn civil(self) -> civil::DateTime {
        let second = self
            .unix
            .clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
        let timestamp = Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH);
        Offset::UTC.to_datetime(timestamp)
    }
}

/// Without the fraction of a second, and not before 1970.
impl From<SystemTime> for DateTime {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH);
        Self {
            unix: since.map_or(0, |since| since.as_secs() as i64),
        }
    }
}

/// `1988-06-09T19:55:43Z` (RFC 3339), as operators read it.
impl fmt::Display for DateTime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((year, month, day), (hour, minute, second)) = self.parts();
        write!(
            out,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
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
        assert_eq!(date.to_string(), "1988-06-09T19:55:43Z");
    }

    #[test]
    fn the_systems_time_and_back() {
        for unix in [0, 581_889_343, 253_402_300_799] {
            let time = DateTime { unix }.system_time().expect("a time");
            assert_eq!(DateTime::from(time), DateTime { unix });
        }
        let early = DateTime { unix: -1 }.system_time().expect("a time");
        assert!(early < SystemTime::UNIX_EPOCH);
        assert_eq!(DateTime::from(early).unix, 0);
        assert_eq!(
            DateTime { unix: i64::MAX }.day(),
            Day::new(9999, 12, 30).expect("a day")
        );
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
