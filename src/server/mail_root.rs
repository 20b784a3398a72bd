//! The path of a user's Maildir.

use crate::auth::AccountInfo;
use crate::options::MailTemplate;
use std::path::PathBuf;

/// Returns the path of a user's Maildir. The user's own path, from the users file, comes before
/// `mail`, the template for all users.
///
/// # Errors
/// If the path needs a home directory and the user has none.
pub(super) fn mail_root(user: &AccountInfo, mail: &MailTemplate) -> Result<PathBuf, String> {
    let own = user.mail.as_deref().map(MailTemplate::parse).transpose()?;
    own.as_ref()
        .unwrap_or(mail)
        .expand(&user.user, user.home.as_deref())
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_in_the_users_file_comes_before_the_option() {
        let all = MailTemplate::fixed("/srv/mail".into());
        let root = |mail: Option<&str>| {
            let user = AccountInfo {
                user: "ann".into(),
                home: None,
                mail: mail.map(String::from),
                uid: None,
                gid: None,
            };
            mail_root(&user, &all)
        };
        assert_eq!(root(None), Ok(PathBuf::from("/srv/mail")));
        assert_eq!(root(Some("maildir:/own/%u")), Ok(PathBuf::from("/own/ann")));
        assert!(root(Some("maildir:~/Maildir")).is_err(), "there is no home");
    }
}
