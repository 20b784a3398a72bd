//! [`LineLimit`]: a logger that no client can make write without end.
//!
//! Most log lines have a client as their cause: it sends ID, reads a message that is damaged, or
//! disconnects in an odd way, and it can do so again and again. So each place in the source that
//! logs has some lines a minute. Those left out are counted, and the count is logged with the first
//! line of any kind that comes after that minute.
//!
//! Lines of the target [`UNLIMITED`] are all logged, and so are those of the levels debug and
//! trace, which the operator has asked for.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::log_limit::LogLimit;
use log::{Level, Log, Metadata, Record};

/// The target of lines that programs parse, or that the operator has asked for. Rooms that do not
/// know this one write it out.
pub(crate) const UNLIMITED: &str = "unlimited";

/// Lines that one place in the source may log in a minute.
const LINES_PER_MINUTE: u32 = 100;
/// Characters that are kept of the first line that was left out.
const MAX_EXAMPLE: usize = 200;

/// A logger that passes some lines a minute on to another one.
pub(super) struct LineLimit<L> {
    logger: L,
    places: Mutex<Places>,
}

impl<L: Log> LineLimit<L> {
    pub(super) fn new(logger: L) -> Self {
        Self {
            logger,
            places: Mutex::default(),
        }
    }

    /// A thread that panics in here has left the counts as they should be.
    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log_left_out(&self, lines: &[LeftOut]) {
        for LeftOut { count, example } in lines {
            let args = format_args!("{count} more lines in a minute like this one: {example}");
            let mut record = Record::builder();
            self.logger
                .log(&record.level(Level::Warn).args(args).build());
        }
    }
}

impl<L: Log> Log for LineLimit<L> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.logger.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        let is_limited = record.level() <= Level::Info && record.target() != UNLIMITED;
        if !is_limited || !self.enabled(record.metadata()) {
            return self.logger.log(record);
        }
        let now = Instant::now();
        let (left_out, may_log) = {
            let mut places = self.places();
            (places.take_left_out(now), places.admit(record, now))
        };
        self.log_left_out(&left_out);
        if may_log {
            self.logger.log(record);
        }
    }

    fn flush(&self) {
        self.logger.flush();
    }
}

/// The places in the source that have logged, by file and line.
#[derive(Default)]
struct Places(HashMap<(Option<&'static str>, Option<u32>), Place>);

/// A place in the source, its lines in this minute, and those that were left out.
struct Place {
    limit: LogLimit,
    left_out: Option<LeftOut>,
}

/// Lines of one place that were left out.
#[derive(Debug, PartialEq, Eq)]
struct LeftOut {
    count: u64,
    /// The first of them.
    example: String,
}

impl Places {
    /// Returns true if this line may be logged, and counts it.
    fn admit(&mut self, record: &Record<'_>, now: Instant) -> bool {
        let place = self.0.entry((record.file_static(), record.line()));
        let place = place.or_insert_with(|| Place {
            limit: LogLimit::new(LINES_PER_MINUTE),
            left_out: None,
        });
        let may_log = place.limit.admit(now);
        if !may_log {
            let left_out = place.left_out.get_or_insert_with(|| LeftOut {
                count: 0,
                example: record
                    .args()
                    .to_string()
                    .chars()
                    .take(MAX_EXAMPLE)
                    .collect(),
            });
            left_out.count += 1;
        }
        may_log
    }

    /// Returns what was left out in minutes that are over.
    fn take_left_out(&mut self, now: Instant) -> Vec<LeftOut> {
        let places = self.0.values_mut();
        let over = places.filter(|place| place.limit.until().is_some_and(|until| until <= now));
        over.filter_map(|place| place.left_out.take()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Keeps the lines.
    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);

    impl Log for Lines {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn log(&self, record: &Record<'_>) {
            let mut lines = self.0.lock().expect("no panic before");
            lines.push(record.args().to_string());
        }

        fn flush(&self) {}
    }

    fn log(limit: &LineLimit<Lines>, level: Level, target: &str, line: u32, text: &str) {
        let args = format_args!("{text}");
        let mut record = Record::builder();
        record.level(level).target(target).args(args);
        limit.log(&record.file_static(Some("x.rs")).line(Some(line)).build());
    }

    #[test]
    fn each_place_has_some_lines_a_minute_and_some_lines_are_not_limited() {
        let limit = LineLimit::new(Lines::default());
        for _ in 0..1000 {
            log(&limit, Level::Info, "imap2d", 1, "a");
            log(&limit, Level::Warn, "imap2d", 2, "b");
            log(&limit, Level::Info, UNLIMITED, 3, "c");
            log(&limit, Level::Debug, "imap2d", 4, "d");
        }
        let lines = limit.logger.0.lock().expect("no panic before");
        let count = |text: &str| lines.iter().filter(|line| *line == text).count();
        assert_eq!(["a", "b", "c", "d"].map(count), [100, 100, 1000, 1000]);
    }

    #[test]
    fn what_was_left_out_is_counted_when_its_minute_is_over() {
        let mut places = Places::default();
        let start = Instant::now();
        let end = start + Duration::from_secs(60);
        let long = "ü".repeat(2 * MAX_EXAMPLE);
        let admit = |places: &mut Places, now| {
            let mut record = Record::builder();
            places.admit(&record.args(format_args!("{long}")).build(), now)
        };
        let admitted = (0..150).filter(|_| admit(&mut places, start)).count();
        assert_eq!(admitted, LINES_PER_MINUTE as usize);
        assert_eq!(places.take_left_out(start), []);
        let expected = LeftOut {
            count: 50,
            example: "ü".repeat(MAX_EXAMPLE),
        };
        assert_eq!(places.take_left_out(end), [expected]);
        assert_eq!(places.take_left_out(end), []);
        assert!(admit(&mut places, end));
    }
}
