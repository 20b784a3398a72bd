//! The fuzz targets of this room.

pub(crate) use super::index::mod_sequences::fuzz::mod_sequences;
pub(crate) use super::maildir::fuzz::{file_names, keywords, listed, subscriptions, uid_list};
