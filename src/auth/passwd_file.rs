//! The passwd-file: users in Dovecot's syntax, one a line (see `passwd_line.rs`).
//!
//! A faulty line locks out its own user only. Each login checks the stamp of the file and reads the
//! file again if it has changed, so adding a user needs no signal and no restart.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::account::AccountInfo;
use super::claimed_user::ClaimedUser;
use super::credential::{self, Credential};
use super::passwd_line::{self, PasswdEntry};
use crate::file_stamp::FileStamp;

/// About 100 000 users: a larger file is not a passwd-file.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// A passwd-file and the users in it.
#[derive(Debug)]
pub(crate) struct PasswdFile {
    path: PathBuf,
    /// The file that `users` was read from; `None` after it could not be read.
    stamp: Option<FileStamp>,
    users: Users,
}

/// One fault in a passwd-file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PasswdFault {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with the line; holds no part of a password.
    pub text: String,
}

/// The users of a passwd-file.
#[derive(Debug)]
struct Users {
    by_name: HashMap<Box<[u8]>, PasswdEntry>,
    /// Verified for users who are unknown or locked, so that they cost as much as the others.
    decoy: Credential,
    /// Every user who can log in can do so by SCRAM, and there is at least one.
    all_support_scram: bool,
}

impl PasswdFile {
    /// Reads the file at `path`. If it cannot be read, logs that; logins fail until it can.
    pub(crate) fn open(path: &Path) -> Self {
        let mut file = Self {
            path: path.into(),
            stamp: None,
            users: Users::new(HashMap::new()),
        };
        if let Err(error) = file.refresh() {
            log::error!("{error}");
        }
        file
    }

    /// Returns the faults of the file at `path`, for `--check-config`.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn check(path: &Path) -> io::Result<Vec<PasswdFault>> {
        let (_, faults) = parse(&read(path)?.1);
        Ok(faults)
    }

    /// Returns the accounts of the file at `path`, for the sandbox; leaves out those whose uid or
    /// gid the system does not know. `needs_home` takes the user's own mail path and says whether
    /// to ask the system for a home directory that the file does not give.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn accounts(
        path: &Path,
        needs_home: impl Fn(Option<&str>) -> bool,
    ) -> io::Result<Vec<AccountInfo>> {
        let (users, _) = parse(&read(path)?.1);
        let listed = users.values().map(|entry| &entry.listed);
        let accounts = listed.map(|listed| listed.account(needs_home(listed.mail.as_deref())));
        Ok(accounts.filter_map(Result::ok).collect())
    }

    /// The path of the file, as the operator wrote it.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// See [`super::Authenticator::look_up`].
    pub(super) fn look_up(&mut self, user: &[u8]) -> Result<ClaimedUser, String> {
        self.refresh()?;
        let entry = self.users.by_name.get(user);
        let entry = entry.filter(|entry| !entry.credential.is_locked());
        let credential = entry.map_or(&self.users.decoy, |entry| &entry.credential);
        Ok(ClaimedUser {
            credential: credential.clone(),
            listed: entry.map(|entry| entry.listed.clone()),
        })
    }

    /// See [`super::Authenticator::supports_scram`].
    pub(super) fn supports_scram(&mut self) -> bool {
        self.refresh().is_ok() && self.users.all_support_scram
    }

    /// Returns the account of `user`, whose password is not checked.
    pub(super) fn account(&mut self, user: &[u8]) -> Result<Option<AccountInfo>, String> {
        self.refresh()?;
        let entry = self.users.by_name.get(user);
        entry.map(|entry| entry.listed.account(true)).transpose()
    }

    /// Reads the file again if it has changed. If it cannot be read, forgets all users.
    fn refresh(&mut self) -> Result<(), String> {
        self.try_refresh().map_err(|error| {
            self.stamp = None;
            self.users = Users::new(HashMap::new());
            format!(
                "cannot read the users file {}: {error}",
                self.path.display()
            )
        })
    }

    fn try_refresh(&mut self) -> io::Result<()> {
        let now = FileStamp::of(&std::fs::metadata(&self.path)?);
        if self.stamp == Some(now) {
            return Ok(());
        }
        let (stamp, text) = read(&self.path)?;
        let (users, faults) = parse(&text);
        for fault in faults {
            log::warn!("{}:{}: {}", self.path.display(), fault.line, fault.text);
        }
        log::debug!("{}: {} users", self.path.display(), users.len());
        self.users = Users::new(users);
        self.stamp = Some(stamp);
        Ok(())
    }
}

impl Users {
    fn new(by_name: HashMap<Box<[u8]>, PasswdEntry>) -> Self {
        // Sorted, so that every process picks the same decoy: a decoy that changes would show a
        // client which users do not exist.
        let mut entries: Vec<&PasswdEntry> = by_name.values().collect();
        entries.sort_unstable_by(|one, other| one.listed.user.cmp(&other.listed.user));
        let all = || entries.iter().map(|entry| &entry.credential);
        let mut able = all()
            .filter(|credential| !credential.is_locked())
            .peekable();
        let all_support_scram = able.peek().is_some() && able.all(Credential::supports_scram);
        Self {
            decoy: credential::of_most_common_cost(all()),
            all_support_scram,
            by_name,
        }
    }
}

/// Reads the file. The stamp is taken before reading, so that the next login notices a change made
/// meanwhile.
fn read(path: &Path) -> io::Result<(FileStamp, Zeroizing<Vec<u8>>)> {
    let file = File::open(path)?;
    let stamp = FileStamp::of(&file.metadata()?);
    // Room for the whole file from the start: when a vector grows, its old memory is not wiped.
    let mut text = Zeroizing::new(Vec::with_capacity(stamp.size().min(MAX_FILE) as usize + 1));
    file.take(MAX_FILE + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX_FILE {
        return Err(io::Error::other(
            "the file is larger than 16 MiB, so it is not a passwd-file",
        ));
    }
    Ok((stamp, text))
}

pub(super) fn parse(text: &[u8]) -> (HashMap<Box<[u8]>, PasswdEntry>, Vec<PasswdFault>) {
    let mut users = HashMap::new();
    let mut faults = Vec::new();
    for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() || line[0] == b'#' {
            continue;
        }
        let mut report = |text: String| {
            faults.push(PasswdFault {
                line: index + 1,
                text,
            });
        };
        match passwd_line::parse(line, &mut report) {
            Ok(entry) => match users.entry(entry.listed.user.as_bytes().into()) {
                Entry::Vacant(slot) => {
                    slot.insert(entry);
                }
                Entry::Occupied(_) => {
                    report(format!(
                        "user {:?} has a line above already; this line is ignored",
                        entry.listed.user
                    ));
                }
            },
            Err(text) => report(text),
        }
    }
    (users, faults)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::outcome::AuthOutcome;

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

    fn verify(file: &mut PasswdFile, user: &[u8], password: &[u8]) -> AuthOutcome {
        let claimed = file.look_up(user);
        claimed.map_or_else(AuthOutcome::Unavailable, |claimed| claimed.verify(password))
    }

    fn granted(file: &mut PasswdFile, user: &str, password: &str) -> bool {
        matches!(
            verify(file, user.as_bytes(), password.as_bytes()),
            AuthOutcome::Granted(_)
        )
    }

    #[test]
    fn a_login_returns_the_fields_of_the_line() {
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
            AuthOutcome::Granted(expected)
        );
        assert!(granted(&mut file, "ann", "secret"), "missing fields, CRLF");
        assert!(granted(&mut file, "jo", "last"), "no line end");
    }

    #[test]
    fn faulty_lines_and_wrong_passwords_are_denied() {
        let (_directory, mut file) = with(USERS);
        for user in [
            "", "#", "# staff", "ann", "bob", "carl", "dora", "eve", "fred", "gus", "ida",
            "nicholas", "ANN",
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
                let outcome = verify(&mut file, user.as_bytes(), password.as_bytes());
                assert_eq!(outcome, AuthOutcome::Denied, "{user} {password}");
            }
        }
    }

    #[test]
    fn each_fault_has_its_line_and_no_secret() {
        let (users, faults) = parse(USERS);
        let lines: Vec<usize> = faults.iter().map(|fault| fault.line).collect();
        assert_eq!(lines, [5, 6, 7, 8, 9, 10, 11, 12, 13]);
        assert!(faults[1].text.contains("{SSHA}"));
        let shown = format!("{faults:?} {users:?}");
        for secret in ["secret", "abc", "other", "pass word"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn the_next_login_notices_a_change_of_the_file() {
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
            AuthOutcome::Unavailable(_)
        ));
        std::fs::write(file.path(), b"ann:{PLAIN}back\n").expect("written");
        assert!(granted(&mut file, "ann", "back"));
    }

    #[test]
    fn a_locked_user_has_an_account_and_an_unknown_one_has_none() {
        let (_directory, mut file) = with(USERS);
        let home = file.account(b"eve").expect("readable").expect("known").home;
        assert_eq!(home, None);
        assert_eq!(file.account(b"nicholas"), Ok(None));
    }

    /// What a login of an unknown user costs, and whether the server may offer SCRAM.
    #[test]
    fn the_decoy_has_the_most_common_cost() {
        const SHA: &str = "$5$LKtWhz./LikuleWa$9.7yZ8zUSLrVny.77iLSqBrVZ1eM4sx.bQr/Ho0Vjt7";
        const SCRAM: &str = "{SCRAM-SHA-256}100,AAAA,VVM3nhDxCuX+uUiP14/zSx0wIzONiaS23mamOo6yMS8=,\
                             pdToqbRDByyzpk11Uxm6wq/4ubG0P8cZ4QLFi98uUbI=";
        for (passwords, decoy, scram) in [
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
            for user in ["nicholas", ""] {
                let claimed = file.look_up(user.as_bytes()).expect("readable");
                let expected = Credential::parse(decoy).expect("valid");
                assert!(claimed.credential.costs_like(&expected), "{lines:?}");
                assert_eq!(claimed.verify(b"x"), AuthOutcome::Denied, "{lines:?}");
            }
            assert_eq!(file.supports_scram(), scram, "{lines:?}");
        }
    }

    #[test]
    fn unknown_and_locked_users_cost_as_much_as_known_ones() {
        let (_directory, mut file) = with(
            b"ann:$2y$09$.7UOZmGl3.vWi8qza43NT.FhcSHQjygiZMnoDj7.otMatPY5R0KhK\n\
            bob:!$2y$09$.7UOZmGl3.vWi8qza43NT.FhcSHQjygiZMnoDj7.otMatPY5R0KhK\n\
            carl:{PLAIN}x\n\
            dora:$2y$09$.7UOZmGl3.vWi8qza43NT.FhcSHQjygiZMnoDj7.otMatPY5R0KhK\n",
        );
        let [known, locked, cheap, unknown] = ["ann", "bob", "carl", "nicholas"]
            .map(|user| file.look_up(user.as_bytes()).expect("read"));
        for other in [locked, unknown] {
            assert!(other.credential.costs_like(&known.credential));
            assert!(!other.credential.costs_like(&cheap.credential));
            assert_eq!(other.verify(b"x"), AuthOutcome::Denied);
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
