//! The hashes of `crypt(3)`, as `/etc/shadow`, `mkpasswd`, `htpasswd` and `doveadm pw` write them.
//!
//! ```text
//! hash = "$" function "$" setting "$" salt "$" digest      (details differ)
//! ```
//!
//! | begins with | function | file |
//! | --- | --- | --- |
//! | `$5$` `$6$` | SHA-256-crypt, SHA-512-crypt | `sha_crypt.rs` |
//! | `$2a$` `$2b$` `$2y$` | bcrypt | `bcrypt.rs` |
//! | `$7$` `$y$` | scrypt, yescrypt | `yescrypt.rs` |
//! | `$argon2i$` `$argon2id$` | Argon2 | `argon2.rs` |
//!
//! Each of these files parses the text of its functions and computes a digest by means of a crate
//! made for that function. The text says what a login costs, so the parsers limit memory and time:
//! a mistake in the passwd-file must not stop the server.

mod argon2;
mod bcrypt;
mod hash;
mod parts;
mod radix64;
mod sha_crypt;
mod yescrypt;

pub(super) use self::hash::Hash;

#[cfg(test)]
mod tests;
