//! The search for strings in a text that arrives in chunks, for SEARCH TEXT, BODY and the header
//! keys.
//!
//! A string matches in any case (RFC 1176 p. 16, RFC 3501 §6.4.4): strings and texts are
//! [folded](super::casefold), and the folded text is searched. All strings of a command are
//! searched for together, and the time is linear in the text for any text and any strings.
//!
//! | file | what it contains |
//! | --- | --- |
//! | [`string_set`] | strings that are searched for together |
//! | [`found_strings`] | which of them were found |
//! | [`finder`] | the search for one string |
//! | [`tree`] | the search for many strings |

mod finder;
mod found_strings;
mod string_set;
mod tree;

pub(crate) use self::found_strings::FoundStrings;
pub(crate) use self::string_set::StringSet;
