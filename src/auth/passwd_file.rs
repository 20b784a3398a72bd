//! The passwd-file: users in Dovecot's syntax, one a line (see `passwd_line.rs`).
//!
//! A line that is wrong costs its own user only. The file is looked at for every login and read
//! again when its stamp has changed, so adding a user needs no signal and no restart.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::credential::{self, Credential};
use super::passwd_line::{self, Entry};
use super::{AccountInfo, Candidate};

/// About 100 000 users: whatever is larger is not a passwd-file.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// A passwd-file and the users in it.
#[derive(Debug)]
pub(crate) struct PasswdFile {
    path: PathBuf,
    stamp: Option<Stamp>,
    users: Users,
}

/// One thing that is wrong with a passwd-file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong; holds no part of a password.
    pub text: String,
}

/// What a file holds.
#[derive(Debug)]
struct Users {
    by_name: HashMap<Box<[u8]>, Entry>,
    /// What a login costs here, as a rule.
    usual: Credential,
    all_for_scram: bool,
}

/// What changes when a file changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl PasswdFile {
    /// Reads the file at `path`; a fault is logged, and costs the logins until it is mended.
    pub(crate) fn open(path: &Path) -> Self {
        let mut file = Self {
            path: path.into(),
            stamp: None,
            users: Users::of(HashMap::new()),
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
    pub(crate) fn check(path: &Path) -> io::Result<Vec<Problem>> {
        let (_, problems) = parse(&read(path)?.1);
        Ok(problems)
    }

    /// All users of the file at `path`, without using it: those whose numbers can be told. `home_matters`
    /// is given the user's own mail path, and tells whether the system is to be asked for a home that
    /// is not in the file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn accounts(
        path: &Path,
        home_matters: impl Fn(Option<&str>) -> bool,
    ) -> io::Result<Vec<AccountInfo>> {
        let (users, _) = parse(&read(path)?.1);
        let listed = users.values().map(|entry| &entry.listed);
        let accounts = listed.map(|listed| listed.account(home_matters(listed.mail.as_deref())));
        Ok(accounts.filter_map(Result::ok).collect())
    }

    /// The file, as it was named.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// See [`super::Authenticator::look_up`].
    pub(super) fn look_up(&mut self, user: &[u8]) -> Result<Candidate, String> {
        self.refresh()?;
        let entry = self.users.by_name.get(user);
        let entry = entry.filter(|entry| !entry.credential.is_locked());
        let credential = entry.map_or(&self.users.usual, |entry| &entry.credential);
        Ok(Candidate {
            credential: credential.clone(),
            listed: entry.map(|entry| entry.listed.clone()),
        })
    }

    /// See [`super::Authenticator::supports_scram`].
    pub(super) fn supports_scram(&mut self) -> bool {
        self.refresh().is_ok() && self.users.all_for_scram
    }

    /// The account of `user`, whose password is not asked for.
    pub(super) fn account(&mut self, user: &[u8]) -> Result<Option<AccountInfo>, String> {
        self.refresh()?;
        let entry = self.users.by_name.get(user);
        entry.map(|entry| entry.listed.account(true)).transpose()
    }

    /// Reads the file again if it has changed. If it cannot be read, nobody is in it.
    fn refresh(&mut self) -> Result<(), String> {
        self.try_refresh().map_err(|error| {
            self.stamp = None;
            self.users = Users::of(HashMap::new());
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
        self.users = Users::of(users);
        self.stamp = Some(stamp);
        Ok(())
    }
}

impl Users {
    fn of(by_name: HashMap<Box<[u8]>, Entry>) -> Self {
        // In an order that is the same in every process: nobody shall find out who is not there by
        // what changes.
        let mut entries: Vec<&Entry> = by_name.values().collect();
        entries.sort_unstable_by(|one, other| one.listed.user.cmp(&other.listed.user));
        let all = || entries.iter().map(|entry| &entry.credential);
        let mut able = all()
            .filter(|credential| !credential.is_locked())
            .peekable();
        let all_for_scram = able.peek().is_some() && able.all(Credential::is_for_scram);
        Self {
            usual: credential::usual(all()),
            all_for_scram,
            by_name,
        }
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
fn read(path: &Path) -> io::Result<(Stamp, Zeroizing<Vec<u8>>)> {
    let file = File::open(path)?;
    let stamp = Stamp::of(&file.metadata()?);
    // Room for all of it from the start: what a vector grows out of is not wiped.
    let mut text = Zeroizing::new(Vec::with_capacity(stamp.size.min(MAX_FILE) as usize + 1));
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
        match passwd_line::parse(line, &mut report) {
            Ok(entry) => match users.entry(entry.listed.user.as_bytes().into()) {
                Slot::Vacant(slot) => {
                    slot.insert(entry);
                }
                Slot::Occupied(_) => {
                    report(format!("user {:?} stands above already", entry.listed.user));
                }
            },
            Err(text) => report(text),
        }
    }
    (users, problems)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Verdict;

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

    fn verify(file: &mut PasswdFile, user: &[u8], password: &[u8]) -> Verdict {
        let candidate = file.look_up(user);
        candidate.map_or_else(Verdict::Unavailable, |candidate| candidate.verify(password))
    }

    fn granted(file: &mut PasswdFile, user: &str, password: &str) -> bool {
        matches!(
            verify(file, user.as_bytes(), password.as_bytes()),
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
            verify(&mut file, b"bob@example.org", b"pass word"),
            Verdict::Granted(expected)
        );
        assert!(granted(&mut file, "ann", "secret"), "missing fields, CRLF");
        assert!(granted(&mut file, "jo", "last"), "no line end");
    }

    #[test]
    fn the_others_are_denied() {
        let (_directory, mut file) = with(USERS);
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
            ] {
                let verdict = verify(&mut file, user.as_bytes(), password.as_bytes());
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
            verify(&mut file, b"bob", b"newer"),
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

    /// What a login by a name that is not there costs, and whether SCRAM may be offered.
    #[test]
    fn what_is_usual() {
        const SHA: &str = "$5$LKtWhz./LikuleWa$9.7yZ8zUSLrVny.77iLSqBrVZ1eM4sx.bQr/Ho0Vjt7";
        const SCRAM: &str = "{SCRAM-SHA-256}100,AAAA,VVM3nhDxCuX+uUiP14/zSx0wIzONiaS23mamOo6yMS8=,\
                             pdToqbRDByyzpk11Uxm6wq/4ubG0P8cZ4QLFi98uUbI=";
        for (passwords, usual, scram) in [
            (&[SHA, "{PLAIN}x", SHA][..], SHA, false),
            (&["{PLAIN}x", SCRAM, "*", "*"], "{PLAIN}x", true),
            (&[SCRAM, "{PLAIN}x"], SCRAM, true),
            (&["!", "{PLAIN}x", "{MD5}x"], "{PLAIN}x", true),
            (&["!", "{MD5}x"], "!", false),
            (&[], "!", false),
        ] {
            let lines = passwords.iter().zip('a'..);
            let lines: Vec<String> = lines
                .map(|(field, user)| format!("{user}:{field}"))
                .collect();
            let (_directory, mut file) = with(lines.join("\n").as_bytes());
            for user in ["nobody", ""] {
                let candidate = file.look_up(user.as_bytes()).expect("readable");
                let expected = Credential::parse(usual).expect("valid");
                assert!(candidate.credential.costs_like(&expected), "{lines:?}");
                assert_eq!(candidate.verify(b"x"), Verdict::Denied, "{lines:?}");
            }
            assert_eq!(file.supports_scram(), scram, "{lines:?}");
        }
    }

    /// Whoever is not there, or is locked, is checked against a hash like that of those who are.
    #[test]
    fn a_name_that_is_not_there_costs_as_much() {
        let (_directory, mut file) = with(
            b"ann:$2y$09$.7UOZmGl3.vWi8qza43NT.FhcSHQjygiZMnoDj7.otMatPY5R0KhK\n\
            bob:!$2y$09$.7UOZmGl3.vWi8qza43NT.FhcSHQjygiZMnoDj7.otMatPY5R0KhK\n\
            carl:{PLAIN}x\n\
            dora:$2y$09$.7UOZmGl3.vWi8qza43NT.FhcSHQjygiZMnoDj7.otMatPY5R0KhK\n",
        );
        let [known, locked, cheap, unknown] = ["ann", "bob", "carl", "nobody"]
            .map(|user| file.look_up(user.as_bytes()).expect("read"));
        for other in [locked, unknown] {
            assert!(other.credential.costs_like(&known.credential));
            assert!(!other.credential.costs_like(&cheap.credential));
            assert_eq!(other.verify(b"x"), Verdict::Denied);
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = parse(&text);
            let _ = parse(&text.repeat(2));
        }
    }
}
