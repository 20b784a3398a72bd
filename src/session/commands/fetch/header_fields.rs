//! BODY[HEADER.FIELDS (...)] and BODY[HEADER.FIELDS.NOT (...)].

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::budget::COST_READ_16K;
use crate::message::{Extent, MAX_KEPT_HEADER, header, to_crlf};
use crate::session::job::Context;

/// Reads the fields of those names, or all others if `not`, of the header at `extent`. Of a header
/// longer than [`MAX_KEPT_HEADER`] only the beginning is read.
pub(super) fn read(
    file: &File,
    extent: &Extent,
    names: &[Vec<u8>],
    not: bool,
    cx: &mut Context<'_, '_>,
) -> io::Result<Vec<u8>> {
    let stored = usize::try_from(extent.stored_len()).unwrap_or(usize::MAX);
    let mut block = vec![0; stored.min(MAX_KEPT_HEADER)];
    file.read_exact_at(&mut block, extent.start)?;
    cx.budget.spend(COST_READ_16K);
    Ok(select(&block, names, not, block.len() < stored))
}

/// Selects fields. The blank line is sent whichever are selected, if the header has one (RFC 3501
/// §6.4.5). A block that was cut off in the middle of a line loses that line, and gets the blank
/// line that was not read.
fn select(block: &[u8], names: &[Vec<u8>], not: bool, is_cut: bool) -> Vec<u8> {
    let block = match memchr::memrchr(b'\n', block) {
        Some(end) if is_cut => &block[..=end],
        _ => block,
    };
    let mut fields = Vec::new();
    for range in header::select_fields(block, names, not) {
        fields.extend_from_slice(&to_crlf(&block[range]));
    }
    if is_cut {
        fields.extend_from_slice(b"\r\n");
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_with_the_blank_line_once() {
        let select = |block: &str, names: &[&str], not, is_cut| {
            let names: Vec<Vec<u8>> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
            String::from_utf8(select(block.as_bytes(), &names, not, is_cut)).expect("ASCII")
        };
        let block = "A: 1\nB: 2\n 3\nC: 4\n\n";
        assert_eq!(select(block, &["b"], false, false), "B: 2\r\n 3\r\n\r\n");
        assert_eq!(select(block, &["b"], true, false), "A: 1\r\nC: 4\r\n\r\n");
        assert_eq!(select(block, &["x"], false, false), "\r\n");
        let unended = "A: 1\nB: 2\n";
        assert_eq!(select(unended, &["a"], false, false), "A: 1\r\n");
        let cut = "A: 1\nB: 2\nA: 3";
        assert_eq!(select(cut, &["a"], false, true), "A: 1\r\n\r\n");
    }
}
