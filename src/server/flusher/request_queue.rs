//! The requests that no thread has taken yet, in turns by owner.
//!
//! A user who appends to sixty mailboxes has sixty requests here, another user one. In the order of
//! their arrival, the one would wait for the sixty. So the threads take one request of each owner
//! in turn.

use std::collections::{HashMap, VecDeque};

/// Requests in turns by owner, each owner's in the order of their arrival.
#[derive(Debug)]
pub(super) struct RequestQueue<R> {
    /// The owners that have requests, each once, in the order of their turns.
    turns: VecDeque<usize>,
    by_owner: HashMap<usize, VecDeque<R>>,
    length: usize,
}

impl<R> Default for RequestQueue<R> {
    fn default() -> Self {
        Self {
            turns: VecDeque::new(),
            by_owner: HashMap::new(),
            length: 0,
        }
    }
}

impl<R> RequestQueue<R> {
    /// Returns the number of requests.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Adds a request behind those of its owner.
    pub(super) fn push(&mut self, owner: usize, request: R) {
        let requests = self.by_owner.entry(owner).or_default();
        if requests.is_empty() {
            self.turns.push_back(owner);
        }
        requests.push_back(request);
        self.length += 1;
    }

    /// Takes the first request of the owner whose turn it is.
    pub(super) fn pop(&mut self) -> Option<R> {
        let owner = self.turns.pop_front()?;
        let requests = self.by_owner.get_mut(&owner)?;
        let request = requests.pop_front()?;
        if requests.is_empty() {
            self.by_owner.remove(&owner);
        } else {
            self.turns.push_back(owner);
        }
        self.length -= 1;
        Some(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(queue: &mut RequestQueue<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn an_owner_with_many_requests_does_not_delay_another() {
        let mut queue = RequestQueue::default();
        for request in ["a1", "a2", "a3", "a4"] {
            queue.push(1, request);
        }
        assert_eq!(queue.pop(), Some("a1"));
        queue.push(2, "b1");
        queue.push(2, "b2");
        queue.push(3, "c1");
        assert_eq!(queue.len(), 6);
        assert_eq!(drain(&mut queue), ["a2", "b1", "c1", "a3", "b2", "a4"]);
        assert_eq!((queue.len(), queue.by_owner.len()), (0, 0));
        queue.push(1, "a5");
        assert_eq!(drain(&mut queue), ["a5"]);
    }
}
