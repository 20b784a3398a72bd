//! ENABLE (RFC 5161): the client knows an extension that changes what the server sends unasked.

use crate::budget::Step;
use crate::session::job::{Context, Job, Outcome};
use crate::session::reply::Reply;
use crate::session::{condstore, utf8};

/// Enables an extension.
type Enable = fn(&mut Context<'_, '_>);

/// The extensions that can be enabled, one in a line, with the function that enables each. All
/// others are ignored (RFC 5161 §3.1).
const EXTENSIONS: &[(&str, Enable)] = &[
    ("CONDSTORE", condstore::enable),
    ("QRESYNC", |cx| {
        // RFC 7162 §3.2.3: it implies CONDSTORE.
        condstore::enable(cx);
        cx.state.enabled.qresync = true;
    }),
    ("UTF8=ACCEPT", utf8::enable),
];

/// The names that the client sent.
struct EnableJob(Vec<Vec<u8>>);

/// Enables those of the extensions that the server knows.
pub(super) fn job(extensions: Vec<Vec<u8>>) -> Box<dyn Job> {
    Box::new(EnableJob(extensions))
}

impl Job for EnableJob {
    fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<Outcome> {
        let mut enabled = Vec::new();
        for &(name, enable) in EXTENSIONS {
            let is_named = |word: &Vec<u8>| word.eq_ignore_ascii_case(name.as_bytes());
            if self.0.iter().any(is_named) {
                enable(cx);
                enabled.push(name);
            }
        }
        cx.state.encoder().enabled(&enabled);
        Step::Done(Ok(Reply::ok("ENABLE completed")))
    }
}
