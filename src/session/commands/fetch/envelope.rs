//! ENVELOPE as a nested list (RFC 1064 p. 15-16, RFC 3501 §7.4.2).

use std::io;
use std::rc::Rc;

use super::item_writer::{ItemWriter, Sink};
use crate::message::{Address, AddressList, EnvelopeFields, EnvelopeList, EnvelopeString};
use crate::protocol::Encoder;

/// An element of an envelope.
#[derive(Debug, Clone, Copy)]
enum Element {
    String(EnvelopeString),
    List(EnvelopeList),
}

/// The elements in the order of the response (RFC 3501 §9 `envelope`).
const ELEMENTS: [Element; 10] = [
    Element::String(EnvelopeString::Date),
    Element::String(EnvelopeString::Subject),
    Element::List(EnvelopeList::From),
    Element::List(EnvelopeList::Sender),
    Element::List(EnvelopeList::ReplyTo),
    Element::List(EnvelopeList::To),
    Element::List(EnvelopeList::Cc),
    Element::List(EnvelopeList::Bcc),
    Element::String(EnvelopeString::InReplyTo),
    Element::String(EnvelopeString::MessageId),
];

/// Writes the envelope of one header.
pub(super) struct EnvelopeWriter {
    header: Rc<Vec<u8>>,
    fields: EnvelopeFields,
    /// Whether all fields have been found.
    has_found: bool,
    /// Index of the current element.
    element: usize,
    /// The list that is being written, and whether an address of it is written.
    list: Option<(AddressList, bool)>,
}

impl EnvelopeWriter {
    /// Begins with a header.
    pub(super) fn new(header: Rc<Vec<u8>>) -> Self {
        Self {
            header,
            fields: EnvelopeFields::default(),
            has_found: false,
            element: 0,
            list: None,
        }
    }

    /// Looks at one field more.
    fn find(&mut self, sink: &mut Sink<'_, '_>) {
        match self.fields.pass(&self.header) {
            Some(octets) => sink.pay(octets),
            None => {
                self.has_found = true;
                sink.encoder().raw("(");
            }
        }
    }

    /// Begins the next element. Returns false behind the last one.
    fn begin_element(&mut self, sink: &mut Sink<'_, '_>) -> bool {
        let Some(element) = ELEMENTS.get(self.element) else {
            sink.encoder().raw(")");
            return false;
        };
        if self.element > 0 {
            sink.encoder().raw(" ");
        }
        self.element += 1;
        match element {
            Element::String(string) => {
                let text = self.fields.string(&self.header, *string);
                sink.pay(text.as_ref().map_or(0, Vec::len));
                sink.encoder().nstring(text);
            }
            Element::List(list) => self.list = Some((AddressList::new(*list), false)),
        }
        true
    }
}

impl ItemWriter for EnvelopeWriter {
    fn write(&mut self, sink: &mut Sink<'_, '_>) -> io::Result<bool> {
        loop {
            if !self.has_found {
                self.find(sink);
            } else if let Some((list, has_begun)) = &mut self.list {
                if !write_address(list, has_begun, &self.header, &self.fields, sink) {
                    self.list = None;
                }
            } else if !self.begin_element(sink) {
                return Ok(true);
            }
            if sink.must_stop() {
                return Ok(false);
            }
        }
    }

    /// The parser of a list keeps less than the field that it has read.
    fn memory(&self) -> usize {
        size_of::<Self>() + 2 * self.header.capacity() + self.fields.memory()
    }
}

/// Reads one token of a list, and writes the addresses that it completes: in all `"(" 1*address ")"
/// / nil`, with nothing between two addresses (RFC 1064 p. 24). Returns false at the end.
fn write_address(
    list: &mut AddressList,
    has_begun: &mut bool,
    header: &[u8],
    fields: &EnvelopeFields,
    sink: &mut Sink<'_, '_>,
) -> bool {
    let mut encoder = sink.encoder();
    let octets = list.step(header, fields, |address| {
        if !std::mem::replace(has_begun, true) {
            encoder.raw("(");
        }
        encode_address(&mut encoder, &address);
    });
    match octets {
        Some(octets) => {
            sink.pay(octets);
            return true;
        }
        None if *has_begun => encoder.raw(")"),
        None => encoder.nil(),
    };
    false
}

fn encode_address(encoder: &mut Encoder<'_>, address: &Address) {
    encoder.raw("(");
    encoder.nstring(address.name.as_deref());
    encoder.raw(" ");
    encoder.nstring(address.route.as_deref());
    encoder.raw(" ");
    encoder.nstring(address.mailbox.as_deref());
    encoder.raw(" ");
    encoder.nstring(address.host.as_deref());
    encoder.raw(")");
}
