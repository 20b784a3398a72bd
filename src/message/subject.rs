//! The base subject: a subject without `Re:`, `Fwd:`, `[list]` and the like (RFC 5256 §2.1).
//!
//! ```text
//! subject      = *subj-leader [subj-middle] *subj-trailer            RFC 5256 §5
//! subj-refwd   = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"
//! subj-blob    = "[" *BLOBCHAR "]" *WSP
//! subj-fwd     = subj-fwd-hdr subject subj-fwd-trl
//! subj-fwd-hdr = "[fwd:"
//! subj-fwd-trl = "]"
//! subj-leader  = (*subj-blob subj-refwd) / WSP
//! subj-middle  = *subj-blob (subj-base / subj-fwd)
//! subj-trailer = "(fwd)" / WSP
//! ```

/// Octets of a subject that are used: more than a line has.
pub(crate) const MAX_SUBJECT: usize = 1000;

/// A base subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BaseSubject {
    /// Its octets, in the case of the subject.
    pub(crate) text: Vec<u8>,
    /// True if a mark of an answer or a forwarded message was removed (RFC 5256 §3, REFERENCES).
    pub(crate) is_reply: bool,
}

/// Returns the base subject of a subject that
/// [`decode_beginning`](super::header_value::decode_beginning) has decoded. Does the rest of step
/// (1), and all steps from (2) on.
pub(crate) fn extract_base(subject: &[u8]) -> BaseSubject {
    let collapsed = collapse_spaces(&subject[..subject.len().min(MAX_SUBJECT)]);
    let mut text = &collapsed[..];
    let mut is_reply = false;
    loop {
        text = strip_trailers(text, &mut is_reply);
        text = strip_leaders(text, &mut is_reply);
        // Step (6): remove `subj-fwd-hdr` and `subj-fwd-trl`.
        let inner = strip_word(text, b"[fwd:").and_then(|inner| inner.strip_suffix(b"]"));
        match inner {
            Some(inner) => text = inner,
            None => break,
        }
        is_reply = true;
    }
    BaseSubject {
        text: text.to_vec(),
        is_reply,
    }
}

/// Turns each tab into a space, and each run of spaces into one.
fn collapse_spaces(subject: &[u8]) -> Vec<u8> {
    let mut collapsed: Vec<u8> = Vec::with_capacity(subject.len());
    for &octet in subject {
        match octet {
            b' ' | b'\t' if collapsed.last() == Some(&b' ') => {}
            b'\t' => collapsed.push(b' '),
            octet => collapsed.push(octet),
        }
    }
    collapsed
}

/// Does step (2): removes `subj-trailer`s.
fn strip_trailers<'t>(mut text: &'t [u8], is_reply: &mut bool) -> &'t [u8] {
    loop {
        text = text.trim_ascii_end();
        let start = text.len().saturating_sub(5);
        if !text[start..].eq_ignore_ascii_case(b"(fwd)") {
            return text;
        }
        *is_reply = true;
        text = &text[..start];
    }
}

/// Does steps (3) to (5): removes `subj-leader`s, and `subj-blob`s that leave a rest.
fn strip_leaders<'t>(mut text: &'t [u8], is_reply: &mut bool) -> &'t [u8] {
    loop {
        text = text.trim_ascii_start();
        if let Some(rest) = strip_reply_mark(text) {
            *is_reply = true;
            text = rest;
            continue;
        }
        // Behind each of the blobs stands what stood behind all of them: it is no mark.
        while let Some(rest) = strip_blob(text).filter(|rest| !rest.is_empty()) {
            text = rest;
        }
        return text;
    }
}

/// Returns what follows `*subj-blob subj-refwd`.
fn strip_reply_mark(text: &[u8]) -> Option<&[u8]> {
    let mut text = text;
    while let Some(rest) = strip_blob(text) {
        text = rest;
    }
    let word = [&b"re"[..], b"fwd", b"fw"];
    let text = word.iter().find_map(|word| strip_word(text, word))?;
    let text = text.trim_ascii_start();
    strip_blob(text).unwrap_or(text).strip_prefix(b":")
}

/// Returns what follows a `subj-blob`.
fn strip_blob(text: &[u8]) -> Option<&[u8]> {
    let inner = text.strip_prefix(b"[")?;
    let end = inner.iter().position(|octet| b"[]".contains(octet))?;
    let rest = inner[end..].strip_prefix(b"]")?;
    Some(rest.trim_ascii_start())
}

fn strip_word<'t>(text: &'t [u8], word: &[u8]) -> Option<&'t [u8]> {
    let (start, rest) = text.split_at_checked(word.len())?;
    start.eq_ignore_ascii_case(word).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(subject: &str) -> (String, bool) {
        let BaseSubject { text, is_reply } = extract_base(subject.as_bytes());
        (String::from_utf8_lossy(&text).into_owned(), is_reply)
    }

    #[test]
    fn known_subjects_have_known_bases() {
        for (subject, text, is_reply) in [
            ("", "", false),
            ("Lunch", "Lunch", false),
            ("  Lunch\t at   noon ", "Lunch at noon", false),
            ("Re: Lunch", "Lunch", true),
            ("RE:Lunch", "Lunch", true),
            ("re : Lunch", "Lunch", true),
            ("Re[2]: Lunch", "Lunch", true),
            ("Re [2] : Lunch", "Lunch", true),
            ("Fwd: FW: re: Lunch", "Lunch", true),
            ("Lunch (fwd)", "Lunch", true),
            ("Lunch (FWD) (fwd) ", "Lunch", true),
            ("[list] Lunch", "Lunch", false),
            ("[list] Re: [list] Lunch", "Lunch", true),
            ("Re: [list] [x] Lunch", "Lunch", true),
            ("[list]", "[list]", false),
            ("[a] [b]", "[b]", false),
            ("Re: [list]", "[list]", true),
            ("Re:", "", true),
            ("[Fwd: Lunch]", "Lunch", true),
            ("Re: [fwd: Re: Lunch (fwd)]", "Lunch", true),
            ("[fwd: [fwd: Lunch]]", "Lunch", true),
            ("[fwd: Lunch", "[fwd: Lunch", false),
            ("Regarding: x", "Regarding: x", false),
            ("Refwd: x", "Refwd: x", false),
            ("Re", "Re", false),
            ("[a[b] x", "[a[b] x", false),
            ("(fwd)", "", true),
        ] {
            assert_eq!(read(subject), (text.to_string(), is_reply), "{subject:?}");
        }
    }

    proptest! {
        #[test]
        fn a_base_subject_is_its_own_base(subject in "(re|fwd?|\\[|\\]|:| |x|\\(fwd\\)|\\[fwd:){0,12}") {
            let once = extract_base(subject.as_bytes());
            let twice = extract_base(&once.text);
            prop_assert_eq!(&twice.text, &once.text);
            prop_assert!(!twice.is_reply);
        }
    }
}
