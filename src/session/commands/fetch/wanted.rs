//! The items that a FETCH wants of each message.

use std::collections::HashMap;
use std::rc::Rc;

use crate::message::FieldNames;
use crate::protocol::{FetchItem, SectionText};
use crate::types::memory;

/// One item, and what is made of it once for all messages.
pub(super) struct WantedItem {
    pub(super) item: FetchItem,
    /// The names of HEADER.FIELDS, as a set.
    pub(super) names: Option<Rc<FieldNames>>,
}

impl WantedItem {
    /// Returns what is wanted, without items that are named twice.
    pub(super) fn list(items: Vec<FetchItem>) -> Vec<Self> {
        merge(items).into_iter().map(Self::new).collect()
    }

    /// Returns the octets of memory that items take, without the strings that the command brought.
    /// There are at most a hundred.
    pub(super) fn memory(items: &Vec<Self>) -> usize {
        let names = items.iter().filter_map(|wanted| wanted.names.as_ref());
        memory::of_list(items) + names.map(|names| names.memory()).sum::<usize>()
    }

    fn new(item: FetchItem) -> Self {
        let names = match &item {
            FetchItem::Section(section) => match &section.text {
                SectionText::HeaderFields { not, names } => {
                    Some(Rc::new(FieldNames::new(names, *not)))
                }
                _ => None,
            },
            _ => None,
        };
        Self { item, names }
    }
}

/// Returns the items in their order, without those that are there already: a client finds the
/// answer to an item that it names twice, and nothing asks the server to send it twice. Two items
/// are the same if the response names them alike, to the letter, and they are the same range. The
/// item that is left sets `\Seen` if one of them does.
fn merge(items: Vec<FetchItem>) -> Vec<FetchItem> {
    let mut merged: Vec<FetchItem> = Vec::with_capacity(items.len());
    let mut known = HashMap::with_capacity(items.len());
    for item in items {
        let key = (item.name().to_vec(), partial(&item));
        match known.get(&key) {
            Some(&at) if item.sets_seen() => merged[at] = item,
            Some(_) => {}
            None => {
                known.insert(key, merged.len());
                merged.push(item);
            }
        }
    }
    merged
}

/// Returns the range of octets that an item names.
fn partial(item: &FetchItem) -> Option<(u32, u32)> {
    match item {
        FetchItem::Section(section) | FetchItem::Binary(section) => section.partial,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Command, FetchArguments, parse_request};

    fn merged(items: &str) -> Vec<String> {
        let command = format!("a FETCH 1 ({items})");
        let request = parse_request(command.as_bytes()).expect("a FETCH");
        let Command::Fetch(FetchArguments { items, .. }) = request.command else {
            panic!("{command} is no FETCH");
        };
        let seen = |item: &FetchItem| if item.sets_seen() { "!" } else { "" };
        let name = |item: &FetchItem| String::from_utf8_lossy(item.name()).into_owned();
        merge(items)
            .iter()
            .map(|item| name(item) + seen(item))
            .collect()
    }

    #[test]
    fn an_item_named_twice_is_sent_once_and_in_its_first_place() {
        assert_eq!(merged("FLAGS UID FLAGS flags UID"), ["FLAGS", "UID"]);
        assert_eq!(
            merged("BODYSTRUCTURE BODY BODYSTRUCTURE"),
            ["BODYSTRUCTURE", "BODY"]
        );
        assert_eq!(
            merged("BODY.PEEK[1] BODY.PEEK[2] BODY[1]"),
            ["BODY[1]!", "BODY[2]"]
        );
        assert_eq!(merged("RFC822 RFC822.PEEK"), ["RFC822!"]);
        assert_eq!(merged("RFC822.TEXT.PEEK RFC822.TEXT"), ["RFC822.TEXT!"]);
    }

    #[test]
    fn items_that_a_client_tells_apart_are_all_sent() {
        assert_eq!(merged("BODY[]<0.1> BODY[]<0.2> BODY[]<1.1>").len(), 3);
        assert_eq!(merged("BODY[] RFC822 BODY[TEXT] BINARY[]").len(), 4);
        let fields = "BODY[HEADER.FIELDS (To)] BODY[HEADER.FIELDS (to)]";
        assert_eq!(
            merged(fields).len(),
            2,
            "a client may look for what it wrote"
        );
        assert_eq!(merged("BINARY[1] BINARY.SIZE[1] BODY[1]").len(), 3);
    }
}
