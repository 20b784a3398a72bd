//! The inputs that fuzzing begins with.
//!
//! ```text
//! corpus targets          prints the names of the targets
//! corpus unpack DIR       writes the inputs below DIR, one folder for each target
//! corpus pack DIR         keeps those below DIR in tests/fuzz/corpus
//! ```
//!
//! The kept inputs of a target are one file, in which each input has its length before it. The
//! others are made of the transcripts and messages of the tests.
//!
//! It needs nothing but the standard library, so that `run` compiles it by `rustc` alone.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::Path;

#[path = "../../src/testing/fuzz/kept.rs"]
mod kept;

/// Longer inputs are not used.
const LONGEST: usize = 2000;
/// Most octets that are kept of one target: the shortest inputs.
const MOST_KEPT: usize = 90_000;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["targets"] => targets()?.iter().for_each(|name| println!("{name}")),
        ["unpack", directory] => return unpack(Path::new(directory)),
        ["pack", directory] => return keep(Path::new(directory)),
        _ => eprintln!("usage: corpus targets | unpack DIR | pack DIR"),
    }
    Ok(())
}

/// The folder `tests/fuzz`.
fn here() -> &'static Path {
    Path::new(file!()).parent().unwrap_or(Path::new("."))
}

/// Returns the names of the targets.
fn targets() -> io::Result<Vec<String>> {
    let binaries = files(&here().join("fuzz_targets"))?.into_iter();
    let names = binaries.map(|(name, _)| name.trim_end_matches(".rs").to_owned());
    Ok(names.collect())
}

fn unpack(directory: &Path) -> io::Result<()> {
    for name in &targets()? {
        let folder = directory.join(name);
        fs::create_dir_all(&folder)?;
        let mut inputs = kept::inputs(here(), name)?;
        inputs.extend(seeds(name)?);
        for input in inputs.iter().filter(|input| input.len() <= LONGEST) {
            let mut hasher = DefaultHasher::new();
            input.hash(&mut hasher);
            fs::write(folder.join(format!("{:016x}", hasher.finish())), input)?;
        }
    }
    Ok(())
}

fn keep(directory: &Path) -> io::Result<()> {
    for name in &targets()? {
        let inputs = files(&directory.join(name))?;
        let mut inputs: Vec<Vec<u8>> = inputs.into_iter().map(|(_, octets)| octets).collect();
        inputs.sort_by_key(|input| (input.len(), input.clone()));
        let mut octets = 0;
        inputs.retain(|input| {
            octets += input.len() + 2;
            octets <= MOST_KEPT
        });
        fs::create_dir_all(here().join("corpus"))?;
        fs::write(here().join("corpus").join(name), kept::pack(&inputs))?;
        println!("{name}: {} inputs", inputs.len());
    }
    Ok(())
}

/// Returns the names and contents of the files in a folder.
fn files(folder: &Path) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        files.push((name, fs::read(entry.path())?));
    }
    files.sort();
    Ok(files)
}

/// Returns the inputs that are made of the tests, for one target.
fn seeds(target: &str) -> io::Result<Vec<Vec<u8>>> {
    let tests = here().join("..");
    Ok(match target {
        "command" => client_lines(&tests)?.concat(),
        "commands" => pieces(&client_lines(&tests)?, b"", b"\r\n"),
        "sessions" => {
            let by_hand = seeds("sessions_by_hand")?;
            [by_hand, pieces(&client_lines(&tests)?, b"\0", b"\n")].concat()
        }
        "structure" => messages(&tests)?,
        "header_text" | "addresses_and_dates" => fields(&messages(&tests)?),
        "decoding" => {
            let bodies = messages(&tests)?.into_iter();
            let with = |prefix: [u8; 2]| move |body: &Vec<u8>| [&prefix[..], body].concat();
            let bodies: Vec<Vec<u8>> = bodies.collect();
            let encoded = bodies.iter().map(with([1, 1]));
            encoded.chain(bodies.iter().map(with([2, 2]))).collect()
        }
        other => SEEDS
            .iter()
            .filter(|(name, _)| *name == other)
            .map(|(_, text)| text.to_vec())
            .collect(),
    })
}

/// Joins the lines of each transcript in pieces of some hundred octets.
fn pieces(transcripts: &[Vec<Vec<u8>>], start: &[u8], line_end: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    for lines in transcripts {
        let mut piece = start.to_vec();
        for line in lines.iter().filter(|line| line.len() <= 300) {
            if piece.len() + line.len() > 500 {
                pieces.push(std::mem::replace(&mut piece, start.to_vec()));
            }
            piece.extend_from_slice(line);
            piece.extend_from_slice(line_end);
        }
        pieces.push(piece);
    }
    pieces
}

/// Inputs of the targets that neither transcripts nor messages suit.
const SEEDS: &[(&str, &[u8])] = &[
    ("file_names", b"1700000000.M1P2.host,S=28,W=31:2,FSa\n17.M02.h:2,\n17.M2.h"),
    ("keywords", b"0 $Forwarded\n1 Zed\r\n25 $Junk\n2 a(b\n"),
    ("mod_sequences", b"\x01\x06\x64\x03\x01\x05\x04\x02\x01\x00\x02\x08\x00\x01\x01\x01\x00\x00"),
    ("names", b"*\nINBOX.a.b\n"),
    ("names", b"%.%\na.b\nx."),
    ("names", b"a&AOk-*\na&AOk-.R&-D\n"),
    ("packets", b"P\0\0\0\0\0\0\0\0\x03\0\0\0tim\x02\0\0\0pw\x05\0\0\0PLAIN"),
    ("packets", b"G\0\0\0\0\0\0\0\0\x03\0\0\0tim\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    ("packets", b"U\0\0\0\0\0\0\0\0\x03\0\0\0why"),
    ("proxy_header", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 143\r\n"),
    ("proxy_header", b"PROXY TCP6 2001:db8::1 2001:db8::2 1 143\r\n"),
    ("proxy_header", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x01\x02\x03\x04\x05\x06\x07\x08\0\x01\0\x8f"),
    ("responses", b"INBOX"),
    ("responses", b"a\"b\\\xc3\xa9"),
    ("responses", b"\0\xe4\x0b\x54\x02\0\0\0"),
    ("sasl", b"\0tim\0tanstaaftanstaaf"),
    ("sasl", b"AHRpbQBzZWNyZXQ="),
    ("scram", b"n,,n=user,r=rOprNG\nc=biws,r=rOprNG,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
    ("scram", b"p=tls-exporter,a=a=2Cb,n=a=2Cb,r=x\nc=cD10,r=x,p=AA=="),
    (
        "sessions_by_hand",
        b"\x01a SELECT INBOX\na FETCH 1:* (FLAGS UID)\na STORE 1 +FLAGS (\\Deleted)\n@s\n\
          a SELECT INBOX\n@s\na EXPUNGE\n@s\na NOOP\na COPY 1 Work\na APPEND INBOX {3+}\nabc\n",
    ),
    ("string_search", b"hello world\nworld\nlo w\nx"),
    ("string_search", b"aaabab\na\naa\naaa\nab\nb\nba\n\xc3\x89"),
    ("subscriptions", b"V\t2\n\nINBOX\nCaf&AOk-\tSub\nA\x01tB\n#bboard.general\n"),
    ("subscriptions", b"INBOX\nCaf&AOk-.Sub.\n../x\n#bboard.x\n"),
    ("subscriptions", b"INBOX.Caf\xc3\xa9\nINBOX.R&D\n"),
    (
        "uid_list",
        b"3 V1795392071 N1 Ga8e4143b4782036b5f32000083ecc375\n1 :1795392071.M59814P3494.vm,S=28\n\
          3 :1700000001.X.host\n4 G1700000001.X.host :1795392450.M59815P3494.vm:2,S\n",
    ),
    ("uid_list", b"1 795392309 4\n1 1700000000.A.host\n3 1700000001.B.host\n"),
    ("users", b"# staff\nann:{PLAIN}secret-secret:1:1::/home/ann:/bin/sh:userdb_mail=maildir:~/M\n"),
    ("users", b"bob:$6$rounds=5000$saltsalt$9uF0:19000:0:99999:7:::\ncarl:secretsecret\n"),
    ("users", b"eva:{SCRAM-SHA-256}4096,c2FsdA==,AAAA,BBBB\nx:{ARGON2ID}$argon2id$v=19$m=65536,t=2,p=1$YQ$YQ"),
];

/// Returns what the clients of each transcript send, by lines.
fn client_lines(tests: &Path) -> io::Result<Vec<Vec<Vec<u8>>>> {
    let of_client = |line: &str| {
        let (who, text) = line.split_once(' ')?;
        matches!(who, "C:" | "C2:" | "C>").then(|| unescaped(text))
    };
    let transcripts = files(&tests.join("transcripts"))?.into_iter();
    Ok(transcripts
        .map(|(_, text)| {
            String::from_utf8_lossy(&text)
                .lines()
                .filter_map(of_client)
                .collect()
        })
        .collect())
}

/// Replaces the escapes of line ends in raw lines.
fn unescaped(text: &str) -> Vec<u8> {
    text.replace("\\r\\n", "\r\n").into_bytes()
}

/// Returns the messages of the tests and of `--demo`.
fn messages(tests: &Path) -> io::Result<Vec<Vec<u8>>> {
    let mut messages = files(&tests.join("mail"))?;
    messages.extend(files(&tests.join("../src/demo"))?);
    messages.retain(|(name, _)| name.ends_with(".eml"));
    Ok(messages.into_iter().map(|(_, octets)| octets).collect())
}

/// Returns the values of the header fields, and the whole headers.
fn fields(messages: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut fields = Vec::new();
    for message in messages {
        let text = String::from_utf8_lossy(message);
        let header = text.split("\n\n").next().unwrap_or_default();
        let values = header.split('\n').filter_map(|line| line.split_once(": "));
        fields.extend(values.map(|(_, value)| value.as_bytes().to_vec()));
        fields.push(header.as_bytes().to_vec());
    }
    fields
}
