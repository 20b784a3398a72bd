//! What clients ask for: the operations that read or change a mailbox, or the tree of mailboxes.
//!
//! | file | commands |
//! | --- | --- |
//! | [`open`] | FETCH, SEARCH: opening a message's file, or asking for its size and date |
//! | [`flags`] | STORE: reading and changing flags, defining keywords |
//! | [`append`], `line_ends` | APPEND |
//! | [`copy`], `octet_copy` | COPY |
//! | [`move_`] | MOVE |
//! | [`deliver`] | the last part of APPEND and COPY |
//! | [`expunge`] | EXPUNGE |
//! | [`folders`] | LIST, CREATE, DELETE, RENAME, SUBSCRIBE |

pub(super) mod append;
pub(super) mod copy;
pub(super) mod deliver;
pub(super) mod expunge;
pub(super) mod flags;
pub(super) mod folders;
mod line_ends;
pub(super) mod move_;
mod octet_copy;
pub(super) mod open;
