//! What the integration tests use besides the embedding API: they drive sessions with a clock and
//! pipes of their own. None of it is stable.

pub use crate::budget::{Budget, Clock};
pub use crate::options::{RawOptions, help, option_names};
pub use crate::protocol::{Dialect, Level};
pub use crate::session::{
    LoginRequest, LoginVerdict, Peer, ScramExchange, Session, SessionConfig, SpecialUses, TlsInfo,
    Turn, WireLog,
};
pub use crate::store::{Account, Settings, Store};
pub use crate::types::{DateTime, SpecialUse};

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
