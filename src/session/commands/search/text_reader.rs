//! Passes the texts of one message to the strings that are searched for.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use super::text_search::TextSearch;
use crate::budget::{Budget, COST_READ_16K, Step, Why};
use crate::message::Passage;
use crate::session::output::PIECE;

/// A message whose header and passages are read one after the other.
pub(super) struct TextReader {
    file: Rc<File>,
    /// The passages that are not read yet.
    passages: std::vec::IntoIter<Passage>,
    stage: ReadStage,
}

enum ReadStage {
    Begin,
    Header,
    /// The next passage is looked for.
    Next,
    /// A passage is being read, from that offset on.
    Passage(Passage, u64),
    /// What is left of a passage is being decoded.
    End,
}

impl TextReader {
    /// Begins with the passages of a message.
    pub(super) fn new(file: Rc<File>, passages: Vec<Passage>) -> Self {
        Self {
            file,
            passages: passages.into_iter(),
            stage: ReadStage::Begin,
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
        loop {
            match self.search_piece(header, search, budget) {
                Ok(true) if search.is_open() => {}
                done => return Step::Done(done.map(|_| ())),
            }
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
    }

    /// Searches one piece of the header or of a passage. False if there are no more.
    fn search_piece(
        &mut self,
        header: &[u8],
        search: &mut TextSearch,
        budget: &mut Budget<'_>,
    ) -> io::Result<bool> {
        match self.stage {
            ReadStage::Begin => {
                search.begin_message();
                self.stage = ReadStage::Header;
            }
            ReadStage::Header => match search.search_header(header) {
                Some(work) => budget.spend_octets(work),
                None => self.stage = ReadStage::Next,
            },
            ReadStage::Next => {
                let next = self.passages.find(|passage| search.includes(passage.kind));
                let Some(passage) = next else {
                    return Ok(false);
                };
                search.begin_passage(passage.kind);
                self.stage = ReadStage::Passage(passage, passage.start);
            }
            ReadStage::Passage(passage, position) => {
                self.stage = self.read_piece(passage, position, search, budget)?;
            }
            ReadStage::End => match search.end_passage() {
                Some(work) => budget.spend_octets(work),
                None => self.stage = ReadStage::Next,
            },
        }
        Ok(true)
    }

    /// Reads and searches a piece of a passage.
    fn read_piece(
        &self,
        passage: Passage,
        position: u64,
        search: &mut TextSearch,
        budget: &mut Budget<'_>,
    ) -> io::Result<ReadStage> {
        let mut piece = [0; PIECE];
        let wanted = usize::try_from(passage.end - position)
            .unwrap_or(PIECE)
            .min(PIECE);
        let count = self.file.read_at(&mut piece[..wanted], position)?;
        budget.spend(COST_READ_16K);
        budget.spend_octets(search.feed(&piece[..count]));
        let position = position + count as u64;
        Ok(match count == 0 || position == passage.end {
            true => ReadStage::End,
            false => ReadStage::Passage(passage, position),
        })
    }
}
