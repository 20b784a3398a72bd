//! The limit of clients of one network that are connected and have not logged in.
//!
//! Without it one host could take all connections, and no other user could log in.

use super::network::Network;
use std::collections::HashMap;

/// The number of unauthenticated clients of each network and of each site, and the limit.
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

    /// Changes the limit. Clients that are connected stay connected.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Returns the limit that is reached, by the network or its site, if one more client of this
    /// network would be too many.
    pub(crate) fn reached(&self, network: Network) -> Option<usize> {
        network.and_site().find_map(|network| {
            let limit = network.limit(self.limit);
            let count = self.by_network.get(&network).copied().unwrap_or(0);
            (count >= limit).then_some(limit)
        })
    }

    /// Counts one more client of a network.
    ///
    /// # Errors
    /// If a limit is reached, which it returns: then it counts nothing.
    pub(crate) fn enter(&mut self, network: Network) -> Result<(), usize> {
        if let Some(limit) = self.reached(network) {
            return Err(limit);
        }
        for network in network.and_site() {
            *self.by_network.entry(network).or_insert(0) += 1;
        }
        Ok(())
    }

    /// Counts one client less: it has logged in or disconnected.
    pub(crate) fn leave(&mut self, network: Network) {
        for network in network.and_site() {
            if let Some(count) = self.by_network.get_mut(&network) {
                *count -= 1;
                if *count == 0 {
                    self.by_network.remove(&network);
                }
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
        assert_eq!((limit.enter(one), limit.reached(one)), (Ok(()), None));
        assert_eq!((limit.enter(one), limit.enter(one)), (Ok(()), Err(2)));
        assert_eq!((limit.reached(one), limit.enter(other)), (Some(2), Ok(())));
        limit.leave(one);
        assert_eq!((limit.enter(one), limit.enter(one)), (Ok(()), Err(2)));
        for network in [one, one, other] {
            limit.leave(network);
        }
        assert!(limit.by_network.is_empty());
    }

    #[test]
    fn a_site_with_many_networks_is_limited_too() {
        let mut limit = UnauthenticatedLimit::new(2);
        let network = |last| Network::V6([1, 1, 1, 1, 1, 1, 1, last]);
        let entered = (0..100).filter(|&last| limit.enter(network(last)).is_ok());
        assert_eq!(entered.count(), 16);
        assert_eq!(limit.enter(network(0)), Err(16));
        assert_eq!(limit.enter(Network::V6([2; 8])), Ok(()));
        (0..16).for_each(|last| limit.leave(network(last)));
        limit.leave(Network::V6([2; 8]));
        assert!(limit.by_network.is_empty());
    }
}
