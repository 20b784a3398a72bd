//! The limit of clients of one network that are connected and have not logged in.
//!
//! Without it one host could take all connections, and no other user could log in.

use super::network::Network;
use std::collections::HashMap;

/// The number of unauthenticated clients of each network, and the limit.
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

    /// Returns the number of unauthenticated clients that one network may have.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Changes the limit. Clients that are connected stay connected.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// True if one more client of this network would be too many.
    pub(crate) fn is_reached(&self, network: Network) -> bool {
        let count = self.by_network.get(&network);
        count.is_some_and(|count| *count >= self.limit)
    }

    /// Counts one more client of a network. Returns false, and counts nothing, if the limit is
    /// reached.
    pub(crate) fn enter(&mut self, network: Network) -> bool {
        let count = self.by_network.entry(network).or_insert(0);
        let may_enter = *count < self.limit;
        *count += usize::from(may_enter);
        may_enter
    }

    /// Counts one client less: it has logged in or disconnected.
    pub(crate) fn leave(&mut self, network: Network) {
        if let Some(count) = self.by_network.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                self.by_network.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_network_is_counted_by_itself_and_forgotten_at_zero() {
        let mut limit = UnauthenticatedLimit::new(2);
        let [one, other] = [Network::V4([1; 4]), Network::V6([1; 8])];
        assert!(limit.enter(one) && !limit.is_reached(one));
        assert!(limit.enter(one) && !limit.enter(one) && limit.is_reached(one));
        assert!(limit.enter(other));
        limit.leave(one);
        assert!(limit.enter(one) && !limit.enter(one));
        for network in [one, one, other] {
            limit.leave(network);
        }
        assert!(limit.by_network.is_empty());
    }
}
