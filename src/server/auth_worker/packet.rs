//! What goes between the loop and the verifier: one packet for a question, one for its answer.
//!
//! ```text
//! packet   = kind serial *field          kind: one octet; serial: 8 octets, the lowest first
//! field    = length *OCTET               length: 4 octets, the lowest first
//! ```
//!
//! Neither side trusts the other: whatever is longer than [`MAX_PACKET`], ends early or goes on too long is no
//! packet. The serial of a question is that of its answer.

use super::client::{Answer, Question, Serial};
use crate::auth::AccountInfo;
use crate::auth::scram::ChannelBinding;
use crate::protocol::Secret;
use crate::session::ScramExchange;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use zeroize::Zeroizing;

/// A command before login has 8 KiB at most, so that no question is longer; nor is any sensible answer.
pub(super) const MAX_PACKET: usize = 32 * 1024;

/// Octets that may hold a password, and are wiped when they are dropped.
pub(super) type Octets = Zeroizing<Vec<u8>>;

const PASSWORD: u8 = b'P';
const SCRAM: u8 = b'S';
const CHALLENGE: u8 = b'C';
const GRANTED: u8 = b'G';
const DENIED: u8 = b'D';
const UNAVAILABLE: u8 = b'U';
/// From the supervisor: whoever had taken questions is gone, and so are they.
const LOST: u8 = b'L';
/// From a worker: whether SCRAM may be offered.
const OFFERS_SCRAM: u8 = b'O';

/// What comes back from the verifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    /// The answer to one question.
    Answer(Serial, Answer),
    /// No question asked so far gets an answer any more.
    Lost,
    /// Whether everybody who can log in can do so by SCRAM.
    OffersScram(bool),
}

/// A question as a packet; nothing if it is too long for one.
pub(super) fn question(serial: Serial, question: &Question) -> Option<Octets> {
    let packet = match question {
        Question::Password { user, password } => Writer::new(PASSWORD, serial)
            .field(user)
            .field(password.expose()),
        Question::Scram(exchange) => scram(serial, exchange),
    };
    packet.finish()
}

/// The other way round; nothing if that is no question.
pub(super) fn parse_question(packet: &[u8]) -> Option<(Serial, Question)> {
    let (mut reader, kind, serial) = Reader::new(packet)?;
    let question = match kind {
        PASSWORD => Question::Password {
            user: reader.field()?.to_vec(),
            password: Secret::new(reader.field()?.to_vec()),
        },
        SCRAM => Question::Scram(scram_exchange(&mut reader)?),
        _ => return None,
    };
    reader.end().map(|()| (serial, question))
}

/// What comes back as a packet.
pub(super) fn message(message: &Message) -> Octets {
    let (serial, answer) = match message {
        Message::Answer(serial, answer) => (*serial, answer),
        Message::Lost => return Writer::new(LOST, Serial(0)).octets,
        Message::OffersScram(offers) => {
            return Writer::new(OFFERS_SCRAM, Serial(0)).flag(*offers).octets;
        }
    };
    let writer = match answer {
        Answer::Granted {
            account,
            server_final,
        } => granted(serial, account).optional(server_final.as_deref().map(str::as_bytes)),
        Answer::Denied => Writer::new(DENIED, serial),
        Answer::Unavailable(reason) => Writer::new(UNAVAILABLE, serial).field(reason.as_bytes()),
        Answer::Challenge(message) => Writer::new(CHALLENGE, serial).field(message.as_bytes()),
    };
    writer.finish().unwrap_or_else(|| {
        let reason = b"the answer is longer than a packet";
        Writer::new(UNAVAILABLE, serial).field(reason).octets
    })
}

/// The other way round; nothing if that is no such thing.
pub(super) fn parse_message(packet: &[u8]) -> Option<Message> {
    let (mut reader, kind, serial) = Reader::new(packet)?;
    let answer = |answer| Message::Answer(serial, answer);
    let message = match kind {
        GRANTED => answer(Answer::Granted {
            account: account(&mut reader)?,
            server_final: reader.optional(text)?,
        }),
        DENIED => answer(Answer::Denied),
        UNAVAILABLE => answer(Answer::Unavailable(reader.text()?)),
        CHALLENGE => answer(Answer::Challenge(reader.text()?)),
        LOST => Message::Lost,
        OFFERS_SCRAM => Message::OffersScram(reader.flag()?),
        _ => return None,
    };
    reader.end().map(|()| message)
}

/// The channels come last, as many as there are.
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

struct Writer {
    octets: Octets,
    too_long: bool,
}

impl Writer {
    /// The whole length is set aside at once: a vector that grows leaves copies behind that nobody wipes.
    fn new(kind: u8, serial: Serial) -> Self {
        let mut octets = Octets::new(Vec::with_capacity(MAX_PACKET));
        octets.push(kind);
        octets.extend_from_slice(&serial.0.to_le_bytes());
        Self {
            octets,
            too_long: false,
        }
    }

    fn field(mut self, field: &[u8]) -> Self {
        let length = u32::try_from(field.len()).unwrap_or(u32::MAX).to_le_bytes();
        if self.octets.len() + length.len() + field.len() > MAX_PACKET {
            self.too_long = true;
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
        (!self.too_long).then_some(self.octets)
    }
}

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

    /// The outer `None` is a fault of the packet, the inner one a field that is not there.
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

    fn password(user: &[u8], password: &[u8]) -> Question {
        Question::Password {
            user: user.to_vec(),
            password: Secret::new(password.to_vec()),
        }
    }

    fn questions() -> Vec<Question> {
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
            Question::Scram(begun),
            Question::Scram(ended),
        ]
    }

    fn messages() -> Vec<Message> {
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
        let answer = |answer| Message::Answer(Serial(1 << 40), answer);
        vec![
            answer(Answer::Granted {
                account: full,
                server_final: None,
            }),
            answer(Answer::Granted {
                account: bare,
                server_final: Some("v=x".into()),
            }),
            answer(Answer::Denied),
            answer(Answer::Unavailable("no such file".into())),
            answer(Answer::Challenge("r=x".into())),
            Message::OffersScram(true),
            Message::OffersScram(false),
            Message::Lost,
        ]
    }

    #[test]
    fn there_and_back() {
        for asked in questions() {
            let packet = question(Serial(7), &asked).expect("it is short");
            assert_eq!(parse_question(&packet), Some((Serial(7), asked)));
            assert_eq!(parse_message(&packet), None);
        }
        for said in messages() {
            let packet = message(&said);
            assert_eq!(parse_message(&packet), Some(said));
            assert_eq!(parse_question(&packet), None);
        }
    }

    #[test]
    fn neither_half_a_packet_nor_more_than_one_is_one() {
        let asked = question(Serial(7), &password(b"ann", b"secret")).expect("it is short");
        let mut packets: Vec<Octets> = messages().iter().map(message).collect();
        packets.push(asked);
        for packet in packets {
            for end in 0..packet.len() {
                assert_eq!(parse_question(&packet[..end]), None);
                assert_eq!(parse_message(&packet[..end]), None);
            }
            let longer = [&packet[..], b"\0"].concat();
            assert_eq!(parse_question(&longer), None);
            assert_eq!(parse_message(&longer), None);
        }
    }

    #[test]
    fn what_is_too_long_is_no_packet() {
        let room = MAX_PACKET - 9 - 4 - 4;
        assert!(question(Serial(1), &password(b"", &vec![b'x'; room])).is_some());
        assert!(question(Serial(1), &password(b"x", &vec![b'x'; room])).is_none());
        let reason = "x".repeat(MAX_PACKET);
        let packet = message(&Message::Answer(Serial(3), Answer::Unavailable(reason)));
        let reason = "the answer is longer than a packet".to_string();
        let short = Message::Answer(Serial(3), Answer::Unavailable(reason));
        assert_eq!(parse_message(&packet), Some(short));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(packet in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
            for kind in *b"PSGCDULO" {
                let packet = [&[kind], &packet[..]].concat();
                let _ = parse_question(&packet);
                let _ = parse_message(&packet);
            }
        }
    }
}
