//! How clients come in.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `listener` | one listening socket, and the connections that it accepts |
//! | `listeners` | all listening sockets of an event loop |
//! | `socket_activation` | listening sockets that systemd, inetd or xinetd hands down (`--wait`) |
//! | `idle_end` | when a process that was started for its first client ends again |
//! | `admission` | which accepted connections become clients: the limits and the trusted proxies |
//! | `unauthenticated_limit`, `network` | clients that have not logged in, counted by network |
//! | `proxy_protocol` | clients that come through a proxy, and the headers that name them |
//! | `stdio` | one client on descriptors 0 and 1 (`--inetd`, `--preauth`) |
//! | `fork_server` | `--wait` as root: one process for each client |

mod admission;
mod fork_server;
mod idle_end;
mod listener;
mod listeners;
mod network;
mod proxy_protocol;
mod socket_activation;
mod stdio;
mod unauthenticated_limit;

pub(crate) use self::admission::{Admission, AdmittedClient};
pub(crate) use self::fork_server::ForkServer;
pub(crate) use self::idle_end::{IDLE_TIME, IdleEnd};
pub(crate) use self::listener::{
    AcceptedConnection, Listener, raise_descriptor_limit, set_socket_options,
};
pub(crate) use self::listeners::Listeners;
pub(crate) use self::network::{Network, SITE};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use self::proxy_protocol::proxy_header;
pub(crate) use self::socket_activation::inherited_listeners;
pub(crate) use self::stdio::{
    StdioClient, begins_with_tls, session as stdio_session, standard_descriptors,
};
