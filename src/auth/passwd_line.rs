//! One line of a passwd-file.
//!
//! ```text
//! user:password:uid:gid:gecos:home:shell:key=value key=value ...
//! ```
//!
//! Trailing fields may be missing; `gecos` and `shell` are ignored. `uid` and `gid` are numbers, or
//! names of system users and groups. Of the extra fields, `userdb_mail`, `userdb_home`,
//! `userdb_uid` and `userdb_gid` are obeyed. `nologin`, `allow_nets` and `allow_real_nets` always
//! keep the user from logging in, because imap2d cannot check their condition here.
//!
//! A line of `/etc/shadow` is accepted too; its fields mean other things:
//!
//! ```text
//! user:password:changed:minimum:maximum:warning:inactive:expires:reserved
//! ```
//!
//! It is recognized by its nine fields, all numbers or empty after the password. Its user is a
//! system user and has the account that the system knows. If the password must be changed first, or
//! the account has an expiry date, the user is refused: the time is not known here.

use std::path::PathBuf;

use super::account::ListedAccount;
use super::credential::Credential;

/// A user of the passwd-file.
#[derive(Debug)]
pub(super) struct PasswdEntry {
    pub(super) credential: Credential,
    pub(super) listed: ListedAccount,
}

/// The number of fields after the password in a line of `/etc/shadow`.
const SHADOW_FIELDS: usize = 7;

/// Parses one line. If only the password or a condition for the login is faulty, reports that and
/// returns the user as locked, so that other parts of the server know the account.
pub(super) fn parse(line: &[u8], report: &mut impl FnMut(String)) -> Result<PasswdEntry, String> {
    let line = std::str::from_utf8(line).map_err(|_| "the line is not UTF-8".to_string())?;
    if line.contains(|c: char| c.is_control() && c != '\t') {
        return Err("the line has a control character".into());
    }
    let (user, line) = line.split_once(':').unwrap_or((line, ""));
    let (password, rest) = line.split_once(':').unwrap_or((line, ""));
    if user.is_empty() {
        return Err("the user name is empty".into());
    }
    let mut listed = ListedAccount {
        user: user.into(),
        ..ListedAccount::default()
    };
    let credential = Credential::parse(password);
    let credential =
        credential.and_then(|credential| read_account(rest, &mut listed).map(|()| credential));
    let credential = credential.unwrap_or_else(|fault| {
        report(format!("user {user:?} cannot log in: {fault}"));
        Credential::locked()
    });
    Ok(PasswdEntry { credential, listed })
}

/// Reads the fields after the password. An error means that the user may not log in.
fn read_account(rest: &str, listed: &mut ListedAccount) -> Result<(), String> {
    if is_shadow(rest) {
        return check_shadow(rest);
    }
    let mut fields = rest.splitn(6, ':');
    let [uid, gid, _gecos, home, _shell, extra] =
        std::array::from_fn(|_| fields.next().unwrap_or(""));
    listed.uid = nonempty(uid);
    listed.gid = nonempty(gid);
    listed.home = nonempty(home).map(PathBuf::from);
    extra
        .split_whitespace()
        .try_for_each(|word| obey(word, listed))
}

/// Obeys one `key=value` of the last field; ignores keys that are for other programs.
fn obey(word: &str, listed: &mut ListedAccount) -> Result<(), String> {
    match word.split_once('=').unwrap_or((word, "")) {
        ("userdb_mail", mail) => listed.mail = nonempty(mail),
        ("userdb_home", home) => listed.home = nonempty(home).map(PathBuf::from),
        ("userdb_uid", uid) => listed.uid = nonempty(uid),
        ("userdb_gid", gid) => listed.gid = nonempty(gid),
        (key @ ("nologin" | "allow_nets" | "allow_real_nets"), _) => {
            return Err(format!("imap2d cannot check {key:?}"));
        }
        _ => {}
    }
    Ok(())
}

fn nonempty(field: &str) -> Option<String> {
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
        return Err("the password must be changed first".into());
    }
    if expires.is_some_and(|day| !day.is_empty()) {
        return Err("imap2d cannot check the expiry date of the account".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> (PasswdEntry, Vec<String>) {
        let mut faults = Vec::new();
        let entry = parse(line.as_bytes(), &mut |fault| faults.push(fault));
        (entry.expect("a user"), faults)
    }

    #[test]
    fn extra_fields_win_over_fields() {
        let (entry, faults) = parsed(
            "ann:{PLAIN}x:5000:vmail:Ann:/home/ann:/bin/sh:userdb_mail=maildir:~/M other=1 userdb_gid=7",
        );
        let expected = ListedAccount {
            user: "ann".into(),
            home: Some("/home/ann".into()),
            mail: Some("maildir:~/M".into()),
            uid: Some("5000".into()),
            gid: Some("7".into()),
        };
        assert_eq!((entry.listed, faults), (expected, vec![]));
        let (entry, _) = parsed("bob:{PLAIN}x:1:1::/a::userdb_home=/b userdb_uid=c");
        assert_eq!(entry.listed.home, Some("/b".into()));
        assert_eq!(entry.listed.uid, Some("c".into()));
    }

    #[test]
    fn locked_accounts_are_not_reported_as_faults() {
        for password in ["!", "*", "!!", "*LK*", "!$6$abc$def", "{CRYPT}!"] {
            let (entry, faults) = parsed(&format!("ann:{password}:1:1::/:"));
            assert!(
                entry.credential.is_locked() && faults.is_empty(),
                "{password}"
            );
        }
    }

    #[test]
    fn a_shadow_line_with_an_expiry_date_is_refused() {
        for (rest, refused) in [
            ("19000:0:99999:7:::", false),
            ("19000:0:99999:7:30::", false),
            ("::::::", false),
            ("0:0:99999:7:::", true),
            ("19000:0:99999:7::20000:", true),
        ] {
            let (entry, faults) = parsed(&format!("ann:{{PLAIN}}x:{rest}"));
            let is_shadow = entry.listed.uid.is_none();
            if is_shadow {
                assert_eq!(entry.credential.is_locked(), refused, "{rest}");
                assert_eq!(faults.is_empty(), !refused);
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
        fn fields_keep_their_text(uid in "[a-z]{1,5}", gid in "[0-9]{1,5}", home in "/[a-z ]{1,9}", mail in "[!-9;-~]{1,9}") {
            let (entry, faults) = parsed(&format!("ann:{{PLAIN}}x:{uid}:{gid}::{home}::userdb_mail={mail}"));
            proptest::prop_assert_eq!(faults, Vec::<String>::new());
            let listed = entry.listed;
            proptest::prop_assert_eq!((listed.uid, listed.gid), (Some(uid), Some(gid)));
            proptest::prop_assert_eq!((listed.home, listed.mail), (Some(home.into()), Some(mail)));
        }
    }
}
