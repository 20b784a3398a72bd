//! How the operator controls a running server.

mod reload;
mod sd_notify;
mod signals;

pub(crate) use self::reload::Control;
pub(crate) use self::signals::{SignalRequest, Signals, leave_to_the_server};
