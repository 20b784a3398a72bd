//! PARTIAL (RFC 2062 p. 3): part of one item of one message.

use super::fetch::FetchJob;
use crate::protocol::PartialArguments;
use crate::session::job::Job;
use crate::session::reply::Reply;
use crate::session::state::SessionState;
use crate::types::{SequenceSet, SetEnd};

/// Sends part of an item of a message. The client counts octets from 1.
pub(super) fn job(
    arguments: PartialArguments,
    state: &SessionState,
) -> Result<Box<dyn Job>, Reply> {
    let PartialArguments {
        number,
        item,
        start,
        count,
    } = arguments;
    let set = SequenceSet(vec![(SetEnd::Number(number), SetEnd::Number(number))]);
    let fetch = FetchJob::new(false, &set, vec![item], state)?;
    Ok(Box::new(fetch.with_partial(start - 1, count)))
}
