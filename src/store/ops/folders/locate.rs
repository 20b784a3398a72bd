//! Where the mailboxes of an account are.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::store::flush::{Flush, FlushQueue};
use crate::store::maildir::layout;
use crate::store::{Account, StoreError};
use crate::types::MailboxRef;

/// Returns the directory of a mailbox, and the directory of its UIDVALIDITY counter.
pub(crate) fn locate(
    account: &Account,
    name: &MailboxRef,
) -> Result<(PathBuf, PathBuf), StoreError> {
    let failed = StoreError::io("finding the mailbox");
    match name {
        MailboxRef::Personal(name) => {
            let dir = layout::find(&account.root, name).map_err(failed)?;
            Ok((dir.ok_or(StoreError::NotFound)?, account.root.clone()))
        }
        MailboxRef::Bboard(name) => {
            let tree = account.bboards.as_ref().ok_or(StoreError::NotFound)?;
            let dir = layout::find_bboard(tree, name).map_err(failed)?;
            let dir = dir.ok_or(StoreError::NotFound)?;
            Ok((dir.clone(), dir))
        }
    }
}

/// Makes a directory a Maildir, if it is not one yet. Returns its flush then.
pub(crate) fn create_root(root: &Path, flushes: &FlushQueue) -> io::Result<Option<Flush>> {
    if layout::is_maildir(root)? {
        return Ok(None);
    }
    // Only the user may read the mail.
    DirBuilder::new().recursive(true).mode(0o700).create(root)?;
    layout::create_parts(root)?;
    flushes.submit_with_parents(root).map(Some)
}
