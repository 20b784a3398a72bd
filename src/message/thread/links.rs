//! The links between message identifiers: step (1) of REFERENCES.

use super::sharded_map::ShardedMap;
use crate::types::memory;
use crate::work;

/// Most links followed upwards in search of a loop, before a new link is made. Only a message that
/// comes late into a thread deeper than this can lose its link because of the limit.
pub(super) const MAX_WALK: usize = 1000;
/// Most messages and identifiers of one builder. It does not follow references for which it has no
/// room.
pub(super) const MAX_NODES: usize = 1 << 20;

/// A walk upwards from a node, one link at a time. It may be as long as there are identifiers.
#[derive(Debug)]
pub(super) struct UpwardWalk {
    /// The topmost node that was reached.
    top: u32,
    /// The next node to link to it, once it is the end.
    at: u32,
    is_found: bool,
}

/// A forest of nodes, one for each identifier and each message.
#[derive(Debug, Default)]
pub(super) struct ReferenceLinks {
    nodes: Vec<LinkNode>,
    /// Node of each identifier, by the hash of the identifier.
    by_id: ShardedMap<u32>,
}

#[derive(Debug, Default)]
struct LinkNode {
    parent: Option<u32>,
    /// True if this node is or was the parent of another.
    has_children: bool,
    /// Index of the message with this identifier.
    message: Option<u32>,
}

impl ReferenceLinks {
    /// Returns the octets of memory that the nodes take.
    pub(super) fn memory(&self) -> usize {
        memory::of_list(&self.nodes) + self.by_id.memory()
    }

    /// Returns the number of nodes.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Returns the index of the message with the identifier of that node; `None` for a dummy.
    pub(super) fn message_of(&self, node: u32) -> Option<u32> {
        self.nodes[node as usize].message
    }

    fn add(&mut self, node: LinkNode) -> u32 {
        self.nodes.push(node);
        self.nodes.len() as u32 - 1
    }

    /// Returns the node of an identifier that a message refers to, or `None` if there is no room
    /// for it.
    pub(super) fn referenced_node(&mut self, id: u64) -> Option<u32> {
        if let Some(node) = self.by_id.get(id) {
            return Some(node);
        }
        // Half of the room is reserved for the messages themselves.
        if self.nodes.len() >= MAX_NODES / 2 {
            return None;
        }
        let node = self.add(LinkNode::default());
        self.by_id.insert(id, node);
        Some(node)
    }

    /// Returns the node of a message. An identifier belongs to the first message that has it.
    pub(super) fn message_node(&mut self, id: Option<u64>, message: u32) -> u32 {
        let known = id.and_then(|id| self.by_id.get(id));
        if let Some(node) = known.filter(|&node| self.nodes[node as usize].message.is_none()) {
            self.nodes[node as usize].message = Some(message);
            return node;
        }
        let node = self.add(LinkNode {
            message: Some(message),
            ..LinkNode::default()
        });
        if let (Some(id), None) = (id, known) {
            self.by_id.insert(id, node);
        }
        node
    }

    /// Links a child to its parent, step (1) A, unless the child has a parent already or would
    /// become its own ancestor. Returns how many links were followed to find that out.
    pub(super) fn join(&mut self, parent: u32, child: u32) -> usize {
        if self.nodes[child as usize].parent.is_some() {
            return 0;
        }
        let (would_loop, followed) = self.would_loop(parent, child);
        if !would_loop {
            self.nodes[child as usize].parent = Some(parent);
            self.nodes[parent as usize].has_children = true;
        }
        followed
    }

    /// Links a message to its last reference, step (1) B. This replaces a link that other messages
    /// made. Returns how many links were followed.
    pub(super) fn attach(&mut self, child: u32, parent: Option<u32>) -> usize {
        self.nodes[child as usize].parent = None;
        parent.map_or(0, |parent| self.join(parent, child))
    }

    /// Returns whether the link would close a loop, and how many links were followed.
    fn would_loop(&self, parent: u32, child: u32) -> (bool, usize) {
        if parent == child {
            return (true, 0);
        }
        if !self.nodes[child as usize].has_children {
            return (false, 0);
        }
        let mut at = parent;
        for followed in 1..=MAX_WALK {
            work::things(1);
            match self.nodes[at as usize].parent {
                None => return (false, followed),
                Some(above) if above == child => return (true, followed),
                Some(above) => at = above,
            }
        }
        (true, MAX_WALK)
    }

    /// Begins the walk from a node to the nearest node above that has a message, or to the topmost
    /// node above. Returns `None` if there is no node above.
    pub(super) fn begin_walk(&self, node: u32) -> Option<UpwardWalk> {
        let start = self.nodes[node as usize].parent?;
        Some(UpwardWalk {
            top: start,
            at: start,
            is_found: false,
        })
    }

    /// Follows one link of a walk. Returns the node that it leads to, once the walk is over. It
    /// leads twice over all nodes on the way, and links them directly to the end, so that the next
    /// walk is short.
    pub(super) fn walk(&mut self, walk: &mut UpwardWalk) -> Option<u32> {
        work::things(1);
        if !walk.is_found {
            match self.parent_of_dummy(walk.top) {
                Some(above) => walk.top = above,
                None => walk.is_found = true,
            }
            return None;
        }
        match self.parent_of_dummy(walk.at) {
            Some(above) => {
                self.nodes[walk.at as usize].parent = Some(walk.top);
                walk.at = above;
                None
            }
            None => Some(walk.top),
        }
    }

    fn parent_of_dummy(&self, node: u32) -> Option<u32> {
        let node = &self.nodes[node as usize];
        node.parent.filter(|_| node.message.is_none())
    }
}
