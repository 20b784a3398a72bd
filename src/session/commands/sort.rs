//! SORT and UID SORT: the messages that match, in an order of the client's choice (RFC 5256).
//!
//! Each message gets one string of octets for all criteria, made so that the order of the strings
//! is the order of the messages. The strings go into a tree one by one, as the messages are found,
//! so that no step has to sort them all: each is compared with at most 100 others, and paid for.
//! Of texts only the beginning goes into the string, and the memory of all strings together is
//! limited.

use std::collections::BTreeSet;

use super::search::{KnownField, MatchCollector, MatchedModSeqs, MessageFacts, Missing, SearchJob};
use super::uid;
use crate::budget::{Budget, RECORDS_PER_UNIT, Step, Why};
use crate::message::{address, collation_key, decode_beginning, subject};
use crate::protocol::{Code, SortArguments, SortCriterion, SortKey};
use crate::session::job::{Context, Job, Outcome};
use crate::session::reply::Reply;
use crate::session::state::SessionState;
use crate::store::MessageRef;
use crate::types::memory;

/// Octets of a text that decide about the order: users do not tell apart two subjects that differ
/// only after that.
const MAX_TEXT: usize = 200;
/// Octets of a list of addresses in which the first one ends.
const MAX_ADDRESS: usize = 4 * 1024;
/// Most octets that all strings of one SORT may take: 100000 messages by subject take some 6 MB.
const MAX_MEMORY: usize = 64 * 1024 * 1024;
/// Strings that a string is compared with when it goes into the tree, on average.
const COMPARISONS: usize = 32;
/// Octets that the tree itself takes for each string.
const OVERHEAD: usize = memory::of_tree_entry::<Box<[u8]>, ()>();

/// Searches for messages and sorts them.
pub(super) fn job(arguments: SortArguments, state: &SessionState) -> Result<Box<dyn Job>, Reply> {
    let SortArguments {
        uid,
        criteria,
        charset,
        keys,
    } = arguments;
    let collector = Box::new(SortCollector::new(uid, &criteria));
    SearchJob::begin(uid, Some(&charset), keys, collector, state)
}

/// Collects the strings of the messages that match.
struct SortCollector {
    uid: bool,
    criteria: Vec<SortCriterion>,
    /// Each string ends with the message sequence number, and then with the number of the answer.
    strings: BTreeSet<Box<[u8]>>,
    /// Octets that all strings take.
    memory: usize,
    /// Whether the insertion of the last string is not paid for.
    is_unpaid: bool,
    /// The numbers of the answer so far, in their order.
    sorted: Vec<u32>,
}

impl SortCollector {
    fn new(uid: bool, criteria: &[SortCriterion]) -> Self {
        let mut needed: Vec<SortCriterion> = Vec::new();
        for criterion in criteria {
            // A key that comes again only compares messages that are alike in it.
            if needed.iter().all(|before| before.key != criterion.key) {
                needed.push(*criterion);
            }
        }
        Self {
            uid,
            criteria: needed,
            strings: BTreeSet::new(),
            memory: 0,
            is_unpaid: false,
            sorted: Vec::new(),
        }
    }

    fn is_full(&self) -> bool {
        self.memory > MAX_MEMORY
    }
}

impl MatchCollector for SortCollector {
    fn take(&mut self, message: &MessageRef, facts: &MessageFacts) -> Result<(), Missing> {
        let mut string = Vec::new();
        for criterion in &self.criteria {
            let start = string.len();
            write_key(criterion.key, facts, &mut string)?;
            if criterion.reverse {
                string[start..]
                    .iter_mut()
                    .for_each(|octet| *octet = !*octet);
            }
        }
        string.extend_from_slice(&message.number.to_be_bytes());
        string.extend_from_slice(&uid::number(self.uid, message).to_be_bytes());
        self.memory += string.len() + OVERHEAD;
        self.is_unpaid = true;
        self.strings.insert(string.into_boxed_slice());
        Ok(())
    }

    fn settle(&mut self, budget: &mut Budget<'_>) -> Step<()> {
        if std::mem::take(&mut self.is_unpaid) {
            budget.spend_records(COMPARISONS);
        }
        Step::Done(())
    }

    fn memory(&self) -> usize {
        self.memory + memory::of_list(&self.sorted)
    }

    fn is_complete(&self) -> bool {
        self.is_full()
    }

    fn answer(
        &mut self,
        modseqs: Option<MatchedModSeqs>,
        cx: &mut Context<'_, '_>,
    ) -> Step<Outcome> {
        if self.is_full() {
            let reply = Reply::no("There are too many messages to sort them by that");
            return Step::Done(Err(reply.with_code(Code::Limit)));
        }
        while let Some(string) = self.strings.pop_first() {
            let number = string
                .last_chunk()
                .map_or(0, |end| u32::from_be_bytes(*end));
            self.memory -= string.len() + OVERHEAD;
            self.sorted.push(number);
            if self.sorted.len() % RECORDS_PER_UNIT as usize == 0 {
                cx.budget.spend(1);
                if cx.budget.is_spent() {
                    return Step::Yield(Why::Budget);
                }
            }
        }
        cx.state.encoder().begin_sort();
        cx.state.output.list(std::mem::take(&mut self.sorted));
        let greatest = modseqs.map(|modseqs| modseqs.greatest);
        cx.state.encoder().greatest_modseq(greatest).end_line();
        Step::Done(Ok(Reply::ok("SORT completed")))
    }
}

/// Appends what a message has for that key. What one message has is never the beginning of what
/// another has, so that the octets of the next key can follow.
fn write_key(key: SortKey, facts: &MessageFacts, string: &mut Vec<u8>) -> Result<(), Missing> {
    match key {
        SortKey::Arrival => write_number(facts.arrival()?, string),
        SortKey::Date => write_number(facts.sent()?, string),
        SortKey::Size => write_number(i64::try_from(facts.size()?).unwrap_or(i64::MAX), string),
        SortKey::Subject => {
            let subject = facts.field(KnownField::Subject)?.unwrap_or_default();
            let subject = decode_beginning(subject, subject::MAX_SUBJECT);
            write_text(&subject::extract_base(&subject).text, string);
        }
        SortKey::Cc => write_text(&first_mailbox(facts.field(KnownField::Cc)?), string),
        SortKey::From => write_text(&first_mailbox(facts.field(KnownField::From)?), string),
        SortKey::To => write_text(&first_mailbox(facts.field(KnownField::To)?), string),
    }
    Ok(())
}

/// Returns the mailbox of the first address, or the name of a group if the list starts with one:
/// `addr-mailbox` of the envelope.
fn first_mailbox(value: Option<&[u8]>) -> Vec<u8> {
    let value = value.unwrap_or_default();
    let first = address::parse_first(&value[..value.len().min(MAX_ADDRESS)]);
    first.and_then(|first| first.mailbox).unwrap_or_default()
}

fn write_number(number: i64, string: &mut Vec<u8>) {
    // With the sign bit inverted, negative numbers come first.
    string.extend_from_slice(&(number ^ i64::MIN).to_be_bytes());
}

/// Appends a text in any case, and an octet that comes before all others. The characters between
/// upper and lower case letters come after letters, as i;unicode-casemap has them (RFC 5051).
fn write_text(text: &[u8], string: &mut Vec<u8>) {
    let text = collation_key(text);
    let text = text.iter().filter(|&&octet| octet != 0);
    string.extend(text.take(MAX_TEXT));
    string.push(0);
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::cmp::Ordering;
    use std::rc::Rc;

    use super::*;

    /// A key that counts how often it is compared.
    struct CountedKey(u32, Rc<Cell<usize>>);

    impl Ord for CountedKey {
        fn cmp(&self, other: &Self) -> Ordering {
            self.1.set(self.1.get() + 1);
            self.0.cmp(&other.0)
        }
    }

    impl PartialOrd for CountedKey {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    impl PartialEq for CountedKey {
        fn eq(&self, other: &Self) -> bool {
            self.cmp(other) == Ordering::Equal
        }
    }

    impl Eq for CountedKey {}

    /// The tree is that of the standard library: this is what the bound in the module's
    /// documentation rests on.
    #[test]
    fn an_insertion_takes_a_bounded_number_of_comparisons() {
        let count = 100_000;
        let orders: [fn(u32) -> u32; 4] = [
            |n| n,
            |n| u32::MAX - n,
            |n| n.wrapping_mul(2_654_435_761),
            |n| if n % 2 == 0 { n } else { u32::MAX - n },
        ];
        for order in orders {
            let counter = Rc::new(Cell::new(0));
            let (mut tree, mut total) = (BTreeSet::new(), 0);
            for number in 0..count {
                counter.set(0);
                tree.insert(CountedKey(order(number), Rc::clone(&counter)));
                assert!(counter.get() <= 100, "{} comparisons", counter.get());
                total += counter.get();
            }
            let average = total / count as usize;
            assert!(
                average <= 2 * COMPARISONS,
                "{average} comparisons on average"
            );
        }
    }
}
