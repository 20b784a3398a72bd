//! SORT: the messages that match, in an order of the client's choice (RFC 5256).
//!
//! Each message is given one string of octets for all criteria, made so that strings in their order are
//! messages in theirs. They are put into a tree one by one, as the messages are found, so that no step
//! has to sort them all. Texts go into the string by their beginnings, and all strings together are
//! bounded.

use std::collections::BTreeSet;

use super::keys::{Facts, Missing};
use super::{Findings, ModSeqs};
use crate::budget::{RECORDS_PER_UNIT, Step, Why};
use crate::message::{address, collation_key, date_field, encoded_word, header, subject};
use crate::protocol::{Code, SortCriterion, SortKey};
use crate::session::job::{Cx, Reply};
use crate::store::MessageRef;

/// How much of a text decides about the order, in octets: two subjects that differ only after that are
/// not told apart by anybody.
const MAX_TEXT: usize = 200;
/// Most octets that all strings of one SORT may take: 100000 messages by subject take some 6 MB.
const MAX_MEMORY: usize = 64 * 1024 * 1024;
/// What the tree itself takes for each string, about.
const OVERHEAD: usize = 32;

pub(super) struct Sorted {
    uid: bool,
    criteria: Vec<SortCriterion>,
    /// Each ends with the number of its message, and then with the number that is told.
    strings: BTreeSet<Box<[u8]>>,
    memory: usize,
    told: Vec<u32>,
}

impl Sorted {
    pub(super) fn new(uid: bool, criteria: &[SortCriterion]) -> Self {
        let mut needed: Vec<SortCriterion> = Vec::new();
        for criterion in criteria {
            // A key that comes again finds only messages that are alike in it.
            if needed.iter().all(|before| before.key != criterion.key) {
                needed.push(*criterion);
            }
        }
        Self {
            uid,
            criteria: needed,
            strings: BTreeSet::new(),
            memory: 0,
            told: Vec::new(),
        }
    }

    fn is_full(&self) -> bool {
        self.memory > MAX_MEMORY
    }
}

impl Findings for Sorted {
    fn take(&mut self, message: &MessageRef, facts: &Facts) -> Result<(), Missing> {
        let mut string = Vec::new();
        for criterion in &self.criteria {
            let start = string.len();
            write(criterion.key, facts, &mut string)?;
            if criterion.reverse {
                string[start..]
                    .iter_mut()
                    .for_each(|octet| *octet = !*octet);
            }
        }
        let told = match self.uid {
            true => message.uid.get(),
            false => message.number,
        };
        string.extend_from_slice(&message.number.to_be_bytes());
        string.extend_from_slice(&told.to_be_bytes());
        self.memory += string.len() + OVERHEAD;
        self.strings.insert(string.into_boxed_slice());
        Ok(())
    }

    fn is_complete(&self) -> bool {
        self.is_full()
    }

    fn tell(&mut self, modseqs: Option<ModSeqs>, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        if self.is_full() {
            let reply = Reply::no("These are too many messages to be sorted by that");
            return Step::Done(reply.with_code(Code::Limit));
        }
        while let Some(string) = self.strings.pop_first() {
            let number = string
                .last_chunk()
                .map_or(0, |end| u32::from_be_bytes(*end));
            self.told.push(number);
            if self.told.len() % RECORDS_PER_UNIT as usize == 0 {
                cx.budget.spend(1);
                if cx.budget.is_spent() {
                    return Step::Yield(Why::Budget);
                }
            }
        }
        cx.core.encoder().begin_sort();
        cx.core.output.list(std::mem::take(&mut self.told));
        let greatest = modseqs.map(|modseqs| modseqs.greatest);
        cx.core.encoder().greatest_modseq(greatest).end_line();
        Step::Done(Reply::ok("SORT completed"))
    }
}

/// Appends what a message is by that key. No key's octets are the beginning of another's, so that the
/// octets of the next key can follow them.
fn write(key: SortKey, facts: &Facts, string: &mut Vec<u8>) -> Result<(), Missing> {
    match key {
        SortKey::Arrival => write_number(facts.arrival()?, string),
        SortKey::Date => write_number(sent_date(facts)?, string),
        SortKey::Size => write_number(i64::try_from(facts.size()?).unwrap_or(i64::MAX), string),
        SortKey::Subject => {
            let subject = header::field_value(facts.header()?, "Subject").unwrap_or_default();
            write_text(
                &subject::extract_base(&encoded_word::decode_value(&subject)).text,
                string,
            );
        }
        SortKey::Cc => write_text(&first_mailbox(facts.header()?, "Cc"), string),
        SortKey::From => write_text(&first_mailbox(facts.header()?, "From"), string),
        SortKey::To => write_text(&first_mailbox(facts.header()?, "To"), string),
    }
    Ok(())
}

/// When a message was sent; when it came if that is not known (RFC 5256 §2.2).
pub(super) fn sent_date(facts: &Facts) -> Result<i64, Missing> {
    match date_field::parse_time(facts.header()?) {
        Some(time) => Ok(time.unix),
        None => facts.arrival(),
    }
}

/// The mailbox of the first address, the name of a group if the list starts with one: `addr-mailbox` of
/// the envelope.
fn first_mailbox(header: &[u8], field: &str) -> Vec<u8> {
    let value = header::fields(header)
        .find(|found| found.is(field))
        .map(|found| address::parse_first(found.value));
    value
        .flatten()
        .and_then(|first| first.mailbox)
        .unwrap_or_default()
}

fn write_number(number: i64, string: &mut Vec<u8>) {
    // Negative numbers come first if the sign's bit is turned round.
    string.extend_from_slice(&(number ^ i64::MIN).to_be_bytes());
}

/// A text in any case, ended by an octet that comes before all others. The characters between upper and
/// lower case letters come after letters, as i;unicode-casemap has them (RFC 5051).
fn write_text(text: &[u8], string: &mut Vec<u8>) {
    let text = collation_key(text);
    let text = text.iter().filter(|&&octet| octet != 0);
    string.extend(text.take(MAX_TEXT));
    string.push(0);
}
