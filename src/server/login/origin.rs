//! [`LoginOrigin`]: what an attempt to log in counts for.

use crate::server::accept::Network;
use crate::session::Peer;
use sha2::{Digest, Sha256};

/// The client and the user name of an attempt to log in, as far as they matter for counting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LoginOrigin {
    /// Network of the client; none if it has no address.
    network: Option<Network>,
    /// True if the client speaks for others (`--trusted-network`), or if it has no address: then
    /// its network is not counted, because unrelated users share it.
    speaks_for_others: bool,
    /// SHA-256 of the user name, in lower case: variants that some password checkers take for one
    /// user count as one. Users often type their password where the name belongs, so that the name
    /// itself is not kept.
    name: [u8; 32],
}

impl LoginOrigin {
    pub(super) fn new(peer: &Peer, name: &[u8]) -> Self {
        let name = String::from_utf8_lossy(name);
        let network = peer.address.map(Network::of);
        Self {
            network,
            speaks_for_others: peer.speaks_for_others || network.is_none(),
            name: Sha256::digest(name.trim().to_lowercase()).into(),
        }
    }

    /// Returns the network, if it is one that counts.
    pub(super) fn counted_network(&self) -> Option<Network> {
        self.network.filter(|_| !self.speaks_for_others)
    }

    /// True if the client speaks for others, or has no address.
    pub(super) fn speaks_for_others(&self) -> bool {
        self.speaks_for_others
    }

    /// Returns the hash of the name.
    pub(super) fn name(&self) -> &[u8] {
        &self.name
    }

    /// Returns the network in octets, for a hash.
    pub(super) fn network_octets(&self) -> &[u8] {
        self.network.as_ref().map_or(&[], Network::octets)
    }

    /// Returns the site, if it is one that counts.
    pub(super) fn counted_site(&self) -> Option<Network> {
        self.counted_network().and_then(Network::site)
    }

    /// True if the end of an attempt of one may matter to an attempt of the other.
    pub(super) fn is_related_to(&self, other: &Self) -> bool {
        let is_same = |ours: Option<Network>, theirs| ours.is_some() && ours == theirs;
        self.name == other.name
            || is_same(self.counted_network(), other.counted_network())
            || is_same(self.counted_site(), other.counted_site())
    }
}
