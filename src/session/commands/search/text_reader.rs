//! Passes the texts of one message to the strings that are searched for.

use std::fs::File;
use std::io;
use std::rc::Rc;

use super::text_search::TextSearch;
use crate::budget::{Budget, COST_READ_16K, Step, Why};
use crate::message::Passage;
use crate::session::disk_wait::DiskWait;
use crate::session::output::PIECE;
use crate::{ready, try_ready};

/// A message whose header and passages are read one after the other.
pub(super) struct TextReader {
    file: Rc<File>,
    /// The passages that are not read yet.
    passages: std::vec::IntoIter<Passage>,
    disk: DiskWait,
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
            disk: DiskWait::default(),
            stage: ReadStage::Begin,
        }
    }

    /// Returns the octets of memory that the list of passages takes, as far as they are not read.
    pub(super) fn memory(&self) -> usize {
        2 * size_of_val(self.passages.as_slice())
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
            match ready!(self.search_piece(header, search, budget)) {
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
    ) -> Step<io::Result<bool>> {
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
                    return Step::Done(Ok(false));
                };
                search.begin_passage(passage.kind);
                self.stage = ReadStage::Passage(passage, passage.start);
            }
            ReadStage::Passage(passage, position) => {
                self.stage = try_ready!(self.read_piece(passage, position, search, budget));
            }
            ReadStage::End => match search.end_passage() {
                Some(work) => budget.spend_octets(work),
                None => self.stage = ReadStage::Next,
            },
        }
        Step::Done(Ok(true))
    }

    /// Reads and searches a piece of a passage.
    fn read_piece(
        &mut self,
        passage: Passage,
        position: u64,
        search: &mut TextSearch,
        budget: &mut Budget<'_>,
    ) -> Step<io::Result<ReadStage>> {
        let mut piece = [0; PIECE];
        let wanted = usize::try_from(passage.end - position)
            .unwrap_or(PIECE)
            .min(PIECE);
        let piece = &mut piece[..wanted];
        let count = try_ready!(self.disk.read(&self.file, piece, position, budget));
        budget.spend(COST_READ_16K);
        budget.spend_octets(search.feed(&piece[..count]));
        let position = position + count as u64;
        Step::Done(Ok(match count == 0 || position == passage.end {
            true => ReadStage::End,
            false => ReadStage::Passage(passage, position),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::text_search::TextString;
    use super::*;
    use crate::budget::SystemClock;
    use crate::message::{
        HeaderDecoder, Layout, PassageDecoder, PassageKind, ScanDepth, Scanner, fold_case,
        list_passages,
    };
    use proptest::prelude::*;
    use std::io::Write as _;
    use std::time::Duration;

    fn prepare(keys: &[(bool, String)]) -> (TextSearch, Vec<TextString>) {
        let mut search = TextSearch::default();
        let add = |(body_only, string): &(bool, String)| search.add(string.as_bytes(), *body_only);
        let strings = keys.iter().map(add);
        let strings = strings.map(|string| string.expect("shorter than the limit"));
        let strings = strings.collect();
        while search.build().is_some() {}
        (search, strings)
    }

    fn scan(message: &str) -> Layout {
        let mut scanner = Scanner::new(ScanDepth::Structure);
        scanner.feed(message.as_bytes());
        scanner.finish()
    }

    /// Returns the texts of a message, each with whether BODY includes it, as a reference.
    fn texts(message: &str, layout: &Layout) -> Vec<(bool, Vec<u8>)> {
        let (mut header, mut text) = (HeaderDecoder::default(), Vec::new());
        header.begin();
        while let Some((piece, _)) = header.next(&layout.header_bytes) {
            text.extend_from_slice(piece);
        }
        let mut texts = vec![(false, text)];
        let mut decoder = PassageDecoder::new();
        for passage in list_passages(layout) {
            let end = (passage.end as usize).min(message.len());
            decoder.begin(passage.kind);
            let mut text = decoder
                .feed(&message.as_bytes()[passage.start as usize..end])
                .to_vec();
            while let Some((piece, _)) = decoder.end() {
                text.extend_from_slice(piece);
            }
            texts.push((passage.kind != PassageKind::MimeHeader, text));
        }
        texts
    }

    fn contains(text: &[u8], string: &str) -> bool {
        let string = fold_case(string.as_bytes());
        string.is_empty() || text.windows(string.len()).any(|window| window == string)
    }

    #[test]
    fn a_long_text_is_read_once_for_all_keys() {
        let work = |keys: &[(bool, String)]| {
            let (mut search, _) = prepare(keys);
            search.begin_message();
            search.begin_passage(PassageKind::Header);
            search.begin_passage(scan_kind());
            let piece = [b'a'; PIECE];
            let works: Vec<usize> = (0..64).map(|_| search.feed(&piece)).collect();
            assert!(works.iter().all(|&work| work <= 12 * PIECE));
            works.iter().sum::<usize>()
        };
        let key = |number: usize| (false, format!("{}b{number}", "a".repeat(number)));
        let one = work(&[key(1)]);
        let many = work(&(0..250).map(key).collect::<Vec<_>>());
        assert!(many <= 4 * one, "{many} for 250 strings, {one} for one");
    }

    fn scan_kind() -> PassageKind {
        let layout = scan("Subject: x\n\ntext\n");
        list_passages(&layout)[0].kind
    }

    proptest! {
        #[test]
        fn every_step_agrees_with_the_naive_search(
            header in "(Subject: (a|B|c){0,5}\n){0,2}",
            parts in prop::collection::vec(("(X: (a|B){0,4}\n){0,1}", "(a|B|c| |\n){0,12}"), 1..3),
            times in prop::sample::select(&[1usize, 3000][..]),
            keys in prop::collection::vec((any::<bool>(), "[abc]{0,4}"), 0..9),
        ) {
            let mut message = format!("{header}Content-Type: multipart/mixed; boundary=e\n\n");
            for (header, body) in &parts {
                message.push_str(&format!("--e\n{header}\n{}\n", body.repeat(times)));
            }
            message.push_str("--e--\n");
            let layout = scan(&message);
            let mut file = tempfile::tempfile().expect("a file");
            file.write_all(message.as_bytes()).expect("written");
            let (mut search, strings) = prepare(&keys);
            let file = Rc::new(file);
            // Twice: what the message before has left must make no difference.
            for _ in 0..2 {
                let mut reader = TextReader::new(Rc::clone(&file), list_passages(&layout));
                loop {
                    let mut budget = Budget::new(&SystemClock, 1, Duration::from_secs(3600));
                    match reader.step(&layout.header_bytes, &mut search, &mut budget) {
                        Step::Done(read) => break read.expect("read"),
                        Step::Yield(why) => prop_assert_eq!(why, Why::Budget),
                    }
                }
            }
            let texts = texts(&message, &layout);
            for ((body_only, string), found) in keys.iter().zip(strings) {
                let mut texts = texts.iter().filter(|(in_body, _)| *in_body || !body_only);
                let want = string.is_empty() || texts.any(|(_, text)| contains(text, string));
                prop_assert_eq!(search.is_found(found), want);
            }
        }
    }
}
