//! Untagged data that answer SEARCH, SORT and THREAD.

use super::encoder::Encoder;

impl Encoder<'_> {
    /// Begins the response to a SEARCH. The numbers of the matches have to follow, each after a
    /// space, if there are any.
    ///
    /// ```text
    /// "SEARCH" *(SP nz-number)                                       RFC 3501 §9
    /// ```
    pub(crate) fn begin_search(&mut self) -> &mut Self {
        self.raw("* SEARCH")
    }

    /// Begins the response to an extended search (RFC 4466 §2.6.2). The items have to follow.
    ///
    /// ```text
    /// esearch-response = "ESEARCH" [search-correlator] [SP "UID"] *(SP search-return-data)
    /// search-correlator = SP "(" "TAG" SP tag-string ")"
    /// ```
    pub(crate) fn begin_esearch(&mut self, tag: &[u8], uid: bool) -> &mut Self {
        self.raw("* ESEARCH (TAG ").string(tag).raw(")");
        self.raw(if uid { " UID" } else { "" })
    }

    /// Begins the response to a SORT (RFC 5256 §5 `sort-data`). The numbers of the matches have to
    /// follow, in their order.
    pub(crate) fn begin_sort(&mut self) -> &mut Self {
        self.raw("* SORT")
    }

    /// Begins the response to a THREAD. What [`ThreadList`](super::ThreadList) writes has to
    /// follow; `is_empty` says that it is nothing.
    ///
    /// ```text
    /// thread-data = "THREAD" [SP 1*thread-list]                      RFC 5256 §5
    /// ```
    pub(crate) fn begin_thread(&mut self, is_empty: bool) -> &mut Self {
        self.raw(if is_empty { "* THREAD" } else { "* THREAD " })
    }

    /// Writes the greatest mod-sequence behind the matches of a search or sort, if there is one.
    ///
    /// ```text
    /// search-sort-mod-seq = "(" "MODSEQ" SP mod-sequence-value ")"   RFC 7162 §7
    /// ```
    pub(crate) fn greatest_modseq(&mut self, modseq: Option<u64>) -> &mut Self {
        match modseq {
            Some(modseq) => self.raw(" (MODSEQ ").number(modseq).raw(")"),
            None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::protocol::dialect::Level;
    use crate::protocol::encode::testing::encoded;

    #[test]
    fn search_data() {
        let got = encoded(Level::Imap2, |e| {
            e.begin_search().end_line();
            e.begin_search().raw(" 2 84").end_line();
        });
        assert_eq!(got, "* SEARCH\r\n* SEARCH 2 84\r\n");
    }

    #[test]
    fn data_of_imap4() {
        let got = encoded(Level::Imap4, |e| {
            e.begin_esearch(b"a1", true).raw(" COUNT 2").end_line();
            e.begin_sort()
                .raw(" 2 1")
                .greatest_modseq(Some(7))
                .end_line();
            e.begin_thread(false).raw("(1 2)").end_line();
            e.begin_thread(true).end_line();
        });
        let want = "* ESEARCH (TAG \"a1\") UID COUNT 2\r\n\
                    * SORT 2 1 (MODSEQ 7)\r\n\
                    * THREAD (1 2)\r\n* THREAD\r\n";
        assert_eq!(got, want);
    }
}
