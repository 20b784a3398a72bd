//! Dates and times, always in UTC, because a mail store has no time zone of its own.

use std::fmt;
use std::time::{Duration, SystemTime};

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{Timestamp, civil};

/// A point in time with a resolution of one second, as in APPEND and INTERNALDATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime {
    /// Seconds since 1970-01-01 00:00:00 UTC.
    pub unix: i64,
}

/// A day, for SEARCH, which ignores time and zone (RFC 3501 §6.4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(Date);

/// The English month names of all protocols.
pub(crate) const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Returns the month, 1 to 12, of three letters in any case.
pub(crate) fn month_by_name(name: &[u8]) -> Option<i8> {
    let at = MONTHS
        .iter()
        .position(|month| month.as_bytes().eq_ignore_ascii_case(name))?;
    i8::try_from(at + 1).ok()
}

/// Returns the year that two digits stand for: 00-48 is 20xx, 49-99 is 19xx, as in c-client.
pub(crate) fn full_year(two_digits: i16) -> i16 {
    if two_digits < 49 {
        2000 + two_digits
    } else {
        1900 + two_digits
    }
}

impl DateTime {
    /// Converts a civil date and time in a zone `offset_minutes` east of Greenwich. Returns `None`
    /// if there is no such day or time. A leap second is read as the second before it.
    pub(crate) fn from_civil(
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

    /// Returns the day in UTC.
    pub(crate) fn day(self) -> Day {
        Day(self.civil().date())
    }

    /// Returns year, month, day and hour, minute, second, in UTC.
    pub fn parts(self) -> ((i16, i8, i8), (i8, i8, i8)) {
        let civil = self.civil();
        (
            (civil.year(), civil.month(), civil.day()),
            (civil.hour(), civil.minute(), civil.second()),
        )
    }

    /// Converts to the time of the operating system. Returns `None` if that cannot represent it.
    pub(crate) fn system_time(self) -> Option<SystemTime> {
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

/// Drops the fraction of a second. A time before 1970 becomes 1970.
impl From<SystemTime> for DateTime {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH);
        Self {
            unix: since.map_or(0, |since| since.as_secs() as i64),
        }
    }
}

/// `1988-06-09T19:55:43Z` (RFC 3339), for logs and listings.
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
    /// Returns `None` if there is no such day.
    pub(crate) fn new(year: i16, month: i8, day: i8) -> Option<Self> {
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
    fn system_time_and_back() {
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
    fn refuses_days_and_times_that_do_not_exist() {
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
