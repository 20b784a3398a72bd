//! Untagged data about the server.

use super::encoder::Encoder;

impl Encoder<'_> {
    /// Writes the capabilities: words separated by spaces.
    pub(crate) fn capability(&mut self, words: &str) -> &mut Self {
        self.raw("* CAPABILITY ").raw(words).end_line()
    }

    /// Writes the extensions that were enabled (RFC 5161 §3.2).
    pub(crate) fn enabled(&mut self, names: &[&str]) -> &mut Self {
        self.raw("* ENABLED");
        for name in names {
            self.raw(" ").raw(name);
        }
        self.end_line()
    }

    /// Writes what the server says of itself: pairs of a field name and a value.
    ///
    /// ```text
    /// id_response = "ID" SPACE id_params_list                        RFC 2971 §4
    /// ```
    pub(crate) fn id(&mut self, fields: &[(&str, &str)]) -> &mut Self {
        self.raw("* ID (");
        for (position, (name, value)) in fields.iter().enumerate() {
            let space = if position > 0 { " " } else { "" };
            self.raw(space).string(name.as_bytes());
            self.raw(" ").string(value.as_bytes());
        }
        self.raw(")").end_line()
    }
}

#[cfg(test)]
mod tests {
    use crate::protocol::dialect::Level;
    use crate::protocol::encode::testing::encoded;

    #[test]
    fn server_data() {
        let got = encoded(Level::Imap4, |e| {
            e.capability("IMAP4rev1").enabled(&["CONDSTORE"]);
            e.id(&[("name", "x"), ("version", "1")]);
        });
        let want = "* CAPABILITY IMAP4rev1\r\n* ENABLED CONDSTORE\r\n\
                    * ID (\"name\" \"x\" \"version\" \"1\")\r\n";
        assert_eq!(got, want);
    }
}
