//! Over ssh: no listener, no password, one session that is already logged in.

use std::fs;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{LIMIT, TEXT, connect};
use crate::support::imap::Client;
use crate::support::maildir::{Maildir, message};
use crate::support::processes::Process;
use crate::support::program::{Program, run};
use crate::support::server;
use crate::support::server::free_address;
use crate::support::site::{Site, USER};

/// A host with sshd and a key for it. sshd runs as the user who runs the tests.
struct Host {
    site: Site,
    address: SocketAddr,
    ssh: Program,
    _sshd: Process,
}

impl Host {
    fn start() -> Option<Self> {
        let (ssh, sshd, keygen) = (
            Program::find("ssh")?,
            Program::find("sshd")?,
            Program::find("ssh-keygen")?,
        );
        let site = Site::new();
        site.maildir().deliver(&message("Greetings", "one", TEXT));
        for name in ["host", "key"] {
            let mut command = keygen.command();
            command
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(site.path(name));
            run(&mut command, LIMIT).success();
        }
        let address = free_address();
        let config = configuration(&site, address);
        if rustix::process::geteuid().is_root() {
            // The directory that sshd needs for its unprivileged process; on Debian it is created
            // when the service starts.
            fs::create_dir_all("/run/sshd").expect("mkdir");
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions("/run/sshd", mode).expect("chmod");
        }
        let mut command = sshd.command();
        command
            .args(["-D", "-e", "-f"])
            .arg(config)
            .stderr(Stdio::null());
        let sshd = Process::start(&mut command);
        drop(connect(address));
        Some(Self {
            site,
            address,
            ssh,
            _sshd: sshd,
        })
    }

    /// Returns the words of a command that runs the server on the host.
    fn tunnel(&self) -> Vec<String> {
        let option = |text: &str| ["-o".to_string(), text.to_string()];
        let mut words = vec![self.ssh.path().display().to_string(), "-q".into()];
        words.extend(["-F".into(), "none".into(), "-i".into()]);
        words.push(self.site.path("key").display().to_string());
        words.extend(["-p".into(), self.address.port().to_string()]);
        words.extend(option("StrictHostKeyChecking=no"));
        words.extend(option("UserKnownHostsFile=/dev/null"));
        words.extend(option("BatchMode=yes"));
        words.push(self.address.ip().to_string());
        let server = server::command(&self.site);
        words.push(server.get_program().to_string_lossy().into_owned());
        words.extend(
            server
                .get_args()
                .map(|one| one.to_string_lossy().into_owned()),
        );
        words.push(format!("--preauth={USER}"));
        words
    }
}

fn configuration(site: &Site, address: SocketAddr) -> std::path::PathBuf {
    let path = |name: &str| site.path(name).display().to_string();
    let text = format!(
        "ListenAddress {address}\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
         PidFile none\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n",
        path("host"),
        path("key.pub"),
    );
    let config = site.path("sshd_config");
    fs::write(&config, text).expect("the configuration");
    config
}

#[test]
fn a_session_runs_over_ssh() {
    let Some(host) = Host::start() else { return };
    let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    let theirs = OwnedFd::from(theirs);
    let words = host.tunnel();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stderr(Stdio::null());
    command.stdin(theirs.try_clone().expect("a descriptor"));
    let mut ssh = Process::from(command.stdout(theirs).spawn().expect("ssh"));
    drop(command);
    let mut client = Client::over(ours);
    let greeting = format!("{:?}", client.greeting());
    assert!(greeting.to_uppercase().contains("PREAUTH"), "{greeting}");
    assert_eq!(client.ok("SELECT INBOX").exists(), Some(1));
    client.ok("LOGOUT");
    assert!(ssh.end(LIMIT).success());
}

/// mbsync, with the configuration line of `contrib/ssh.md`.
#[test]
fn mbsync_runs_the_server_over_ssh() {
    let Some(mbsync) = Program::find("mbsync") else {
        return;
    };
    let Some(host) = Host::start() else { return };
    let near = Maildir::create(&host.site.home().join("near"), None);
    let far = host.site.maildir();
    near.deliver(&message("From here", "two", "Hello from here."));
    let config = mbsyncrc(&host, near.path());
    let mut command = mbsync.command();
    command.env("HOME", host.site.home()).arg("-c").arg(config);
    run(command.arg("--all"), LIMIT).success();
    for maildir in [&near, &far] {
        for text in [TEXT, "Hello from here."] {
            maildir.the(text);
        }
    }
}

fn mbsyncrc(host: &Host, near: &Path) -> std::path::PathBuf {
    let text = format!(
        "IMAPAccount a\nTunnel \"{}\"\n\nIMAPStore far\nAccount a\n\n\
         MaildirStore near\nInbox {}\n\n\
         Channel all\nFar :far:\nNear :near:\nSync All\nSyncState {}/state-\n",
        host.tunnel().join(" "),
        near.display(),
        host.site.home().display(),
    );
    host.site.write_home("mbsyncrc", &text)
}
