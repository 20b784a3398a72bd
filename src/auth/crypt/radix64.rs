//! Octets encoded in 64 characters. `crypt(3)` has its own alphabet and begins with the least
//! significant bits; bcrypt has another alphabet and begins with the most significant ones.

use std::sync::LazyLock;

use data_encoding::{BitOrder, Encoding, Specification};

/// The alphabet of `$5$`, `$6$`, `$7$` and `$y$`.
const LETTERS: &str = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static CRYPT: LazyLock<Encoding> =
    LazyLock::new(|| encoding(LETTERS, BitOrder::LeastSignificantFirst));

/// The encoding of `$2b$`. Some programs leave random bits after the last octet of a salt.
static BCRYPT: LazyLock<Encoding> = LazyLock::new(|| {
    let symbols = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    encoding(symbols, BitOrder::MostSignificantFirst)
});

fn encoding(symbols: &str, order: BitOrder) -> Encoding {
    let mut specification = Specification::new();
    specification.symbols.push_str(symbols);
    specification.bit_order = order;
    specification.check_trailing_bits = order == BitOrder::LeastSignificantFirst;
    let encoding = specification.encoding();
    encoding.expect("64 distinct letters")
}

/// Decodes the alphabet of `crypt(3)`.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    CRYPT.decode(text.as_bytes()).ok()
}

/// Returns the value of one letter of the alphabet of `crypt(3)`.
pub(super) fn digit(letter: u8) -> Option<u32> {
    let mut digits = LETTERS.bytes().zip(0..);
    digits.find_map(|(other, digit)| (other == letter).then_some(digit))
}

/// Decodes the alphabet of bcrypt.
pub(super) fn decode_bcrypt(text: &str) -> Option<Vec<u8>> {
    BCRYPT.decode(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crypt_begins_with_the_low_bits_and_bcrypt_with_the_high_ones() {
        assert_eq!(decode("/..."), Some(vec![1, 0, 0]));
        assert_eq!(decode("zzzz"), Some(vec![0xff; 3]));
        assert_eq!(decode("z1"), Some(vec![0xff]));
        assert_eq!(decode("zz"), None, "bits are left over");
        assert_eq!(decode_bcrypt("...9"), Some(vec![0, 0, 63]));
        assert_eq!(decode_bcrypt("9A"), Some(vec![0xfc]), "bits are left over");
        assert_eq!(decode("a b."), None);
        assert_eq!(
            (digit(b'.'), digit(b'z'), digit(b'$')),
            (Some(0), Some(63), None)
        );
    }
}
