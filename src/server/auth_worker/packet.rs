//! The packets between the event loop and the auth worker: one request packet, one reply packet.
//!
//! ```text
//! packet   = kind serial *field          kind: one octet; serial: 8 octets, the lowest first
//! field    = length *OCTET               length: 4 octets, the lowest first
//! ```
//!
//! Neither side trusts the other: octets that are more than [`MAX_PACKET`], end early or go on too
//! long are no packet. A reply has the serial number of its request.

use super::messages::{AuthReply, Serial, WorkerMessage};
use crate::auth::AccountInfo;
use crate::auth::scram::ChannelBinding;
use crate::protocol::{Mechanism, Secret};
use crate::session::{LoginRequest, ScramExchange};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Longest packet, in octets. A command before login has 8 KiB at most, so that no request is
/// longer; nor is any sensible reply.
pub(super) const MAX_PACKET: usize = 32 * 1024;

/// Octets that may hold a password; they are wiped when they are dropped.
pub(super) type Octets = Zeroizing<Vec<u8>>;

const PASSWORD: u8 = b'P';
const SCRAM: u8 = b'S';
const CHALLENGE: u8 = b'C';
const GRANTED: u8 = b'G';
const DENIED: u8 = b'D';
const UNAVAILABLE: u8 = b'U';
/// From the supervisor: the requests so far get no reply.
const LOST: u8 = b'L';
/// From a worker: whether SCRAM may be offered.
const OFFERS_SCRAM: u8 = b'O';

/// Returns a request as a packet, or `None` if it is too long for one.
pub(super) fn from_request(serial: Serial, request: &LoginRequest) -> Option<Octets> {
    let packet = match request {
        LoginRequest::Password {
            user,
            password,
            method,
        } => Writer::new(PASSWORD, serial)
            .field(user)
            .field(password.expose())
            .field(method.name().as_bytes()),
        LoginRequest::Scram(exchange) => scram(serial, exchange),
    };
    packet.finish()
}

/// Parses the packet of a request.
pub(super) fn parse_request(packet: &[u8]) -> Option<(Serial, LoginRequest)> {
    let (mut reader, kind, serial) = Reader::new(packet)?;
    let request = match kind {
        PASSWORD => LoginRequest::Password {
            user: reader.field()?.to_vec(),
            password: Secret::new(reader.field()?.to_vec()),
            method: mechanism(reader.field()?)?,
        },
        SCRAM => LoginRequest::Scram(scram_exchange(&mut reader)?),
        _ => return None,
    };
    reader.end().map(|()| (serial, request))
}

/// Returns a message as a packet.
pub(super) fn from_message(message: &WorkerMessage) -> Octets {
    let (serial, reply) = match message {
        WorkerMessage::Reply(serial, reply) => (*serial, reply),
        WorkerMessage::Lost => return Writer::new(LOST, Serial(0)).octets,
        WorkerMessage::OffersScram(offers) => {
            return Writer::new(OFFERS_SCRAM, Serial(0)).flag(*offers).octets;
        }
    };
    let writer = match reply {
        AuthReply::Granted {
            account,
            server_final,
        } => granted(serial, account).optional(server_final.as_deref().map(str::as_bytes)),
        AuthReply::Denied => Writer::new(DENIED, serial),
        AuthReply::Unavailable(reason) => Writer::new(UNAVAILABLE, serial).field(reason.as_bytes()),
        AuthReply::Challenge(message) => Writer::new(CHALLENGE, serial).field(message.as_bytes()),
    };
    writer.finish().unwrap_or_else(|| {
        let reason = b"the reply is longer than a packet";
        Writer::new(UNAVAILABLE, serial).field(reason).octets
    })
}

/// Parses the packet of a message.
pub(super) fn parse_message(packet: &[u8]) -> Option<WorkerMessage> {
    let (mut reader, kind, serial) = Reader::new(packet)?;
    let reply = |reply| WorkerMessage::Reply(serial, reply);
    let message = match kind {
        GRANTED => reply(AuthReply::Granted {
            account: account(&mut reader)?,
            server_final: reader.optional(text)?,
        }),
        DENIED => reply(AuthReply::Denied),
        UNAVAILABLE => reply(AuthReply::Unavailable(reader.text()?)),
        CHALLENGE => reply(AuthReply::Challenge(reader.text()?)),
        LOST => WorkerMessage::Lost,
        OFFERS_SCRAM => WorkerMessage::OffersScram(reader.flag()?),
        _ => return None,
    };
    reader.end().map(|()| message)
}

/// Writes an exchange. The channels come last, as many as there are.
fn scram(serial: Serial, exchange: &ScramExchange) -> Writer {
    let rest = exchange.rest.as_ref();
    let writer = Writer::new(SCRAM, serial)
        .field(&exchange.user)
        .flag(exchange.plus)
        .field(&exchange.client_first)
        .optional(rest.map(|(server_first, _)| server_first.as_bytes()))
        .optional(rest.map(|(_, client_final)| client_final.as_slice()));
    exchange.channels.iter().fold(writer, |writer, channel| {
        writer.field(channel.name.as_bytes()).field(&channel.data)
    })
}

fn scram_exchange(reader: &mut Reader<'_>) -> Option<ScramExchange> {
    let octets = |field: &[u8]| Some(field.to_vec());
    Some(ScramExchange {
        user: reader.field()?.to_vec(),
        plus: reader.flag()?,
        client_first: reader.field()?.to_vec(),
        rest: match (reader.optional(text)?, reader.optional(octets)?) {
            (Some(server_first), Some(client_final)) => Some((server_first, client_final)),
            (None, None) => None,
            _ => return None,
        },
        channels: channels(reader)?,
    })
}

fn channels(reader: &mut Reader<'_>) -> Option<Vec<ChannelBinding>> {
    let mut channels = Vec::new();
    while reader.end().is_none() {
        channels.push(ChannelBinding {
            name: reader.text()?,
            data: reader.field()?.to_vec(),
        });
    }
    Some(channels)
}

fn mechanism(name: &[u8]) -> Option<Mechanism> {
    let mut all = Mechanism::ALL.into_iter();
    all.find(|mechanism| mechanism.name().as_bytes() == name)
}

fn text(octets: &[u8]) -> Option<String> {
    String::from_utf8(octets.to_vec()).ok()
}

fn granted(serial: Serial, account: &AccountInfo) -> Writer {
    let home = account.home.as_deref();
    Writer::new(GRANTED, serial)
        .field(account.user.as_bytes())
        .optional(home.map(|home| home.as_os_str().as_bytes()))
        .optional(account.mail.as_deref().map(str::as_bytes))
        .optional(
            account
                .uid
                .map(u32::to_le_bytes)
                .as_ref()
                .map(<[u8; 4]>::as_slice),
        )
        .optional(
            account
                .gid
                .map(u32::to_le_bytes)
                .as_ref()
                .map(<[u8; 4]>::as_slice),
        )
}

fn account(reader: &mut Reader<'_>) -> Option<AccountInfo> {
    let path = |octets: &[u8]| Some(PathBuf::from(std::ffi::OsString::from_vec(octets.to_vec())));
    let number = |octets: &[u8]| octets.try_into().ok().map(u32::from_le_bytes);
    Some(AccountInfo {
        user: reader.text()?,
        home: reader.optional(path)?,
        mail: reader.optional(text)?,
        uid: reader.optional(number)?,
        gid: reader.optional(number)?,
    })
}

/// A packet that is being written.
struct Writer {
    octets: Octets,
    is_too_long: bool,
}

impl Writer {
    /// Allocates the whole length at once: a vector that grows leaves copies behind that are not
    /// wiped.
    fn new(kind: u8, serial: Serial) -> Self {
        let mut octets = Octets::new(Vec::with_capacity(MAX_PACKET));
        octets.push(kind);
        octets.extend_from_slice(&serial.0.to_le_bytes());
        Self {
            octets,
            is_too_long: false,
        }
    }

    fn field(mut self, field: &[u8]) -> Self {
        let length = u32::try_from(field.len()).unwrap_or(u32::MAX).to_le_bytes();
        if self.octets.len() + length.len() + field.len() > MAX_PACKET {
            self.is_too_long = true;
        } else {
            self.octets.extend_from_slice(&length);
            self.octets.extend_from_slice(field);
        }
        self
    }

    fn flag(self, flag: bool) -> Self {
        self.field(if flag { b"1" } else { b"" })
    }

    fn optional(self, field: Option<&[u8]>) -> Self {
        let writer = self.flag(field.is_some());
        match field {
            Some(field) => writer.field(field),
            None => writer,
        }
    }

    fn finish(self) -> Option<Octets> {
        (!self.is_too_long).then_some(self.octets)
    }
}

/// The fields of a packet that have not been read yet.
struct Reader<'p> {
    rest: &'p [u8],
}

impl<'p> Reader<'p> {
    fn new(packet: &'p [u8]) -> Option<(Self, u8, Serial)> {
        if packet.len() > MAX_PACKET {
            return None;
        }
        let (kind, rest) = packet.split_first()?;
        let (serial, rest) = rest.split_first_chunk()?;
        Some((Self { rest }, *kind, Serial(u64::from_le_bytes(*serial))))
    }

    fn field(&mut self) -> Option<&'p [u8]> {
        let (length, rest) = self.rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (field, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(field)
    }

    fn text(&mut self) -> Option<String> {
        text(self.field()?)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.field()? {
            b"" => Some(false),
            b"1" => Some(true),
            _ => None,
        }
    }

    /// Reads a field that may be absent. The outer `None` is a fault of the packet, the inner one
    /// an absent field.
    fn optional<T>(&mut self, read: impl Fn(&[u8]) -> Option<T>) -> Option<Option<T>> {
        match self.flag()? {
            false => Some(None),
            true => read(self.field()?).map(Some),
        }
    }

    fn end(&self) -> Option<()> {
        self.rest.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(user: &[u8], password: &[u8]) -> LoginRequest {
        LoginRequest::Password {
            user: user.to_vec(),
            password: Secret::new(password.to_vec()),
            method: Mechanism::Plain,
        }
    }

    fn requests() -> Vec<LoginRequest> {
        let channel = |name: &str| ChannelBinding {
            name: name.into(),
            data: name.repeat(3).into(),
        };
        let begun = ScramExchange {
            user: b"ann".to_vec(),
            plus: true,
            channels: vec![channel("one"), channel("other")],
            client_first: b"p=one,,n=ann,r=x".to_vec(),
            rest: None,
        };
        let ended = ScramExchange {
            plus: false,
            channels: Vec::new(),
            rest: Some(("r=xy".into(), b"c=biws".to_vec())),
            ..begun.clone()
        };
        vec![
            password(b"ann", b"secret"),
            password(b"", b"\0\xff"),
            LoginRequest::Scram(begun),
            LoginRequest::Scram(ended),
        ]
    }

    fn messages() -> Vec<WorkerMessage> {
        let full = AccountInfo {
            user: "ann".into(),
            home: Some("/home/ann".into()),
            mail: Some("~/M".into()),
            uid: Some(1000),
            gid: Some(0),
        };
        let bare = AccountInfo {
            home: None,
            mail: None,
            uid: None,
            gid: None,
            ..full.clone()
        };
        let reply = |reply| WorkerMessage::Reply(Serial(1 << 40), reply);
        vec![
            reply(AuthReply::Granted {
                account: full,
                server_final: None,
            }),
            reply(AuthReply::Granted {
                account: bare,
                server_final: Some("v=x".into()),
            }),
            reply(AuthReply::Denied),
            reply(AuthReply::Unavailable("no such file".into())),
            reply(AuthReply::Challenge("r=x".into())),
            WorkerMessage::OffersScram(true),
            WorkerMessage::OffersScram(false),
            WorkerMessage::Lost,
        ]
    }

    #[test]
    fn packets_are_parsed_as_they_were_written() {
        for request in requests() {
            let packet = from_request(Serial(7), &request).expect("it is short");
            assert_eq!(parse_request(&packet), Some((Serial(7), request)));
            assert_eq!(parse_message(&packet), None);
        }
        for message in messages() {
            let packet = from_message(&message);
            assert_eq!(parse_message(&packet), Some(message));
            assert_eq!(parse_request(&packet), None);
        }
    }

    #[test]
    fn a_part_of_a_packet_and_a_longer_one_are_invalid() {
        let request = from_request(Serial(7), &password(b"ann", b"secret")).expect("it is short");
        let mut packets: Vec<Octets> = messages().iter().map(from_message).collect();
        packets.push(request);
        for packet in packets {
            for end in 0..packet.len() {
                assert_eq!(parse_request(&packet[..end]), None);
                assert_eq!(parse_message(&packet[..end]), None);
            }
            let longer = [&packet[..], b"\0"].concat();
            assert_eq!(parse_request(&longer), None);
            assert_eq!(parse_message(&longer), None);
        }
    }

    #[test]
    fn a_request_that_is_too_long_is_no_packet() {
        let room = MAX_PACKET - 9 - 3 * 4 - "PLAIN".len();
        assert!(from_request(Serial(1), &password(b"", &vec![b'x'; room])).is_some());
        assert!(from_request(Serial(1), &password(b"x", &vec![b'x'; room])).is_none());
        let reason = "x".repeat(MAX_PACKET);
        let packet = from_message(&WorkerMessage::Reply(
            Serial(3),
            AuthReply::Unavailable(reason),
        ));
        let reason = "the reply is longer than a packet".to_string();
        let short = WorkerMessage::Reply(Serial(3), AuthReply::Unavailable(reason));
        assert_eq!(parse_message(&packet), Some(short));
    }

    proptest::proptest! {
        #[test]
        fn parsing_never_panics(packet in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
            for kind in *b"PSGCDULO" {
                let packet = [&[kind], &packet[..]].concat();
                let _ = parse_request(&packet);
                let _ = parse_message(&packet);
            }
        }
    }
}
