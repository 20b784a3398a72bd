//! How the operator and the service manager control a server that is a program of its own. A server
//! that is embedded in a test suite has none of this.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `reload` | [`Control`]: the signals, the options that `SIGHUP` reloads, the service manager |
//! | `signals` | signals as events of the loop |
//! | `sd_notify` | notifications to the service manager |

mod reload;
mod sd_notify;
mod signals;

pub(crate) use self::reload::Control;
pub(crate) use self::signals::{SignalRequest, Signals};
