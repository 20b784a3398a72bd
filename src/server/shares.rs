//! Shares: the users and networks that have connections, how many each has, and whose turn it is.
//!
//! Turns go round by *owner*, and each owner's turns go round by connection. The owner of a
//! connection is the user who has logged in on it; before that, the network that it comes from. So
//! a user with fifty busy connections gets as many turns as a user with one.
//!
//! There are two rounds. A connection is *light* until it has used [`LIGHT_TIME`] since it last had
//! nothing to do, which is enough for NOOP, LOGIN, IDLE, a small FETCH or the end of an APPEND;
//! then it is *long*. The event loop lets light connections go first, and gives the long ones a
//! part of each of its turns, so that they never starve.
//!
//! Adding to a round and taking from it take constant time, however many owners there are. An owner
//! is forgotten who has no connections, and pays for nothing that one of them has left to do.

use super::accept::Network;
use super::slab::Slab;
use crate::logging::LogLimit;
use mio::Token;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Time that a connection may use, since it last had nothing to do, and still go first: five whole
/// steps.
pub(super) const LIGHT_TIME: Duration = Duration::from_millis(10);

/// Log lines of one kind about one owner in a minute.
const LINES_PER_MINUTE: u32 = 1;

/// The part of the memory of all that one owner may have: a fourth. So it takes four greedy users
/// to reach the limit of all.
const OWNERS_PER_LIMIT: usize = 4;

/// Places that an empty queue keeps. A larger one is freed: the owners that are idle would add up.
const KEPT_PLACES: usize = 16;

/// Whose share a connection uses up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    /// The user who has logged in.
    User(Rc<str>),
    /// The network of a client that has not logged in.
    Network(Network),
    /// The client on the descriptors that this process was started with.
    Stdio,
}

impl Owner {
    fn is_user(&self) -> bool {
        matches!(self, Self::User(_))
    }
}

/// Which of the two rounds a connection is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Round {
    /// The connections that go first.
    Light,
    /// Those that have used [`LIGHT_TIME`].
    Long,
}

/// The connections and turns of one owner.
struct Share {
    owner: Owner,
    connections: usize,
    /// Octets of memory that were counted for its connections.
    memory: usize,
    /// Octets of memory of what closed connections have left to do.
    left: usize,
    /// Connections that want a turn, by round.
    queues: [VecDeque<Token>; 2],
    log_limit: LogLimit,
}

/// The shares of all owners that have connections.
pub(super) struct Shares {
    table: Slab<Share>,
    by_owner: HashMap<Owner, Token>,
    /// Shares that have connections in their queue, by round, each once. A share that is gone may
    /// still be here.
    rounds: [VecDeque<Token>; 2],
    /// Connections in all queues, by round.
    queued: [usize; 2],
    users: usize,
    /// Octets of memory that were counted for all owners.
    memory: usize,
}

/// An owner who has too much memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLarge {
    /// Key of the share.
    pub(super) share: Token,
    /// Octets beyond the limit.
    pub(super) excess: usize,
    /// Whether it is too much without what closed connections have left to do: then sessions of the
    /// owner have to end, if no command can.
    pub(super) by_connections: bool,
}

impl Shares {
    pub(super) fn new() -> Self {
        Self {
            table: Slab::new(),
            by_owner: HashMap::new(),
            rounds: [VecDeque::new(), VecDeque::new()],
            queued: [0; 2],
            users: 0,
            memory: 0,
        }
    }

    /// Returns the number of users who are logged in.
    pub(super) fn users(&self) -> usize {
        self.users
    }

    /// Counts one more connection of an owner, and returns the key of the owner's share.
    pub(super) fn join(&mut self, owner: Owner) -> Token {
        if let Some(&key) = self.by_owner.get(&owner) {
            if let Some(share) = self.table.get_mut(key) {
                self.users += usize::from(share.connections == 0 && share.owner.is_user());
                share.connections += 1;
                return key;
            }
        }
        self.users += usize::from(owner.is_user());
        let key = self.table.insert(Share {
            owner: owner.clone(),
            connections: 1,
            memory: 0,
            left: 0,
            queues: [VecDeque::new(), VecDeque::new()],
            log_limit: LogLimit::new(LINES_PER_MINUTE),
        });
        self.by_owner.insert(owner, key);
        key
    }

    /// Counts one connection less. Its entry in a queue, if there is one, is handed out all the
    /// same, unless the share is gone.
    pub(super) fn leave(&mut self, key: Token) {
        let Some(share) = self.table.get_mut(key) else {
            return;
        };
        share.connections -= 1;
        if share.connections > 0 {
            return;
        }
        for round in [Round::Light, Round::Long] {
            let queue = std::mem::take(&mut share.queues[round as usize]);
            self.queued[round as usize] -= queue.len();
        }
        self.users -= usize::from(share.owner.is_user());
        self.forget_unused(key);
    }

    /// Forgets an owner without connections who pays for nothing.
    fn forget_unused(&mut self, key: Token) {
        let share = self.table.get_mut(key);
        if let Some(share) = share.filter(|share| share.connections == 0 && share.left == 0) {
            self.by_owner.remove(&share.owner);
            self.table.remove(key);
        }
    }

    /// Returns the number of connections of an owner.
    pub(super) fn connections(&mut self, owner: &Owner) -> usize {
        let key = self.by_owner.get(owner).copied();
        let share = key.and_then(|key| self.table.get_mut(key));
        share.map_or(0, |share| share.connections)
    }

    /// Returns true if a line about this owner, who has reached a limit, may be logged now.
    pub(super) fn may_log(&mut self, owner: &Owner, now: Instant) -> bool {
        let key = self.by_owner.get(owner).copied();
        let share = key.and_then(|key| self.table.get_mut(key));
        share.is_some_and(|share| share.log_limit.admit(now))
    }

    /// Returns the octets of memory that were counted for all owners.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }

    /// Counts the memory of a connection of this share as `after` octets; it was counted as
    /// `before`.
    pub(super) fn count_memory(&mut self, key: Token, before: usize, after: usize) {
        if let Some(share) = self.table.get_mut(key) {
            share.memory = share.memory - before + after;
            self.memory = self.memory - before + after;
        }
    }

    /// Counts the memory of something that a connection of this share has left to do as `after`
    /// octets; it was counted as `before`.
    pub(super) fn charge(&mut self, key: Token, before: usize, after: usize) {
        if let Some(share) = self.table.get_mut(key) {
            share.left = share.left - before + after;
            self.memory = self.memory - before + after;
            self.forget_unused(key);
        }
    }

    /// Returns the share that has too much memory: `changed`, if it has more than its part of
    /// `limit`, or the largest that has connections, if all have more than `limit`.
    pub(super) fn too_large(&mut self, changed: Option<Token>, limit: usize) -> Option<TooLarge> {
        let part = limit / OWNERS_PER_LIMIT;
        let over_part = changed.and_then(|key| self.excess(key, part));
        if over_part.is_some() || self.memory <= limit {
            return over_part;
        }
        let memory = |share: &Share| match share.connections {
            0 => 0,
            _ => share.memory + share.left,
        };
        let keys = self.table.keys().into_iter();
        let largest = keys.max_by_key(|&key| self.table.get_mut(key).map_or(0, |it| memory(it)))?;
        Some(TooLarge {
            share: largest,
            excess: self.memory - limit,
            by_connections: true,
        })
    }

    /// Returns by how much a share is beyond its part, if it is.
    fn excess(&mut self, key: Token, part: usize) -> Option<TooLarge> {
        let share = self.table.get_mut(key)?;
        let excess = (share.memory + share.left).checked_sub(part + 1)? + 1;
        Some(TooLarge {
            share: key,
            excess,
            by_connections: share.memory > part,
        })
    }

    /// Puts a connection at the end of its owner's queue.
    pub(super) fn push(&mut self, key: Token, round: Round, connection: Token) {
        let Some(share) = self.table.get_mut(key) else {
            return;
        };
        let queue = &mut share.queues[round as usize];
        if queue.is_empty() {
            self.rounds[round as usize].push_back(key);
        }
        queue.push_back(connection);
        self.queued[round as usize] += 1;
    }

    /// Returns the number of connections that want a turn.
    pub(super) fn queued(&self, round: Round) -> usize {
        self.queued[round as usize]
    }

    /// Takes the next connection of the next owner.
    pub(super) fn pop(&mut self, round: Round) -> Option<Token> {
        let ring = &mut self.rounds[round as usize];
        loop {
            let key = ring.pop_front()?;
            let Some(share) = self.table.get_mut(key) else {
                continue;
            };
            let queue = &mut share.queues[round as usize];
            let connection = queue.pop_front();
            if !queue.is_empty() {
                ring.push_back(key);
            } else if queue.capacity() > KEPT_PLACES {
                *queue = VecDeque::new();
            }
            if connection.is_some() {
                self.queued[round as usize] -= 1;
                return connection;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Round::{Light, Long};

    fn user(name: &str) -> Owner {
        Owner::User(name.into())
    }

    fn popped(shares: &mut Shares, round: Round) -> Vec<usize> {
        std::iter::from_fn(|| shares.pop(round).map(|token| token.0)).collect()
    }

    #[test]
    fn turns_go_round_by_owner_and_then_by_connection() {
        let mut shares = Shares::new();
        let (ann, bob) = (shares.join(user("ann")), shares.join(user("bob")));
        let network = shares.join(Owner::Network(Network::V4([192, 0, 2, 1])));
        for connection in 1..=4 {
            shares.push(ann, Light, Token(connection));
        }
        shares.push(bob, Light, Token(10));
        shares.push(network, Light, Token(20));
        shares.push(bob, Light, Token(11));
        assert_eq!(shares.queued(Light), 7);
        assert_eq!(popped(&mut shares, Light), [1, 10, 20, 2, 11, 3, 4]);
        assert_eq!((shares.queued(Light), shares.users()), (0, 2));
    }

    #[test]
    fn an_owner_who_comes_waits_for_one_turn_of_each_other_owner() {
        let mut shares = Shares::new();
        let (ann, bob) = (shares.join(user("ann")), shares.join(user("bob")));
        for connection in 1..=50 {
            shares.push(ann, Long, Token(connection));
        }
        assert_eq!(shares.pop(Long), Some(Token(1)));
        shares.push(bob, Long, Token(99));
        assert_eq!(shares.pop(Long), Some(Token(2)));
        assert_eq!(shares.pop(Long), Some(Token(99)));
    }

    #[test]
    fn the_two_rounds_know_nothing_of_each_other() {
        let mut shares = Shares::new();
        let ann = shares.join(user("ann"));
        shares.push(ann, Long, Token(1));
        shares.push(ann, Light, Token(2));
        assert_eq!(popped(&mut shares, Light), [2]);
        assert_eq!(popped(&mut shares, Long), [1]);
    }

    #[test]
    fn an_owner_is_forgotten_with_the_last_connection() {
        let mut shares = Shares::new();
        let ann = shares.join(user("ann"));
        assert_eq!(shares.join(user("ann")), ann);
        assert_eq!(shares.connections(&user("ann")), 2);
        shares.push(ann, Light, Token(1));
        shares.push(ann, Long, Token(2));
        shares.leave(ann);
        assert_eq!(shares.connections(&user("ann")), 1);
        shares.leave(ann);
        assert_eq!((shares.users(), shares.by_owner.len()), (0, 0));
        assert_eq!((shares.queued(Light), shares.queued(Long)), (0, 0));
        let again = shares.join(user("ann"));
        assert_ne!(again, ann);
        assert_eq!(
            shares.pop(Light),
            None,
            "the entries are gone with the share"
        );
    }

    #[test]
    fn an_owner_has_a_part_of_the_memory_and_the_largest_goes_when_all_have_too_much() {
        let mut shares = Shares::new();
        let names = ["a", "b", "c", "d", "e"];
        let keys = names.map(|name| shares.join(user(name)));
        shares.count_memory(keys[0], 0, 25);
        assert_eq!(shares.too_large(Some(keys[0]), 100), None);
        shares.count_memory(keys[0], 25, 26);
        assert_eq!(shares.too_large(Some(keys[0]), 100), too_large(keys[0], 1));
        assert_eq!(shares.too_large(Some(keys[1]), 100), None);
        shares.count_memory(keys[0], 26, 20);
        for key in &keys[1..] {
            shares.count_memory(*key, 0, 20);
        }
        assert_eq!(
            (shares.memory(), shares.too_large(Some(keys[1]), 100)),
            (100, None)
        );
        shares.count_memory(keys[3], 20, 22);
        assert_eq!(shares.too_large(Some(keys[1]), 100), too_large(keys[3], 2));
    }

    fn too_large(share: Token, excess: usize) -> Option<TooLarge> {
        Some(TooLarge {
            share,
            excess,
            by_connections: true,
        })
    }

    #[test]
    fn an_owner_pays_for_what_closed_connections_have_left_to_do() {
        let mut shares = Shares::new();
        let ann = shares.join(user("ann"));
        shares.charge(ann, 0, 30);
        shares.leave(ann);
        assert_eq!((shares.users(), shares.memory()), (0, 30));
        assert_eq!(shares.join(user("ann")), ann, "the owner is not forgotten");
        assert_eq!(shares.users(), 1);
        let found = shares.too_large(Some(ann), 100).expect("too much");
        assert_eq!((found.excess, found.by_connections), (5, false));
        shares.count_memory(ann, 0, 26);
        let found = shares.too_large(Some(ann), 100).expect("too much");
        assert_eq!((found.excess, found.by_connections), (31, true));
        shares.count_memory(ann, 26, 0);
        shares.leave(ann);
        shares.charge(ann, 30, 10);
        assert_eq!(shares.by_owner.len(), 1);
        shares.charge(ann, 10, 0);
        assert_eq!((shares.by_owner.len(), shares.memory()), (0, 0));
    }

    #[test]
    fn a_large_queue_is_freed_when_it_is_empty() {
        let mut shares = Shares::new();
        let ann = shares.join(user("ann"));
        for connection in 0..1000 {
            shares.push(ann, Light, Token(connection));
        }
        popped(&mut shares, Light);
        let share = shares.table.get_mut(ann).expect("a share");
        assert_eq!(share.queues[0].capacity(), 0);
    }
}
