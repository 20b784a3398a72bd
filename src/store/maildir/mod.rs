//! What lies on disk: the formats and the names of the files in a Maildir.

pub(crate) mod atomic_replace;
pub(crate) mod courier;
pub(crate) mod directory;
pub(crate) mod filename;
pub(crate) mod files;
pub(crate) mod keywords;
pub(crate) mod layout;
pub(crate) mod lock;
pub(crate) mod subscriptions;
pub(crate) mod tmp_cleanup;
pub(crate) mod uid_list;
pub(crate) mod uid_validity;

pub(crate) use crate::file_stamp;
