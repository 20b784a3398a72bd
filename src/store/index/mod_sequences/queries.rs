//! What sessions ask about mod-sequences.

use crate::store::Store;
use crate::store::index::view::View;
use crate::store::index::view_state::MessageRef;
use crate::types::NumberSet;

impl Store {
    /// Returns the mod-sequence of a message's last change.
    pub(crate) fn mod_sequence(&self, view: &View, message: &MessageRef) -> u64 {
        let mailbox = self.mailbox(view.handle());
        mailbox.mod_sequences.wanted.set(true);
        let index = mailbox.index_of(message);
        index.map_or(1, |index| mailbox.records.record(index).mod_sequence)
    }

    /// Returns the mod-sequence up to which a view has announced all changes. It is the greatest of
    /// the mailbox, or less if the view holds back expunges or has not announced flag changes of
    /// others yet: a client that loses its connection now has to receive those when it comes back
    /// (RFC 7162 §3.2).
    pub(crate) fn announced_mod_sequence(&self, view: &View) -> u64 {
        let mailbox = self.mailbox(view.handle());
        mailbox.mod_sequences.wanted.set(true);
        let expunge = mailbox
            .records
            .first_expunge_after(view.expunges_announced(), view.last_uid());
        let unannounced = [expunge, mailbox.first_unannounced_flags(view.state())];
        let first = unannounced.into_iter().flatten().min();
        first.map_or_else(|| mailbox.highest_mod_sequence(), |change| change - 1)
    }

    /// True if the view has not announced all expunges.
    pub(crate) fn has_pending_expunges(&self, view: &View) -> bool {
        let records = &self.mailbox(view.handle()).records;
        records
            .first_expunge_after(view.expunges_announced(), view.last_uid())
            .is_some()
    }

    /// Returns which of the messages that a client knows were expunged after the mod-sequence
    /// `after`, as far as the view has announced it. If the mailbox does not remember that far
    /// back, returns all that do not exist (RFC 7162 §3.2.6).
    pub(crate) fn vanished(&self, view: &View, after: u64, known: &NumberSet) -> NumberSet {
        let mailbox = self.mailbox(view.handle());
        let announced = view.expunges_announced();
        if let Some(vanished) = mailbox.mod_sequences.vanished.between(after, announced) {
            return vanished.intersection(known);
        }
        let assigned = NumberSet::range(1, mailbox.uid_next() - 1);
        known
            .intersection(&assigned)
            .without(&mailbox.uids_counted(announced))
    }
}
