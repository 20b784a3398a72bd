//! Builds the threads of a set of messages in small steps.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};

use super::dummies::Dummies;
use super::forest::{Forest, Member, ThreadEvent};
use super::links::{MAX_NODES, ReferenceLinks, UpwardWalk};
use super::sharded_map::ShardedMap;
use crate::types::memory;

/// How messages are put into threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// By base subject.
    OrderedSubject,
    /// By message identifiers, then by base subject.
    References,
}

/// What the builder has to know of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ThreadMessage<'a> {
    /// Sequence number or UID that the response shows; ascends in mailbox order.
    pub(crate) number: u32,
    /// Time of sending, in seconds since 1970.
    pub(crate) sent: i64,
    /// Base subject, case-folded, so that equal subjects have equal octets.
    pub(crate) subject: &'a [u8],
    /// True if the subject is that of an answer or a forwarded message.
    pub(crate) is_reply: bool,
    /// Message identifier.
    pub(crate) id: Option<&'a [u8]>,
    /// Message identifiers that the message refers to, its parent last.
    pub(crate) references: &'a [Vec<u8>],
}

/// What the builder keeps of a message.
#[derive(Debug)]
struct KnownMessage {
    number: u32,
    /// Hash of the base subject, or `None` if the subject is empty.
    subject: Option<u64>,
    is_reply: bool,
    /// Node of the message among the links.
    node: u32,
}

/// The linking of one message to its references.
#[derive(Debug)]
struct Linking {
    /// Hash of the identifier of the message.
    id: Option<u64>,
    /// Hashes of the references that are not linked yet, the next last.
    references: Vec<u64>,
    /// Node of the reference that was linked last.
    parent: Option<u32>,
}

/// Takes the messages of one THREAD command and makes threads of them.
#[derive(Debug)]
pub(crate) struct ThreadBuilder {
    algorithm: Algorithm,
    hasher: RandomState,
    messages: Vec<KnownMessage>,
    /// Date, number, and index among `messages`. Emptied into `order`.
    dates: BTreeSet<(i64, u32, u32)>,
    links: ReferenceLinks,
    /// The message that is being linked to its references.
    linking: Option<Linking>,
    /// The walk to the parent of the message that has its turn.
    walk: Option<UpwardWalk>,
    /// Indexes of the messages in the order of `dates`, once all messages have been added.
    order: Vec<u32>,
    /// Parent of each message, by index; `None` is the root.
    parents: Vec<Option<Member>>,
    dummies: Dummies,
    /// Members at the root, by date.
    roots: Vec<Member>,
    /// Member that stands for each subject, by the hash of the subject.
    subjects: ShardedMap<Member>,
    forest: Forest,
    stage: BuildStage,
    /// Number of steps that the current stage has taken.
    at: usize,
}

/// Stage of the work that follows once all messages have been added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BuildStage {
    Order,
    /// ORDEREDSUBJECT.
    BySubject,
    /// REFERENCES (2) and (3): parents among the messages.
    Parents,
    /// The rest of REFERENCES (3), and (4).
    Roots,
    /// REFERENCES (5) B.
    Subjects,
    /// REFERENCES (5) C.
    Merge,
    /// REFERENCES (6).
    Arrange,
    Walk,
}

impl ThreadBuilder {
    /// Returns a builder without messages.
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            hasher: RandomState::new(),
            messages: Vec::new(),
            dates: BTreeSet::new(),
            links: ReferenceLinks::default(),
            linking: None,
            walk: None,
            order: Vec::new(),
            parents: Vec::new(),
            dummies: Dummies::default(),
            roots: Vec::new(),
            subjects: ShardedMap::default(),
            forest: Forest::default(),
            stage: BuildStage::Order,
            at: 0,
        }
    }

    /// Adds a message. Callers add messages in the order of their numbers, and [`link`](Self::link)
    /// each of them.
    pub(crate) fn add(&mut self, message: &ThreadMessage<'_>) {
        if self.algorithm == Algorithm::References {
            let references = message.references.iter().rev();
            self.linking = Some(Linking {
                id: message.id.map(|id| self.hasher.hash_one(id)),
                references: references.map(|id| self.hasher.hash_one(&id[..])).collect(),
                parent: None,
            });
        }
        let index = self.messages.len() as u32;
        self.dates.insert((message.sent, message.number, index));
        let subject = Some(message.subject).filter(|subject| !subject.is_empty());
        self.messages.push(KnownMessage {
            number: message.number,
            subject: subject.map(|subject| self.hasher.hash_one(subject)),
            is_reply: message.is_reply,
            node: 0,
        });
    }

    /// Returns the octets of memory that the builder takes.
    pub(crate) fn memory(&self) -> usize {
        let linking = self.linking.as_ref();
        memory::of_list(&self.messages)
            + self.dates.len() * memory::of_tree_entry::<(i64, u32, u32), ()>()
            + self.links.memory()
            + linking.map_or(0, |linking| memory::of_list(&linking.references))
            + memory::of_list(&self.order)
            + memory::of_list(&self.parents)
            + self.dummies.memory()
            + memory::of_list(&self.roots)
            + self.subjects.memory()
            + self.forest.memory()
    }

    /// Returns true if the builder has no room for more messages.
    pub(crate) fn is_full(&self) -> bool {
        self.messages.len().max(self.links.len()) >= MAX_NODES
    }

    /// Links the message that was added last to one of its references, step (1) of REFERENCES.
    /// Returns the work that it took: the identifiers and links that were looked at. Returns `None`
    /// if the message is linked.
    pub(crate) fn link(&mut self) -> Option<usize> {
        let mut linking = self.linking.take()?;
        let Some(id) = linking.references.pop() else {
            return Some(1 + self.attach(&linking));
        };
        let mut followed = 0;
        if let Some(node) = self.links.referenced_node(id) {
            if let Some(parent) = linking.parent {
                followed = self.links.join(parent, node);
            }
            linking.parent = Some(node);
        }
        self.linking = Some(linking);
        Some(1 + followed)
    }

    /// Links the message that was added last to its parent. Returns how many links were followed.
    fn attach(&mut self, linking: &Linking) -> usize {
        let index = self.messages.len() - 1;
        let own = self.links.message_node(linking.id, index as u32);
        self.messages[index].node = own;
        self.links.attach(own, linking.parent)
    }

    /// Does one step of the work once all messages have been added and linked. Each takes about as
    /// long as looking at a few records. Passes the threads to `emit` in the order of the response.
    /// Returns true when all threads have been passed.
    pub(crate) fn step(&mut self, emit: impl FnMut(ThreadEvent)) -> bool {
        let at = self.at;
        self.at += 1;
        let is_over = match self.stage {
            BuildStage::Order => self.order_by_date(),
            BuildStage::BySubject => self.find_parent_by_subject(at),
            BuildStage::Parents => self.find_parent_by_links(at),
            BuildStage::Roots => self.find_root(at),
            BuildStage::Subjects => self.find_subject(at),
            BuildStage::Merge => self.merge(at),
            BuildStage::Arrange => self.arrange(at),
            BuildStage::Walk => return self.walk(emit),
        };
        if is_over {
            self.at = 0;
            self.stage = self.next_stage();
        }
        false
    }

    fn next_stage(&self) -> BuildStage {
        match (self.stage, self.algorithm) {
            (BuildStage::Order, Algorithm::OrderedSubject) => BuildStage::BySubject,
            (BuildStage::Order, Algorithm::References) => BuildStage::Parents,
            (BuildStage::Parents, _) => BuildStage::Roots,
            (BuildStage::Roots, _) => BuildStage::Subjects,
            (BuildStage::Subjects, _) => BuildStage::Merge,
            (BuildStage::BySubject | BuildStage::Merge, _) => BuildStage::Arrange,
            (BuildStage::Arrange | BuildStage::Walk, _) => BuildStage::Walk,
        }
    }

    fn walk(&mut self, emit: impl FnMut(ThreadEvent)) -> bool {
        let messages = &self.messages;
        let number = |index: u32| messages[index as usize].number;
        self.forest.walk(number, emit)
    }

    fn order_by_date(&mut self) -> bool {
        match self.dates.pop_first() {
            Some((_, _, index)) => self.order.push(index),
            None => self.parents = vec![None; self.messages.len()],
        }
        !self.parents.is_empty() || self.messages.is_empty()
    }

    /// Returns the message at the place `at` in the order of dates, with its index.
    fn message_by_date(&self, at: usize) -> Option<(u32, &KnownMessage)> {
        let index = *self.order.get(at)?;
        Some((index, &self.messages[index as usize]))
    }

    fn find_parent_by_subject(&mut self, at: usize) -> bool {
        let Some((index, message)) = self.message_by_date(at) else {
            return true;
        };
        // 0 stands for the empty subject. It may also be the hash of another subject, with a chance
        // of 1 in 2^64.
        let subject = message.subject.unwrap_or(0);
        match self.subjects.get(subject) {
            Some(first) => self.parents[index as usize] = Some(first),
            None => self.subjects.insert(subject, Member::Message(index)),
        }
        false
    }

    /// Does steps (2) and (3), except for the question whether the root needs the dummy. A message
    /// takes as many steps as there are links to follow.
    fn find_parent_by_links(&mut self, at: usize) -> bool {
        let Some((index, message)) = self.message_by_date(at) else {
            return true;
        };
        if self.walk.is_none() {
            self.walk = self.links.begin_walk(message.node);
        }
        let Some(walk) = &mut self.walk else {
            return false;
        };
        let Some(node) = self.links.walk(walk) else {
            // The message has the next turn too.
            self.at = at;
            return false;
        };
        self.walk = None;
        self.parents[index as usize] = Some(match self.links.message_of(node) {
            Some(message) => Member::Message(message),
            None => Member::Dummy(self.dummies.of_node(node, index)),
        });
        false
    }

    /// Does the rest of step (3), and step (4). A dummy stands at the root where its first child
    /// would.
    fn find_root(&mut self, at: usize) -> bool {
        let Some((index, _)) = self.message_by_date(at) else {
            return true;
        };
        match self.parents[index as usize] {
            Some(Member::Message(_)) => {}
            Some(Member::Dummy(dummy)) if self.dummies.get(dummy).children > 1 => {
                if self.dummies.get(dummy).first == index {
                    self.roots.push(Member::Dummy(dummy));
                }
            }
            _ => {
                self.parents[index as usize] = None;
                self.roots.push(Member::Message(index));
            }
        }
        false
    }

    /// Returns the message whose subject is that of the thread, and that subject.
    fn thread_subject(&self, member: Member) -> (&KnownMessage, Option<u64>) {
        let index = match member {
            Member::Message(index) => index,
            Member::Dummy(dummy) => self.dummies.get(dummy).first,
        };
        let message = &self.messages[index as usize];
        (message, message.subject)
    }

    /// Does step (5) B for one member at the root.
    fn find_subject(&mut self, at: usize) -> bool {
        let Some(&member) = self.roots.get(at) else {
            return true;
        };
        let (message, Some(subject)) = self.thread_subject(member) else {
            return false;
        };
        let replaces = match (self.subjects.get(subject), member) {
            (None, _) => true,
            (Some(Member::Dummy(_)), _) => false,
            (Some(Member::Message(_)), Member::Dummy(_)) => true,
            (Some(before), Member::Message(_)) => {
                self.thread_subject(before).0.is_reply && !message.is_reply
            }
        };
        if replaces {
            self.subjects.insert(subject, member);
        }
        false
    }

    /// Does step (5) C for one member at the root.
    fn merge(&mut self, at: usize) -> bool {
        let Some(&member) = self.roots.get(at) else {
            return true;
        };
        let (message, Some(subject)) = self.thread_subject(member) else {
            return false;
        };
        let same_subject = self.subjects.get(subject);
        let Some(other) = same_subject.filter(|&other| other != member) else {
            return false;
        };
        match (other, member) {
            (Member::Dummy(other), Member::Dummy(dummy)) => self.dummies.merge(dummy, other),
            // A dummy of this subject would be the member that stands for the subject.
            (Member::Message(_), Member::Dummy(_)) => {}
            (Member::Dummy(_), Member::Message(index)) => {
                self.parents[index as usize] = Some(other);
            }
            (Member::Message(before), Member::Message(index)) => {
                if message.is_reply && !self.messages[before as usize].is_reply {
                    self.parents[index as usize] = Some(other);
                    return false;
                }
                let dummy = Member::Dummy(self.dummies.add(index));
                self.parents[index as usize] = Some(dummy);
                self.parents[before as usize] = Some(dummy);
                self.subjects.insert(subject, dummy);
            }
        }
        false
    }

    /// Does step (6) for one message: appends it to its siblings, on all levels.
    fn arrange(&mut self, at: usize) -> bool {
        if at == 0 {
            self.forest
                .make_room(self.messages.len(), self.dummies.len());
        }
        let Some((index, _)) = self.message_by_date(at) else {
            self.forest.begin_walk();
            return true;
        };
        let parent = self.parents[index as usize].map(|parent| match parent {
            Member::Dummy(dummy) => Member::Dummy(self.dummies.merged(dummy)),
            Member::Message(_) => parent,
        });
        self.forest.append(index, parent);
        false
    }
}
