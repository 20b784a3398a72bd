//! LSUB (RFC 3501 §6.3.9): the names that the user is subscribed to.

use super::list::{Listing, MatchedName, NOSELECT};
use crate::protocol::ListArguments;
use crate::session::job::Job;

/// Lists the names that the user is subscribed to.
pub(super) fn job(arguments: ListArguments) -> Box<dyn Job> {
    Box::new(Listing::new(arguments, attributes))
}

/// Returns the attributes of a name. `\Noselect` marks a name that is listed only for one below it.
fn attributes(_: &str, _: &Listing, matched: MatchedName) -> Vec<&'static str> {
    match matched.is_itself {
        true => vec![],
        false => vec![NOSELECT],
    }
}
