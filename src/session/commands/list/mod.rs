//! LIST (RFC 3501 §6.3.8; RFC 5258 and its relatives): the names that exist or that the user is
//! subscribed to, and what is known of them. `listing` and the files below it serve LSUB too.

mod catalogue;
mod listing;
mod name_matcher;

pub(super) use self::listing::{Listing, NOSELECT};
pub(super) use self::name_matcher::MatchedName;
use crate::protocol::ListArguments;
use crate::session::job::Job;

/// Lists names.
pub(super) fn job(arguments: ListArguments) -> Box<dyn Job> {
    Box::new(Listing::new(arguments, attributes))
}

/// Returns the attributes of a name.
fn attributes(name: &str, listing: &Listing, matched: MatchedName) -> Vec<&'static str> {
    let (arguments, catalogue) = (listing.arguments(), listing.catalogue());
    let returns = &arguments.returns;
    let mut attributes = Vec::new();
    let exists = catalogue.mailboxes.contains_key(name);
    if !exists {
        // Only a client that knows the extension knows that the one implies the other (RFC 5258
        // §3).
        attributes.push(match arguments.is_extended {
            true => "\\NonExistent",
            false => NOSELECT,
        });
    }
    if returns.subscribed && catalogue.subscribed.contains(name) {
        attributes.push("\\Subscribed");
    }
    // A parent that is listed for a name below it says so (RFC 5258 §3.5).
    let is_parent = !exists && !matched.is_itself && !matched.has_child_info;
    if returns.children || is_parent {
        attributes.push(match catalogue.has_children(name) {
            true => "\\HasChildren",
            false => "\\HasNoChildren",
        });
    }
    let uses = catalogue.uses.get(name).into_iter().flatten();
    attributes.extend(uses.map(|used| used.attribute()));
    attributes
}
