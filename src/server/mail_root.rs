//! The path of a user's Maildir.

use crate::auth::AccountInfo;
use crate::options::MailTemplate;
use std::path::PathBuf;

/// Where somebody's mail is. A path of their own comes before `mail`, the one for all.
pub(super) fn mail_root(person: &AccountInfo, mail: &MailTemplate) -> Result<PathBuf, String> {
    let own = person
        .mail
        .as_deref()
        .map(MailTemplate::parse)
        .transpose()?;
    own.as_ref()
        .unwrap_or(mail)
        .expand(&person.user, person.home.as_deref())
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_may_have_a_mail_path_of_their_own() {
        let all = MailTemplate::fixed("/srv/mail".into());
        let root = |mail: Option<&str>| {
            let person = AccountInfo {
                user: "ann".into(),
                home: None,
                mail: mail.map(String::from),
                uid: None,
                gid: None,
            };
            mail_root(&person, &all)
        };
        assert_eq!(root(None), Ok(PathBuf::from("/srv/mail")));
        assert_eq!(root(Some("maildir:/own/%u")), Ok(PathBuf::from("/own/ann")));
        assert!(root(Some("maildir:~/Maildir")).is_err(), "there is no home");
    }
}
