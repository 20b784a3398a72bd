//! Reminders of a certificate that is about to expire: from two weeks before, and once a day.

use crate::types::DateTime;
use std::path::Path;
use std::time::{Duration, SystemTime};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Time before the end from which on reminders are logged. Certificates of three months are renewed
/// a month before their end: if they are not, something is wrong.
const AHEAD: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// The reminders of one certificate.
#[derive(Debug, Default)]
pub(super) struct ExpiryReminder {
    /// The last reminder, and its time.
    last: Option<(Notice, SystemTime)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notice {
    Soon,
    Expired,
}

impl ExpiryReminder {
    /// Logs a reminder if one is due. Returns the time until the next call, a day at most.
    pub(super) fn remind(&mut self, file: &Path, end: SystemTime, today: SystemTime) -> Duration {
        let left = end.duration_since(today).unwrap_or_default();
        let notice = match left {
            Duration::ZERO => Notice::Expired,
            left if left <= AHEAD => Notice::Soon,
            left => return (left - AHEAD).min(DAY),
        };
        if self.is_due(notice, today) {
            self.last = Some((notice, today));
            log_notice(file, end, left);
        }
        match notice {
            Notice::Soon => left.min(DAY),
            Notice::Expired => DAY,
        }
    }

    /// True if this notice was not logged within a day. A clock that was set back does not silence
    /// it.
    fn is_due(&self, notice: Notice, today: SystemTime) -> bool {
        self.last.is_none_or(|(last, at)| {
            last != notice || today.duration_since(at).is_ok_and(|since| since >= DAY)
        })
    }
}

fn log_notice(file: &Path, end: SystemTime, left: Duration) {
    let file = file.display();
    let end = DateTime::from(end);
    match left.as_secs() / DAY.as_secs() {
        _ if left.is_zero() => log::error!("{file}: the certificate has expired, {end}"),
        0 => log::warn!("{file}: the certificate expires within a day, {end}"),
        1 => log::warn!("{file}: the certificate expires in 1 day, {end}"),
        days => log::warn!("{file}: the certificate expires in {days} days, {end}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reminders_come_once_a_day_from_two_weeks_before_the_end() {
        let end = SystemTime::UNIX_EPOCH + 1000 * DAY;
        let mut expiry = ExpiryReminder::default();
        let mut said = Vec::new();
        let mut today = end - 20 * DAY;
        while today < end + 2 * DAY {
            let before = expiry.last;
            let wait = expiry.remind(Path::new("cert.pem"), end, today);
            assert!(!wait.is_zero() && wait <= DAY);
            if expiry.last != before {
                let notice = expiry.last.map(|(notice, _)| notice);
                said.push((
                    notice,
                    today.duration_since(end - AHEAD).expect("not before"),
                ));
            }
            // More calls do not make more reminders.
            expiry.remind(Path::new("cert.pem"), end, today + wait / 2);
            today += wait;
        }
        let days: Vec<u32> = (0..=15).collect();
        let expected: Vec<_> = days
            .into_iter()
            .map(|day| {
                let notice = if day < 14 {
                    Notice::Soon
                } else {
                    Notice::Expired
                };
                (Some(notice), day * DAY)
            })
            .collect();
        assert_eq!(said, expected);
    }

    #[test]
    fn the_end_is_logged_when_it_comes() {
        let end = SystemTime::UNIX_EPOCH + 1000 * DAY;
        let mut expiry = ExpiryReminder::default();
        let wait = expiry.remind(Path::new("cert.pem"), end, end - DAY / 4);
        assert_eq!(wait, DAY / 4);
        expiry.remind(Path::new("cert.pem"), end, end);
        assert_eq!(expiry.last, Some((Notice::Expired, end)));
    }
}
