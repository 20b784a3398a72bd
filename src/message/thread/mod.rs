//! Threads: which message answers which (RFC 5256 §3).
//!
//! Both algorithms come down to giving each message a parent. Once that is known, all that is left is to
//! go over the messages by their dates: each is appended to the children of its parent, and so siblings
//! end up sorted, on all levels at once.
//!
//! ORDEREDSUBJECT makes the first message of a subject the parent of all others.
//!
//! REFERENCES links identifiers first, while messages are still added: step (1) of the RFC. Identifiers
//! of messages that are not there have nodes too, the *dummies*, and links lead through them. Step (3),
//! their pruning, is then a question to each message: which message is the nearest above it? If there is
//! none, it belongs to the root, or to the topmost dummy if that has other children as well. Last,
//! threads of one subject are merged (step 5); only here are new dummies made, and all dummies that are
//! left stand at the root.
//!
//! Mailboxes are large and identifiers are made by strangers, so this runs in small steps, nothing
//! recurses, identifiers and subjects are kept as keyed hashes of 64 bits, and the work on a message is
//! bounded: see `MAX_WALK` and [`MAX_NODES`].

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};

/// How far is looked for a loop before a link is made. Only a message that comes late into a thread that
/// is deeper than that can lose its link by it.
const MAX_WALK: usize = 1000;
/// Most messages and identifiers of one run; references that have no more room are not followed.
pub(crate) const MAX_NODES: usize = 1 << 20;

/// How threads are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// By subjects.
    OrderedSubject,
    /// By references, then by subjects.
    References,
}

/// What counts of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ThreadMessage<'a> {
    /// What it is called in the answer; numbers ascend in the order of the mailbox.
    pub number: u32,
    /// When it was sent, in seconds since 1970.
    pub sent: i64,
    /// Its base subject, so folded that equal ones are the same.
    pub subject: &'a [u8],
    /// Its subject is that of an answer or a forwarded message.
    pub is_reply: bool,
    /// Its identifier.
    pub id: Option<&'a [u8]>,
    /// The identifiers it refers to, its parent last.
    pub references: &'a [Vec<u8>],
}

/// What is kept of a message.
#[derive(Debug)]
struct Kept {
    number: u32,
    /// `None`: the empty one.
    subject: Option<u64>,
    is_reply: bool,
    /// Its node among the links.
    node: u32,
}

/// A member of the forest: a message, or something that holds messages together at the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Member {
    Mail(u32),
    Dummy(u32),
}

/// Takes the messages of one run, and makes threads of them.
#[derive(Debug)]
pub(crate) struct Threads {
    algorithm: Algorithm,
    hasher: RandomState,
    mails: Vec<Kept>,
    /// The messages by date, then number: with their indexes among `mails`.
    dates: BTreeSet<(i64, u32, u32)>,
    links: Links,
    /// The indexes of `dates`, once no more messages come.
    order: Vec<u32>,
    /// Of each message; `None` is the root.
    parents: Vec<Option<Member>>,
    dummies: Dummies,
    /// Members at the root, by date.
    roots: Vec<Member>,
    /// The members that stand for subjects.
    subjects: HashMap<u64, Member>,
    forest: Forest,
    stage: Stage,
    /// How far the stage is.
    at: usize,
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Order,
    /// ORDEREDSUBJECT.
    BySubject,
    /// REFERENCES (2) to (4): finding parents among the messages.
    Parents,
    Roots,
    /// REFERENCES (5) B and C.
    Subjects,
    Merge,
    /// REFERENCES (6).
    Arrange,
    Write,
}

impl Threads {
    /// Without messages.
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            hasher: RandomState::new(),
            mails: Vec::new(),
            dates: BTreeSet::new(),
            links: Links::default(),
            order: Vec::new(),
            parents: Vec::new(),
            dummies: Dummies::default(),
            roots: Vec::new(),
            subjects: HashMap::new(),
            forest: Forest::default(),
            stage: Stage::Order,
            at: 0,
        }
    }

    /// Adds a message; the one with the least number first.
    pub(crate) fn add(&mut self, mail: &ThreadMessage<'_>) {
        let node = match self.algorithm {
            Algorithm::OrderedSubject => 0,
            Algorithm::References => self.link(mail),
        };
        let index = self.mails.len() as u32;
        self.dates.insert((mail.sent, mail.number, index));
        let subject = Some(mail.subject).filter(|subject| !subject.is_empty());
        self.mails.push(Kept {
            number: mail.number,
            subject: subject.map(|subject| self.hasher.hash_one(subject)),
            is_reply: mail.is_reply,
            node,
        });
    }

    /// True if there is no room for more.
    pub(crate) fn is_full(&self) -> bool {
        self.mails.len().max(self.links.nodes.len()) >= MAX_NODES
    }

    /// Step (1) of REFERENCES.
    fn link(&mut self, mail: &ThreadMessage<'_>) -> u32 {
        let mut parent = None;
        for id in mail.references {
            let Some(node) = self.links.referred(self.hasher.hash_one(&id[..])) else {
                continue;
            };
            if let Some(parent) = parent {
                self.links.join(parent, node);
            }
            parent = Some(node);
        }
        let index = self.mails.len() as u32;
        let own = self
            .links
            .own(mail.id.map(|id| self.hasher.hash_one(id)), index);
        self.links.attach(own, parent);
        own
    }

    /// Does a little of what is to be done when all messages are added; true when it is done.
    pub(crate) fn step(&mut self) -> bool {
        let at = self.at;
        self.at += 1;
        let is_over = match self.stage {
            Stage::Order => self.order(),
            Stage::BySubject => self.by_subject(at),
            Stage::Parents => self.parent(at),
            Stage::Roots => self.root(at),
            Stage::Subjects => self.subject(at),
            Stage::Merge => self.merge(at),
            Stage::Arrange => self.arrange(at),
            Stage::Write => return self.forest.write(&self.mails),
        };
        if is_over {
            self.at = 0;
            self.stage = match (self.stage, self.algorithm) {
                (Stage::Order, Algorithm::OrderedSubject) => Stage::BySubject,
                (Stage::Order, Algorithm::References) => Stage::Parents,
                (Stage::Parents, _) => Stage::Roots,
                (Stage::Roots, _) => Stage::Subjects,
                (Stage::Subjects, _) => Stage::Merge,
                (Stage::BySubject | Stage::Merge, _) => Stage::Arrange,
                (Stage::Arrange | Stage::Write, _) => Stage::Write,
            };
            if self.stage == Stage::Write {
                self.forest.begin();
            }
        }
        false
    }

    /// The threads, when all is done.
    ///
    /// ```text
    /// thread-list    = "(" (thread-members / thread-nested) ")"      RFC 5256 §5
    /// thread-members = nz-number *(SP nz-number) [SP thread-nested]
    /// thread-nested  = 2*thread-list
    /// ```
    pub(crate) fn into_text(self) -> Vec<u8> {
        self.forest.text
    }

    fn order(&mut self) -> bool {
        match self.dates.pop_first() {
            Some((_, _, index)) => self.order.push(index),
            None => self.parents = vec![None; self.mails.len()],
        }
        !self.parents.is_empty() || self.mails.is_empty()
    }

    /// The message at that place in the order of dates, with its index.
    fn mail(&self, at: usize) -> Option<(u32, &Kept)> {
        let index = *self.order.get(at)?;
        Some((index, &self.mails[index as usize]))
    }

    fn by_subject(&mut self, at: usize) -> bool {
        let Some((index, mail)) = self.mail(at) else {
            return true;
        };
        // No hash stands for the empty subject; that 0 might be the hash of another is nothing to fear.
        let subject = mail.subject.unwrap_or(0);
        let first = *self.subjects.entry(subject).or_insert(Member::Mail(index));
        if first != Member::Mail(index) {
            self.parents[index as usize] = Some(first);
        }
        false
    }

    /// Steps (2) and (3), but for the question whether a dummy is needed at the root.
    fn parent(&mut self, at: usize) -> bool {
        let Some((index, mail)) = self.mail(at) else {
            return true;
        };
        let above = self.links.above(mail.node);
        self.parents[index as usize] =
            above.map(|node| match self.links.nodes[node as usize].mail {
                Some(mail) => Member::Mail(mail),
                None => Member::Dummy(self.dummies.of_node(node, index)),
            });
        false
    }

    /// The rest of step (3), and step (4): a dummy stands where its first child would.
    fn root(&mut self, at: usize) -> bool {
        let Some((index, _)) = self.mail(at) else {
            return true;
        };
        match self.parents[index as usize] {
            Some(Member::Mail(_)) => {}
            Some(Member::Dummy(dummy)) if self.dummies.all[dummy as usize].children > 1 => {
                if self.dummies.all[dummy as usize].first == index {
                    self.roots.push(Member::Dummy(dummy));
                }
            }
            _ => {
                self.parents[index as usize] = None;
                self.roots.push(Member::Mail(index));
            }
        }
        false
    }

    /// The message whose subject is that of the thread, and that subject.
    fn head(&self, member: Member) -> (&Kept, Option<u64>) {
        let index = match member {
            Member::Mail(index) => index,
            Member::Dummy(dummy) => self.dummies.all[dummy as usize].first,
        };
        let mail = &self.mails[index as usize];
        (mail, mail.subject)
    }

    /// Step (5) B.
    fn subject(&mut self, at: usize) -> bool {
        let Some(&member) = self.roots.get(at) else {
            return true;
        };
        let (mail, subject) = self.head(member);
        let Some(subject) = subject else {
            return false;
        };
        let replaces = match (self.subjects.get(&subject), member) {
            (None, _) => true,
            (Some(Member::Dummy(_)), _) => false,
            (Some(Member::Mail(_)), Member::Dummy(_)) => true,
            (Some(&before), Member::Mail(_)) => self.head(before).0.is_reply && !mail.is_reply,
        };
        if replaces {
            self.subjects.insert(subject, member);
        }
        false
    }

    /// Step (5) C.
    fn merge(&mut self, at: usize) -> bool {
        let Some(&member) = self.roots.get(at) else {
            return true;
        };
        let (mail, Some(subject)) = self.head(member) else {
            return false;
        };
        let Some(&other) = self
            .subjects
            .get(&subject)
            .filter(|&&other| other != member)
        else {
            return false;
        };
        match (other, member) {
            (Member::Dummy(other), Member::Dummy(dummy)) => {
                self.dummies.all[dummy as usize].merged_into = Some(other);
            }
            // If a dummy had this subject, it would be what stands for the subject.
            (Member::Mail(_), Member::Dummy(_)) => {}
            (Member::Dummy(_), Member::Mail(index)) => self.parents[index as usize] = Some(other),
            (Member::Mail(before), Member::Mail(index)) => {
                if mail.is_reply && !self.mails[before as usize].is_reply {
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

    /// Step (6), on all levels.
    fn arrange(&mut self, at: usize) -> bool {
        if at == 0 {
            let dummies = self.dummies.all.len();
            self.forest.make_room(self.mails.len(), dummies);
        }
        let Some((index, _)) = self.mail(at) else {
            return true;
        };
        let parent = match self.parents[index as usize] {
            Some(Member::Dummy(dummy)) => {
                let dummy = self.dummies.all[dummy as usize]
                    .merged_into
                    .unwrap_or(dummy);
                Some(Member::Dummy(dummy))
            }
            parent => parent,
        };
        self.forest.append(index, parent);
        false
    }
}

/// The links between identifiers.
#[derive(Debug, Default)]
struct Links {
    nodes: Vec<Node>,
    by_id: HashMap<u64, u32>,
}

#[derive(Debug, Default)]
struct Node {
    parent: Option<u32>,
    /// Something has, or had, this for its parent.
    has_children: bool,
    /// The message that has this identifier.
    mail: Option<u32>,
}

impl Links {
    fn add(&mut self, node: Node) -> u32 {
        self.nodes.push(node);
        self.nodes.len() as u32 - 1
    }

    /// The node of an identifier that is referred to.
    fn referred(&mut self, id: u64) -> Option<u32> {
        if let Some(&node) = self.by_id.get(&id) {
            return Some(node);
        }
        // Half of the room is for the messages themselves.
        if self.nodes.len() >= MAX_NODES / 2 {
            return None;
        }
        let node = self.add(Node::default());
        self.by_id.insert(id, node);
        Some(node)
    }

    /// The node of a message. An identifier belongs to the first message that has it.
    fn own(&mut self, id: Option<u64>, mail: u32) -> u32 {
        let known = id.and_then(|id| self.by_id.get(&id).copied());
        if let Some(node) = known.filter(|&node| self.nodes[node as usize].mail.is_none()) {
            self.nodes[node as usize].mail = Some(mail);
            return node;
        }
        let node = self.add(Node {
            mail: Some(mail),
            ..Node::default()
        });
        if let (Some(id), None) = (id, known) {
            self.by_id.insert(id, node);
        }
        node
    }

    /// Step (1) A: a link, unless the child has a parent or would be its own ancestor.
    fn join(&mut self, parent: u32, child: u32) {
        if self.nodes[child as usize].parent.is_none() && !self.would_loop(parent, child) {
            self.nodes[child as usize].parent = Some(parent);
            self.nodes[parent as usize].has_children = true;
        }
    }

    /// Step (1) B: the link of a message to what it answers, whatever others said of it.
    fn attach(&mut self, child: u32, parent: Option<u32>) {
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

    /// The nearest node above that has a message, or the topmost. What has been walked is made short.
    fn above(&mut self, node: u32) -> Option<u32> {
        let start = self.nodes[node as usize].parent?;
        let mut top = start;
        while let Some(above) = self.passed(top) {
            top = above;
        }
        let mut at = start;
        while let Some(above) = self.passed(at) {
            self.nodes[at as usize].parent = Some(top);
            at = above;
        }
        Some(top)
    }

    /// What is above a dummy that has something above it.
    fn passed(&self, node: u32) -> Option<u32> {
        let node = &self.nodes[node as usize];
        node.parent.filter(|_| node.mail.is_none())
    }
}

/// What holds messages together at the root.
#[derive(Debug, Default)]
struct Dummies {
    all: Vec<Dummy>,
    by_node: HashMap<u32, u32>,
}

#[derive(Debug)]
struct Dummy {
    /// The message under it that was sent first.
    first: u32,
    children: u32,
    merged_into: Option<u32>,
}

impl Dummies {
    fn add(&mut self, first: u32) -> u32 {
        self.all.push(Dummy {
            first,
            children: 0,
            merged_into: None,
        });
        self.all.len() as u32 - 1
    }

    /// The dummy of that node, for a message under it. Messages come by date.
    fn of_node(&mut self, node: u32, mail: u32) -> u32 {
        let dummy = match self.by_node.get(&node) {
            Some(&dummy) => dummy,
            None => {
                let dummy = self.add(mail);
                self.by_node.insert(node, dummy);
                dummy
            }
        };
        self.all[dummy as usize].children += 1;
        dummy
    }
}

/// The threads as they are told.
#[derive(Debug, Default)]
struct Forest {
    /// How many of the places belong to messages; dummies come behind them.
    mails: usize,
    places: Vec<Place>,
    roots: Vec<u32>,
    /// What is still to be written, the next last.
    open: Vec<Piece>,
    text: Vec<u8>,
}

/// A member's place among its siblings.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    first_child: Option<u32>,
    last_child: Option<u32>,
    next: Option<u32>,
}

/// A piece of the text.
#[derive(Debug, Clone, Copy)]
enum Piece {
    /// A thread in parentheses; `bool`: with the siblings that follow.
    Thread(u32, bool),
    /// A message that is the only child of the one before it, and all below.
    Member(u32),
    Close,
}

impl Forest {
    fn make_room(&mut self, mails: usize, dummies: usize) {
        self.mails = mails;
        self.places = vec![Place::default(); mails + dummies];
    }

    /// Appends a message to the children of its parent. The first child of a dummy brings it with it.
    fn append(&mut self, mail: u32, parent: Option<Member>) {
        let place = match parent {
            None => return self.roots.push(mail),
            Some(Member::Mail(parent)) => parent,
            Some(Member::Dummy(dummy)) => self.mails as u32 + dummy,
        };
        let last = self.places[place as usize].last_child.replace(mail);
        match last {
            Some(last) => self.places[last as usize].next = Some(mail),
            None => {
                self.places[place as usize].first_child = Some(mail);
                if place as usize >= self.mails {
                    self.roots.push(place);
                }
            }
        }
    }

    fn begin(&mut self) {
        self.roots.reverse();
    }

    /// Writes one piece; true if there are no more.
    fn write(&mut self, mails: &[Kept]) -> bool {
        let Some(piece) = self.open.pop().or_else(|| {
            let root = self.roots.pop()?;
            Some(Piece::Thread(root, false))
        }) else {
            return true;
        };
        match piece {
            Piece::Close => self.text.push(b')'),
            Piece::Thread(place, with_siblings) => {
                let next = self.places[place as usize].next.filter(|_| with_siblings);
                self.open.extend(next.map(|next| Piece::Thread(next, true)));
                self.open.push(Piece::Close);
                self.text.push(b'(');
                self.member(place, mails);
            }
            Piece::Member(place) => {
                self.text.push(b' ');
                self.member(place, mails);
            }
        }
        false
    }

    fn member(&mut self, place: u32, mails: &[Kept]) {
        let Place {
            first_child,
            last_child,
            ..
        } = self.places[place as usize];
        let mail = mails.get(place as usize);
        if let Some(mail) = mail {
            self.text
                .extend_from_slice(mail.number.to_string().as_bytes());
        }
        let Some(child) = first_child else { return };
        if mail.is_none() {
            self.open.push(Piece::Thread(child, true));
        } else if first_child == last_child {
            self.open.push(Piece::Member(child));
        } else {
            self.text.push(b' ');
            self.open.push(Piece::Thread(child, true));
        }
    }
}

#[cfg(test)]
mod tests;
