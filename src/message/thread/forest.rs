//! The finished threads, and the walk over them in the order of the response.

use crate::types::memory;

/// A member of the forest, by its index among the messages or among the dummies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Member {
    Message(u32),
    Dummy(u32),
}

/// What the walk over the threads meets next. A message that is the only child of the message
/// before it follows without a `Begin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ThreadEvent {
    /// The start of a thread, or of one of several branches.
    Begin,
    /// The number of a message.
    Message(u32),
    /// The end of the thread or branch that was begun last.
    End,
}

/// All members with their children.
#[derive(Debug, Default)]
pub(super) struct Forest {
    /// Number of the places that belong to messages; the places of the dummies follow.
    messages: usize,
    places: Vec<Place>,
    roots: Vec<u32>,
    /// What the walk has yet to visit, the next last.
    pending: Vec<Visit>,
}

/// The place of a member among its siblings.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    first_child: Option<u32>,
    last_child: Option<u32>,
    next: Option<u32>,
}

/// A step of the walk.
#[derive(Debug, Clone, Copy)]
enum Visit {
    /// A thread or branch, without the siblings of its first member.
    Thread(u32),
    /// A branch, and then its siblings.
    Branches(u32),
    /// The only child of the message before it, and all below.
    OnlyChild(u32),
    End,
}

impl Forest {
    /// Returns the octets of memory that the places and the walk take.
    pub(super) fn memory(&self) -> usize {
        memory::of_list(&self.places)
            + memory::of_list(&self.roots)
            + memory::of_list(&self.pending)
    }

    /// Makes places for so many messages and dummies.
    pub(super) fn make_room(&mut self, messages: usize, dummies: usize) {
        self.messages = messages;
        self.places = vec![Place::default(); messages + dummies];
    }

    /// Appends a message to the children of its parent. The first child of a dummy puts the dummy
    /// at the root.
    pub(super) fn append(&mut self, message: u32, parent: Option<Member>) {
        let place = match parent {
            None => return self.roots.push(message),
            Some(Member::Message(parent)) => parent,
            Some(Member::Dummy(dummy)) => self.messages as u32 + dummy,
        };
        let last = self.places[place as usize].last_child.replace(message);
        match last {
            Some(last) => self.places[last as usize].next = Some(message),
            None => {
                self.places[place as usize].first_child = Some(message);
                if place as usize >= self.messages {
                    self.roots.push(place);
                }
            }
        }
    }

    /// Prepares the walk, once all messages have been appended.
    pub(super) fn begin_walk(&mut self) {
        self.roots.reverse();
    }

    /// Does one step of the walk. Asks `number` for the number of a message. Returns true at the
    /// end.
    pub(super) fn walk(
        &mut self,
        number: impl Fn(u32) -> u32,
        mut emit: impl FnMut(ThreadEvent),
    ) -> bool {
        let pending = self.pending.pop();
        let Some(visit) = pending.or_else(|| self.roots.pop().map(Visit::Thread)) else {
            return true;
        };
        let place = match visit {
            Visit::End => {
                emit(ThreadEvent::End);
                return false;
            }
            Visit::OnlyChild(place) => place,
            Visit::Thread(place) | Visit::Branches(place) => {
                if let (Visit::Branches(_), Some(next)) = (visit, self.places[place as usize].next)
                {
                    self.pending.push(Visit::Branches(next));
                }
                self.pending.push(Visit::End);
                emit(ThreadEvent::Begin);
                place
            }
        };
        let is_message = (place as usize) < self.messages;
        if is_message {
            emit(ThreadEvent::Message(number(place)));
        }
        self.visit_children(place, is_message);
        false
    }

    fn visit_children(&mut self, place: u32, is_message: bool) {
        let place = self.places[place as usize];
        let Some(child) = place.first_child else {
            return;
        };
        let is_only_child = place.last_child == Some(child);
        self.pending.push(match is_message && is_only_child {
            true => Visit::OnlyChild(child),
            false => Visit::Branches(child),
        });
    }
}
