//! [`Server`]: from its options to its end.

use super::accept::{self, ForkServer, IDLE_TIME, Listener, StdioClient};
use super::control::{Control, SignalRequest, Signals};
use super::error::ServerError;
use super::event_loop::EventLoop;
use super::flusher::Flusher;
use super::login::Logins;
use super::sandbox;
use super::setup::{host_name, open_store, session_config};
use super::shared::Shared;
use super::tls::{Certificates, TlsStream};
use super::tokens::WAKER;
use super::transport::Transport;
use crate::options::{Mode, Options, RawOptions};
#[cfg(test)]
use crate::store::{FlushRequest, FlushResult};
use crate::types::AddressRange;
use mio::{Poll, Waker};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A server that has its sockets and its certificates, and does not serve yet.
pub struct Server {
    options: Options,
    logins: Logins,
    tls: Option<Certificates>,
    poll: Poll,
    role: Role,
    control: Option<Control>,
    handle: Handle,
    /// The flusher, if it is not the usual one.
    flusher: Option<Flusher>,
}

/// The clients that a server serves.
enum Role {
    /// All that connect to these sockets.
    Listen(Vec<Listener>),
    /// The same, until no client has been connected for a while.
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
    /// Says BYE to all clients and gives them some seconds to read it; then [`Server::run`]
    /// returns. A second call ends the wait.
    pub fn shut_down(&self) {
        self.stop.store(true, Ordering::Relaxed);
        // It fails only if the loop has ended, as it should.
        let _ = self.waker.wake();
    }
}

impl Server {
    /// Opens the sockets that the options ask for. Clients may connect from now on; they are
    /// answered once the server runs. Raises the process's limit of open files as far as the system
    /// allows.
    ///
    /// # Errors
    /// If the system refuses an address, or if a user or a certificate does not exist.
    pub fn bind(options: &Options) -> Result<Self, ServerError> {
        let mut logins = Logins::new(options);
        let role = match &options.mode {
            Mode::Serve { listen, listen_tls } => Role::Listen(bind_all(listen, listen_tls)?),
            Mode::Demo { listen } => Role::Listen(bind_all(listen, &[])?),
            Mode::Wait => Role::Wait(inherit_all(options)?),
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
            flusher: None,
        })
    }

    /// Flushes by this function, in the threads of the flusher.
    #[cfg(test)]
    pub(super) fn flush_with(
        &mut self,
        flush: impl Fn(&FlushRequest) -> FlushResult + Send + Sync + 'static,
    ) {
        let waker = Arc::clone(&self.handle.waker);
        self.flusher = Some(Flusher::with(waker, flush));
    }

    /// Makes the server follow signals, and notify the service manager. `SIGTERM` and `SIGINT` shut
    /// it down. `SIGHUP` makes it read `raw` again, the options it was made with; it ends a
    /// demonstration, or the service of one client, whose terminal is gone. All this concerns the
    /// whole process, so the program decides it; an embedded server has its [`Handle`].
    ///
    /// # Errors
    /// If the system refuses it.
    pub(crate) fn with_control(mut self, raw: RawOptions) -> Result<Self, ServerError> {
        let hang_up = match self.options.mode {
            Mode::Serve { .. } | Mode::Wait => SignalRequest::Reload,
            _ => SignalRequest::ShutDown,
        };
        let signals = Signals::new(hang_up).map_err(ServerError::system("listen to signals"))?;
        self.control = Some(Control::new(signals, raw));
        Ok(self)
    }

    /// Makes separate processes check the passwords, so that nothing this needs is in the memory of
    /// the server. They run the same program, whose `main` begins with [`super::run_if_helper`]. An
    /// embedded server checks passwords in threads of its own process instead. The processes are
    /// started now, while this process has all its rights, if any client of it is going to log in.
    ///
    /// # Errors
    /// If the system refuses it.
    pub(crate) fn start_auth_worker(mut self) -> Result<Self, ServerError> {
        let auth_worker = self.logins.auth_worker();
        auth_worker.use_processes();
        let takes_logins = match self.role {
            Role::Listen(_) | Role::Serve(StdioClient::Unauthenticated) => true,
            // Each session of a fork server has its own.
            Role::Wait(_) => !sandbox::needs_fork_server(&self.options),
            Role::Serve(StdioClient::Preauthenticated { .. }) => false,
        };
        if takes_logins {
            let started = auth_worker.start();
            started.map_err(ServerError::system("start the auth worker"))?;
        }
        Ok(self)
    }

    /// Gives up all rights that serving the options does not need: the process becomes the user of
    /// `--run-as`, and may open the mail and what else it needs to serve it, and nothing besides
    /// (see `sandbox`). The program calls this after everything that only root may do, such as
    /// taking a port below 1024, and before any client is served.
    ///
    /// This cannot be undone, and concerns the whole process, so the program decides it; an
    /// embedded server runs with the rights of the program that embeds it.
    ///
    /// # Errors
    /// If the process is root and `--run-as` names no user, or if the system refuses.
    pub(crate) fn enter_sandbox(mut self) -> Result<Self, ServerError> {
        let control = self.control.as_mut();
        if let Some(control) = control.filter(|_| sandbox::hides_option_file(&self.options)) {
            let started = control.start_option_reader();
            let doing = "start the process that reads the option file";
            started.map_err(ServerError::system(doing))?;
        }
        if matches!(self.options.mode, Mode::Inetd | Mode::Wait)
            && !sandbox::needs_fork_server(&self.options)
        {
            self.logins.share_counts(self.options.mode == Mode::Inetd);
        }
        let sandbox = sandbox::enter(&self.options).map_err(ServerError::Sandbox)?;
        self.logins.set_sandbox(sandbox);
        // A certificate that only root can read could not be read again when it is renewed.
        let tls = Certificates::load(&self.options.tls);
        self.tls = tls.map_err(|error| error.after_becoming(self.options.run_as.as_deref()))?;
        if let Mode::Preauth(name) = &self.options.mode {
            let known = self.logins.preauthenticated(name.as_deref());
            known.map_err(ServerError::NoUser)?;
        }
        Ok(self)
    }

    /// Returns the address of the first listener: with port 0 the system picked one. `0.0.0.0:0` if
    /// there is none.
    pub fn local_addr(&self) -> SocketAddr {
        let first = self.local_addrs().next();
        first.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)))
    }

    /// Returns the addresses of all listeners, in the order of the options.
    pub fn local_addrs(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        let listeners = match &self.role {
            Role::Listen(listeners) | Role::Wait(listeners) => listeners.as_slice(),
            Role::Serve(_) => &[],
        };
        listeners.iter().map(|listener| listener.address)
    }

    /// Returns a handle that stops the server from another thread.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Serves until the server is shut down, or until its only client has disconnected.
    ///
    /// # Errors
    /// If the system refuses something that the loop cannot do without. Nothing that a client does
    /// is an error.
    pub fn run(self) -> Result<(), ServerError> {
        let options = &self.options;
        let (role, control) = match (self.role, self.control) {
            // One event loop as root would have to be all users at once.
            (Role::Wait(listeners), Some(control)) if sandbox::is_root() => {
                return ForkServer::new(self.poll, listeners, control, options)?.run();
            }
            others => others,
        };
        let host = host_name();
        let store = open_store(options, &host);
        let shared = Shared::new(store, self.logins, self.tls, session_config(options, host));
        let stop = Arc::clone(&self.handle.stop);
        let mut event_loop = EventLoop::new(self.poll, shared, options, stop)?;
        // In a process with one client, no other waits for its flushes.
        if !matches!(role, Role::Serve(_)) {
            event_loop.use_flusher(
                self.flusher
                    .unwrap_or_else(|| Flusher::new(self.handle.waker)),
            );
        }
        if let Some(control) = control {
            event_loop.follow(control)?;
        }
        match role {
            Role::Listen(listeners) => event_loop.listen(listeners)?,
            Role::Wait(listeners) => {
                event_loop.listen(listeners)?;
                event_loop.end_when_idle(IDLE_TIME);
            }
            Role::Serve(client) => connect_stdio(&mut event_loop, client, &options.proxy_protocol)?,
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

fn inherit_all(options: &Options) -> Result<Vec<Listener>, ServerError> {
    let listeners = accept::inherited_listeners()?;
    if options.tls.is_empty() && listeners.iter().any(|listener| listener.is_tls) {
        return Err(ServerError::NoCertificate);
    }
    accept::raise_descriptor_limit();
    Ok(listeners)
}

fn connect_stdio(
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
        transport.begin_tls(TlsStream::new(certificates));
    }
    let connected = event_loop.connect_stdio(transport, session);
    connected.map(drop).map_err(refused())
}
