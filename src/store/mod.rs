//! The only room that touches the file system of the mail: Maildirs as Dovecot keeps them.
//!
//! | folder | contents | uses |
//! | --- | --- | --- |
//! | [`maildir`] | what lies on disk: formats, names, locks | |
//! | [`index`] | what is in memory: messages of open mailboxes, views of sessions | `maildir` |
//! | [`sync`] | disk to memory: uid list, scans, reports of the kernel | `index`, `maildir` |
//! | [`ops`] | what clients ask for: APPEND, COPY, flags, EXPUNGE, the tree | all of these |
//! | [`flush`] | flushes to disk that nothing waits for but the job that needs them | |
//! | [`open_mailboxes`] | the [`Store`]: all open mailboxes of the process | |
//! | [`abandoned`] | what jobs leave to do whose session has ended, finished in steps | |
//! | [`merge_sort`] | sorting in steps | |
//!
//! A [`Store`] holds the mailboxes that are open or were open recently. A [`View`] is what one
//! session knows of one of them. Everything that may take long is a job, stepped with a
//! [`Budget`](crate::budget::Budget):
//!
//! | to | step |
//! | --- | --- |
//! | find out what other programs did to the mailbox | [`SyncMailbox`] |
//! | deliver messages | [`AppendMessages`] |
//! | copy messages | [`CopyMessages`] |
//! | move messages | [`MoveMessages`] |
//! | remove the deleted messages | [`ExpungeMessages`] |
//! | make keywords known | [`DefineKeywords`] |
//! | change the tree of mailboxes | [`CreateMailbox`], [`DeleteMailbox`], [`RenameMailbox`] |
//! | change the subscriptions | [`SubscribeMailbox`] |
//!
//! A session calls [`Store::open`], steps a [`SyncMailbox`], and calls [`Store::view`]. Then, for
//! each command, it steps a `SyncMailbox`, does the work, and calls [`Store::updates`] at the one
//! place where message numbers may change.

mod abandoned;
mod clean_up;
mod context;
mod error;
mod evict;
mod flush;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod handle;
mod index;
mod maildir;
mod merge_sort;
mod open_limit;
mod open_mailboxes;
mod ops;
mod settings;
mod sync;
#[cfg(test)]
mod tests;

pub(crate) use self::abandoned::MemoryCharge;
pub(crate) use self::error::StoreError;
pub(crate) use self::flush::{FlushRequest, FlushResult};
pub(crate) use self::handle::MailboxHandle;
pub(crate) use self::index::cursor::Cursor;
pub(crate) use self::index::view::{Updates, View};
pub(crate) use self::index::view_state::{Access, MessageRef};
pub(crate) use self::maildir::layout;
#[cfg(test)]
pub(crate) use self::maildir::{filename, lock};
pub use self::open_mailboxes::Store;
pub(crate) use self::ops::append::AppendMessages;
pub(crate) use self::ops::copy::CopyMessages;
pub(crate) use self::ops::expunge::ExpungeMessages;
pub(crate) use self::ops::flags::{DefineKeywords, FlagChange, FlagLock};
pub(crate) use self::ops::folders::{
    CreateMailbox, DeleteMailbox, ListNames, RenameMailbox, SubscribeMailbox,
};
pub(crate) use self::ops::move_::{MoveMessages, MoveOutcome};
pub(crate) use self::ops::open::MessageStat;
pub use self::settings::{Account, Settings};
pub(crate) use self::sync::sync_mailbox::SyncMailbox;
