//! Clients that come through a proxy: `--proxy-protocol`.
//!
//! Behind a proxy all clients seem to be the proxy. So the proxy begins each connection with a
//! [header](header::Header) that names the client, and from then on the connection counts as that
//! client's: in the log, for limits and delays, and for whether a password may come in clear text.
//! Any host could send such a header; so the server reads headers only from the addresses that the
//! operator has named, and those *have* to send one. From any other address a header is an invalid
//! command.
//!
//! The header comes before everything else, TLS too, and with the first packet. A connection waits
//! for it among the [`PendingHeaders`], where it costs a socket and some octets, and counts for no
//! client yet.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `header` | the grammar of both versions |
//! | `read` | reading a header from a socket, and not one octet more |
//! | `pending_headers` | the connections of an event loop that wait for their header |
//! | `client_origin` | where a client comes from, directly or through a proxy |

mod client_origin;
#[cfg(any(test, feature = "fuzzing"))]
mod fuzz;
mod header;
mod pending_headers;
mod read;

pub(super) use self::client_origin::{ClientOrigin, is_trusted};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use self::fuzz::proxy_header;
pub(super) use self::pending_headers::PendingHeaders;
pub(super) use self::read::read_header;
