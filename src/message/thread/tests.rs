//! Tests of the rules of RFC 5256 §3, each with the smallest mailbox that shows the rule.

use super::*;
use proptest::prelude::*;

/// A message: number, date, subject (`Re: x` is an answer), identifier, references.
type Row<'a> = (u32, i64, &'a str, &'a str, &'a str);

fn threads(algorithm: Algorithm, rows: &[Row<'_>]) -> String {
    let mut builder = ThreadBuilder::new(algorithm);
    for &(number, sent, subject, id, references) in rows {
        let base = subject.strip_prefix("Re: ");
        let references: Vec<Vec<u8>> = references
            .split_whitespace()
            .map(|id| id.as_bytes().to_vec())
            .collect();
        builder.add(&ThreadMessage {
            number,
            sent,
            subject: base.unwrap_or(subject).as_bytes(),
            is_reply: base.is_some(),
            id: Some(id.as_bytes()).filter(|id| !id.is_empty()),
            references: &references,
        });
        while let Some(work) = builder.link() {
            assert!(work <= links::MAX_WALK + 1, "a step of {work}");
        }
    }
    let mut text = String::new();
    while !builder.step(|event| write_event(&mut text, event)) {}
    text
}

/// Writes the threads as the THREAD response has them (RFC 5256 §5).
fn write_event(text: &mut String, event: ThreadEvent) {
    if text.ends_with(|last: char| last.is_ascii_digit()) && event != ThreadEvent::End {
        text.push(' ');
    }
    match event {
        ThreadEvent::Begin => text.push('('),
        ThreadEvent::Message(number) => text.push_str(&number.to_string()),
        ThreadEvent::End => text.push(')'),
    }
}

fn references(rows: &[Row<'_>]) -> String {
    threads(Algorithm::References, rows)
}

#[test]
fn no_messages_make_no_threads() {
    assert_eq!(threads(Algorithm::OrderedSubject, &[]), "");
    assert_eq!(references(&[]), "");
}

#[test]
fn ordered_subject_puts_messages_below_the_first_of_their_subject() {
    let rows = [
        (1, 50, "b", "", ""),
        (2, 20, "a", "", ""),
        (3, 10, "b", "", ""),
        (4, 30, "Re: a", "", ""),
        (5, 20, "c", "", ""),
        (6, 5, "Re: b", "", ""),
        (7, 60, "", "", ""),
        (8, 60, "", "", ""),
    ];
    let got = threads(Algorithm::OrderedSubject, &rows);
    assert_eq!(got, "(6 (3)(1))(2 4)(5)(7 8)");
}

#[test]
fn references_make_chains_and_forks() {
    let rows = [
        (2, 1, "a", "2", ""),
        (3, 2, "b", "3", ""),
        (6, 3, "b", "6", "3"),
        (4, 4, "b", "4", "3 6"),
        (23, 5, "b", "23", "3 6 4"),
        (44, 6, "b", "44", "3 6"),
        (7, 7, "b", "7", "44"),
        (96, 8, "b", "96", "7"),
    ];
    // The example of BASE.7.2.THREAD.
    assert_eq!(references(&rows), "(2)(3 6 (4 23)(44 7 96))");
}

#[test]
fn siblings_are_sorted_by_date_then_number() {
    let rows = [
        (1, 9, "a", "1", ""),
        (2, 8, "a", "2", "1"),
        (3, 7, "a", "3", "1"),
        (4, 7, "a", "4", "1"),
    ];
    assert_eq!(references(&rows), "(1 (3)(4)(2))");
}

#[test]
fn a_missing_parent_keeps_two_or_more_children_together() {
    // One child moves to the root, two stay together.
    assert_eq!(references(&[(1, 1, "a", "1", "x")]), "(1)");
    let rows = [(3, 1, "a", "3", "x"), (5, 2, "b", "5", "x")];
    assert_eq!(references(&rows), "((3)(5))");
    // Dummies below other dummies do not appear.
    let rows = [(3, 1, "a", "3", "x y z"), (5, 2, "b", "5", "x y")];
    assert_eq!(references(&rows), "((3)(5))");
    let rows = [(3, 1, "a", "3", "x 9 z"), (5, 2, "b", "5", "x y")];
    assert_eq!(references(&rows), "((3)(5))");
    // A missing message between two present ones.
    let rows = [(3, 1, "a", "3", ""), (5, 2, "b", "5", "3 y")];
    assert_eq!(references(&rows), "(3 5)");
}

#[test]
fn a_parent_may_follow_its_child() {
    let rows = [(1, 2, "a", "1", "2"), (2, 1, "b", "2", "")];
    assert_eq!(references(&rows), "(2 1)");
}

#[test]
fn the_references_of_a_message_override_those_of_others() {
    // According to 3, message 2 answers 1. According to 2 itself, it answers nothing, or 4.
    let rows = [
        (1, 1, "a", "1", ""),
        (3, 3, "b", "3", "1 2"),
        (2, 2, "c", "2", ""),
    ];
    assert_eq!(references(&rows), "(1)(2 3)");
    let rows = [
        (1, 1, "a", "1", ""),
        (3, 3, "b", "3", "1 2"),
        (2, 2, "c", "2", "4"),
        (4, 4, "d", "4", ""),
    ];
    assert_eq!(references(&rows), "(1)(4 2 3)");
    // The first message that links two others decides.
    let rows = [
        (1, 1, "a", "1", "x y"),
        (2, 2, "b", "2", "z y"),
        (3, 3, "c", "3", "z"),
    ];
    assert_eq!(references(&rows), "((1)(2))(3)");
}

#[test]
fn links_make_no_loop() {
    let rows = [(1, 1, "a", "1", "1")];
    assert_eq!(references(&rows), "(1)");
    let rows = [(1, 1, "a", "1", "2"), (2, 2, "b", "2", "1")];
    assert_eq!(references(&rows), "(2 1)");
    let rows = [(1, 1, "a", "1", "x y x y"), (2, 2, "b", "2", "y x")];
    assert_eq!(references(&rows), "((1)(2))");
}

#[test]
fn an_identifier_belongs_to_the_first_message_that_has_it() {
    let rows = [
        (1, 1, "a", "1", ""),
        (2, 2, "b", "1", ""),
        (3, 3, "c", "3", "1"),
        (4, 4, "d", "", "1"),
        (5, 5, "e", "", ""),
    ];
    assert_eq!(references(&rows), "(1 (3)(4))(2)(5)");
}

/// A chain of missing messages that is as long as there are identifiers: no step walks over it, and
/// all steps together are few for each identifier.
#[test]
fn the_steps_are_bounded_for_long_chains_of_references() {
    let (messages, references) = (300, 100);
    let mut builder = ThreadBuilder::new(Algorithm::References);
    let mut steps = 0;
    for number in 0..messages {
        let ids = (0..=references).map(|id| format!("x{}", number * references + id));
        let ids: Vec<Vec<u8>> = ids.map(String::into_bytes).collect();
        builder.add(&ThreadMessage {
            number: number + 1,
            sent: 0,
            subject: b"",
            is_reply: false,
            id: None,
            references: &ids,
        });
        while let Some(work) = builder.link() {
            assert!(work <= links::MAX_WALK + 1, "a step of {work}");
            steps += 1;
        }
    }
    let mut shown = 0;
    while !builder.step(|event| shown += usize::from(matches!(event, ThreadEvent::Message(_)))) {
        steps += 1;
    }
    let nodes = messages * (references + 2);
    assert_eq!(shown, messages as usize);
    assert!(steps <= 4 * nodes, "{steps} steps for {nodes} nodes");
}

#[test]
fn threads_of_one_subject_are_merged() {
    // An answer goes below the message it answers, whichever is older.
    let rows = [(1, 1, "a", "1", ""), (2, 2, "Re: a", "2", "")];
    assert_eq!(references(&rows), "(1 2)");
    let rows = [(1, 2, "Re: a", "1", ""), (2, 3, "a", "2", "")];
    assert_eq!(references(&rows), "(2 1)");
    // Two answers, or two originals, become siblings.
    let rows = [(1, 1, "a", "1", ""), (2, 2, "a", "2", "")];
    assert_eq!(references(&rows), "((1)(2))");
    let rows = [(1, 1, "Re: a", "1", ""), (2, 2, "Re: a", "2", "")];
    assert_eq!(references(&rows), "((1)(2))");
    let rows = [
        (1, 1, "a", "1", ""),
        (2, 2, "a", "2", ""),
        (3, 3, "Re: a", "3", ""),
    ];
    assert_eq!(references(&rows), "((1)(2)(3))");
    // The empty subject merges nothing.
    let rows = [(1, 1, "", "1", ""), (2, 2, "", "2", "")];
    assert_eq!(references(&rows), "(1)(2)");
    // The subjects of messages inside a thread do not count.
    let rows = [
        (1, 1, "a", "1", ""),
        (2, 2, "b", "2", "1"),
        (3, 3, "Re: b", "3", ""),
    ];
    assert_eq!(references(&rows), "(1 2)(3)");
}

#[test]
fn dummies_of_one_subject_are_merged() {
    let rows = [
        (1, 1, "a", "1", "x"),
        (2, 2, "b", "2", "x"),
        (3, 3, "a", "3", "y"),
        (4, 4, "c", "4", "y"),
        (5, 5, "Re: a", "5", ""),
        (6, 0, "a", "6", ""),
    ];
    assert_eq!(references(&rows), "((6)(1)(2)(3)(4)(5))");
}

#[test]
fn a_merged_thread_moves_to_its_date() {
    let rows = [
        (1, 1, "Re: a", "1", ""),
        (2, 2, "b", "2", ""),
        (3, 3, "a", "3", ""),
    ];
    assert_eq!(references(&rows), "(2)(3 1)");
}

#[test]
fn a_deep_thread_takes_linear_time_and_no_recursion() {
    let ids: Vec<String> = (0..20_000).map(|n| n.to_string()).collect();
    let chain = |n: u32| {
        let at = n as usize;
        let parent = at.checked_sub(1).map_or("", |at| &ids[at]);
        (n + 1, i64::from(n), "", &ids[at][..], parent)
    };
    let forth: Vec<Row<'_>> = (0..20_000).map(chain).collect();
    let back: Vec<Row<'_>> = (0..20_000).rev().map(chain).collect();
    let text = references(&forth);
    assert!(text.starts_with("(1 2 3 4") && text.ends_with(" 20000)"));
    assert_eq!(references(&back), text);
}

/// Returns the numbers in a text.
fn numbers(text: &str) -> Vec<u32> {
    let digits = text.split(|c: char| !c.is_ascii_digit());
    digits.filter_map(|number| number.parse().ok()).collect()
}

proptest! {
    #[test]
    fn every_message_appears_exactly_once(
        rows in prop::collection::vec((0i64..5, 0usize..6, 0usize..9, prop::collection::vec(0usize..9, 0..4)), 0..12),
    ) {
        let subjects = ["", "a", "Re: a", "b", "Re: b", "c"];
        let rows: Vec<_> = rows
            .iter()
            .enumerate()
            .map(|(at, (sent, subject, id, references))| {
                let references: Vec<String> = references.iter().map(usize::to_string).collect();
                (at as u32 + 1, *sent, subjects[*subject], id.to_string(), references.join(" "))
            })
            .collect();
        let rows: Vec<Row<'_>> = rows.iter().map(|row| (row.0, row.1, row.2, &row.3[..], &row.4[..])).collect();
        for algorithm in [Algorithm::OrderedSubject, Algorithm::References] {
            let text = threads(algorithm, &rows);
            let mut found = numbers(&text);
            found.sort_unstable();
            prop_assert_eq!(&found, &(1..=rows.len() as u32).collect::<Vec<_>>(), "{}", text);
            prop_assert!(!text.contains("()") && !text.contains("( ") && !text.contains(" )"), "{}", text);
        }
    }
}
