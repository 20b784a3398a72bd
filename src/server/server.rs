//! The server, from its options to its end.

use super::accept::{self, ForkServer, IDLE_TIME, Listener, StdioClient};
use super::control::{Control, SignalRequest, Signals};
use super::error::ServerError;
use super::event_loop::{EventLoop, WAKER};
use super::login::Logins;
use super::sandbox;
use super::shared::Shared;
use super::tls::Certificates;
use super::transport::Transport;
use crate::options::{DialectOption, Mode, Options, RawOptions};
use crate::protocol::dialect::{Dialect, Level};
use crate::session::{SessionConfig, SpecialUses, WireLog};
use crate::store::{Settings, Store, layout};
use crate::types::AddressRange;
use mio::{Poll, Waker};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A server that has what it needs to serve, and has not begun.
pub struct Server {
    options: Options,
    logins: Logins,
    tls: Option<Certificates>,
    poll: Poll,
    role: Role,
    control: Option<Control>,
    handle: Handle,
}

enum Role {
    /// Whoever connects.
    Listen(Vec<Listener>),
    /// The same, for as long as anybody does.
    Wait(Vec<Listener>),
    /// The one on descriptors 0 and 1.
    Serve(StdioClient),
}

/// Stops a running server, from any thread.
#[derive(Debug, Clone)]
pub struct Handle {
    stop: Arc<AtomicBool>,
    waker: Arc<Waker>,
}

impl Handle {
    /// Says BYE to all clients and lets them read it for some seconds; then [`Server::run`] returns. A second
    /// call cuts the seconds short.
    pub fn shut_down(&self) {
        self.stop.store(true, Ordering::Relaxed);
        // It fails only if the loop has ended, and that is what was asked for.
        let _ = self.waker.wake();
    }
}

impl Server {
    /// Takes the sockets that the options ask for. Clients may connect from now on; they are answered once
    /// the server runs. The process's limit of open files is raised as far as the system allows.
    ///
    /// # Errors
    /// An address that cannot be listened on, or a user that does not exist.
    pub fn bind(options: &Options) -> Result<Self, ServerError> {
        let mut logins = Logins::new(options);
        let role = match &options.mode {
            Mode::Serve { listen, listen_tls } => Role::Listen(bind_all(listen, listen_tls)?),
            Mode::Demo { listen } => Role::Listen(bind_all(listen, &[])?),
            Mode::Wait => Role::Wait(adopt_all(options)?),
            Mode::Inetd => Role::Serve(StdioClient::Unauthenticated),
            Mode::Preauth(name) => {
                let known = logins.preauthenticated(name.as_deref());
                let (user, account) = known.map_err(ServerError::NoUser)?;
                Role::Serve(StdioClient::Preauthenticated { user, account })
            }
            Mode::HashPassword(_) | Mode::CheckConfig | Mode::Help | Mode::Version => {
                return Err(ServerError::NoListener);
            }
        };
        let tls = Certificates::load(&options.tls)?;
        let poll = Poll::new().map_err(ServerError::system("open a poll"))?;
        let waker =
            Waker::new(poll.registry(), WAKER).map_err(ServerError::system("make a waker"))?;
        Ok(Self {
            options: options.clone(),
            logins,
            tls,
            poll,
            role,
            control: None,
            handle: Handle {
                stop: Arc::default(),
                waker: Arc::new(waker),
            },
        })
    }

    /// From now on `SIGTERM` and `SIGINT` shut this server down. `SIGHUP` has it read again what was `said`, the
    /// options it was made with; it ends a demonstration, or the service of one client: the
    /// terminal it was for is gone. And the service manager is told how the server does. This is the
    /// whole process's business, so it is left to the program; a server that is embedded has its [`Handle`].
    ///
    /// # Errors
    /// If the system refuses it.
    pub fn with_control(mut self, said: RawOptions) -> Result<Self, ServerError> {
        let hang_up = match self.options.mode {
            Mode::Serve { .. } | Mode::Wait => SignalRequest::Reread,
            _ => SignalRequest::Stop,
        };
        let signals = Signals::new(hang_up).map_err(ServerError::system("listen to signals"))?;
        self.control = Some(Control::new(signals, said));
        Ok(self)
    }

    /// From now on passwords are checked in processes of their own, so that nothing of what that takes is in
    /// the memory of this one. They are this very program, started again: its `main` begins with
    /// [`super::run_if_asked`]. Without this, threads of this process do it. They are started now, as long as
    /// this process has all its rights, if anybody is to log in.
    ///
    /// # Errors
    /// If the system refuses it.
    pub fn start_auth_worker(mut self) -> Result<Self, ServerError> {
        let auth_worker = self.logins.auth_worker();
        auth_worker.move_apart();
        let lets_in = match self.role {
            Role::Listen(_) | Role::Serve(StdioClient::Unauthenticated) => true,
            // Root's sessions are processes of their own.
            Role::Wait(_) => !sandbox::needs_fork_server(&self.options),
            Role::Serve(StdioClient::Preauthenticated { .. }) => false,
        };
        if lets_in {
            let started = auth_worker.start();
            started.map_err(ServerError::system("start the verifier"))?;
        }
        Ok(self)
    }

    /// Makes the process what the options want it to be, and no more: the user of `--run-as`, who may open
    /// the mail and what else is needed to serve it, and nothing besides; see `sandbox`. It comes after
    /// everything that only root may do, such as taking a port below 1024, and before any client.
    ///
    /// This cannot be undone, and it is the whole process's business, so it is left to the program: a server
    /// that is embedded runs with the rights of whoever embeds it.
    ///
    /// # Errors
    /// If the process is root and was not told whom to become, or if the system refuses.
    pub fn confine(mut self) -> Result<Self, ServerError> {
        let control = self.control.as_mut();
        if let Some(control) = control.filter(|_| sandbox::will_be_closed(&self.options)) {
            let started = control.keep_reading();
            started.map_err(ServerError::system("start who reads the option file"))?;
        }
        let sandbox = sandbox::confine(&self.options).map_err(ServerError::Confine)?;
        self.logins.set_sandbox(sandbox);
        // What only root can read could not be read again when it is renewed.
        let tls = Certificates::load(&self.options.tls);
        self.tls = tls.map_err(|error| error.after_becoming(self.options.run_as.as_deref()))?;
        if let Mode::Preauth(name) = &self.options.mode {
            let known = self.logins.preauthenticated(name.as_deref());
            known.map_err(ServerError::NoUser)?;
        }
        Ok(self)
    }

    /// The address of the first listener: with port 0 the system picked one. `0.0.0.0:0` if there is none.
    pub fn local_addr(&self) -> SocketAddr {
        let first = self.local_addrs().next();
        first.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)))
    }

    /// The addresses of all listeners, in the order of the options.
    pub fn local_addrs(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        let listeners = match &self.role {
            Role::Listen(listeners) | Role::Wait(listeners) => listeners.as_slice(),
            Role::Serve(_) => &[],
        };
        listeners.iter().map(|listener| listener.address)
    }

    /// What stops the server from another thread.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Serves until it is shut down, or until its only client has gone.
    ///
    /// # Errors
    /// If the system refuses what the loop cannot do without. Nothing that a client does is an error.
    pub fn run(self) -> Result<(), ServerError> {
        let options = &self.options;
        let (role, control) = match (self.role, self.control) {
            // A loop as root would have to be all users at once.
            (Role::Wait(listeners), Some(control)) if sandbox::is_root() => {
                return ForkServer::new(self.poll, listeners, control, options)?.run();
            }
            others => others,
        };
        let host = host_name();
        let store = open_store(options, &host);
        let shared = Shared::new(store, self.logins, self.tls, session_config(options, host));
        let stop = self.handle.stop;
        let mut event_loop = EventLoop::new(self.poll, shared, options, stop)?;
        if let Some(control) = control {
            event_loop.obey(control)?;
        }
        match role {
            Role::Listen(listeners) => event_loop.listen(listeners)?,
            Role::Wait(listeners) => {
                event_loop.listen(listeners)?;
                event_loop.end_when_idle(IDLE_TIME);
            }
            Role::Serve(client) => serve(&mut event_loop, client, &options.proxy_protocol)?,
        }
        event_loop.run()
    }
}

fn bind_all(clear: &[SocketAddr], tls: &[SocketAddr]) -> Result<Vec<Listener>, ServerError> {
    if clear.is_empty() && tls.is_empty() {
        return Err(ServerError::NoListener);
    }
    accept::raise_descriptor_limit();
    let clear = clear.iter().map(|address| Listener::bind(*address, false));
    let tls = tls.iter().map(|address| Listener::bind(*address, true));
    clear.chain(tls).collect()
}

fn adopt_all(options: &Options) -> Result<Vec<Listener>, ServerError> {
    let listeners = accept::adopted_listeners()?;
    if options.tls.is_empty() && listeners.iter().any(|listener| listener.is_tls) {
        return Err(ServerError::NoCertificate);
    }
    accept::raise_descriptor_limit();
    Ok(listeners)
}

fn serve(
    event_loop: &mut EventLoop,
    client: StdioClient,
    proxies: &[AddressRange],
) -> Result<(), ServerError> {
    let refused = || ServerError::system("serve descriptors 0 and 1");
    let descriptors = accept::standard_descriptors().map_err(refused())?;
    let is_unauthenticated = matches!(client, StdioClient::Unauthenticated);
    let shared = event_loop.shared();
    let session = accept::stdio_session(client, shared, proxies).map_err(refused())?;
    let mut transport = Transport::descriptors(descriptors);
    if is_unauthenticated && accept::begins_with_tls() {
        let certificates = shared.tls.as_ref().ok_or(ServerError::NoCertificate)?;
        transport.begin_tls(certificates.link());
    }
    let connected = event_loop.connect(transport, session);
    connected.map(drop).map_err(refused())
}

pub(super) fn open_store(options: &Options, host: &str) -> Store {
    let mut store = Store::new(Settings {
        read_only: options.read_only,
        ..Settings::new(host, std::process::id())
    });
    if let Err(error) = store.start_watching() {
        log::warn!("changes by other programs are found by looking, not by being told: {error}");
    }
    store
}

/// What new sessions of a server do, after its options have changed.
pub(super) fn changed_config(options: &Options, before: &SessionConfig) -> SessionConfig {
    let fresh = session_config(options, before.host.clone());
    SessionConfig {
        offers_tls: before.offers_tls,
        ..fresh
    }
}

pub(super) fn session_config(options: &Options, host: String) -> SessionConfig {
    SessionConfig {
        host,
        dialect: match options.dialect {
            DialectOption::Auto => Dialect::auto(),
            DialectOption::Imap2 => Dialect::pinned(Level::Imap2),
            DialectOption::Imap2bis => Dialect::pinned(Level::Imap2bis),
            DialectOption::Imap4 => Dialect::pinned(Level::Imap4),
        },
        max_message: options.max_message,
        idle_timeout: options.idle_timeout,
        special_uses: special_uses(options),
        autocreate: options.create_roles,
        namespace_prefix: options.namespace_prefix,
        offers_tls: !options.tls.is_empty(),
        wire_log: WireLog::of(&options.wire_log),
    }
}

/// An operator writes a name as people read it; the tree has it in modified UTF-7.
fn special_uses(options: &Options) -> SpecialUses {
    let said = options.special_use.iter();
    let name = |name: &str| layout::name_on_disk(name.as_bytes()).map(|name| name.to_string());
    SpecialUses::new(said.map(|(used, said)| (*used, name(said).unwrap_or_default())))
}

/// The name of this machine, for the greeting and for the names of files.
fn host_name() -> String {
    let name = rustix::system::uname();
    let name = name.nodename().to_string_lossy();
    if name.is_empty() {
        "localhost".into()
    } else {
        name.into_owned()
    }
}
