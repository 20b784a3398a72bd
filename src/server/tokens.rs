//! The tokens by which the poll names the sources of events.
//!
//! Tokens from [`FIRST_KEY`](super::slab::FIRST_KEY) on are those of connections.

use mio::Token;

/// The [`mio::Waker`] of a [`Handle`](super::Handle).
pub(super) const WAKER: Token = Token(0);
/// The signals of a [`Control`](super::control::Control).
pub(super) const SIGNALS: Token = Token(1);
/// The inotify descriptor of the store.
pub(super) const STORE_WATCH: Token = Token(2);
/// The socket of the auth worker.
pub(super) const AUTH_WORKER: Token = Token(3);
/// The first listening socket; the others follow.
pub(super) const FIRST_LISTENER: usize = 4;
/// The first connection that waits for the header of its proxy; the others follow.
pub(super) const FIRST_PENDING_HEADER: usize = 1 << 20;
