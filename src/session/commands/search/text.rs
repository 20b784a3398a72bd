//! Shows the text of one message to the strings that are looked for.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use super::keys::Program;
use crate::budget::{Budget, COST_READ_16K, Step, Why};
use crate::message::Passage;
use crate::session::reader::PIECE;

/// A message of which the passages are read one after the other.
pub(super) struct TextReader {
    file: Rc<File>,
    passages: std::vec::IntoIter<Passage>,
    /// What is being read, and how far.
    current: Option<(Passage, u64)>,
    begun: bool,
}

impl TextReader {
    pub(super) fn new(file: Rc<File>, passages: Vec<Passage>) -> Self {
        Self {
            file,
            passages: passages.into_iter(),
            current: None,
            begun: false,
        }
    }

    /// Reads on; done when all strings are found or there is no more text. `header` is that of the
    /// message.
    pub(super) fn step(
        &mut self,
        header: &[u8],
        program: &mut Program,
        budget: &mut Budget<'_>,
    ) -> Step<io::Result<()>> {
        if !self.begun {
            self.begun = true;
            if !program.begin_text(header) {
                return Step::Done(Ok(()));
            }
        }
        loop {
            match self.piece(program) {
                Ok(true) => {}
                done => return Step::Done(done.map(|_| ())),
            }
            budget.spend(COST_READ_16K);
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
    }

    /// Looks at one piece of a passage. False when there are no more, or none is needed.
    fn piece(&mut self, program: &mut Program) -> io::Result<bool> {
        if self.current.is_none() {
            let next = self.passages.find(|passage| program.looks_at(passage.kind));
            self.current = next.map(|passage| (passage, passage.start));
            if let Some((passage, _)) = &self.current {
                program.begin_passage(passage.kind);
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
        Ok(program.look_at(&piece[..count]) && (!is_over || program.end_passage()))
    }
}
