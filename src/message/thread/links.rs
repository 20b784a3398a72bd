//! The links between message identifiers: step (1) of REFERENCES.

use std::collections::HashMap;

/// Most links followed upwards in search of a loop, before a new link is made. Only a message that
/// comes late into a thread deeper than this can lose its link because of the limit.
pub(super) const MAX_WALK: usize = 1000;
/// Most messages and identifiers of one builder. It does not follow references for which it has no
/// room.
pub(super) const MAX_NODES: usize = 1 << 20;

/// A forest of nodes, one for each identifier and each message.
#[derive(Debug, Default)]
pub(super) struct ReferenceLinks {
    nodes: Vec<LinkNode>,
    /// Node of each identifier, by the hash of the identifier.
    by_id: HashMap<u64, u32>,
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
        if let Some(&node) = self.by_id.get(&id) {
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
        let known = id.and_then(|id| self.by_id.get(&id).copied());
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
    /// become its own ancestor.
    pub(super) fn join(&mut self, parent: u32, child: u32) {
        if self.nodes[child as usize].parent.is_none() && !self.would_loop(parent, child) {
            self.nodes[child as usize].parent = Some(parent);
            self.nodes[parent as usize].has_children = true;
        }
    }

    /// Links a message to its last reference, step (1) B. This replaces a link that other messages
    /// made.
    pub(super) fn attach(&mut self, child: u32, parent: Option<u32>) {
        self.nodes[child as usize].parent = None;
        if let Some(parent) = parent {
            self.join(parent, child);
        }
    }

    fn would_loop(&self, parent: u32, child: u32) -> bool {
        if parent == child {
            return true;
        }
        if !self.nodes[child as usize].has_children {
            return false;
        }
        let mut at = parent;
        for _ in 0..MAX_WALK {
            match self.nodes[at as usize].parent {
                None => return false,
                Some(above) if above == child => return true,
                Some(above) => at = above,
            }
        }
        true
    }

    /// Returns the nearest node above that has a message, or the topmost node above. Links all
    /// nodes on the way directly to it, so that the next walk is short.
    pub(super) fn nearest_above(&mut self, node: u32) -> Option<u32> {
        let start = self.nodes[node as usize].parent?;
        let mut top = start;
        while let Some(above) = self.parent_of_dummy(top) {
            top = above;
        }
        let mut at = start;
        while let Some(above) = self.parent_of_dummy(at) {
            self.nodes[at as usize].parent = Some(top);
            at = above;
        }
        Some(top)
    }

    fn parent_of_dummy(&self, node: u32) -> Option<u32> {
        let node = &self.nodes[node as usize];
        node.parent.filter(|_| node.message.is_none())
    }
}
