//! How the operator controls a running server.

mod reload;
mod sd_notify;
mod signals;

pub(crate) use self::reload::Operator;
pub(crate) use self::signals::{Asked, Signals, leave_to_the_server};
