//! Untagged data about mailbox names.

use crate::protocol::ast::{ListKind, StatusItem};
use crate::types::SEPARATOR;

use super::encoder::Encoder;

impl Encoder<'_> {
    /// Writes a mailbox that FIND has found. The name is the rest of the line, whatever characters
    /// it contains (RFC 1176 p. 20).
    pub(crate) fn mailbox(&mut self, name: &str) -> &mut Self {
        self.raw("* MAILBOX ").rest_of_line(name)
    }

    /// Writes a bulletin board that FIND has found.
    pub(crate) fn bboard(&mut self, name: &str) -> &mut Self {
        self.raw("* BBOARD ").rest_of_line(name)
    }

    /// Writes a mailbox that LIST or LSUB has found. If it was found because names below it match
    /// selection `criteria`, CHILDINFO names these.
    ///
    /// ```text
    /// mailbox-list = "(" [mbx-list-flags] ")" SP (DQUOTE QUOTED-CHAR DQUOTE / nil) SP mailbox
    ///                [SP "(" "CHILDINFO" SP "(" quoted *(SP quoted) ")" ")"]    RFC 5258 §6
    /// ```
    pub(crate) fn list_line<'c>(
        &mut self,
        kind: ListKind,
        attributes: &[&str],
        name: &str,
        criteria: impl IntoIterator<Item = &'c str>,
    ) -> &mut Self {
        self.raw("* ")
            .raw(kind.name())
            .raw(" ")
            .list(attributes.iter().copied())
            .format(format_args!(" \"{SEPARATOR}\" "))
            .name(name);
        let mut open = " (\"CHILDINFO\" (";
        let mut close = "";
        for criterion in criteria {
            self.format(format_args!("{open}\"{criterion}\""));
            (open, close) = (" ", "))");
        }
        self.raw(close).end_line()
    }

    /// Writes the status of a mailbox.
    ///
    /// ```text
    /// "STATUS" SP mailbox SP "(" [status-att-list] ")"
    /// ```
    pub(crate) fn status_line(&mut self, mailbox: &str, facts: &[(StatusItem, u64)]) -> &mut Self {
        self.raw("* STATUS ").name(mailbox).raw(" (");
        for (position, (item, value)) in facts.iter().enumerate() {
            let space = if position > 0 { " " } else { "" };
            let name = item.name();
            self.format(format_args!("{space}{name} {value}"));
        }
        self.raw(")").end_line()
    }

    /// Writes the prefix of the user's own mailboxes, and that of the shared mailboxes if there are
    /// any.
    ///
    /// ```text
    /// Namespace_Response = "*" SP "NAMESPACE" SP Namespace SP Namespace SP Namespace
    ///                                                                RFC 2342 §6
    /// ```
    pub(crate) fn namespace(&mut self, personal: &str, shared: Option<&str>) -> &mut Self {
        self.raw("* NAMESPACE ").one_namespace(Some(personal));
        // No user has access to the mailboxes of another user.
        self.raw(" ").one_namespace(None);
        self.raw(" ").one_namespace(shared).end_line()
    }

    /// Writes a namespace of one prefix, or of none.
    fn one_namespace(&mut self, prefix: Option<&str>) -> &mut Self {
        match prefix {
            Some(prefix) => self
                .raw("((")
                .string(prefix.as_bytes())
                .format(format_args!(" \"{SEPARATOR}\"))")),
            None => self.nil(),
        }
    }

    /// Writes a name as the rest of the line.
    fn rest_of_line(&mut self, name: &str) -> &mut Self {
        debug_assert!(!name.contains(['\r', '\n']), "a name is in one line");
        let line = name.split(['\r', '\n']).next().unwrap_or_default();
        self.raw(line).end_line()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::dialect::Level;
    use crate::protocol::encode::testing::encoded;

    #[test]
    fn names_that_find_has_found() {
        let got = encoded(Level::Imap2, |e| {
            e.mailbox("a \"b\" c").bboard("GENERAL");
        });
        assert_eq!(got, "* MAILBOX a \"b\" c\r\n* BBOARD GENERAL\r\n");
    }

    #[test]
    fn data_of_imap4() {
        let got = encoded(Level::Imap4, |e| {
            e.list_line(ListKind::List, &[], "INBOX", []);
            e.list_line(ListKind::Lsub, &["\\Noselect", "\\HasChildren"], "a b", []);
            e.list_line(ListKind::List, &["\\Noselect"], "", []);
            e.list_line(ListKind::List, &[], "x", ["SUBSCRIBED"]);
            e.list_line(ListKind::List, &[], "x", ["A", "B"]);
            e.status_line(
                "a b",
                &[(StatusItem::Messages, 1), (StatusItem::UidNext, 2)],
            );
            e.namespace("", Some("#b.")).namespace("INBOX.", None);
        });
        let want = "* LIST () \".\" INBOX\r\n\
                    * LSUB (\\Noselect \\HasChildren) \".\" \"a b\"\r\n\
                    * LIST (\\Noselect) \".\" \"\"\r\n\
                    * LIST () \".\" x (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n\
                    * LIST () \".\" x (\"CHILDINFO\" (\"A\" \"B\"))\r\n\
                    * STATUS \"a b\" (MESSAGES 1 UIDNEXT 2)\r\n\
                    * NAMESPACE ((\"\" \".\")) NIL ((\"#b.\" \".\"))\r\n\
                    * NAMESPACE ((\"INBOX.\" \".\")) NIL NIL\r\n";
        assert_eq!(got, want);
    }
}
