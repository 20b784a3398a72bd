//! ENABLE (RFC 5161): the client knows an extension that changes what the server says unasked.

use crate::budget::Step;
use crate::session::job::{Cx, Job, Reply};
use crate::session::{condstore, utf8};

/// Switches an extension on.
type Switch = fn(&mut Cx<'_, '_>);

/// The extensions that have to be switched on, a line each. All others are ignored (RFC 5161 §3.1).
const EXTENSIONS: &[(&str, Switch)] = &[
    ("CONDSTORE", condstore::enable),
    ("QRESYNC", |cx| {
        // RFC 7162 §3.2.3: it implies CONDSTORE.
        condstore::enable(cx);
        cx.core.enabled.qresync = true;
    }),
    ("UTF8=ACCEPT", utf8::enable),
];

struct Enable(Vec<Vec<u8>>);

/// Switches on what it knows of these.
pub(super) fn job(extensions: Vec<Vec<u8>>) -> Box<dyn Job> {
    Box::new(Enable(extensions))
}

impl Job for Enable {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        let mut enabled = Vec::new();
        for &(name, switch) in EXTENSIONS {
            let is_named = |word: &Vec<u8>| word.eq_ignore_ascii_case(name.as_bytes());
            if self.0.iter().any(is_named) {
                switch(cx);
                enabled.push(name);
            }
        }
        cx.core.encoder().enabled(&enabled);
        Step::Done(Reply::ok("ENABLE completed"))
    }
}
