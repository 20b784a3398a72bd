//! The base subject: what a subject is without `Re:`, `Fwd:`, `[list]` and their like (RFC 5256 §2.1).
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

/// How much of a subject is looked at, in octets: taking it apart may cost the square of that.
const MAX_SUBJECT: usize = 1000;

/// What a subject comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BaseSubject {
    /// The base subject, in the case in which it was written.
    pub(crate) text: Vec<u8>,
    /// Something was removed that marks an answer or a forwarded message (RFC 5256 §3, REFERENCES).
    pub(crate) is_reply: bool,
}

/// The base subject of a subject as its reader sees it ([`encoded_word::decode_value`](super::encoded_word::decode_value)): this is
/// what is left to do of step (1), and the steps from (2) on.
pub(crate) fn extract_base(subject: &[u8]) -> BaseSubject {
    let single = single_spaced(&subject[..subject.len().min(MAX_SUBJECT)]);
    let mut text = &single[..];
    let mut is_reply = false;
    loop {
        text = without_trailers(text, &mut is_reply);
        text = without_leaders(text, &mut is_reply);
        // Step (6).
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

/// Tabs are blanks, and so are several of them.
fn single_spaced(subject: &[u8]) -> Vec<u8> {
    let mut single: Vec<u8> = Vec::with_capacity(subject.len());
    for &octet in subject {
        match octet {
            b' ' | b'\t' if single.last() == Some(&b' ') => {}
            b'\t' => single.push(b' '),
            octet => single.push(octet),
        }
    }
    single
}

/// Step (2).
fn without_trailers<'t>(mut text: &'t [u8], is_reply: &mut bool) -> &'t [u8] {
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

/// Steps (3) to (5).
fn without_leaders<'t>(mut text: &'t [u8], is_reply: &mut bool) -> &'t [u8] {
    loop {
        text = text.trim_ascii_start();
        if let Some(rest) = after_reply(text) {
            *is_reply = true;
            text = rest;
            continue;
        }
        match after_blob(text) {
            Some(rest) if !rest.is_empty() => text = rest,
            _ => return text,
        }
    }
}

/// What follows `*subj-blob subj-refwd`.
fn after_reply(text: &[u8]) -> Option<&[u8]> {
    let mut text = text;
    while let Some(rest) = after_blob(text) {
        text = rest;
    }
    let word = [&b"re"[..], b"fwd", b"fw"];
    let text = word.iter().find_map(|word| strip_word(text, word))?;
    let text = text.trim_ascii_start();
    after_blob(text).unwrap_or(text).strip_prefix(b":")
}

/// What follows a `subj-blob`.
fn after_blob(text: &[u8]) -> Option<&[u8]> {
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
    fn known_answers() {
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
        fn is_its_own_base(subject in "(re|fwd?|\\[|\\]|:| |x|\\(fwd\\)|\\[fwd:){0,12}") {
            let once = extract_base(subject.as_bytes());
            let twice = extract_base(&once.text);
            prop_assert_eq!(&twice.text, &once.text);
            prop_assert!(!twice.is_reply);
        }
    }
}
