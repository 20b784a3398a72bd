//! Reminds the operator of a certificate that is about to end: from two weeks ahead, and once a day.

use crate::types::DateTime;
use std::path::Path;
use std::time::{Duration, SystemTime};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Certificates of three months are renewed a month ahead: by then something is wrong.
const AHEAD: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// What was said of one certificate.
#[derive(Debug, Default)]
pub(super) struct Expiry {
    said: Option<(Notice, SystemTime)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notice {
    Soon,
    Ended,
}

impl Expiry {
    /// Says it if it is time. Returns how long nothing is to be said, a day at most.
    pub(super) fn remind(&mut self, file: &Path, end: SystemTime, today: SystemTime) -> Duration {
        let left = end.duration_since(today).unwrap_or_default();
        let notice = match left {
            Duration::ZERO => Notice::Ended,
            left if left <= AHEAD => Notice::Soon,
            left => return (left - AHEAD).min(DAY),
        };
        if self.is_due(notice, today) {
            self.said = Some((notice, today));
            say(file, end, left);
        }
        match notice {
            Notice::Soon => left.min(DAY),
            Notice::Ended => DAY,
        }
    }

    /// A clock that was set back does not silence it.
    fn is_due(&self, notice: Notice, today: SystemTime) -> bool {
        self.said.is_none_or(|(said, at)| {
            said != notice || today.duration_since(at).is_ok_and(|since| since >= DAY)
        })
    }
}

fn say(file: &Path, end: SystemTime, left: Duration) {
    let file = file.display();
    let end = DateTime::from(end);
    match left.as_secs() / DAY.as_secs() {
        _ if left.is_zero() => log::error!("{file}: the certificate has ended, {end}"),
        0 => log::warn!("{file}: the certificate ends within a day, {end}"),
        1 => log::warn!("{file}: the certificate ends in 1 day, {end}"),
        days => log::warn!("{file}: the certificate ends in {days} days, {end}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_a_day_from_two_weeks_ahead() {
        let end = SystemTime::UNIX_EPOCH + 1000 * DAY;
        let mut expiry = Expiry::default();
        let mut said = Vec::new();
        let mut today = end - 20 * DAY;
        while today < end + 2 * DAY {
            let before = expiry.said;
            let wait = expiry.remind(Path::new("cert.pem"), end, today);
            assert!(!wait.is_zero() && wait <= DAY);
            if expiry.said != before {
                let notice = expiry.said.map(|(notice, _)| notice);
                said.push((
                    notice,
                    today.duration_since(end - AHEAD).expect("not before"),
                ));
            }
            // Other reasons to look do not make it say more.
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
                    Notice::Ended
                };
                (Some(notice), day * DAY)
            })
            .collect();
        assert_eq!(said, expected);
    }

    #[test]
    fn the_end_is_said_at_the_end() {
        let end = SystemTime::UNIX_EPOCH + 1000 * DAY;
        let mut expiry = Expiry::default();
        let wait = expiry.remind(Path::new("cert.pem"), end, end - DAY / 4);
        assert_eq!(wait, DAY / 4);
        expiry.remind(Path::new("cert.pem"), end, end);
        assert_eq!(expiry.said, Some((Notice::Ended, end)));
    }
}
