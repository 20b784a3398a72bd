//! The values of options that have a grammar of their own.

use crate::types::{MailboxName, SpecialUse};

/// Parses the value of `checkpassword`.
///
/// ```text
/// value = path *(SP argument)
/// ```
pub(super) fn checkpassword(value: &str) -> Result<String, String> {
    let program = value.split_whitespace().next().unwrap_or_default();
    if !program.starts_with('/') {
        return Err(format!(
            "\"{value}\" does not begin with the full path of a program"
        ));
    }
    match std::fs::metadata(program) {
        Ok(file) if file.is_file() => Ok(value.into()),
        Ok(_) => Err(format!("{program} is not a program")),
        Err(error) => Err(format!("cannot run {program}: {error}")),
    }
}

/// Parses the value of `namespace-prefix`. An empty value is possible on the command line only; in
/// the option file it is written as two apostrophes.
pub(super) fn namespace_prefix(value: &str) -> Result<&'static str, String> {
    match value {
        "" | "''" => Ok(""),
        "INBOX." => Ok("INBOX."),
        _ => Err(format!("\"{value}\" is neither INBOX. nor ''")),
    }
}

/// Parses the value of `run-as`. Whether user and group exist is checked where they are looked up.
///
/// ```text
/// value = user [":" group]
/// ```
pub(super) fn run_as(value: &str) -> Result<String, String> {
    let parts: Vec<&str> = value.split(':').collect();
    if parts.len() > 2 || parts.contains(&"") {
        return Err(format!("\"{value}\" is not like vmail or vmail:mail"));
    }
    Ok(value.into())
}

/// Parses the value of `special-use`. Users see the name, so it may have letters of any script.
///
/// ```text
/// value = role "=" [name]
/// ```
pub(super) fn special_use(value: &str) -> Result<(SpecialUse, String), String> {
    let (role, name) = value
        .split_once('=')
        .ok_or_else(|| format!("\"{value}\" is not like Sent=Sent Items"))?;
    let (role, name) = (role.trim(), name.trim());
    let mut all = SpecialUse::ALL.into_iter();
    let found = all.find(|known| known.name().eq_ignore_ascii_case(role));
    let special_use = found.ok_or_else(|| {
        let names: Vec<&str> = SpecialUse::ALL.iter().map(|known| known.name()).collect();
        format!("\"{role}\" is not one of {}", names.join(", "))
    })?;
    if !name.is_empty() {
        MailboxName::new(name.as_bytes()).map_err(|fault| format!("\"{name}\": {fault}"))?;
    }
    Ok((special_use, name.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_namespace_prefix_is_courier_s_or_empty() {
        assert_eq!(namespace_prefix(""), Ok(""));
        assert_eq!(namespace_prefix("''"), Ok(""));
        assert_eq!(namespace_prefix("INBOX."), Ok("INBOX."));
        assert!(namespace_prefix("INBOX").is_err());
    }

    #[test]
    fn run_as_takes_a_user_and_a_group() {
        assert_eq!(run_as("vmail"), Ok("vmail".into()));
        assert_eq!(run_as("5000:5000"), Ok("5000:5000".into()));
        for bad in ["", ":", "vmail:", ":mail", "a:b:c"] {
            assert!(run_as(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn special_use_takes_a_role_and_a_name() {
        let sent = |name: &str| Ok((SpecialUse::Sent, name.to_string()));
        assert_eq!(special_use("Sent=Sent Items"), sent("Sent Items"));
        assert_eq!(special_use("SENT = Entwürfe.x"), sent("Entwürfe.x"));
        assert_eq!(special_use("Sent="), sent(""));
        for bad in ["", "Sent", "All=x", "=x", "Sent=a/b", "Sent=.a", "\\Sent=x"] {
            assert!(special_use(bad).is_err(), "{bad}");
        }
    }
}
