//! The files of a Maildir: what they are called, what stands in them, and how they are changed.

pub mod courier;
pub mod filename;
pub mod files;
pub mod keywords;
pub mod layout;
pub mod lock;
pub mod mutf7;
pub mod replace;
pub mod stamp;
pub mod subscriptions;
pub mod uidlist;
pub mod uidvalidity;
