//! How many clients of one network are connected and have not logged in.
//!
//! Without a limit one machine could take up all connections that there are, and nobody else could log in.

use super::network::Network;
use std::collections::HashMap;

/// Counts them.
pub(crate) struct UnauthenticatedLimit {
    limit: usize,
    by_network: HashMap<Network, usize>,
}

impl UnauthenticatedLimit {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            by_network: HashMap::new(),
        }
    }

    /// The most that one network may have.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Whoever is counted already stays.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Counts one more; false, and nothing is counted, if that is one too many.
    pub(crate) fn enter(&mut self, from: Network) -> bool {
        let count = self.by_network.entry(from).or_insert(0);
        let may_enter = *count < self.limit;
        *count += usize::from(may_enter);
        may_enter
    }

    /// One of them has logged in, or gone.
    pub(crate) fn leave(&mut self, from: Network) {
        if let Some(count) = self.by_network.get_mut(&from) {
            *count -= 1;
            if *count == 0 {
                self.by_network.remove(&from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_each_network_by_itself_and_forgets_it() {
        let mut unauthenticated = UnauthenticatedLimit::new(2);
        let [one, other] = [Network::V4([1; 4]), Network::V6([1; 8])];
        assert!(
            unauthenticated.enter(one) && unauthenticated.enter(one) && !unauthenticated.enter(one)
        );
        assert!(unauthenticated.enter(other));
        unauthenticated.leave(one);
        assert!(unauthenticated.enter(one) && !unauthenticated.enter(one));
        for network in [one, one, other] {
            unauthenticated.leave(network);
        }
        assert!(unauthenticated.by_network.is_empty());
    }
}
