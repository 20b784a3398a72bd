//! [`Throttle`]: when attempts to log in may start, by the counts of this process or by those that
//! it shares with others.

use super::count_table::{Millis, When};
use super::counts_file::CountsFile;
use super::counts_format::{decode, encode};
use super::login_counts::{LoginCounts, Outcome, SECRET, Secret, Started};
use super::origin::LoginOrigin;
use rustix::rand::GetRandomFlags;
use rustix::time::ClockId;
use std::io;
use std::time::{Duration, Instant};

/// Time after which an attempt is tried again that waits for attempts under way, if these may be
/// under way in other processes. The end of one of this process wakes it earlier.
const TRY_AGAIN: Duration = Duration::from_millis(100);
/// Time after which the file is tried again that another process has locked.
const LOCKED: Duration = Duration::from_millis(3);
/// Time after which a file is given up that was locked at each try: another program holds it that
/// does not know its use.
const GIVE_UP: Duration = Duration::from_secs(2);
/// Tries to lock the file for the last time.
const LAST_TRIES: usize = 20;

/// When an attempt starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Now(Started),
    /// Not yet: ask again at this time. True if earlier failures are the reason.
    Later(Instant, bool),
}

/// The end of an attempt.
struct Ended {
    from: LoginOrigin,
    started: Started,
    outcome: Outcome,
    at: Millis,
}

/// The counts of failed logins, and the clock that they go by.
pub(super) struct Throttle {
    /// A time, and what the monotonic clock showed then.
    origin: (Instant, Millis),
    /// The counts of this process; if it shares a file, what was in the file last.
    counts: LoginCounts,
    file: Option<CountsFile>,
    /// Ends that are not counted yet, because another process had locked the file.
    uncounted: Vec<Ended>,
    /// When the file was found locked for the first time, and for the last, since it was free.
    locked: Option<(Instant, Instant)>,
}

impl Throttle {
    /// Makes a throttle that counts the attempts of this process only.
    pub(super) fn new() -> Self {
        Self {
            origin: (Instant::now(), monotonic_time()),
            counts: LoginCounts::new(random_secret()),
            file: None,
            uncounted: Vec::new(),
            locked: None,
        }
    }

    /// Counts together with other processes from now on.
    pub(super) fn share(&mut self, file: CountsFile) {
        self.file = Some(file);
    }

    /// Closes the file that is shared.
    pub(super) fn close_file(&mut self, now: Instant) {
        // This process serves one client, which has logged in: waiting holds up nothing else.
        for _ in 0..LAST_TRIES {
            self.count_ends(now);
            if !self.has_uncounted() {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.file = None;
    }

    /// Starts those of the attempts that may start now, in this order.
    pub(super) fn try_start<'o>(
        &mut self,
        attempts: impl Iterator<Item = &'o LoginOrigin>,
        now: Instant,
    ) -> Vec<Start> {
        let at = self.millis(now);
        let attempts: Vec<_> = attempts.collect();
        let started = self.change(now, |counts| {
            let each = attempts.iter().map(|from| counts.try_start(from, at));
            each.collect::<Vec<_>>()
        });
        let Some(started) = started else {
            return vec![Start::Later(now + LOCKED, false); attempts.len()];
        };
        let is_shared = self.file.is_some();
        let delay = |time: Millis| Duration::from_millis(time.saturating_sub(at));
        let starts = started.into_iter().map(|started| match started {
            Ok(started) => Start::Now(started),
            Err(When::Now) => Start::Later(now, false),
            Err(When::At(time)) => Start::Later(now + delay(time), true),
            Err(When::AfterOthers(time)) => match is_shared {
                true => Start::Later(now + delay(time).min(TRY_AGAIN), false),
                false => Start::Later(now + delay(time), false),
            },
        });
        starts.collect()
    }

    /// Notes the end of an attempt that has started.
    pub(super) fn end(
        &mut self,
        from: &LoginOrigin,
        started: Started,
        outcome: Outcome,
        now: Instant,
    ) {
        self.uncounted.push(Ended {
            from: from.clone(),
            started,
            outcome,
            at: self.millis(now),
        });
        self.count_ends(now);
    }

    /// Returns, if a line about delays may be logged now, how many were left out in the minute
    /// before, by all processes that count together. `None` if this process counts by itself.
    pub(super) fn admit_shared_line(&mut self, now: Instant) -> Option<Option<u32>> {
        self.file.as_ref()?;
        let at = self.millis(now);
        Some(self.change(now, |counts| counts.lines.admit(at)).flatten())
    }

    /// True if [`Self::count_ends`] has to be called again.
    pub(super) fn has_uncounted(&self) -> bool {
        !self.uncounted.is_empty()
    }

    /// Returns the time at which to call [`Self::count_ends`].
    pub(super) fn deadline(&self) -> Option<Instant> {
        let (_, last) = self.locked.filter(|_| self.has_uncounted())?;
        Some(last + LOCKED)
    }

    /// Counts the ends of attempts, unless another process has locked the file.
    pub(super) fn count_ends(&mut self, now: Instant) {
        if self.has_uncounted() {
            // Without a file nothing is locked.
            let _ = self.change(now, |_| ());
        }
    }

    /// Changes the counts, after the ends that are not counted yet. Returns `None`, and changes
    /// nothing, if another process has locked the file.
    fn change<R>(&mut self, now: Instant, change: impl FnOnce(&mut LoginCounts) -> R) -> Option<R> {
        let at = self.millis(now);
        let Some(file) = &self.file else {
            count(&mut self.uncounted, &mut self.counts);
            return Some(change(&mut self.counts));
        };
        let (counts, uncounted) = (&mut self.counts, &mut self.uncounted);
        let mut change = Some(change);
        let changed = file.try_change(|octets| {
            *counts = decode(octets, at).unwrap_or_else(|| rebuilt(file, octets));
            counts.forget_old(at);
            count(uncounted, counts);
            let result = change.take().map(|change| change(counts));
            (encode(counts, at), result)
        });
        match changed {
            Ok(Some(result)) => {
                self.locked = None;
                return result;
            }
            Ok(None) => {
                // It has been free in between if nothing has tried it for longer than that.
                let is_recent = |last| now.saturating_duration_since(last) < 10 * LOCKED;
                let before = self.locked.filter(|(_, last)| is_recent(*last));
                let since = before.map_or(now, |(since, _)| since);
                self.locked = Some((since, now));
                if now.saturating_duration_since(since) < GIVE_UP {
                    return None;
                }
                self.stop_sharing("another program has locked it");
            }
            Err(error) => self.stop_sharing(&error.to_string()),
        }
        count(&mut self.uncounted, &mut self.counts);
        change.map(|change| change(&mut self.counts))
    }

    fn stop_sharing(&mut self, reason: &str) {
        if let Some(file) = self.file.take() {
            let path = file.path().display();
            log::error!("{path}: {reason}: this process counts failed logins by itself");
        }
    }

    fn millis(&self, now: Instant) -> Millis {
        let (origin, millis) = self.origin;
        let since = now.saturating_duration_since(origin).as_millis();
        millis.saturating_add(u64::try_from(since).unwrap_or(u64::MAX))
    }
}

/// Counts the ends of attempts.
fn count(ends: &mut Vec<Ended>, counts: &mut LoginCounts) {
    for end in ends.drain(..) {
        counts.end(&end.from, end.started, end.outcome, end.at);
    }
}

/// Returns new counts instead of those in a file that has none.
fn rebuilt(file: &CountsFile, octets: &[u8]) -> LoginCounts {
    if !octets.is_empty() {
        let path = file.path().display();
        log::warn!("{path}: is damaged or of another version: failed logins are counted anew");
    }
    LoginCounts::new(random_secret())
}

fn monotonic_time() -> Millis {
    let time = rustix::time::clock_gettime(ClockId::Monotonic);
    let (seconds, nanoseconds) = (time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs());
    seconds * 1000 + nanoseconds / 1_000_000
}

fn random_secret() -> Secret {
    let mut secret = [0; SECRET];
    if let Err(error) = rustix::rand::getrandom(&mut secret, GetRandomFlags::empty()) {
        // Then clients could choose names that count as one: these are delayed, too.
        let error = io::Error::from(error);
        log::error!("the system has no random numbers for counting failed logins: {error}");
    }
    secret
}

#[cfg(test)]
mod tests {
    use super::super::runtime_directory::RuntimeDirectory;
    use super::*;
    use crate::session::Peer;
    use std::path::Path;

    fn counts_file(directory: &Path) -> CountsFile {
        let directory = RuntimeDirectory::open_at(directory).expect("a directory");
        CountsFile::open_in(&directory).expect("a file")
    }

    fn sharing(directory: &Path) -> Throttle {
        let mut throttle = Throttle::new();
        throttle.share(counts_file(directory));
        throttle
    }

    fn origin(name: &str) -> LoginOrigin {
        LoginOrigin::new(&Peer::default(), name.as_bytes())
    }

    fn start(throttle: &mut Throttle, from: &LoginOrigin, now: Instant) -> Start {
        throttle.try_start(std::iter::once(from), now)[0]
    }

    /// Starts an attempt that may start now, and lets it fail.
    fn fail(throttle: &mut Throttle, from: &LoginOrigin, now: Instant) {
        match start(throttle, from, now) {
            Start::Now(started) => throttle.end(from, started, Outcome::Failure, now),
            later => panic!("{later:?}"),
        }
    }

    #[test]
    fn the_failures_of_one_process_delay_another() {
        let directory = tempfile::tempdir().expect("a directory");
        let now = Instant::now();
        let ann = origin("ann");
        fail(&mut sharing(directory.path()), &ann, now);
        let delayed = start(&mut sharing(directory.path()), &ann, now);
        let Start::Later(time, true) = delayed else {
            panic!("{delayed:?}");
        };
        let delay = time.saturating_duration_since(now);
        assert!(delay > Duration::from_millis(450), "{delay:?}");
        assert!(delay < Duration::from_millis(550), "{delay:?}");
        let path = directory.path().join("failed-logins");
        std::fs::write(&path, b"damaged").expect("written");
        fail(&mut sharing(directory.path()), &ann, now);
        let delayed = start(&mut sharing(directory.path()), &ann, now);
        assert!(matches!(delayed, Start::Later(_, true)), "it is rebuilt");
    }

    #[test]
    fn a_locked_file_is_tried_again_and_given_up_in_the_end() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut throttle = sharing(directory.path());
        let mut now = Instant::now();
        let ann = origin("ann");
        let Start::Now(started) = start(&mut throttle, &ann, now) else {
            panic!("nothing has failed");
        };
        let other = counts_file(directory.path());
        let held = other.try_change(|octets| {
            throttle.end(&ann, started, Outcome::Failure, now);
            assert_eq!(
                start(&mut throttle, &ann, now),
                Start::Later(now + LOCKED, false)
            );
            assert!(throttle.has_uncounted());
            // Finding it locked twice within a long time says nothing.
            now += 2 * GIVE_UP;
            throttle.count_ends(now);
            assert!(throttle.file.is_some());
            let end = now + 2 * GIVE_UP;
            while throttle.file.is_some() && now < end {
                now = throttle.deadline().expect("it tries again");
                throttle.count_ends(now);
            }
            (octets.to_vec(), ())
        });
        assert!(held.is_ok_and(|held| held.is_some()));
        assert!(throttle.file.is_none() && !throttle.has_uncounted());
        let delayed = start(&mut throttle, &origin("ann"), now);
        assert!(matches!(delayed, Start::Now(_)), "four seconds are over");
    }
}
