//! How connections come in: the listeners, the sockets that another program opened, the PROXY protocol,
//! and the limits.

mod fork_server;
mod listener;
mod network;
mod proxy_protocol;
mod socket_activation;
mod stdio;
mod unauthenticated_limit;

pub(crate) use self::fork_server::ForkServer;
pub(crate) use self::listener::{AcceptedConnection, Listener, raise_descriptor_limit, tune};
pub(crate) use self::network::Network;
pub(crate) use self::proxy_protocol::{
    FIRST_PENDING_HEADER, Origin, PendingHeaders, ProxiedClient,
};
pub(crate) use self::socket_activation::{IDLE_TIME, IdleEnd, listeners as adopted_listeners};
pub(crate) use self::stdio::{
    StdioClient, begins_with_tls, session as stdio_session, standard_descriptors,
};
pub(crate) use self::unauthenticated_limit::UnauthenticatedLimit;
