//! The threads of a THREAD response.

/// Writes threads as the response shows them. They are taken piece by piece, because all of them
/// may be a megabyte.
///
/// ```text
/// thread-list    = "(" (thread-members / thread-nested) ")"      RFC 5256 §5
/// thread-members = nz-number *(SP nz-number) [SP thread-nested]
/// thread-nested  = 2*thread-list
/// ```
#[derive(Debug, Default)]
pub(crate) struct ThreadList {
    text: Vec<u8>,
    /// True if a message number was written last, so that a space must follow before anything but
    /// `)`.
    is_after_number: bool,
}

impl ThreadList {
    /// Begins a thread, or one of several branches.
    pub(crate) fn begin_thread(&mut self) {
        self.space();
        self.text.push(b'(');
    }

    /// Ends the thread or branch that was begun last.
    pub(crate) fn end_thread(&mut self) {
        self.text.push(b')');
        self.is_after_number = false;
    }

    /// Writes the number of a message.
    pub(crate) fn message(&mut self, number: u32) {
        self.space();
        self.text.extend_from_slice(number.to_string().as_bytes());
        self.is_after_number = true;
    }

    /// Returns how many octets were written and not taken.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Takes what was written since the last time.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.text)
    }

    fn space(&mut self) {
        if std::mem::take(&mut self.is_after_number) {
            self.text.push(b' ');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separates_numbers_from_what_follows() {
        let mut list = ThreadList::default();
        list.begin_thread();
        list.message(3);
        list.message(6);
        for branch in [&[4, 23][..], &[44]] {
            list.begin_thread();
            branch.iter().for_each(|&number| list.message(number));
            list.end_thread();
        }
        list.end_thread();
        assert_eq!(list.take(), b"(3 6 (4 23)(44))");
    }
}
