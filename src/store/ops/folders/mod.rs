//! The tree of mailboxes: finding, listing, creating, deleting, renaming, subscribing.

mod create;
mod delete;
mod list_names;
mod locate;
mod rename;
mod rename_tree;
mod subscribe;
mod tree;

pub(crate) use self::create::CreateMailbox;
pub(crate) use self::delete::DeleteMailbox;
pub(crate) use self::list_names::ListNames;
pub(crate) use self::locate::{create_root, locate};
pub(crate) use self::rename::RenameMailbox;
pub(crate) use self::subscribe::SubscribeMailbox;
