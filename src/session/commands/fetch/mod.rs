//! FETCH and UID FETCH (RFC 1064 p. 11-12, RFC 3501 §6.4.5).
//!
//! For each message the job first gathers, in as many steps as it takes: the file's status or an
//! open file, and one pass over the file as deep as the items need (`ScanDepth`). The response is
//! written once nothing is missing any more, whole and at once, with message texts queued as ranges
//! of the file.
//!
//! A literal is announced with the count of the octets that are sent, CRLF for every line end. That
//! count comes from the pass over the file, never from a file name.
//!
//! | file | what it contains |
//! | --- | --- |
//! | `fetch_job` | the job, for PARTIAL too |
//! | `gather` | what a FETCH finds out of one message before it writes the response |
//! | `item` | what an item needs of a message, and where its text is |
//! | `merge` | items that the client has named twice |
//! | `header_fields` | BODY[HEADER.FIELDS] |
//! | `binary` | BINARY (RFC 3516) |
//! | `structure` | ENVELOPE, BODY and BODYSTRUCTURE |

mod binary;
mod fetch_job;
mod gather;
mod header_fields;
mod item;
mod merge;
mod structure;

pub(super) use self::fetch_job::FetchJob;
use crate::protocol::{FetchArguments, FetchItem};
use crate::session::job::Job;
use crate::session::reply::Reply;
use crate::session::state::SessionState;

/// Sends items of a set of messages.
pub(super) fn job(arguments: FetchArguments, state: &SessionState) -> Result<Box<dyn Job>, Reply> {
    let FetchArguments {
        uid,
        set,
        mut items,
        modifiers,
    } = arguments;
    if uid && !items.contains(&FetchItem::Uid) {
        // RFC 3501 §6.4.8: the answer to a UID command has the UID.
        items.insert(0, FetchItem::Uid);
    }
    if modifiers.changed_since.is_some() && !items.contains(&FetchItem::ModSeq) {
        // RFC 7162 §3.1.4.1: a client that asks for changes wants their mod-sequences.
        items.push(FetchItem::ModSeq);
    }
    if modifiers.vanished && !(uid && state.enabled.qresync) {
        let text = "VANISHED needs UID FETCH and ENABLE QRESYNC";
        return Err(Reply::bad(text));
    }
    let mut fetch = FetchJob::new(uid, &set, items, state)?;
    if let Some(since) = modifiers.changed_since {
        let known = modifiers.vanished.then(|| set.resolve(u32::MAX));
        fetch = fetch.with_changes(since, known);
    }
    Ok(Box::new(fetch))
}
