//! The parts of a hash, and the limits of what it may cost to verify.

use zeroize::Zeroizing;

/// The most memory that one login may take, in octets: four times what `doveadm pw` asks for, and
/// what the stronger presets of other programs ask for.
pub(super) const MAX_MEMORY: u64 = 256 << 20;

/// The most octets that a memory-hard function may write: more would take longer than some seconds.
pub(super) const MAX_WRITTEN: u64 = 4 << 30;

/// The longest digest of any function, in octets.
pub(super) const MAX_DIGEST: usize = 64;

/// The parts of a hash whose function has costs of the type `C`.
pub(super) struct Parts<C> {
    pub(super) costs: C,
    pub(super) salt: Box<[u8]>,
    pub(super) digest: Zeroizing<Vec<u8>>,
}

/// Why a text is not an acceptable hash; holds no part of the text.
pub(super) type Fault = &'static str;
