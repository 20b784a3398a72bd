//! What the clients have sent and what the server has answered, and whether a mailbox agrees.

use std::collections::BTreeMap;

use super::connection::Connection;

/// The mailbox that the clients work in, and the one that they copy and move to.
pub(super) const MAILBOXES: [&str; 2] = ["INBOX", "Work"];

/// What the clients know of one message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// The mailboxes where the answers have put it, as indexes, sorted.
    pub(super) places: Vec<usize>,
    pub(super) sent: u32,
    pub(super) answered: u32,
    /// True once its EXPUNGE was sent.
    pub(super) is_doomed: bool,
}

impl Entry {
    fn is_settled(&self) -> bool {
        self.sent == self.answered
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    pub(super) messages: BTreeMap<String, Entry>,
    /// The identities by mailbox and UID, as far as they were announced.
    pub(super) uids: BTreeMap<(usize, u32), String>,
    /// The UIDVALIDITY of each mailbox, and the highest mod-sequence that was announced.
    numbers: [Option<(u64, u64)>; 2],
}

/// What a server shows of a mailbox.
#[derive(Debug)]
pub(super) struct Contents {
    uid_validity: u64,
    highest: u64,
    messages: BTreeMap<u32, String>,
}

impl Contents {
    pub(super) fn read(connection: &mut Connection, mailbox: &str) -> Self {
        let selected = connection.ok(&format!("SELECT {mailbox} (CONDSTORE)"));
        let fetched = connection.ok("UID FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (X-Id)])");
        let uids = fetched
            .numbers("(UID ")
            .filter_map(|uid| u32::try_from(uid).ok());
        let ids = fetched
            .0
            .iter()
            .filter_map(|line| line.strip_prefix("X-Id: "));
        Self {
            uid_validity: selected.number("UIDVALIDITY").expect("a UIDVALIDITY"),
            highest: selected.number("HIGHESTMODSEQ").expect("mod-sequences"),
            messages: uids.zip(ids.map(str::to_owned)).collect(),
        }
    }
}

impl Ledger {
    /// Returns the ledger of the messages that were found, with what `before` knows of UIDs.
    pub(super) fn of(before: &Self, found: [Contents; 2]) -> Self {
        let mut ledger = Self {
            uids: before.uids.clone(),
            numbers: found
                .each_ref()
                .map(|contents| Some((contents.uid_validity, contents.highest))),
            ..Self::default()
        };
        for (place, contents) in found.into_iter().enumerate() {
            for (uid, id) in contents.messages {
                let entry = ledger.messages.entry(id.clone()).or_default();
                entry.places.push(place);
                ledger.uids.insert((place, uid), id);
            }
        }
        ledger
    }

    /// Returns how many commands about messages were answered.
    pub(super) fn answered(&self) -> u32 {
        self.messages.values().map(|entry| entry.answered).sum()
    }

    /// Returns the messages of INBOX with their UIDs.
    pub(super) fn in_inbox(&self) -> impl Iterator<Item = (u32, &String)> {
        let uids = self.uids.iter().filter(|((place, _), _)| *place == 0);
        let is_there = |id: &String| {
            let entry = self.messages.get(id);
            entry.is_some_and(|entry| entry.places.contains(&0))
        };
        uids.map(|((_, uid), id)| (*uid, id))
            .filter(move |(_, id)| is_there(id))
    }

    pub(super) fn announce(&mut self, place: usize, uid: u32, id: &str) {
        let before = self.uids.insert((place, uid), id.to_owned());
        let is_same = before.as_ref().is_none_or(|before| before == id);
        assert!(is_same, "UID {uid} of {before:?} was announced for {id}");
    }

    /// Notes a mod-sequence of INBOX that was announced.
    pub(super) fn announce_mod_sequence(&mut self, value: u64) {
        if let Some((_, highest)) = &mut self.numbers[0] {
            *highest = value.max(*highest);
        }
    }
}

/// Returns what is wrong with the mailboxes after a crash that happened after `before` and not
/// later than `after`.
pub(super) fn faults(before: &Ledger, after: &Ledger, found: &[Contents; 2]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, contents) in found.iter().enumerate() {
        let mailbox = MAILBOXES[place];
        for (uid, id) in &contents.messages {
            places.entry(id).or_default().push(place);
            match before.uids.get(&(place, *uid)) {
                Some(known) if known != id => {
                    faults.push(format!("{mailbox}: UID {uid} was {known}, is {id}"));
                }
                _ => {}
            }
        }
        if let Some((uid_validity, highest)) = before.numbers[place] {
            if contents.uid_validity != uid_validity {
                let fresh = contents.uid_validity;
                faults.push(format!(
                    "{mailbox}: UIDVALIDITY was {uid_validity}, is {fresh}"
                ));
            }
            if contents.highest < highest {
                let lower = contents.highest;
                faults.push(format!(
                    "{mailbox}: HIGHESTMODSEQ was {highest}, is {lower}"
                ));
            }
        }
    }
    for (id, entry) in &after.messages {
        let now = places.remove(id.as_str()).unwrap_or_default();
        let Some(known) = before.messages.get(id) else {
            continue;
        };
        let is_exact = known.is_settled() && known.sent == entry.sent;
        let is_lost = now.is_empty() && !known.places.is_empty() && !entry.is_doomed;
        if is_exact && now != known.places || is_lost {
            faults.push(format!(
                "{id} is in {now:?}: before {known:?}, after {entry:?}"
            ));
        }
    }
    for (id, now) in places {
        faults.push(format!("{id} is in {now:?}, and no client has sent it"));
    }
    faults
}
