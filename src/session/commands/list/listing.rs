//! The job that LIST and LSUB share: it reads the names, finds those that match, and writes them as
//! the output has room.

use std::collections::btree_map;

use super::catalogue::{Catalogue, CatalogueReader, SelectedNames};
use super::name_matcher::{MatchedName, NameMatcher, NamePattern, ParentRule};
use crate::budget::{Step, Why};
use crate::protocol::{ListArguments, ListKind, StatusItem};
use crate::session::commands::status::MailboxStatus;
use crate::session::job::{Context, Job, Outcome};
use crate::session::output::HIGH_WATER;
use crate::session::reply::Reply;
use crate::session::state::SessionState;
use crate::session::update_policy::UpdatePolicy;
use crate::store::StoreError;
use crate::types::{BBOARD_PREFIX, SEPARATOR};
use crate::{ready, try_done, try_ready};

/// The attribute of a name that cannot be selected.
pub(in crate::session::commands) const NOSELECT: &str = "\\Noselect";

/// Records that a line is paid for as: what it says takes a few lookups.
const RECORDS_PER_LINE: usize = 32;

/// Returns the attributes of a name that a listing writes.
type Attributes = fn(&str, &Listing, MatchedName) -> Vec<&'static str>;

/// A LIST or LSUB command in progress.
pub(in crate::session::commands) struct Listing {
    arguments: ListArguments,
    attributes: Attributes,
    /// The names that are being read.
    reader: Option<CatalogueReader>,
    catalogue: Catalogue,
    matcher: Option<NameMatcher>,
    /// The names that are not written yet, once they were found.
    matched: Option<btree_map::IntoIter<String, MatchedName>>,
    /// Octets of memory that these names have taken at first.
    matched_memory: usize,
    line: Option<ListLine>,
}

/// The name that is written next.
struct ListLine {
    name: String,
    matched: MatchedName,
    /// The status that the line waits for: if the mailbox has none, the line is another one (RFC
    /// 5819 §2).
    status: Option<MailboxStatus>,
}

impl Listing {
    /// Begins a listing whose names have `attributes`.
    pub(in crate::session::commands) fn new(
        arguments: ListArguments,
        attributes: Attributes,
    ) -> Self {
        Self {
            arguments,
            attributes,
            reader: None,
            catalogue: Catalogue::default(),
            matcher: None,
            matched: None,
            matched_memory: 0,
            line: None,
        }
    }

    /// Returns the arguments of the command.
    pub(super) fn arguments(&self) -> &ListArguments {
        &self.arguments
    }

    /// Returns the names that exist.
    pub(super) fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }
}

impl Job for Listing {
    fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<Outcome> {
        if self.asks_for_root() {
            self.write_root(cx);
            return Step::Done(Ok(self.completed()));
        }
        if self.matched.is_none() {
            self.matched = Some(try_ready!(self.find(cx)));
        }
        while cx.state.output.unsent() < HIGH_WATER {
            if self.line.is_none() {
                self.line = self.next_line();
            }
            let Some(line) = &mut self.line else {
                return Step::Done(Ok(self.completed()));
            };
            let status = match &mut line.status {
                Some(status) => ready!(status.step(cx)),
                None => Ok(Vec::new()),
            };
            self.write_line(status, cx);
            cx.budget.spend_records(RECORDS_PER_LINE);
            if cx.budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
        Step::Yield(Why::OutputFull)
    }

    fn memory(&self) -> usize {
        let reader = self.reader.as_ref().map_or(0, CatalogueReader::memory);
        let matcher = self.matcher.as_ref().map_or(0, NameMatcher::memory);
        let line = self.line.as_ref().map_or(0, ListLine::memory);
        self.catalogue.memory() + reader + matcher + self.matched_memory + line
    }
}

impl ListLine {
    fn memory(&self) -> usize {
        self.status.as_ref().map_or(0, MailboxStatus::memory)
    }
}

impl Listing {
    fn completed(&self) -> Reply {
        let text = match self.arguments.kind {
            ListKind::List => "LIST completed",
            ListKind::Lsub => "LSUB completed",
        };
        Reply::ok(text).with_updates(UpdatePolicy::Nothing)
    }

    /// True if the client asks for the separator and the root of the reference, by an empty pattern
    /// (RFC 3501 §6.3.8). In an extended command an empty pattern means nothing (RFC 5258 §3).
    fn asks_for_root(&self) -> bool {
        self.arguments.kind == ListKind::List
            && !self.arguments.is_extended
            && self.arguments.patterns.iter().all(Vec::is_empty)
    }

    fn write_root(&self, cx: &mut Context<'_, '_>) {
        let root = match is_absolute(&self.arguments.reference) {
            true => BBOARD_PREFIX,
            false => "",
        };
        let mut encoder = cx.state.encoder();
        encoder.list_line(ListKind::List, &[NOSELECT], root, []);
    }

    /// Reads the names and finds those that match.
    fn find(
        &mut self,
        cx: &mut Context<'_, '_>,
    ) -> Step<Result<btree_map::IntoIter<String, MatchedName>, StoreError>> {
        let matcher = match &mut self.matcher {
            Some(matcher) => matcher,
            None => {
                self.catalogue = try_ready!(self.read(cx));
                self.reader = None;
                let patterns = self.patterns(cx.state);
                cx.budget.spend_records(RECORDS_PER_LINE * patterns.len());
                let matcher = NameMatcher::new(patterns, self.parent_rule());
                self.matcher.insert(matcher)
            }
        };
        let names = SelectedNames {
            catalogue: &self.catalogue,
            selection: self.arguments.selection,
        };
        let matched = ready!(matcher.step(&names, cx.budget));
        self.matched_memory = matcher.memory();
        self.matcher = None;
        Step::Done(Ok(matched.into_iter()))
    }

    fn read(&mut self, cx: &mut Context<'_, '_>) -> Step<Result<Catalogue, StoreError>> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            None => {
                let reader = try_done!(CatalogueReader::new(&self.arguments, cx));
                self.reader.insert(reader)
            }
        };
        reader.step(&self.arguments, cx)
    }

    /// Returns the patterns with the reference before them. A pattern that is already a name in
    /// another name space needs no reference (RFC 3501 §6.3.8), and an empty one is ignored (RFC
    /// 5258 §3).
    fn patterns(&self, state: &SessionState) -> Vec<NamePattern> {
        let patterns = self.arguments.patterns.iter();
        let patterns = patterns.filter(|text| !text.is_empty());
        let full = patterns.map(|text| match is_absolute(text) {
            true => NamePattern::new(b"", text),
            false => NamePattern::new(&self.arguments.reference, text),
        });
        let is_utf8 = state.dialect.names_in_utf8();
        full.map(|pattern| pattern.in_utf8(is_utf8)).collect()
    }

    fn parent_rule(&self) -> ParentRule {
        let selection = self.arguments.selection;
        match (self.arguments.kind, selection.criteria().next()) {
            (ListKind::List, Some(_)) if selection.recursive => ParentRule::ChildInfo,
            (ListKind::List, Some(_)) => ParentRule::Hidden,
            _ => ParentRule::Shown,
        }
    }

    /// Returns the next name. It has a status if it satisfies the selection criteria itself.
    fn next_line(&mut self) -> Option<ListLine> {
        let (name, matched) = self.matched.as_mut()?.next()?;
        let items = &self.arguments.returns.status;
        let has_status = matched.is_itself && !items.is_empty();
        let mailbox = self.catalogue.mailboxes.get(&name);
        let mailbox = mailbox.filter(|_| has_status);
        let status = mailbox.map(|mailbox| MailboxStatus::new(mailbox.clone(), items.clone()));
        Some(ListLine {
            name,
            matched,
            status,
        })
    }

    /// Writes the line, and the status that it has waited for.
    fn write_line(
        &mut self,
        status: Result<Vec<(StatusItem, u64)>, StoreError>,
        cx: &mut Context<'_, '_>,
    ) {
        let Some(ListLine { name, matched, .. }) = self.line.take() else {
            return;
        };
        let mut attributes = (self.attributes)(&name, self, matched);
        let status = status.unwrap_or_else(|error| {
            let log_prefix = cx.state.log_prefix();
            log::info!("{log_prefix}: LIST could not find out the status of {name}: {error}");
            attributes.push(NOSELECT);
            Vec::new()
        });
        let criteria = self.arguments.selection.criteria();
        let criteria = criteria.filter(|_| matched.has_child_info);
        let mut encoder = cx.state.encoder();
        encoder.list_line(self.arguments.kind, &attributes, &name, criteria);
        if !status.is_empty() {
            encoder.status_line(&name, &status);
        }
    }
}

/// True for a name in the name space of the bulletin boards (RFC 3501 §5.1.2).
fn is_absolute(name: &[u8]) -> bool {
    let mark = BBOARD_PREFIX.trim_end_matches(SEPARATOR);
    match name.split_at_checked(mark.len()) {
        Some((start, rest)) => {
            start.eq_ignore_ascii_case(mark.as_bytes())
                && (rest.is_empty() || rest.starts_with(&[SEPARATOR as u8]))
        }
        None => false,
    }
}
