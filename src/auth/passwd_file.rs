//! The passwd-file: one user a line, in Dovecot's syntax.
//!
//! ```text
//! user:{SCHEME}password:uid:gid:gecos:home:shell:key=value key=value ...
//! ```
//!
//! Trailing fields may be missing; `gecos` and `shell` are read past, and so are `uid` and `gid` if they are
//! not numbers. Of the extra fields,
//! `userdb_mail` and `userdb_home` are obeyed, and one that would keep the user from logging in
//! (`nologin`, `allow_nets`) does so always, since its condition cannot be judged here. A line that is
//! wrong costs its own user only.
//!
//! The file is looked at for every login and read again when its stamp has changed, so adding a user
//! needs no signal and no restart.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{AccountInfo, Verdict, constant_time};

/// About 100 000 users: whatever is larger is not a passwd-file.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// What the password of an unknown user is compared with, so that both cases do the same work. No
/// password equals it: it never becomes a credential.
const DUMMY: &[u8] = b"................";

/// A passwd-file and the users in it.
#[derive(Debug)]
pub struct PasswdFile {
    path: PathBuf,
    stamp: Option<Stamp>,
    users: HashMap<Box<[u8]>, Entry>,
}

/// One thing that is wrong with a passwd-file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong; holds no part of a password.
    pub text: String,
}

/// What changes when a file changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

#[derive(Debug)]
struct Entry {
    credential: Credential,
    account: AccountInfo,
}

/// How a user proves to be one.
#[derive(PartialEq, Eq)]
enum Credential {
    /// Not at all.
    Refused,
    /// `{PLAIN}`: by this password.
    Plain(Box<[u8]>),
}

/// Shows the kind, never the secret.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "Refused",
            Self::Plain(_) => "Plain",
        })
    }
}

impl PasswdFile {
    /// Reads the file at `path`; a fault is logged, and costs the logins until it is mended.
    pub fn open(path: &Path) -> Self {
        let mut file = Self {
            path: path.into(),
            stamp: None,
            users: HashMap::new(),
        };
        if let Err(error) = file.refresh() {
            log::error!("{error}");
        }
        file
    }

    /// Lists what is wrong with the file at `path`, without using it.
    ///
    /// # Errors
    /// If it cannot be read at all.
    pub fn check(path: &Path) -> io::Result<Vec<Problem>> {
        let (_, problems) = parse(&read(path)?.1);
        Ok(problems)
    }

    /// All users of the file at `path`, without using it.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn accounts(path: &Path) -> io::Result<Vec<AccountInfo>> {
        let (users, _) = parse(&read(path)?.1);
        Ok(users.into_values().map(|entry| entry.account).collect())
    }

    /// The file, as it was named.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// See [`super::Authenticator::verify`].
    pub(super) fn verify(&mut self, user: &[u8], password: &[u8]) -> Verdict {
        if let Err(reason) = self.refresh() {
            return Verdict::Unavailable(reason);
        }
        let entry = self.users.get(user);
        let secret = match entry.map(|entry| &entry.credential) {
            Some(Credential::Plain(secret)) => Some(&**secret),
            Some(Credential::Refused) | None => None,
        };
        let equal = constant_time::equal(password, secret.unwrap_or(DUMMY));
        match entry {
            Some(entry) if equal && secret.is_some() => Verdict::Granted(entry.account.clone()),
            _ => Verdict::Denied,
        }
    }

    /// The account of `user`, whose password is not asked for.
    pub(super) fn account(&mut self, user: &[u8]) -> Result<Option<AccountInfo>, String> {
        self.refresh()?;
        Ok(self.users.get(user).map(|entry| entry.account.clone()))
    }

    /// Reads the file again if it has changed. If it cannot be read, nobody is in it.
    fn refresh(&mut self) -> Result<(), String> {
        self.try_refresh().map_err(|error| {
            self.stamp = None;
            self.users.clear();
            format!("cannot read the users of {}: {error}", self.path.display())
        })
    }

    fn try_refresh(&mut self) -> io::Result<()> {
        let now = Stamp::of(&std::fs::metadata(&self.path)?);
        if self.stamp == Some(now) {
            return Ok(());
        }
        let (stamp, text) = read(&self.path)?;
        let (users, problems) = parse(&text);
        for problem in problems {
            log::warn!("{}:{}: {}", self.path.display(), problem.line, problem.text);
        }
        log::debug!("{}: {} users", self.path.display(), users.len());
        self.users = users;
        self.stamp = Some(stamp);
        Ok(())
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            file: (metadata.dev(), metadata.ino()),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// The stamp is the one from before reading: a change meanwhile is noticed the next time.
fn read(path: &Path) -> io::Result<(Stamp, Vec<u8>)> {
    let file = File::open(path)?;
    let stamp = Stamp::of(&file.metadata()?);
    let mut text = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX_FILE {
        return Err(io::Error::other("it is larger than 16 MiB"));
    }
    Ok((stamp, text))
}

fn parse(text: &[u8]) -> (HashMap<Box<[u8]>, Entry>, Vec<Problem>) {
    let mut users = HashMap::new();
    let mut problems = Vec::new();
    for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() || line[0] == b'#' {
            continue;
        }
        let mut report = |text: String| {
            problems.push(Problem {
                line: index + 1,
                text,
            });
        };
        match parse_line(line, &mut report) {
            Ok(entry) => match users.entry(entry.account.user.as_bytes().into()) {
                Slot::Vacant(slot) => {
                    slot.insert(entry);
                }
                Slot::Occupied(_) => {
                    report(format!(
                        "user {:?} stands above already",
                        entry.account.user
                    ));
                }
            },
            Err(text) => report(text),
        }
    }
    (users, problems)
}

/// Reads one line. What is wrong with the password alone is reported, and the user kept: refused, but
/// known.
fn parse_line(line: &[u8], report: &mut impl FnMut(String)) -> Result<Entry, String> {
    let line = std::str::from_utf8(line).map_err(|_| "this line is not UTF-8".to_string())?;
    if line.contains(|c: char| c.is_control() && c != '\t') {
        return Err("this line holds a control character".into());
    }
    let mut fields = line.splitn(8, ':');
    let mut field = || fields.next().unwrap_or("");
    let (user, password) = (field(), field());
    let [uid, gid, _gecos, home, _shell, extra] = std::array::from_fn(|_| field());
    if user.is_empty() {
        return Err("the user name is empty".into());
    }
    let mut entry = Entry {
        credential: credential(password).unwrap_or_else(|fault| {
            report(format!("user {user:?} cannot log in: {fault}"));
            Credential::Refused
        }),
        account: AccountInfo {
            user: user.into(),
            home: path(home),
            mail: None,
            uid: uid.parse().ok(),
            gid: gid.parse().ok(),
        },
    };
    for word in extra.split_whitespace() {
        if let Err(fault) = entry.obey(word) {
            report(format!("user {user:?} cannot log in: {fault}"));
            entry.credential = Credential::Refused;
        }
    }
    Ok(entry)
}

impl Entry {
    /// Obeys one `key=value` of the last field; keys that are for others are none of our business.
    fn obey(&mut self, word: &str) -> Result<(), String> {
        match word.split_once('=').unwrap_or((word, "")) {
            ("userdb_mail", mail) => self.account.mail = Some(mail.into()),
            ("userdb_home", home) => self.account.home = path(home),
            (key @ ("nologin" | "allow_nets" | "allow_real_nets"), _) => {
                return Err(format!("{key:?} is not in this version"));
            }
            _ => {}
        }
        Ok(())
    }
}

fn path(text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| text.into())
}

/// ```text
/// password = "{" scheme "}" secret
/// ```
/// A password without a scheme is not taken for plain text: in Dovecot it is a `crypt` hash.
fn credential(password: &str) -> Result<Credential, String> {
    let tagged = password
        .strip_prefix('{')
        .and_then(|rest| rest.split_once('}'));
    match tagged {
        None if password.is_empty() => Err("there is no password".into()),
        None => Err("there is no scheme before the password, such as {PLAIN}".into()),
        Some((scheme, "")) if scheme.eq_ignore_ascii_case("PLAIN") => {
            Err("the password is empty".into())
        }
        Some((scheme, secret)) if scheme.eq_ignore_ascii_case("PLAIN") => {
            Ok(Credential::Plain(secret.as_bytes().into()))
        }
        Some((scheme, _)) => Err(format!("scheme {{{scheme}}} is not in this version")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &[u8] = b"# staff\n\
        ann:{PLAIN}secret\r\n\
        bob@example.org:{plain}pass word:1000:1000:Bob:/home/bob:/bin/sh:userdb_mail=maildir:~/M x=y\n\
        \n\
        carl:secret2\n\
        dora:{SSHA}abc\n\
        eve\n\
        :{PLAIN}x\n\
        ann:{PLAIN}other\n\
        fred:{PLAIN}x:::::: allow_nets=10.0.0.0/8\n\
        gus:{PLAIN}x:\x01\n\
        h\xff:{PLAIN}x\n\
        ida:{PLAIN}\n\
        jo:{PLAIN}last";

    fn with(text: &[u8]) -> (tempfile::TempDir, PasswdFile) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("users");
        std::fs::write(&path, text).expect("written");
        let file = PasswdFile::open(&path);
        (directory, file)
    }

    fn granted(file: &mut PasswdFile, user: &str, password: &str) -> bool {
        matches!(
            file.verify(user.as_bytes(), password.as_bytes()),
            Verdict::Granted(_)
        )
    }

    #[test]
    fn fields() {
        let (_directory, mut file) = with(USERS);
        let expected = AccountInfo {
            user: "bob@example.org".into(),
            home: Some("/home/bob".into()),
            mail: Some("maildir:~/M".into()),
            uid: Some(1000),
            gid: Some(1000),
        };
        assert_eq!(
            file.verify(b"bob@example.org", b"pass word"),
            Verdict::Granted(expected)
        );
        assert!(granted(&mut file, "ann", "secret"), "missing fields, CRLF");
        assert!(granted(&mut file, "jo", "last"), "no line end");
    }

    #[test]
    fn the_others_are_denied() {
        let (_directory, mut file) = with(USERS);
        let dummy = std::str::from_utf8(DUMMY).expect("ASCII");
        for user in [
            "", "#", "# staff", "ann", "bob", "carl", "dora", "eve", "fred", "gus", "ida",
            "nobody", "ANN",
        ] {
            for password in [
                "",
                "x",
                "secret2",
                "abc",
                "other",
                "{PLAIN}secret",
                "Secret",
                dummy,
            ] {
                let verdict = file.verify(user.as_bytes(), password.as_bytes());
                assert_eq!(verdict, Verdict::Denied, "{user} {password}");
            }
        }
    }

    #[test]
    fn each_problem_has_its_line_and_no_secret() {
        let (users, problems) = parse(USERS);
        let lines: Vec<usize> = problems.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [5, 6, 7, 8, 9, 10, 11, 12, 13]);
        assert!(problems[1].text.contains("{SSHA}"));
        let told = format!("{problems:?} {users:?}");
        for secret in ["secret", "abc", "other", "pass word"] {
            assert!(!told.contains(secret), "{told}");
        }
    }

    #[test]
    fn a_change_is_noticed() {
        let (directory, mut file) = with(b"ann:{PLAIN}old\n");
        assert!(granted(&mut file, "ann", "old"));
        std::fs::write(file.path(), b"ann:{PLAIN}newer\n").expect("written");
        assert!(granted(&mut file, "ann", "newer") && !granted(&mut file, "ann", "old"));
        let other = directory.path().join("other");
        std::fs::write(&other, b"bob:{PLAIN}newer\n").expect("written");
        std::fs::rename(&other, file.path()).expect("renamed");
        assert!(granted(&mut file, "bob", "newer") && !granted(&mut file, "ann", "newer"));
        std::fs::remove_file(file.path()).expect("removed");
        assert!(matches!(
            file.verify(b"bob", b"newer"),
            Verdict::Unavailable(_)
        ));
        std::fs::write(file.path(), b"ann:{PLAIN}back\n").expect("written");
        assert!(granted(&mut file, "ann", "back"));
    }

    #[test]
    fn accounts_without_password() {
        let (_directory, mut file) = with(USERS);
        let home = file.account(b"eve").expect("readable").expect("known").home;
        assert_eq!(home, None);
        assert_eq!(file.account(b"nobody"), Ok(None));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = parse(&text);
            let _ = parse(&text.repeat(2));
        }
    }
}
