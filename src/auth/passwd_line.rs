//! One line of a passwd-file.
//!
//! ```text
//! user:password:uid:gid:gecos:home:shell:key=value key=value ...
//! ```
//!
//! Trailing fields may be missing; `gecos` and `shell` are read past. `uid` and `gid` are numbers,
//! or names of this system. Of the extra fields, `userdb_mail`, `userdb_home`, `userdb_uid` and
//! `userdb_gid` are obeyed, and one that would keep the user from logging in (`nologin`,
//! `allow_nets`) does so always, since its condition cannot be judged here.
//!
//! A line of `/etc/shadow` is one too, though its fields mean other things:
//!
//! ```text
//! user:password:changed:minimum:maximum:warning:inactive:expires:reserved
//! ```
//!
//! It is known by its nine fields, all numbers or empty behind the password. Such a user is one of
//! this system, who has the account there. If the password has to be changed first, or the account
//! expires one day, the user is refused: what day it is cannot be judged here either.

use std::path::PathBuf;

use super::account::Listed;
use super::credential::Credential;

/// A user and what they have to know.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) credential: Credential,
    pub(super) listed: Listed,
}

/// Fields behind the password in a line of `/etc/shadow`.
const SHADOW_FIELDS: usize = 7;

/// Reads one line. What is wrong with the password alone is reported, and the user kept: locked
/// out, but known.
pub(super) fn parse(line: &[u8], report: &mut impl FnMut(String)) -> Result<Entry, String> {
    let line = std::str::from_utf8(line).map_err(|_| "this line is not UTF-8".to_string())?;
    if line.contains(|c: char| c.is_control() && c != '\t') {
        return Err("this line holds a control character".into());
    }
    let (user, line) = line.split_once(':').unwrap_or((line, ""));
    let (password, rest) = line.split_once(':').unwrap_or((line, ""));
    if user.is_empty() {
        return Err("the user name is empty".into());
    }
    let mut listed = Listed {
        user: user.into(),
        ..Listed::default()
    };
    let credential = Credential::parse(password);
    let credential =
        credential.and_then(|credential| read_rest(rest, &mut listed).map(|()| credential));
    let credential = credential.unwrap_or_else(|fault| {
        report(format!("user {user:?} cannot log in: {fault}"));
        Credential::locked()
    });
    Ok(Entry { credential, listed })
}

/// Reads what stands behind the password. The fault is one for which the user is refused.
fn read_rest(rest: &str, listed: &mut Listed) -> Result<(), String> {
    if is_shadow(rest) {
        return check_shadow(rest);
    }
    let mut fields = rest.splitn(6, ':');
    let [uid, gid, _gecos, home, _shell, extra] =
        std::array::from_fn(|_| fields.next().unwrap_or(""));
    listed.uid = some(uid);
    listed.gid = some(gid);
    listed.home = some(home).map(PathBuf::from);
    extra
        .split_whitespace()
        .try_for_each(|word| obey(word, listed))
}

/// Obeys one `key=value` of the last field; keys that are for others are none of our business.
fn obey(word: &str, listed: &mut Listed) -> Result<(), String> {
    match word.split_once('=').unwrap_or((word, "")) {
        ("userdb_mail", mail) => listed.mail = some(mail),
        ("userdb_home", home) => listed.home = some(home).map(PathBuf::from),
        ("userdb_uid", uid) => listed.uid = some(uid),
        ("userdb_gid", gid) => listed.gid = some(gid),
        (key @ ("nologin" | "allow_nets" | "allow_real_nets"), _) => {
            return Err(format!("{key:?} cannot be judged here"));
        }
        _ => {}
    }
    Ok(())
}

fn some(field: &str) -> Option<String> {
    (!field.is_empty()).then(|| field.into())
}

fn is_shadow(rest: &str) -> bool {
    rest.split(':').count() == SHADOW_FIELDS
        && rest
            .bytes()
            .all(|octet| octet.is_ascii_digit() || octet == b':')
}

fn check_shadow(rest: &str) -> Result<(), String> {
    let mut fields = rest.split(':');
    let (changed, expires) = (fields.next(), fields.nth(4));
    if changed == Some("0") {
        return Err("the password has to be changed first".into());
    }
    if expires.is_some_and(|day| !day.is_empty()) {
        return Err("the account expires one day, which cannot be judged here".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> (Entry, Vec<String>) {
        let mut problems = Vec::new();
        let entry = parse(line.as_bytes(), &mut |problem| problems.push(problem));
        (entry.expect("a user"), problems)
    }

    #[test]
    fn fields_and_extra_fields() {
        let (entry, problems) = parsed(
            "ann:{PLAIN}x:5000:vmail:Ann:/home/ann:/bin/sh:userdb_mail=maildir:~/M other=1 userdb_gid=7",
        );
        let expected = Listed {
            user: "ann".into(),
            home: Some("/home/ann".into()),
            mail: Some("maildir:~/M".into()),
            uid: Some("5000".into()),
            gid: Some("7".into()),
        };
        assert_eq!((entry.listed, problems), (expected, vec![]));
        let (entry, _) = parsed("bob:{PLAIN}x:1:1::/a::userdb_home=/b userdb_uid=c");
        assert_eq!(entry.listed.home, Some("/b".into()));
        assert_eq!(entry.listed.uid, Some("c".into()));
    }

    #[test]
    fn locked_without_complaint() {
        for password in ["!", "*", "!!", "*LK*", "!$6$abc$def", "{CRYPT}!"] {
            let (entry, problems) = parsed(&format!("ann:{password}:1:1::/:"));
            assert!(
                entry.credential.is_locked() && problems.is_empty(),
                "{password}"
            );
        }
    }

    #[test]
    fn lines_of_the_shadow_file() {
        for (rest, refused) in [
            ("19000:0:99999:7:::", false),
            ("19000:0:99999:7:30::", false),
            ("::::::", false),
            ("0:0:99999:7:::", true),
            ("19000:0:99999:7::20000:", true),
        ] {
            let (entry, problems) = parsed(&format!("ann:{{PLAIN}}x:{rest}"));
            let is_shadow = entry.listed.uid.is_none();
            if is_shadow {
                assert_eq!(entry.credential.is_locked(), refused, "{rest}");
                assert_eq!(problems.is_empty(), !refused);
            }
            assert!(entry.listed.gid.is_none(), "a day is no gid: {rest}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(line in r"[a-z#]{0,2}:(\{[A-Z0-9-]{0,13}\})?[!*]?\$?[0-9a-z$,=]{0,9}(:[0-9a-z /=_]{0,9}){0,9}") {
            let _ = parse(line.as_bytes(), &mut |_| {});
        }

        #[test]
        fn fields_come_back(uid in "[a-z]{1,5}", gid in "[0-9]{1,5}", home in "/[a-z ]{1,9}", mail in "[!-9;-~]{1,9}") {
            let (entry, problems) = parsed(&format!("ann:{{PLAIN}}x:{uid}:{gid}::{home}::userdb_mail={mail}"));
            proptest::prop_assert_eq!(problems, Vec::<String>::new());
            let listed = entry.listed;
            proptest::prop_assert_eq!((listed.uid, listed.gid), (Some(uid), Some(gid)));
            proptest::prop_assert_eq!((listed.home, listed.mail), (Some(home.into()), Some(mail)));
        }
    }
}
