//! Passes the texts of one message to the strings that are searched for.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use super::text_search::TextSearch;
use crate::budget::{Budget, COST_READ_16K, Step, Why};
use crate::message::Passage;
use crate::session::output::PIECE;

/// A message whose passages are read one after the other.
pub(super) struct TextReader {
    file: Rc<File>,
    /// The passages that are not read yet.
    passages: std::vec::IntoIter<Passage>,
    /// The passage that is being read, and the offset of its next octet.
    current: Option<(Passage, u64)>,
    /// Whether the header was searched.
    has_begun: bool,
}

impl TextReader {
    /// Begins with the passages of a message.
    pub(super) fn new(file: Rc<File>, passages: Vec<Passage>) -> Self {
        Self {
            file,
            passages: passages.into_iter(),
            current: None,
            has_begun: false,
        }
    }

    /// Reads on; done when all strings are found or there is no more text. `header` is that of the
    /// message.
    pub(super) fn step(
        &mut self,
        header: &[u8],
        search: &mut TextSearch,
        budget: &mut Budget<'_>,
    ) -> Step<io::Result<()>> {
        if !self.has_begun {
            self.has_begun = true;
            if !search.begin_message(header) {
                return Step::Done(Ok(()));
            }
        }
        loop {
            match self.read_piece(search) {
                Ok(true) => {}
                done => return Step::Done(done.map(|_| ())),
            }
            budget.spend(COST_READ_16K);
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
    }

    /// Searches one piece of a passage. False if there are no more, or none is needed.
    fn read_piece(&mut self, search: &mut TextSearch) -> io::Result<bool> {
        if self.current.is_none() {
            let next = self.passages.find(|passage| search.includes(passage.kind));
            self.current = next.map(|passage| (passage, passage.start));
            if let Some((passage, _)) = &self.current {
                search.begin_passage(passage.kind);
            }
        }
        let Some((passage, position)) = &mut self.current else {
            return Ok(false);
        };
        let mut piece = [0; PIECE];
        let wanted = usize::try_from(passage.end - *position)
            .unwrap_or(PIECE)
            .min(PIECE);
        let count = self.file.read_at(&mut piece[..wanted], *position)?;
        *position += count as u64;
        let is_over = count == 0 || *position == passage.end;
        if is_over {
            self.current = None;
        }
        Ok(search.feed(&piece[..count]) && (!is_over || search.end_passage()))
    }
}
