//! What the fuzzers do with the packets of the auth worker.

use super::packet::{MAX_PACKET, from_message, from_request, parse_message, parse_request};

/// Reads octets as a request and as a message. A packet that can be read is the one that is written
/// for its value.
pub(crate) fn packets(packet: &[u8]) {
    if let Some((serial, request)) = parse_request(packet) {
        let written = from_request(serial, &request).expect("what came in a packet fits into one");
        assert_eq!(&written[..], packet);
    }
    if let Some(message) = parse_message(packet) {
        let written = from_message(&message);
        assert!(written.len() <= MAX_PACKET);
        assert_eq!(parse_message(&written), Some(message));
    }
}
