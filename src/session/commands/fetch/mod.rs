//! FETCH and UID FETCH (RFC 1064 p. 11-12, RFC 3501 §6.4.5).
//!
//! For each message the job first gathers, in as many steps as it takes: the file's status or an
//! open file, one pass over the file as deep as the items need (`ScanDepth`), and where the texts
//! lie that the items name. Until then an error is an error of that message only. Then it writes
//! the response, in as many steps as it takes too: what is short at once, message texts as ranges
//! of the file, and all that may be long or take long with a cursor (`ItemWriter`).
//!
//! A literal is announced with the count of the octets that are sent, CRLF for every line end. That
//! count comes from a pass over the file or the header, never from a file name.
//!
//! Work is paid where it is done, whatever the client and the message are:
//!
//! * An item that is named twice is sent once (`wanted`).
//! * The header of a message is read once for all items. Selecting fields costs the same for one
//!   name as for 200, which are a set, and stops between two fields (`header_fields`).
//! * An envelope stops between two fields or two words of an address list (`envelope`), a body
//!   structure between two parts or two fields of their headers (`structure`). Neither is ever a
//!   whole value in memory: a client that does not read costs one header, the tree of parts and
//!   the output queue.
//! * Ranges of texts are found in the order of the file, so that the file is read once for all of
//!   them; a text is decoded once for all items (`texts`, `binary`).
//!
//! | file | what it contains |
//! | --- | --- |
//! | `fetch_job` | the job, for PARTIAL too |
//! | `wanted` | the items, without those that are named twice |
//! | `gather` | what a FETCH finds out of one message before it writes the response |
//! | `message_source` | the open file, its layout and its headers |
//! | `item` | what an item needs of a message, and where its text is |
//! | `texts` | the texts that the items name, found in the file |
//! | `binary` | BINARY (RFC 3516) |
//! | `response` | the response for one message, which may be half written |
//! | `item_writer` | the trait of values that are written piece by piece |
//! | `header_fields` | BODY[HEADER.FIELDS] |
//! | `envelope` | ENVELOPE |
//! | `structure` | BODY and BODYSTRUCTURE |

mod binary;
mod envelope;
mod fetch_job;
mod gather;
mod header_fields;
mod item;
mod item_writer;
mod message_source;
mod response;
mod structure;
mod texts;
mod wanted;

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
