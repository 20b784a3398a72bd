//! A user with a Maildir, two clients and other programs.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use super::action::{self, Action};
use super::client::{Client, Ended};
use super::disk::{self, Disk};
use super::faults::Faults;
use crate::budget::{Budget, Clock as _, FakeClock, STEP_TIME, STEP_UNITS};
use crate::protocol::{Dialect, Level};
use crate::session::{Peer, Session, SessionConfig, SpecialUses, Turn, WireLog};
use crate::store::{Account, Settings, Store};

/// Most turns until the sessions are at rest.
const MAX_TURNS: u32 = 300_000;

/// A directory in `TMPDIR` that is removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("imap2d-sessions-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        for part in ["cur", "new", "tmp", ".Work/cur", ".Work/new", ".Work/tmp"] {
            std::fs::create_dir_all(path.join(part)).expect("a directory");
        }
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What another program has put there may not be removable.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// All that a script acts on.
pub(super) struct World {
    scratch: Scratch,
    clock: FakeClock,
    config: Rc<SessionConfig>,
    stores: Vec<Store>,
    clients: Vec<Client>,
    /// The client that sends the next line.
    current: usize,
    units: u32,
    faults: Faults,
    disk: Disk,
    delivered: u32,
    /// The next line is sent, and the sessions do not run.
    is_queueing: bool,
}

impl World {
    /// Begins with three messages in INBOX. The lowest bit of `setup` gives each client a process
    /// of its own, the next one small steps; the others choose the dialect.
    pub(super) fn new(setup: u8) -> Self {
        let scratch = Scratch::new();
        for count in 0..3 {
            action::deliver(&scratch.0, count, count);
        }
        let dialect = match setup >> 2 & 3 {
            0 | 1 => Dialect::auto(),
            2 => Dialect::pinned(Level::Imap2bis),
            _ => Dialect::pinned(Level::Imap4),
        };
        let mut world = Self {
            disk: Disk::new(&scratch.0),
            scratch,
            clock: FakeClock::new(SystemTime::now()),
            config: Rc::new(config(dialect)),
            stores: Vec::new(),
            clients: Vec::new(),
            current: 0,
            units: if setup & 2 == 0 { STEP_UNITS } else { 1 },
            faults: Faults::default(),
            delivered: 3,
            is_queueing: false,
        };
        let has_two_processes = setup & 1 != 0;
        for number in 0..2 {
            if number == 0 || has_two_processes {
                world.add_store(number);
            }
            let store = world.stores.len() - 1;
            let client = world.connect(store);
            world.clients.push(client);
        }
        world.settle();
        world
    }

    /// Returns a client without the rest of the world.
    #[cfg(test)]
    pub(super) fn take_client(mut self) -> Client {
        self.clients.swap_remove(0)
    }

    fn root(&self) -> &Path {
        &self.scratch.0
    }

    /// Each store stands for a process. They have host names of their own, since they cannot have
    /// process numbers of their own.
    fn add_store(&mut self, number: usize) {
        let settings = Settings::new(format!("host{number}"), std::process::id());
        let store = Store::new(settings);
        store.use_flusher();
        self.stores.push(store);
    }

    fn connect(&self, store: usize) -> Client {
        let account = Account {
            root: self.root().to_owned(),
            bboards: None,
        };
        let peer = Peer {
            name: "fuzzer".to_owned(),
            may_log_in: true,
            ..Peer::default()
        };
        let config = Rc::clone(&self.config);
        let now = self.clock.now();
        let session = Session::preauthenticated(config, peer, "ann".to_owned(), account, now);
        Client::new(session, store)
    }

    /// Returns the last tagged response to the present client.
    #[cfg(test)]
    pub(super) fn last_response(&self) -> &str {
        &self.clients[self.current].last_response
    }

    /// Plays one line.
    pub(super) fn play(&mut self, line: &[u8]) {
        match Action::parse(line) {
            Some(action) => self.act(action),
            None => self.send(line),
        }
    }

    fn act(&mut self, action: Action) {
        let root = self.root().to_owned();
        match action {
            Action::Switch => self.current = 1 - self.current,
            Action::Queue => self.is_queueing = true,
            Action::Reconnect => self.reconnect(),
            Action::Units(units) => self.units = units,
            Action::Wait(seconds) => self.wait(seconds),
            Action::Deliver(number) => {
                action::deliver(&root, number, self.delivered);
                self.delivered += 1;
            }
            Action::Rename(number) => action::rename(&self.inbox(), number),
            Action::Remove(number) => action::remove(&self.inbox(), number),
            Action::ChangeUidList(number) => {
                if action::change_uid_list(&root, number) {
                    self.disk.forget_uids();
                }
            }
            Action::ReplaceFile(number) => action::replace_file(&root, number),
            Action::ToggleLock => action::toggle_lock(&root),
            Action::ToggleTmp => action::toggle_tmp(&root),
            Action::FailFlush(after) => self.faults.failing_flush = Some(after),
            Action::FullDisk(octets) => self.faults.limit_files(octets),
            Action::FewFiles(more) => self.faults.limit_descriptors(more),
        }
        self.disk.look_again();
    }

    fn inbox(&self) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = self
            .disk
            .inbox_files()
            .map(|file| file.path.clone())
            .collect();
        paths.sort();
        paths
    }

    fn reconnect(&mut self) {
        let store = self.clients[self.current].store;
        self.clients[self.current] = self.connect(store);
        self.settle();
    }

    fn wait(&mut self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        for client in &mut self.clients {
            client.session.handle_timeout(self.clock.now());
            client.session.handle_mailbox_change();
        }
        self.settle();
    }

    /// Sends a line of the present client. A client whose session has ended connects again.
    fn send(&mut self, line: &[u8]) {
        if self.clients[self.current].session.is_finished() {
            self.reconnect();
        }
        self.clients[self.current].will_send(line);
        let octets = [line, b"\r\n"].concat();
        let mut rest = &octets[..];
        while !rest.is_empty() {
            let now = self.clock.now();
            let taken = self.clients[self.current].session.handle_input(rest, now);
            rest = &rest[taken..];
            if self.is_queueing && rest.is_empty() {
                self.is_queueing = false;
                return;
            }
            self.settle();
        }
    }

    /// Runs the sessions until they are at rest, and checks what they have done.
    fn settle(&mut self) {
        let limits = self.faults.limit();
        let mut turns = 0;
        while self.run_all() {
            turns += 1;
            assert!(
                turns < MAX_TURNS,
                "the sessions do not come to rest: {}",
                self.turns()
            );
        }
        drop(limits);
        self.clients.iter().for_each(Client::check);
        let of_session = self.clients.iter().map(|client| client.session.command());
        let sent = self.clients.iter().map(|client| client.last_command);
        let commands: Vec<&str> = of_session.chain(sent).collect();
        let mut ended = Ended::default();
        for client in &mut self.clients {
            let of_client = std::mem::take(&mut client.ended);
            ended.well += of_client.well;
            ended.appends += of_client.appends;
            ended.badly += of_client.badly;
        }
        self.disk.check(&commands, ended);
    }

    fn turns(&self) -> String {
        let turn = |client: &Client| format!("{} {:?}", client.last_command, client.session.turn());
        self.clients.iter().map(turn).collect::<Vec<_>>().join(", ")
    }

    /// Gives each session a turn, and the abandoned work a step. Returns true if there was work.
    fn run_all(&mut self) -> bool {
        let mut is_active = false;
        for number in 0..self.clients.len() {
            is_active |= self.run(number);
        }
        for store in &mut self.stores {
            is_active |= self.faults.flush(store);
            if let Some(due) = store.next_clean_up(self.clock.now()) {
                let wait = due.saturating_duration_since(self.clock.now());
                self.clock.advance(wait);
                store.clean_up(&mut Budget::new(&self.clock, self.units, STEP_TIME));
                is_active = true;
            }
        }
        is_active
    }

    /// Gives a session a turn and reads its output. Returns true if it is not at rest.
    fn run(&mut self, number: usize) -> bool {
        let client = &mut self.clients[number];
        let store = &mut self.stores[client.store];
        let mut budget = Budget::new(&self.clock, self.units, STEP_TIME);
        let turn = client.session.run(store, &mut budget);
        let has_read = self.drain(number);
        match turn {
            Turn::Idle | Turn::Line | Turn::External => has_read,
            Turn::Until(time) => {
                let wait = time.saturating_duration_since(self.clock.now());
                self.clock.advance(wait.max(Duration::from_millis(1)));
                true
            }
            Turn::Runnable | Turn::OutputFull | Turn::Flush => {
                !self.clients[number].session.is_broken()
            }
        }
    }

    fn drain(&mut self, number: usize) -> bool {
        let client = &mut self.clients[number];
        let mut has_read = false;
        loop {
            let octets = client.session.poll_output().to_vec();
            if octets.is_empty() || client.session.is_broken() {
                return has_read;
            }
            client.session.consume(octets.len(), self.clock.now());
            client.receive(&octets);
            has_read = true;
        }
    }

    /// The faults are over and the sessions end. A new process must find every message.
    pub(super) fn end(mut self) {
        self.faults = Faults::default();
        action::make_whole(&self.scratch.0);
        self.disk.look_again();
        self.is_queueing = false;
        for number in 0..2 {
            self.current = number;
            self.reconnect();
        }
        self.clients.clear();
        self.settle();
        self.stores.clear();
        self.units = STEP_UNITS;
        self.add_store(2);
        let client = self.connect(0);
        self.clients.push(client);
        self.current = 0;
        self.settle();
        self.send(b"z SELECT INBOX");
        let found = self.clients[0]
            .session
            .state
            .view()
            .expect("INBOX can be selected")
            .exists();
        assert_eq!(
            found as usize,
            self.disk.inbox_files().count(),
            "messages that are found"
        );
        self.check_nothing_is_left();
    }

    /// Neither locks nor unfinished messages are left.
    fn check_nothing_is_left(&self) {
        for mailbox in disk::mailboxes(self.root()) {
            assert!(
                !mailbox.join("dovecot-uidlist.lock").exists(),
                "a lock is left"
            );
            let unfinished = std::fs::read_dir(mailbox.join("tmp")).into_iter().flatten();
            let unfinished: Vec<_> = unfinished.flatten().map(|entry| entry.path()).collect();
            assert!(unfinished.is_empty(), "{unfinished:?}");
        }
    }
}

fn config(dialect: Dialect) -> SessionConfig {
    SessionConfig {
        host: "host".to_owned(),
        dialect,
        max_message: 1 << 16,
        idle_timeout: Duration::from_secs(1800),
        special_uses: SpecialUses::default(),
        autocreate: false,
        namespace_prefix: "",
        offers_tls: false,
        wire_log: WireLog::default(),
    }
}
