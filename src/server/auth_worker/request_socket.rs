//! The worker's end of the socket, shared by its threads, and the supervisor's use of the same
//! socket.
//!
//! The threads take turns at the socket. One of them waits for a packet; when it has one it lets
//! the next thread wait, finds the reply and sends it. So no packet is read before a thread is free
//! to work on it, and the thread that gives up waiting knows whether any other is still at work.

use super::messages::WorkerMessage;
use super::packet::{self, MAX_PACKET, Octets};
use crate::server::sandbox::AllowedFiles;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The worker's end of the socket.
pub(super) struct RequestSocket<'s> {
    socket: &'s OwnedFd,
    /// Time without a request after which the worker ends; without it the worker never does.
    patience: Option<Timespec>,
    /// Files that this process can open. When others have taken their places the worker ends: the
    /// next worker can open those.
    allowed_files: Option<AllowedFiles>,
    /// Held by the thread that waits. True once there is nothing more to wait for.
    is_closed: Mutex<bool>,
    /// Requests that were taken and not replied to.
    busy: AtomicUsize,
}

impl<'s> RequestSocket<'s> {
    pub(super) fn new(
        socket: &'s OwnedFd,
        patience: Option<Duration>,
        allowed_files: Option<AllowedFiles>,
    ) -> Self {
        Self {
            socket,
            patience: patience.and_then(|patience| patience.try_into().ok()),
            allowed_files,
            is_closed: Mutex::new(false),
            busy: AtomicUsize::new(0),
        }
    }

    /// Waits for this thread's turn and for a packet. Returns `None` if no packet will come. The
    /// caller calls [`Self::done`] after it has replied.
    pub(super) fn take(&self) -> Option<Octets> {
        let mut is_closed = self
            .is_closed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if *is_closed {
            return None;
        }
        let packet = self.wait().and_then(|()| receive(self.socket));
        match packet {
            Some(packet) => {
                self.busy.fetch_add(1, Ordering::Relaxed);
                Some(packet)
            }
            None => {
                *is_closed = true;
                None
            }
        }
    }

    /// Waits for a packet. Returns `None` if none came in time and no thread is at work, or if the
    /// packet is for the next worker.
    fn wait(&self) -> Option<()> {
        loop {
            let mut sockets = [PollFd::new(self.socket, PollFlags::IN)];
            match rustix::event::poll(&mut sockets, self.patience.as_ref()) {
                Ok(0) if self.busy.load(Ordering::Relaxed) == 0 => return None,
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => {
                    let files = self.allowed_files.as_ref();
                    let is_outdated = files.is_some_and(AllowedFiles::are_outdated);
                    return (!is_outdated).then_some(());
                }
                Err(_) => return None,
            }
        }
    }

    /// Sends a message.
    pub(super) fn send(&self, message: &WorkerMessage) {
        // If the other end is closed, the next receive reports it.
        let _ = send(self.socket, message);
    }

    /// Notes that a packet of [`Self::take`] is done with.
    pub(super) fn done(&self) {
        self.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Waits until a packet can be read, and leaves it there. Returns false if none will come.
pub(super) fn has_requests(socket: &OwnedFd) -> bool {
    loop {
        match rustix::net::recv(socket, &mut [0; 1][..], RecvFlags::PEEK) {
            Ok((length, _)) => return length > 0,
            Err(Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

/// Waits for a packet and takes it. Returns `None` at the end of all packets.
fn receive(socket: &OwnedFd) -> Option<Octets> {
    loop {
        // One octet more than the longest packet shows which one is too long.
        let mut octets = Octets::new(vec![0; MAX_PACKET + 1]);
        match rustix::net::recv(socket, &mut octets[..], RecvFlags::empty()) {
            Ok((0, _)) => return None,
            Ok((length, _)) => {
                octets.truncate(length);
                return Some(octets);
            }
            Err(Errno::INTR) => {}
            Err(_) => return None,
        }
    }
}

/// Sends a message, and waits for room if there is none.
pub(super) fn send(socket: &OwnedFd, message: &WorkerMessage) -> io::Result<()> {
    let packet = packet::from_message(message);
    rustix::net::send(socket, &packet, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Discards the packets that no worker will reply to.
pub(super) fn discard(socket: &OwnedFd) {
    let mut octets = Octets::new(vec![0; MAX_PACKET + 1]);
    while rustix::net::recv(socket, &mut octets[..], RecvFlags::DONTWAIT)
        .is_ok_and(|(length, _)| length > 0)
    {}
}
