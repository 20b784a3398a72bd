//! FIND MAILBOXES and BBOARDS (RFC 1176 p. 12-13, with ALL. of IMAP2bis, RFC 2062 p. 1-2), and LIST and
//! LSUB (RFC 3501 §6.3.8-6.3.9): the names there are, and the names that are subscribed.

use std::collections::BTreeSet;

use crate::budget::{COST_SYSCALL, Step, Why};
use crate::protocol::{Encoder, ListKind, MailboxKind, Pattern};
use crate::session::job::{Cx, Job, Reply};
use crate::session::output::HIGH_WATER;
use crate::session::untagged::Occasion;
use crate::store::StoreError;
use crate::types::MailboxRef;
use crate::types::mailbox_name::SEPARATOR;
use crate::types::mutf7;

/// The attribute of a name that cannot be selected.
const NOSELECT: &[&str] = &["\\Noselect"];

/// FIND.
pub(super) struct Find {
    pub(super) what: MailboxKind,
    pub(super) all: bool,
    pub(super) pattern: Vec<u8>,
}

/// LIST and LSUB.
pub(super) struct List {
    pub(super) subscribed: bool,
    pub(super) reference: Vec<u8>,
    pub(super) pattern: Vec<u8>,
}

/// What is asked for.
pub(super) trait Question {
    /// The lines that answer it.
    fn lines(&self, cx: &mut Cx<'_, '_>) -> Result<Vec<Line>, StoreError>;

    /// The text of the tagged line.
    fn done(&self) -> &'static str;
}

/// One name to tell.
pub(super) enum Line {
    Mailbox(String),
    Bboard(String),
    List(ListKind, &'static [&'static str], String),
}

impl Line {
    fn write(&self, encoder: &mut Encoder<'_>) {
        match self {
            Self::Mailbox(name) => encoder.mailbox(name),
            Self::Bboard(name) => encoder.bboard(name),
            Self::List(kind, attributes, name) => encoder.list_line(*kind, attributes, name),
        };
    }
}

/// The job: finds the names once, and tells them as the output has room.
struct Listing<Q> {
    question: Q,
    lines: Option<std::vec::IntoIter<Line>>,
}

/// Answers a question for names.
pub(super) fn job<Q: Question + 'static>(question: Q) -> Box<dyn Job> {
    Box::new(Listing {
        question,
        lines: None,
    })
}

impl<Q: Question> Job for Listing<Q> {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        let lines = match &mut self.lines {
            Some(lines) => lines,
            None => match self.question.lines(cx) {
                Ok(lines) => self.lines.insert(lines.into_iter()),
                Err(error) => return Step::Done(Reply::refused(&error)),
            },
        };
        while cx.core.output.unsent() < HIGH_WATER {
            let Some(line) = lines.next() else {
                return Step::Done(Reply::ok(self.question.done()).on(Occasion::Nothing));
            };
            line.write(&mut cx.core.encoder());
        }
        Step::Yield(Why::OutputFull)
    }
}

impl Question for Find {
    fn lines(&self, cx: &mut Cx<'_, '_>) -> Result<Vec<Line>, StoreError> {
        let pattern = Pattern::find(&self.pattern);
        let mut names = self.names(cx)?;
        names.retain(|name| pattern.matches(name.as_bytes()));
        let line = match self.what {
            MailboxKind::Mailbox => Line::Mailbox,
            MailboxKind::Bboard => Line::Bboard,
        };
        Ok(names.into_iter().map(line).collect())
    }

    fn done(&self) -> &'static str {
        "FIND completed"
    }
}

impl Find {
    /// RFC 1176 knows no subscriptions: its FIND MAILBOXES means every name but INBOX (p. 12). In
    /// IMAP2bis that is what ALL. is for, INBOX included.
    fn names(&self, cx: &mut Cx<'_, '_>) -> Result<Vec<String>, StoreError> {
        let all = self.all || cx.core.dialect.finds_unsubscribed_mailboxes();
        let names = match (self.what, all) {
            (MailboxKind::Mailbox, true) => personal_names(cx)?,
            (MailboxKind::Bboard, true) => board_names(cx)?,
            (kind, false) => {
                let of_kind = |name: MailboxRef| match (kind, name) {
                    (MailboxKind::Mailbox, MailboxRef::Personal(name)) => Some(name.to_string()),
                    (MailboxKind::Bboard, MailboxRef::Bboard(name)) => Some(name.to_string()),
                    _ => None,
                };
                subscriptions(cx)?.into_iter().filter_map(of_kind).collect()
            }
        };
        let with_inbox = self.all || !cx.core.dialect.finds_unsubscribed_mailboxes();
        Ok(names
            .into_iter()
            .filter(|name| with_inbox || name != "INBOX")
            .collect())
    }
}

impl Question for List {
    fn lines(&self, cx: &mut Cx<'_, '_>) -> Result<Vec<Line>, StoreError> {
        let kind = match self.subscribed {
            true => ListKind::Lsub,
            false => ListKind::List,
        };
        if self.pattern.is_empty() && !self.subscribed {
            // RFC 3501 §6.3.8: an empty pattern asks for the separator and the root of the reference.
            return Ok(vec![Line::List(kind, NOSELECT, String::new())]);
        }
        let names = self.names(cx)?;
        let pattern = Wanted {
            pattern: Pattern::list(&self.reference, &self.pattern),
            is_utf8: cx.core.dialect.names_in_utf8(),
        };
        let line = |(name, selectable): (&str, bool)| {
            let attributes = if selectable { &[] } else { NOSELECT };
            Line::List(kind, attributes, name.to_owned())
        };
        Ok(matching(&names, &pattern).into_iter().map(line).collect())
    }

    fn done(&self) -> &'static str {
        match self.subscribed {
            true => "LSUB completed",
            false => "LIST completed",
        }
    }
}

impl List {
    fn names(&self, cx: &mut Cx<'_, '_>) -> Result<Vec<String>, StoreError> {
        if self.subscribed {
            return Ok(subscriptions(cx)?.iter().map(super::name_on_wire).collect());
        }
        let mut names = personal_names(cx)?;
        names.extend(
            board_names(cx)?
                .iter()
                .map(|name| format!("{}{name}", super::BBOARD_PREFIX)),
        );
        Ok(names)
    }
}

/// A pattern, which is held against names as the client sees them.
struct Wanted {
    pattern: Pattern,
    is_utf8: bool,
}

impl Wanted {
    fn matches(&self, name: &str) -> bool {
        match mutf7::decode(name.as_bytes()).filter(|_| self.is_utf8) {
            Some(text) => self.pattern.matches(text.as_bytes()),
            None => self.pattern.matches(name.as_bytes()),
        }
    }
}

/// The names that match, and the levels above names that match where there is no such mailbox: these
/// cannot be selected (RFC 3501 §6.3.8, §6.3.9 on `%`).
fn matching<'n>(names: &'n [String], pattern: &Wanted) -> Vec<(&'n str, bool)> {
    let known: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let mut found: Vec<(&str, bool)> = Vec::new();
    let mut parents = BTreeSet::new();
    for &name in &known {
        if pattern.matches(name) {
            found.push((name, true));
            continue;
        }
        let levels = name.match_indices(SEPARATOR).map(|(at, _)| &name[..at]);
        parents.extend(levels.filter(|level| !known.contains(level) && pattern.matches(level)));
    }
    found.extend(parents.into_iter().map(|name| (name, false)));
    found
}

fn personal_names(cx: &mut Cx<'_, '_>) -> Result<Vec<String>, StoreError> {
    let Some(account) = cx.core.account() else {
        return Ok(Vec::new());
    };
    let names = cx.store.list(account)?;
    cx.budget
        .spend(COST_SYSCALL * u32::try_from(names.len()).unwrap_or(u32::MAX));
    Ok(names.iter().map(ToString::to_string).collect())
}

fn board_names(cx: &mut Cx<'_, '_>) -> Result<Vec<String>, StoreError> {
    let Some(account) = cx.core.account() else {
        return Ok(Vec::new());
    };
    let names = cx.store.list_bboards(account)?;
    cx.budget
        .spend(COST_SYSCALL * u32::try_from(names.len()).unwrap_or(u32::MAX));
    Ok(names.iter().map(ToString::to_string).collect())
}

/// The mailboxes and boards that the user has subscribed to.
fn subscriptions(cx: &mut Cx<'_, '_>) -> Result<Vec<MailboxRef>, StoreError> {
    let Some(account) = cx.core.account() else {
        return Ok(Vec::new());
    };
    let names = cx.store.subscriptions(account)?;
    cx.budget.spend(COST_SYSCALL);
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str) -> Vec<(String, bool)> {
        let names = ["INBOX", "A.B.C", "A.B.D", "Sent"].map(str::to_owned);
        let pattern = Wanted {
            pattern: Pattern::list(b"", pattern.as_bytes()),
            is_utf8: false,
        };
        matching(&names, &pattern)
            .into_iter()
            .map(|(name, real)| (name.to_owned(), real))
            .collect()
    }

    #[test]
    fn levels_above_are_shown_but_cannot_be_selected() {
        assert_eq!(
            found("%"),
            [("INBOX", true), ("Sent", true), ("A", false)].map(|(n, r)| (n.to_owned(), r))
        );
        assert_eq!(found("A.%"), [("A.B".to_owned(), false)]);
        assert_eq!(found("A.*").iter().filter(|(_, real)| *real).count(), 2);
    }
}
