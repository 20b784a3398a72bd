//! SEARCH and UID SEARCH (RFC 1064 p. 13-14, RFC 3501 §6.4.4, RFC 4731). SORT and THREAD, which
//! have the same keys, use the files below too.
//!
//! A message is tested in stages, each more expensive than the one before: what the mailbox has in
//! memory, the file's status, the header, the whole text. The keys are evaluated on what is known
//! so far; if that does not decide, the answer says what is missing, it is fetched, and the keys
//! are evaluated again. So `SEARCH UNSEEN TEXT x` opens only unseen messages, and whatever the
//! order of the keys, a file is read once: all strings are searched for in one pass.
//!
//! The work is bounded by the octets of a message, however many keys there are: a field or a text
//! is decoded and folded once for all strings, and one pass over it finds them all. A step ends
//! after any piece of about 1 to 16 KiB of a field or text, and after any evaluation of the keys;
//! each is paid for by the octets that were decoded and compared, or by the number of the keys.
//!
//! | file | what it contains |
//! | --- | --- |
//! | `search_job` | the job: it tests one message after the other |
//! | `collector` | the trait of what SEARCH, SORT and THREAD make of the messages that match |
//! | `number_collector` | what SEARCH makes of them: their numbers |
//! | `program` | the keys of a command, compiled |
//! | `evaluation` | the keys, evaluated on what is known of a message |
//! | `message_facts` | what is known of a message |
//! | `known_fields` | the fields of its header that keys and sort criteria are read from |
//! | `header_search` | the strings that are searched for in header fields |
//! | `header_reader` | passes the fields of a message to them |
//! | `text_search` | the strings that are searched for in the texts of messages |
//! | `text_reader` | passes the texts of a message to them |

mod collector;
mod evaluation;
mod header_reader;
mod header_search;
mod known_fields;
mod message_facts;
mod number_collector;
mod program;
mod search_job;
mod text_reader;
mod text_search;

pub(super) use self::collector::{MatchCollector, MatchedModSeqs};
pub(super) use self::known_fields::KnownField;
pub(super) use self::message_facts::{MessageFacts, Missing};
use self::number_collector::NumberCollector;
pub(super) use self::search_job::SearchJob;
use crate::protocol::SearchArguments;
use crate::session::job::Job;
use crate::session::reply::Reply;
use crate::session::selected::SavedResult;
use crate::session::state::SessionState;

/// Searches for messages.
pub(super) fn job(
    arguments: SearchArguments,
    state: &mut SessionState,
) -> Result<Box<dyn Job>, Reply> {
    let SearchArguments { uid, returns, .. } = arguments;
    let collector = Box::new(NumberCollector::new(uid, returns));
    let charset = arguments.charset.as_deref();
    let job = SearchJob::begin(uid, charset, arguments.keys, collector, state);
    if returns.is_some_and(|returns| returns.save) {
        // RFC 5182 §2.1: a search that fails leaves nothing saved.
        state.save(SavedResult::default());
    }
    job
}
