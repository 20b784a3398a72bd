//! The template of a user's Maildir: a path with variables. No user name that a client sends can
//! make the path lead to another directory.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// A path that may hold `%u` (the user's name), `%n` (its local part), `%d` (its domain), `%h` (the
/// home directory) and `%%` (one `%`). As in Dovecot's `mail_location`, `maildir:` may precede the
/// path, and a leading `~/` means `%h/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailTemplate(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(OsString),
    User,
    Local,
    Domain,
    Home,
}

/// Why there is no path for a user. The text is for the log; it does not contain the user's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MailPathError {
    /// The name is empty or too long, begins with a dot, or has a `/` or a control character.
    UnsafeName,
    /// The template has `%d`, and the name has no domain that can be the name of a directory.
    NoDomain,
    /// The template has `%h`, and the user has no home directory.
    NoHome,
}

/// The longest name of a directory entry on the usual file systems, in octets.
const MAX_NAME: usize = 255;

impl MailTemplate {
    /// Parses a template.
    ///
    /// # Errors
    /// Returns what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let path = match text.strip_prefix("maildir:") {
            Some(rest) if rest.contains(':') => {
                return Err(
                    "imap2d does not support parameters after the path of \"maildir:\"".into(),
                );
            }
            Some(rest) => rest,
            None => text,
        };
        let mut pieces = Vec::new();
        let mut rest = match path.strip_prefix('~') {
            Some(below_home) if below_home.is_empty() || below_home.starts_with('/') => {
                pieces.push(Piece::Home);
                below_home
            }
            _ => path,
        };
        while let Some((text, variable)) = rest.split_once('%') {
            push_text(&mut pieces, text);
            let mut letters = variable.chars();
            match letters.next() {
                Some('u') => pieces.push(Piece::User),
                Some('n') => pieces.push(Piece::Local),
                Some('d') => pieces.push(Piece::Domain),
                Some('h') => pieces.push(Piece::Home),
                Some('%') => push_text(&mut pieces, "%"),
                _ => return Err("after \"%\" only u, n, d, h and % have a meaning".into()),
            }
            rest = letters.as_str();
        }
        push_text(&mut pieces, rest);
        if pieces.is_empty() {
            return Err("the path is empty".into());
        }
        if path.contains('\0') {
            return Err("the path has a NUL character".into());
        }
        Ok(Self(pieces))
    }

    /// Returns a template without variables: the same directory for every user.
    pub fn fixed(path: PathBuf) -> Self {
        Self(vec![Piece::Text(path.into_os_string())])
    }

    /// True if there is no path for a user without a home directory.
    pub(crate) fn needs_home(&self) -> bool {
        self.0.contains(&Piece::Home)
    }

    /// Returns the directory that is or contains all Maildirs; `None` if they are in the users'
    /// home directories.
    pub(crate) fn fixed_part(&self) -> Option<PathBuf> {
        let Some(Piece::Text(text)) = self.0.first() else {
            // The path begins with a user name below the current directory, or with a home.
            let at_home = self.0.first() == Some(&Piece::Home);
            return (!at_home).then(|| PathBuf::from("."));
        };
        if self.0.len() == 1 {
            return Some(text.into());
        }
        let path = Path::new(text);
        let whole = text.as_encoded_bytes().ends_with(b"/");
        let directory = if whole { Some(path) } else { path.parent() };
        Some(match directory {
            // Collecting the components removes the last slash.
            Some(directory) if directory != Path::new("") => directory.components().collect(),
            _ => PathBuf::from("."),
        })
    }

    /// Returns the Maildir of `user`, whose home directory is `home`.
    ///
    /// # Errors
    /// If the name could lead to another directory, or lacks a part that the template needs.
    pub(crate) fn expand(&self, user: &str, home: Option<&Path>) -> Result<PathBuf, MailPathError> {
        let user = safe(user).ok_or(MailPathError::UnsafeName)?;
        let (local, domain) = match user.split_once('@') {
            Some((local, domain)) => (local, Some(domain)),
            None => (user, None),
        };
        let mut path = OsString::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => path.push(text),
                Piece::User => path.push(user),
                Piece::Local => path.push(safe(local).ok_or(MailPathError::UnsafeName)?),
                Piece::Domain => {
                    path.push(domain.and_then(safe).ok_or(MailPathError::NoDomain)?);
                }
                Piece::Home => path.push(home.ok_or(MailPathError::NoHome)?),
            }
        }
        Ok(path.into())
    }
}

/// Returns `name` if it is the name of one directory entry, and not of a hidden one.
fn safe(name: &str) -> Option<&str> {
    let bad = |c: char| c == '/' || c.is_control();
    let fits = (1..=MAX_NAME).contains(&name.len());
    (fits && !name.starts_with('.') && !name.contains(bad)).then_some(name)
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Piece::Text(last)) => last.push(text),
        _ => pieces.push(Piece::Text(text.into())),
    }
}

impl Default for MailTemplate {
    /// `%h/Maildir`
    fn default() -> Self {
        Self(vec![Piece::Home, Piece::Text("/Maildir".into())])
    }
}

impl fmt::Display for MailPathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnsafeName => "the user name cannot be part of a path",
            Self::NoDomain => "the mail path needs a domain (%d) and the user name has none",
            Self::NoHome => "the mail path needs a home directory (%h) and the user has none",
        })
    }
}

impl std::error::Error for MailPathError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(template: &str, user: &str) -> Result<String, MailPathError> {
        let path = MailTemplate::parse(template)
            .expect("a template")
            .expand(user, Some(Path::new("/home/ann")))?;
        Ok(path.to_str().expect("UTF-8").to_string())
    }

    #[test]
    fn variables_are_replaced() {
        for (template, path) in [
            ("%h/Maildir", "/home/ann/Maildir"),
            ("~/Maildir", "/home/ann/Maildir"),
            ("maildir:~/Maildir", "/home/ann/Maildir"),
            ("/srv/mail/%u", "/srv/mail/ann@example.org"),
            ("/srv/%d/%n/M", "/srv/example.org/ann/M"),
            ("/srv/100%%/%n", "/srv/100%/ann"),
            ("/srv/~/%n", "/srv/~/ann"),
        ] {
            assert_eq!(expand(template, "ann@example.org").as_deref(), Ok(path));
            let needs_home = MailTemplate::parse(template)
                .expect("a template")
                .needs_home();
            assert_eq!(needs_home, path.starts_with("/home"), "{template}");
        }
        assert_eq!(
            MailTemplate::parse("~/Maildir"),
            Ok(MailTemplate::default())
        );
    }

    #[test]
    fn the_fixed_part_is_what_all_paths_begin_with() {
        for (template, directory) in [
            ("/srv/mail/%u", Some("/srv/mail")),
            ("/srv/mail/user-%u", Some("/srv/mail")),
            ("/srv/%d/%n/M", Some("/srv")),
            ("/srv/one", Some("/srv/one")),
            ("/%u", Some("/")),
            ("mail-%u", Some(".")),
            ("%u/M", Some(".")),
            ("%h/Maildir", None),
            ("~", None),
        ] {
            let template = MailTemplate::parse(template).expect("a template");
            let shown = template.fixed_part().map(|path| path.display().to_string());
            assert_eq!(shown.as_deref(), directory);
        }
    }

    #[test]
    fn malformed_templates_are_refused() {
        for bad in [
            "",
            "maildir:",
            "%",
            "/srv/%x",
            "/srv/%",
            "maildir:~/M:LAYOUT=fs",
            "/a\0",
        ] {
            assert!(MailTemplate::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn no_user_name_leads_to_another_directory() {
        let long = "a".repeat(256);
        for user in [
            "", ".", "..", ".ann", "../ann", "a/b", "/etc", "a\0b", "a\nb", "a\u{7f}", "a\u{85}",
            &long,
        ] {
            assert_eq!(
                expand("/srv/%u", user),
                Err(MailPathError::UnsafeName),
                "{user:?}"
            );
            assert_eq!(
                expand("/srv/fixed", user),
                Err(MailPathError::UnsafeName),
                "{user:?}"
            );
        }
        assert_eq!(
            expand("/srv/%n", "@example.org"),
            Err(MailPathError::UnsafeName)
        );
        for user in ["ann", "ann@", "ann@..", "ann@.x"] {
            assert_eq!(
                expand("/srv/%d/%n", user),
                Err(MailPathError::NoDomain),
                "{user:?}"
            );
        }
        assert_eq!(
            MailTemplate::default().expand("ann", None),
            Err(MailPathError::NoHome)
        );
    }
}
