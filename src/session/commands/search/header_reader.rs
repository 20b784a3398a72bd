//! Passes the header of one message to the strings that are searched for, and finds the known
//! fields.

use std::ops::Range;

use super::header_search::{FieldGroup, HeaderSearch};
use super::known_fields::KnownFields;
use crate::budget::{Budget, Step, Why};
use crate::message::{CaseFolder, ValueDecoder, ValueForm, header};

/// Work of finding a field, in octets.
const FIELD_WORK: usize = 64;
/// Octets of decoded text that are worth searching before the field is over.
const LEAST_TEXT: usize = 1024;

/// A header that is read field by field, and each field that keys name piece by piece. A step may
/// end after any piece, so that neither many fields nor a long one make it long.
#[derive(Default)]
pub(super) struct HeaderReader {
    /// Offset of the next field.
    at: usize,
    /// The field that is being searched.
    field: Option<OpenField>,
    known: KnownFields,
    decoder: ValueDecoder,
    folder: CaseFolder,
    /// Buffers for the text of a piece, and the same folded.
    text: Vec<u8>,
    folded: Vec<u8>,
}

struct OpenField {
    group: usize,
    value: Range<usize>,
    form: ValueForm,
}

impl HeaderReader {
    /// Returns the octets of memory that the decoder and the buffers take.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.decoder.memory() + self.text.capacity() + self.folded.capacity()
    }

    /// Reads on; done with the places of the known fields when the header is over.
    pub(super) fn step(
        &mut self,
        header: &[u8],
        search: &mut HeaderSearch,
        budget: &mut Budget<'_>,
    ) -> Step<KnownFields> {
        if self.at == 0 {
            search.begin_message();
        }
        loop {
            let work = match self.field.take() {
                Some(field) => self.search_piece(field, header, search),
                None => match self.next_field(header, search) {
                    Some(work) => work,
                    None => return Step::Done(std::mem::take(&mut self.known)),
                },
            };
            budget.spend_octets(work);
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
    }

    /// Finds the next field. Returns the work that it took, in octets.
    fn next_field(&mut self, header: &[u8], search: &mut HeaderSearch) -> Option<usize> {
        let field = header::fields_from(header, self.at).next()?;
        self.at = field.range.end;
        self.known.note(&field);
        if let Some(index) = search.group_of(field.name) {
            let group = search.group(index);
            // The empty string asks whether there is such a field (RFC 3501 §6.4.4).
            if let Some(empty) = group.strings.empty() {
                group.found.mark(empty);
            }
            self.begin(index, group, field.value_range(), ValueForm::Written);
        }
        Some(FIELD_WORK + field.range.len())
    }

    /// Begins to search a field in one of its forms, unless nothing is left to search for.
    fn begin(
        &mut self,
        index: usize,
        group: &mut FieldGroup,
        value: Range<usize>,
        form: ValueForm,
    ) {
        if group.found.missing() == 0 {
            return;
        }
        group.strings.begin_text();
        self.text.clear();
        self.decoder.begin(form);
        self.folder = CaseFolder::default();
        self.field = Some(OpenField {
            group: index,
            value,
            form,
        });
    }

    /// Searches the next piece of a field. Returns the work that it took, in octets.
    fn search_piece(
        &mut self,
        field: OpenField,
        header: &[u8],
        search: &mut HeaderSearch,
    ) -> usize {
        let value = header.get(field.value.clone()).unwrap_or_default();
        let group = search.group(field.group);
        let decoded = self.decoder.step(value, &mut self.text);
        if let Some(decoding) = decoded.filter(|_| self.text.len() < LEAST_TEXT) {
            self.field = Some(field);
            return decoding;
        }
        self.folded.clear();
        self.folder.feed(&self.text, &mut self.folded);
        if decoded.is_none() {
            self.folder.finish(&mut self.folded);
        }
        let work = group.strings.feed(&self.folded, &mut group.found) + self.text.len();
        self.text.clear();
        let is_quoted = || group.has_addresses && memchr::memchr(b'"', value).is_some();
        match decoded {
            Some(decoding) => {
                if group.found.missing() > 0 {
                    self.field = Some(field);
                }
                work + decoding
            }
            None => {
                if field.form == ValueForm::Written && is_quoted() {
                    self.begin(field.group, group, field.value, ValueForm::Unquoted);
                }
                work + 1
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::SystemClock;
    use crate::message::fold_case;
    use crate::session::commands::search::header_search::HeaderString;
    use proptest::prelude::*;
    use std::time::Duration;

    /// Most work between two looks at the budget: a piece of text, searched by four finders or by a
    /// tree, and the longest tail of a string.
    const MAX_WORK: usize = 64 * 1024;

    fn prepare(keys: &[(&str, &[u8])]) -> (HeaderSearch, Vec<HeaderString>) {
        let mut search = HeaderSearch::default();
        let add = |&(name, string): &(&str, &[u8])| search.add(name.as_bytes(), string);
        let strings = keys.iter().map(add);
        let strings = strings.map(|string| string.expect("shorter than the limit"));
        let strings = strings.collect();
        while search.build().is_some() {}
        (search, strings)
    }

    /// Reads the header to its end, piece by piece. Returns the work.
    fn read(header: &[u8], search: &mut HeaderSearch) -> usize {
        search.begin_message();
        let (mut reader, mut total) = (HeaderReader::default(), 0);
        loop {
            let work = match reader.field.take() {
                Some(field) => reader.search_piece(field, header, search),
                None => match reader.next_field(header, search) {
                    Some(work) => work,
                    None => return total,
                },
            };
            assert!(
                work <= MAX_WORK.max(header.len() + FIELD_WORK),
                "a piece of {work}"
            );
            total += work;
        }
    }

    fn work(header: &[u8], keys: &[(&str, &[u8])]) -> usize {
        let (mut search, _) = prepare(keys);
        read(header, &mut search)
    }

    fn decode(value: &[u8], form: ValueForm) -> Vec<u8> {
        let (mut decoder, mut text) = (ValueDecoder::default(), Vec::new());
        decoder.begin(form);
        while decoder.step(value, &mut text).is_some() {}
        fold_case(&text)
    }

    /// Searches the whole header for one string, as a reference.
    fn naive(header: &[u8], name: &str, string: &[u8]) -> bool {
        let string = fold_case(string);
        let is_in = |text: &[u8]| {
            string.is_empty() || text.windows(string.len()).any(|window| window == string)
        };
        let mut named = header::fields(header).filter(|field| field.is(name));
        named.any(|field| {
            is_in(&decode(field.value, ValueForm::Written))
                || matches!(name, "From" | "to")
                    && field.value.contains(&b'"')
                    && is_in(&decode(field.value, ValueForm::Unquoted))
        })
    }

    #[test]
    fn a_long_field_is_decoded_once_for_all_keys() {
        let header = format!("X: {}\n\n", "b".repeat(250_000)).into_bytes();
        let one = work(&header, &[("X", b"a")]);
        assert_eq!(work(&header, &[("x", &b"a"[..]); 990]), one);
        let strings: Vec<String> = (0..990).map(|number| format!("a{number}")).collect();
        let keys = strings.iter().map(|string| ("X", string.as_bytes()));
        let many = work(&header, &keys.collect::<Vec<_>>());
        assert!(many <= 3 * one, "{many} for 990 strings, {one} for one");
    }

    #[test]
    fn thousands_of_encoded_words_are_decoded_once_for_all_keys() {
        let words = "=?utf-8?q?=C3=A9?= =?koi8-r?b?zcnS?=\n ".repeat(3_500);
        let header = format!("Subject: {words}\n\n").into_bytes();
        let one = work(&header, &[("Subject", b"a")]);
        assert!(one <= 40 * header.len(), "{one}");
        let long = [b'x'; 8 * 1024];
        let keys: Vec<(&str, &[u8])> = (1..=900)
            .map(|length| ("subject", &long[..length]))
            .collect();
        let many = work(&header, &keys);
        assert!(many <= 2 * one, "{many} for 900 strings, {one} for one");
    }

    #[test]
    fn a_header_of_empty_fields_costs_no_more_for_many_names() {
        let header = "a:\n".repeat(87_000).into_bytes();
        let names: Vec<String> = (0..990).map(|number| format!("x{number}")).collect();
        let keys: Vec<(&str, &[u8])> = names.iter().map(|name| (&**name, &b"a"[..])).collect();
        assert_eq!(work(&header, &keys), work(&header, &keys[..1]));
    }

    proptest! {
        #[test]
        fn every_step_agrees_with_the_naive_search(
            fields in prop::collection::vec(
                ("(X|from|To)", "(a|B|\"|\\\\|\n |=\\?utf-8\\?q\\?=C3=A9\\?=| ){0,12}"),
                0..5,
            ),
            times in prop::sample::select(&[1usize, 200][..]),
            keys in prop::collection::vec(("(x|From|to|none)", "[ab\"\u{e9} ]{0,3}"), 0..12),
        ) {
            let fields = fields.into_iter();
            let lines = fields.map(|(name, value)| format!("{name}: {}\n", value.repeat(times)));
            let header = lines.collect::<String>().into_bytes();
            let keys: Vec<(&str, &[u8])> = keys
                .iter()
                .map(|(name, string)| (&**name, string.as_bytes()))
                .collect();
            let (mut search, strings) = prepare(&keys);
            // What an earlier message has left must make no difference.
            read(b"x: abab\nfrom: ab\n", &mut search);
            let mut reader = HeaderReader::default();
            loop {
                let mut budget = Budget::new(&SystemClock, 1, Duration::from_secs(3600));
                match reader.step(&header, &mut search, &mut budget) {
                    Step::Done(_) => break,
                    Step::Yield(why) => prop_assert_eq!(why, Why::Budget),
                }
            }
            for ((name, string), found) in keys.iter().zip(strings) {
                prop_assert_eq!(search.is_found(found), naive(&header, name, string));
            }
        }
    }
}
