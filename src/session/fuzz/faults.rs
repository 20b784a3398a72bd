//! Faults: flushes that fail, a full disk, too many open files.

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::store::Store;

/// The faults that are going to happen.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// How many flushes succeed before one fails; `None` if none fails.
    pub(super) failing_flush: Option<u32>,
    /// Files cannot become longer than that, in octets.
    longest_file: Option<u64>,
    /// How many more files can be open.
    more_files: Option<u64>,
    /// For how many lines of the script these limits still hold.
    lines: u32,
}

/// For how many lines limits hold: a command with its literal, and what follows.
const LIMITED_LINES: u32 = 3;

impl Faults {
    /// Lets files become no longer than that, in octets, for some lines.
    pub(super) fn limit_files(&mut self, longest: u64) {
        self.longest_file = Some(longest);
        self.lines = LIMITED_LINES;
    }

    /// Lets only so many more files be open for some lines.
    pub(super) fn limit_descriptors(&mut self, more: u64) {
        self.more_files = Some(more);
        self.lines = LIMITED_LINES;
    }

    /// Makes the flushes that the jobs of a store wait for. Returns true if there were any.
    pub(super) fn flush(&mut self, store: &Store) -> bool {
        let requests = store.take_flush_requests();
        let had_some = !requests.is_empty();
        for request in requests {
            store.complete_flush(request.number(), self.next_flush());
        }
        had_some
    }

    fn next_flush(&mut self) -> Result<(), Errno> {
        match self.failing_flush {
            Some(0) => {
                self.failing_flush = None;
                Err(Errno::IO)
            }
            Some(count) => {
                self.failing_flush = Some(count - 1);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Lets the kernel enforce the limits, while the value lives. Limits hold for the process, so
    /// only a fuzzer sets them, which runs nothing else.
    pub(super) fn limit(&mut self) -> Limits {
        let limits = Limits(Vec::new());
        if cfg!(test) {
            return limits;
        }
        let Some(left) = self.lines.checked_sub(1) else {
            *self = Self {
                failing_flush: self.failing_flush,
                ..Self::default()
            };
            return limits;
        };
        self.lines = left;
        ignore_file_size_signal();
        let files = self.more_files.map(|more| open_files() + more);
        limits
            .with(Resource::Fsize, self.longest_file)
            .with(Resource::Nofile, files)
    }
}

/// The limits as they were.
pub(super) struct Limits(Vec<(Resource, Rlimit)>);

impl Limits {
    fn with(mut self, resource: Resource, limit: Option<u64>) -> Self {
        if limit.is_some() {
            let before = getrlimit(resource);
            self.0.push((resource, before));
            let limited = Rlimit {
                current: limit,
                ..before
            };
            setrlimit(resource, limited).expect("a lower limit is allowed");
        }
        self
    }
}

impl Drop for Limits {
    fn drop(&mut self) {
        for (resource, before) in self.0.drain(..) {
            setrlimit(resource, before).expect("the limit of before is allowed");
        }
    }
}

/// A process that writes beyond the limit gets a signal that would end it, and then an error.
fn ignore_file_size_signal() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let flag = std::sync::Arc::default();
        signal_hook::flag::register(signal_hook::consts::SIGXFSZ, flag).expect("a handler");
    });
}

fn open_files() -> u64 {
    let listed = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    // The directory that is listed is among them.
    (listed as u64).saturating_sub(1)
}
