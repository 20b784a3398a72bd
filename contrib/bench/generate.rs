//! Makes a Maildir that resembles a person's mail: always the same octets for the same number of
//! messages.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The median size. Sizes are spread as those of real mail are: their logarithm is about normal.
const MEDIAN_SIZE: f64 = 8.0 * 1024.0;
const SPREAD: f64 = 1.2;
const LARGEST: usize = 200 * 1024;
/// 1 January 2020; a message arrives every 23 minutes.
const FIRST_ARRIVAL: u64 = 1_577_836_800;
const INTERVAL: u64 = 23 * 60;

const PEOPLE: [&str; 8] = [
    "Ann Archer",
    "Bob Baker",
    "Cleo Carter",
    "Dan Dyer",
    "Eve Eaton",
    "Finn Fisher",
    "Gwen Gardner",
    "Hal Hunter",
];
const WORDS: [&str; 32] = [
    "meeting", "the", "report", "a", "budget", "for", "Monday", "and", "server", "please", "with",
    "attached", "draft", "we", "should", "about", "train", "to", "of", "lunch", "is", "in", "not",
    "ready", "today", "again", "letter", "garden", "from", "table", "version", "thanks",
];
const TOPICS: [&str; 6] = [
    "Budget for the summer",
    "Re: broken printer",
    "=?utf-8?q?Caf=C3=A9_on_Friday?=",
    "Minutes of the meeting",
    "Your order has been sent",
    "[list] release candidate",
];

/// Fills the Maildir at `dir`, which must not exist, with `count` messages.
pub(crate) fn maildir(dir: &Path, count: u64) -> io::Result<()> {
    // The directory gets its name when it is complete.
    let unfinished = dir.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)?;
    }
    for sub in ["cur", "new", "tmp"] {
        fs::create_dir_all(unfinished.join(sub))?;
    }
    for number in 0..count {
        let mut dice = Dice(Dice(number).next());
        let message = message(number, &mut dice);
        let arrival = FIRST_ARRIVAL + number * INTERVAL;
        let lines = message.iter().filter(|&&octet| octet == b'\n').count();
        let name = format!(
            "{arrival}.M{}P{}_{number}.bench,S={},W={}:2,{}",
            number % 1_000_000,
            number % 30_000 + 2,
            message.len(),
            message.len() + lines,
            flags(&mut dice),
        );
        let mut file = File::create(unfinished.join("cur").join(name))?;
        file.write_all(&message)?;
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(arrival))?;
    }
    fs::rename(unfinished, dir)
}

fn flags(dice: &mut Dice) -> &'static str {
    match dice.below(100) {
        0..70 => "S",
        70..82 => "RS",
        82..86 => "FS",
        _ => "",
    }
}

/// Makes a message of a random size: text, text and HTML, or text with an attachment.
fn message(number: u64, dice: &mut Dice) -> Vec<u8> {
    let size = dice.size();
    let mut out = header(number, dice).into_bytes();
    match dice.below(100) {
        0..45 => plain(&mut out, size, dice),
        45..85 => alternative(&mut out, size, dice),
        _ => attachment(&mut out, size, dice),
    }
    out
}

/// Every fourth message begins a thread, and the next three answer it.
fn header(number: u64, dice: &mut Dice) -> String {
    let from = *dice.pick(&PEOPLE);
    let to = *dice.pick(&PEOPLE);
    let address = |name: &str| {
        format!(
            "{name} <{}@example.org>",
            name.replace(' ', ".").to_lowercase()
        )
    };
    let topic = TOPICS[(number / 4) as usize % TOPICS.len()];
    let first = number - number % 4;
    let (subject, references) = if number == first {
        (topic.to_string(), String::new())
    } else {
        let thread = format!(
            "In-Reply-To: <{}@example.org>\nReferences: <{first}@example.org>\n",
            number - 1
        );
        (format!("Re: {topic}"), thread)
    };
    let day = number * INTERVAL / 86_400 % 28 + 1;
    let hop = |host: &str| {
        format!(
            "Received: from {host}.example.org (192.0.2.{}) by mx.example.org\n\twith ESMTPS id {number:x}; {day} Jan 2020 10:00:00 +0000\n",
            number % 250
        )
    };
    format!(
        "Return-Path: <bounce@example.org>\n{}{}From: {}\nTo: {}\nCc: list@example.org\nSubject: {subject}\nDate: {day} Jan 2020 10:00:00 +0000\nMessage-ID: <{number}@example.org>\n{references}MIME-Version: 1.0\nX-Mailer: bench\n",
        hop("relay"),
        hop("desk"),
        address(from),
        address(to),
    )
}

fn plain(out: &mut Vec<u8>, size: usize, dice: &mut Dice) {
    out.extend_from_slice(b"Content-Type: text/plain; charset=utf-8\n\n");
    text(out, size, dice);
}

fn alternative(out: &mut Vec<u8>, size: usize, dice: &mut Dice) {
    out.extend_from_slice(b"Content-Type: multipart/alternative; boundary=\"=_alt\"\n\n--=_alt\nContent-Type: text/plain; charset=utf-8\n\n");
    let half = out.len() + size.saturating_sub(out.len()) / 2;
    text(out, half, dice);
    out.extend_from_slice(
        b"\n--=_alt\nContent-Type: text/html; charset=utf-8\n\n<html><body><p>\n",
    );
    text(out, size, dice);
    out.extend_from_slice(b"</p></body></html>\n--=_alt--\n");
}

fn attachment(out: &mut Vec<u8>, size: usize, dice: &mut Dice) {
    out.extend_from_slice(b"Content-Type: multipart/mixed; boundary=\"=_mix\"\n\n--=_mix\nContent-Type: text/plain\n\n");
    let tenth = out.len() + size.saturating_sub(out.len()) / 10;
    text(out, tenth, dice);
    out.extend_from_slice(b"\n--=_mix\nContent-Type: application/pdf; name=\"report.pdf\"\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=\"report.pdf\"\n\n");
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    while out.len() < size {
        out.extend((0..76).map(|_| LETTERS[dice.below(64) as usize]));
        out.push(b'\n');
    }
    out.extend_from_slice(b"--=_mix--\n");
}

/// Writes lines of words until `out` is `size` octets long.
fn text(out: &mut Vec<u8>, size: usize, dice: &mut Dice) {
    let mut column = 0;
    while out.len() < size {
        let word = dice.pick(&WORDS);
        out.extend_from_slice(word.as_bytes());
        column += word.len() + 1;
        out.push(if column > 68 { b'\n' } else { b' ' });
        column %= 69;
    }
    out.push(b'\n');
}

/// A pseudorandom sequence of numbers (splitmix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn pick<'t, T>(&mut self, table: &'t [T]) -> &'t T {
        &table[self.below(table.len() as u64) as usize]
    }

    /// Returns a size. The sum of twelve uniform numbers in 0..1 is nearly normal, around 6 with
    /// deviation 1.
    fn size(&mut self) -> usize {
        let sum: f64 = (0..12)
            .map(|_| self.below(1 << 20) as f64 / f64::from(1 << 20))
            .sum();
        ((MEDIAN_SIZE * (SPREAD * (sum - 6.0)).exp()) as usize).clamp(512, LARGEST)
    }
}
