//! LIST and LSUB (RFC 3501 §6.3.8-6.3.9; RFC 5258 and its relatives): the names there are or that are
//! subscribed to, and what is known of them.

mod catalogue;
mod matching;

use std::collections::btree_map;

use self::catalogue::Catalogue;
use self::matching::{Found, Levels, Matching, Wanted};
use super::BBOARD_PREFIX;
use super::status::Facts;
use crate::budget::{Step, Why};
use crate::protocol::{ListArguments, ListKind, StatusItem};
use crate::ready;
use crate::session::core::Core;
use crate::session::job::{Cx, Job, Reply};
use crate::session::output::HIGH_WATER;
use crate::session::untagged::Occasion;
use crate::store::StoreError;
use crate::types::mailbox_name::SEPARATOR;

/// The attribute of a name that cannot be selected.
const NOSELECT: &str = "\\Noselect";

/// The job: reads what there is, finds what matches, and tells it as the output has room.
struct Listing {
    asked: ListArguments,
    catalogue: Catalogue,
    matching: Option<Matching>,
    found: Option<btree_map::IntoIter<String, Found>>,
    line: Option<Line>,
}

/// A name that is about to be told.
struct Line {
    name: String,
    found: Found,
    /// Its line waits for the facts: if there are none, it is another one (RFC 5819 §2).
    facts: Option<Facts>,
}

/// Answers LIST or LSUB.
pub(super) fn job(asked: ListArguments) -> Box<dyn Job> {
    Box::new(Listing {
        asked,
        catalogue: Catalogue::default(),
        matching: None,
        found: None,
        line: None,
    })
}

impl Job for Listing {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        if self.asks_for_root() {
            return Step::Done(self.tell_root(cx));
        }
        if self.found.is_none() {
            match ready!(self.find(cx)) {
                Ok(found) => self.found = Some(found),
                Err(reply) => return Step::Done(reply),
            }
        }
        while cx.core.output.unsent() < HIGH_WATER {
            if self.line.is_none() {
                self.line = self.next_line();
            }
            let Some(line) = &mut self.line else {
                return Step::Done(self.done());
            };
            let facts = match &mut line.facts {
                Some(facts) => ready!(facts.step(cx)),
                None => Ok(Vec::new()),
            };
            self.tell(facts, cx);
        }
        Step::Yield(Why::OutputFull)
    }
}

impl Listing {
    fn done(&self) -> Reply {
        let text = match self.asked.kind {
            ListKind::List => "LIST completed",
            ListKind::Lsub => "LSUB completed",
        };
        Reply::ok(text).on(Occasion::Nothing)
    }

    /// RFC 3501 §6.3.8: an empty pattern asks for the separator and for the root of the reference; not so
    /// in an extended command (RFC 5258 §3).
    fn asks_for_root(&self) -> bool {
        self.asked.kind == ListKind::List
            && !self.asked.is_extended
            && self.asked.patterns.iter().all(Vec::is_empty)
    }

    fn tell_root(&self, cx: &mut Cx<'_, '_>) -> Reply {
        let root = match is_absolute(&self.asked.reference) {
            true => BBOARD_PREFIX,
            false => "",
        };
        let mut encoder = cx.core.encoder();
        encoder.list_line(ListKind::List, &[NOSELECT], root, []);
        self.done()
    }

    fn find(
        &mut self,
        cx: &mut Cx<'_, '_>,
    ) -> Step<Result<btree_map::IntoIter<String, Found>, Reply>> {
        let matching = match &mut self.matching {
            Some(matching) => matching,
            None => match Catalogue::read(&self.asked, cx) {
                Ok(catalogue) => {
                    self.catalogue = catalogue;
                    let names = self.catalogue.selected(&self.asked);
                    let matching = Matching::new(names, self.patterns(cx.core), self.levels());
                    self.matching.insert(matching)
                }
                Err(error) => return Step::Done(Err(Reply::refused(&error))),
            },
        };
        let found = ready!(matching.step(cx.budget));
        self.matching = None;
        Step::Done(Ok(found.into_iter()))
    }

    /// The patterns in full. One that is a name in another name space already is not in need of a
    /// reference (RFC 3501 §6.3.8), and an empty one is ignored (RFC 5258 §3).
    fn patterns(&self, core: &Core) -> Vec<Wanted> {
        let patterns = self.asked.patterns.iter().filter(|text| !text.is_empty());
        let full = patterns.map(|text| match is_absolute(text) {
            true => Wanted::new(b"", text),
            false => Wanted::new(&self.asked.reference, text),
        });
        let is_utf8 = core.dialect.names_in_utf8();
        full.map(|wanted| wanted.in_utf8(is_utf8)).collect()
    }

    fn levels(&self) -> Levels {
        let selection = self.asked.selection;
        match (self.asked.kind, selection.criteria().next()) {
            (ListKind::List, Some(_)) if selection.recursive => Levels::ChildInfo,
            (ListKind::List, Some(_)) => Levels::Hidden,
            _ => Levels::Shown,
        }
    }

    /// Facts are told of the mailboxes that satisfy the selection criteria themselves.
    fn next_line(&mut self) -> Option<Line> {
        let (name, found) = self.found.as_mut()?.next()?;
        let status = &self.asked.returns.status;
        let counted = found.is_itself && !status.is_empty();
        let mailbox = self.catalogue.mailboxes.get(&name).filter(|_| counted);
        let facts = mailbox.map(|mailbox| Facts::new(mailbox.clone(), status.clone()));
        Some(Line { name, found, facts })
    }

    /// Tells the line, and the facts that it has waited for.
    fn tell(&mut self, facts: Result<Vec<(StatusItem, u64)>, StoreError>, cx: &mut Cx<'_, '_>) {
        let Some(Line { name, found, .. }) = self.line.take() else {
            return;
        };
        let mut attributes = self.attributes(&name, found);
        let facts = facts.unwrap_or_else(|error| {
            log::info!("{}: no STATUS of {name}: {error}", cx.core.peer.name);
            attributes.push(NOSELECT);
            Vec::new()
        });
        let criteria = self.asked.selection.criteria();
        let criteria = criteria.filter(|_| found.has_child_info);
        let mut encoder = cx.core.encoder();
        encoder.list_line(self.asked.kind, &attributes, &name, criteria);
        if !facts.is_empty() {
            encoder.status_line(&name, &facts);
        }
    }

    fn attributes(&self, name: &str, found: Found) -> Vec<&'static str> {
        if self.asked.kind == ListKind::Lsub {
            // RFC 3501 §6.3.9: not subscribed to, but for a name below it.
            return if found.is_itself {
                vec![]
            } else {
                vec![NOSELECT]
            };
        }
        let returns = &self.asked.returns;
        let mut attributes = Vec::new();
        let exists = self.catalogue.mailboxes.contains_key(name);
        if !exists {
            // Only who speaks the extension knows that the one implies the other (RFC 5258 §3).
            attributes.push(match self.asked.is_extended {
                true => "\\NonExistent",
                false => NOSELECT,
            });
        }
        if returns.subscribed && self.catalogue.subscribed.contains(name) {
            attributes.push("\\Subscribed");
        }
        // A level that is told for what is below it says so (RFC 5258 §3.5).
        let is_level = !exists && !found.is_itself && !found.has_child_info;
        if returns.children || is_level {
            attributes.push(match self.catalogue.has_children(name) {
                true => "\\HasChildren",
                false => "\\HasNoChildren",
            });
        }
        let uses = self.catalogue.uses.get(name).into_iter().flatten();
        attributes.extend(uses.map(|used| used.attribute()));
        attributes
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
