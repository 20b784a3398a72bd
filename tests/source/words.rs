//! The words that imap2d's source does not use any more: those of a dialect that only its authors
//! understood.

use std::path::Path;

use super::files::SourceFile;

/// A word or phrase, in all its forms, and what is written instead.
#[derive(Debug)]
pub(crate) struct Unwanted {
    pub(crate) forms: &'static [&'static str],
    pub(crate) instead: &'static str,
}

const fn unwanted(forms: &'static [&'static str], instead: &'static str) -> Unwanted {
    Unwanted { forms, instead }
}

/// The list, in lower case.
pub(crate) const UNWANTED: &[Unwanted] = &[
    unwanted(
        &["somebody", "anybody", "everybody"],
        "say who: a client, a session, a program",
    ),
    unwanted(&["nobody", "whoever"], "say who: no client, the user that"),
    unwanted(
        &["is told", "are told", "was told", "were told"],
        "say who sends what to whom",
    ),
    unwanted(
        &["hear of", "hears of", "heard of"],
        "receives, is notified of",
    ),
    unwanted(
        &["is let be", "are let be", "by and by", "of its own accord"],
        "plain words",
    ),
    unwanted(
        &["stranger", "strangers"],
        "unassigned, another user, another program",
    ),
    // The singular belongs to the wall clock.
    unwanted(&["walls"], "sandbox"),
    unwanted(&["gate", "gates"], "login, throttle"),
    unwanted(&["doorkeeper", "doorkeepers"], "fork server"),
    unwanted(&["herald", "heralds"], "pending PROXY header"),
    unwanted(&["guest", "guests"], "unauthenticated connection"),
    unwanted(&["idler", "idlers"], "session in IDLE"),
    unwanted(&["territory", "territories"], "sandbox policy"),
    unwanted(&["bury", "buries", "buried", "burying"], "expunge"),
    unwanted(&["void"], "invalid"),
    unwanted(
        &["hearing", "happening", "happenings"],
        "notification, change",
    ),
    unwanted(
        &["occasion", "occasions", "teller", "tellers"],
        "update policy, updates",
    ),
    unwanted(&["furnish", "furnishes", "furnished"], "autocreate"),
    unwanted(&["takeover"], "test backdoor"),
];

/// Uses that are no dialect: the end of the path of the file, the word, and why it may stand there.
const ALLOWED: &[(&str, &str, &str)] = &[
    ("sandbox/credentials.rs", "nobody", "the user of that name"),
    ("auth/passwd_file.rs", "nobody", "a user name in tests"),
];

/// Returns the unwanted words of a file, in comments, names and texts, each with its line, from 0,
/// and what to write instead.
pub(crate) fn unwanted_words(file: &SourceFile) -> Vec<(usize, String)> {
    let forms: Vec<(Vec<&str>, &Unwanted)> = UNWANTED.iter().flat_map(forms_of).collect();
    let words = words(&file.text);
    let mut found = Vec::new();
    for start in 0..words.len() {
        for (form, unwanted) in &forms {
            if !starts_with(&words[start..], form) {
                continue;
            }
            let word = form.join(" ");
            if !is_allowed(&file.path, &word) {
                found.push((words[start].0, format!("{word}: {}", unwanted.instead)));
            }
        }
    }
    found
}

fn forms_of(
    unwanted: &'static Unwanted,
) -> impl Iterator<Item = (Vec<&'static str>, &'static Unwanted)> {
    let split = |form: &&'static str| (form.split(' ').collect(), unwanted);
    unwanted
        .forms
        .iter()
        .map(split)
        .collect::<Vec<_>>()
        .into_iter()
}

fn is_allowed(path: &Path, word: &str) -> bool {
    let allows = |(end, allowed, _): &(&str, &str, &str)| path.ends_with(end) && *allowed == word;
    ALLOWED.iter().any(allows)
}

fn starts_with(words: &[(usize, String)], form: &[&str]) -> bool {
    words.len() >= form.len() && form.iter().zip(words).all(|(form, (_, word))| form == word)
}

/// Splits text into words in lower case, each with its line: `HeardOf` is two, as is `heard_of`.
fn words(text: &str) -> Vec<(usize, String)> {
    let mut words = Vec::new();
    for (line, text) in text.lines().enumerate() {
        let mut word = String::new();
        let mut ends_lower = false;
        for c in text.chars().chain([' ']) {
            if !word.is_empty() && (!c.is_alphabetic() || (c.is_uppercase() && ends_lower)) {
                words.push((line, std::mem::take(&mut word)));
            }
            ends_lower = c.is_lowercase();
            if c.is_alphabetic() {
                word.extend(c.to_lowercase());
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_comments_names_and_phrases() {
        let text = "/// Whoever is\n/// told: `avoid`.\nfn bury_all(a: GateList, heralded: b) {}\n";
        let file = SourceFile::new(Path::new("src/a.rs"), text.to_owned());
        let found = unwanted_words(&file);
        let found: Vec<(usize, &str)> = found
            .iter()
            .map(|(line, what)| (*line, what.split(':').next().unwrap_or("")))
            .collect();
        let expected = [(0, "whoever"), (0, "is told"), (2, "bury"), (2, "gate")];
        assert_eq!(found, expected);
    }
}
