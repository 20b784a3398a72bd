//! Catching a panic, so that it costs one connection and not the server.

use std::panic::{self, AssertUnwindSafe};

/// Does the work. If it panics, the error is the message of the panic.
///
/// The caller discards the state that the work was changing: it closes the connection, and the
/// store loads the mailbox anew. Other parts keep no state that a panic could break.
pub(super) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        text.or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| String::from("no message"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message() {
        assert_eq!(catch(|| 1), Ok(1));
        let number = std::hint::black_box(7);
        assert_eq!(catch(|| panic!("seven")), Err::<(), _>("seven".into()));
        assert_eq!(catch(|| panic!("{number}")), Err::<(), _>("7".into()));
    }
}
