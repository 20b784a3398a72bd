//! The fuzz targets of this room.

pub(crate) use super::accept::proxy_header;
pub(crate) use super::auth_worker::fuzz::packets;
