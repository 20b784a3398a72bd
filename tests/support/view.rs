//! A mailbox as one session knows it: the sequence numbers as a client has to maintain them.

use super::data::{Data, Items};
use super::imap::{Client, Reply, Status};

/// The header field that identifies a message in the tests.
const IDENTITY: &str = "BODY[HEADER.FIELDS (X-Id)]";

/// The FETCH item that asks for it.
pub(crate) const PEEK: &str = "BODY.PEEK[HEADER.FIELDS (X-Id)]";

/// What a session knows about one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// Its unique identifier.
    pub(crate) uid: u32,
    /// The identity that [`message`](super::maildir::message) gave it.
    pub(crate) id: String,
}

/// The messages by sequence number. `None` is a message that was announced but not fetched yet.
#[derive(Debug, Default)]
pub(crate) struct View {
    messages: Vec<Option<Known>>,
    expunged: Vec<Known>,
}

impl View {
    /// Returns the number of messages.
    pub(crate) fn exists(&self) -> usize {
        self.messages.len()
    }

    /// Returns the messages that have been fetched, with their sequence numbers.
    pub(crate) fn known(&self) -> impl Iterator<Item = (u32, &Known)> {
        let known = self.messages.iter().zip(1..);
        known.filter_map(|(message, number)| Some((number, message.as_ref()?)))
    }

    /// Returns the fetched messages whose EXPUNGE this session has received.
    pub(crate) fn expunged(&self) -> &[Known] {
        &self.expunged
    }

    /// Applies all data of a reply.
    ///
    /// # Panics
    ///
    /// If a number is out of range, EXISTS shrinks the mailbox, or a UID does not match.
    pub(crate) fn follow(&mut self, reply: &Reply) {
        for data in &reply.data {
            match data {
                Data::Exists(count) => self.grow(*count as usize),
                Data::Expunge(number) => self.remove(*number),
                Data::Fetch(number, items) | Data::Store(number, items) => self.see(*number, items),
                _ => {}
            }
        }
    }

    fn grow(&mut self, count: usize) {
        assert!(
            count >= self.exists(),
            "EXISTS fell from {} to {count}",
            self.exists()
        );
        self.messages.resize(count, None);
    }

    fn remove(&mut self, number: u32) {
        let index = self.index(number);
        self.expunged.extend(self.messages.remove(index));
    }

    fn see(&mut self, number: u32, items: &Items) {
        let index = self.index(number);
        let Some(uid) = items.uid() else { return };
        if let Some(known) = &self.messages[index] {
            assert_eq!(known.uid, uid, "the UID of message {number} changed");
        } else if let Some(header) = items.text(IDENTITY) {
            self.messages[index] = Some(Known {
                uid,
                id: identity(&header),
            });
        }
    }

    fn index(&self, number: u32) -> usize {
        let exists = self.exists();
        assert!(
            (1..=exists).contains(&(number as usize)),
            "message {number} of {exists}"
        );
        number as usize - 1
    }

    /// Fetches the UIDs and identities of all messages that have only been announced, and returns
    /// them. A message that is already gone but whose EXPUNGE has not been sent yet stays unknown.
    pub(crate) fn catch_up(&mut self, client: &mut Client) -> Vec<Known> {
        let Some(first) = self.messages.iter().position(Option::is_none) else {
            return Vec::new();
        };
        let last = self.exists();
        let reply = client.command(&format!("FETCH {}:{last} (UID {PEEK})", first + 1));
        assert_ne!(reply.status, Status::Bad, "{reply:?}");
        self.follow(&reply);
        self.messages[first..last]
            .iter()
            .flatten()
            .cloned()
            .collect()
    }

    /// Asserts that UIDs ascend with the sequence numbers.
    pub(crate) fn check_order(&self) {
        let uids: Vec<u32> = self.known().map(|(_, known)| known.uid).collect();
        assert!(
            uids.is_sorted_by(|a, b| a < b),
            "UIDs out of order: {uids:?}"
        );
    }
}

/// Returns the identity of a message from the items that [`PEEK`] fetched.
pub(crate) fn identity_of(items: &Items) -> Option<String> {
    items.text(IDENTITY).as_deref().map(identity)
}

/// Returns the value of the header field that the server sent.
fn identity(header: &str) -> String {
    let value = header.split_once(':').map_or("", |(_, value)| value);
    value.trim().to_owned()
}
