//! A table of connections whose keys are never valid twice.
//!
//! The poll hands back the token that a socket was registered with. A connection may be closed, and
//! its place taken by a new one, between the moment the kernel noted an event and the moment the
//! loop looks at it; so a key carries the generation of its slot, and a key of an earlier
//! generation matches no connection.

use mio::Token;

/// A key has its index in the low half of the token, its generation (from 1) in the high half.
const HALF: u32 = usize::BITS / 2;

/// The smallest key. Smaller tokens are those of listeners, signals and the like (`tokens`).
pub(super) const FIRST_KEY: usize = 1 << HALF;

/// Values by key; removing and inserting take constant time.
pub(super) struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: Vec<usize>,
}

struct Slot<T> {
    generation: usize,
    value: Option<T>,
}

impl<T> Slab<T> {
    pub(super) fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Returns the number of values.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Adds a value and returns its key.
    pub(super) fn insert(&mut self, value: T) -> Token {
        let index = self.free.pop().unwrap_or_else(|| {
            let fresh = Slot {
                generation: 1,
                value: None,
            };
            self.slots.push(fresh);
            self.slots.len() - 1
        });
        let slot = &mut self.slots[index];
        slot.value = Some(value);
        key(index, slot.generation)
    }

    /// Returns the value of a key, unless it has been removed.
    pub(super) fn get_mut(&mut self, token: Token) -> Option<&mut T> {
        self.slot(token)?.value.as_mut()
    }

    /// Removes the value of a key. The key is never valid again.
    pub(super) fn remove(&mut self, token: Token) -> Option<T> {
        let slot = self.slot(token)?;
        let value = slot.value.take()?;
        slot.generation = (slot.generation + 1).clamp(1, FIRST_KEY - 1);
        self.free.push(index(token));
        Some(value)
    }

    /// Returns the keys of all values.
    pub(super) fn keys(&self) -> Vec<Token> {
        let occupied = |(index, slot): (usize, &Slot<T>)| {
            slot.value.as_ref().map(|_| key(index, slot.generation))
        };
        self.slots.iter().enumerate().filter_map(occupied).collect()
    }

    fn slot(&mut self, token: Token) -> Option<&mut Slot<T>> {
        self.slots
            .get_mut(index(token))
            .filter(|slot| slot.generation == token.0 >> HALF)
    }
}

fn key(index: usize, generation: usize) -> Token {
    Token(generation << HALF | index)
}

fn index(token: Token) -> usize {
    token.0 & (FIRST_KEY - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_a_removed_value_never_finds_another() {
        let mut slab = Slab::new();
        let first = slab.insert("first");
        assert!(first.0 >= FIRST_KEY);
        assert_eq!(slab.remove(first), Some("first"));
        assert_eq!(slab.remove(first), None);
        let second = slab.insert("second");
        assert_eq!(index(first), index(second), "the slot is used again");
        assert_eq!(slab.get_mut(first), None);
        assert_eq!(slab.get_mut(second), Some(&mut "second"));
        assert_eq!(slab.len(), 1);
        assert_eq!(slab.keys(), [second]);
    }

    #[test]
    fn small_tokens_are_never_keys() {
        let mut slab = Slab::new();
        slab.insert(());
        assert_eq!(slab.get_mut(Token(0)), None);
        assert_eq!(slab.get_mut(Token(usize::MAX)), None);
    }
}
