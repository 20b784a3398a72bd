//! What a server makes of its options before it serves: the store, and what all sessions know.

use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};

use crate::options::{DialectOption, Options};
use crate::protocol::{Dialect, Level};
use crate::session::{SessionConfig, SpecialUses, WireLog};
use crate::store::{Settings, Store, layout};

/// Opens the store.
pub(super) fn open_store(options: &Options, host: &str) -> Store {
    let mut store = Store::new(Settings {
        read_only: options.read_only,
        booted: booted(),
        open_bytes: options.max_memory,
        ..Settings::new(host, std::process::id())
    });
    if let Err(error) = store.start_watching() {
        log::warn!(
            "the kernel cannot report changes by other programs ({error}): mailboxes are checked \
             every few seconds instead"
        );
    }
    store
}

/// Returns when this host started, by its clock.
fn booted() -> SystemTime {
    let uptime = Duration::try_from(clock_gettime(ClockId::Boottime));
    let booted = SystemTime::now().checked_sub(uptime.unwrap_or_default());
    booted.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Returns the configuration of new sessions after the options have changed.
pub(super) fn changed_config(options: &Options, before: &SessionConfig) -> SessionConfig {
    let fresh = session_config(options, before.host.clone());
    SessionConfig {
        offers_tls: before.offers_tls,
        ..fresh
    }
}

/// Returns the configuration of new sessions.
pub(super) fn session_config(options: &Options, host: String) -> SessionConfig {
    SessionConfig {
        host,
        dialect: match options.dialect {
            DialectOption::Auto => Dialect::auto(),
            DialectOption::Imap2 => Dialect::pinned(Level::Imap2),
            DialectOption::Imap2bis => Dialect::pinned(Level::Imap2bis),
            DialectOption::Imap4 => Dialect::pinned(Level::Imap4),
        },
        max_message: options.max_message,
        idle_timeout: options.idle_timeout,
        special_uses: special_uses(options),
        autocreate: options.create_roles,
        namespace_prefix: options.namespace_prefix,
        offers_tls: !options.tls.is_empty(),
        wire_log: WireLog::of(&options.wire_log),
    }
}

/// Returns the mailboxes of special uses. The operator writes names as people read them; mailboxes
/// on disk have them in modified UTF-7.
fn special_uses(options: &Options) -> SpecialUses {
    let said = options.special_use.iter();
    let name = |name: &str| layout::name_on_disk(name.as_bytes()).map(|name| name.to_string());
    SpecialUses::new(said.map(|(used, said)| (*used, name(said).unwrap_or_default())))
}

/// Returns the name of this host, for the greeting and for the names of files.
pub(super) fn host_name() -> String {
    let name = rustix::system::uname();
    let name = name.nodename().to_string_lossy();
    if name.is_empty() {
        "localhost".into()
    } else {
        name.into_owned()
    }
}
