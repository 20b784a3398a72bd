//! What a client was answered is on disk: strace shows that the server flushes each directory that
//! a command has changed before it sends the tagged response.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::support::maildir::message;
use crate::support::program::{Program, until};
use crate::support::server::{TestServer, command};
use crate::support::site::Site;

/// The system calls that change a directory, that flush, and that send a response.
const CALLS: &str = "trace=rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,link,linkat,\
                     fsync,fdatasync,syncfs,sendto,write,writev";

/// Something that the server did, in the order of the trace.
#[derive(Debug)]
enum Event {
    /// It began to change an entry of this directory.
    Changed(PathBuf),
    /// A flush of this file or directory has ended that began as the event of that number.
    Flushed(PathBuf, usize),
    /// It began to flush something.
    Begun,
    /// It sent this to a client, or wrote it into a file.
    Sent(String),
}

/// Returns a command that runs the server under strace, which writes to `trace`.
fn traced(strace: &Program, site: &Site, trace: &Path) -> Command {
    let server = command(site);
    let mut traced = Command::new(strace.path());
    // -D: the server is the child of the test.
    traced.args(["-D", "-f", "-q", "-y", "-s", "2000", "-e", CALLS, "-o"]);
    traced.arg(trace).arg("--").arg(server.get_program());
    traced.args(server.get_args());
    for (name, value) in server.get_envs() {
        traced.env(name, value.unwrap_or_default());
    }
    traced
}

/// Reads a trace: lines such as `17 fdatasync(5</mail/cur>) = 0`. A call that another thread
/// interrupts has two lines, `17 fdatasync(5</mail/cur> <unfinished ...>` and `17 <... fdatasync
/// resumed>) = 0`. Only changes below `mail` count.
fn events(trace: &str, mail: &Path) -> Vec<Event> {
    let mut events = Vec::new();
    let mut under_way = HashMap::new();
    for line in trace.lines() {
        let (thread, call) = line.split_once(' ').expect("a process ID");
        let call = call.trim_start();
        let name = call.split_once('(').map_or("", |(name, _)| name);
        match name {
            "fsync" | "fdatasync" | "syncfs" => {
                events.push(Event::Begun);
                let path = call.split(['<', '>']).nth(1).expect("the path of a file");
                under_way.insert(thread, (PathBuf::from(path), events.len()));
            }
            "sendto" | "write" | "writev" => events.push(Event::Sent(call.to_owned())),
            _ if call.contains("= -1 ") => {}
            _ => {
                // A link does not change the directory of the first path.
                let before = if name.starts_with("link") { 3 } else { 1 };
                let paths = call.split('"').skip(before).step_by(2).map(Path::new);
                let changed = paths.filter(|path| path.strip_prefix(mail).is_ok_and(counts));
                let dirs = changed.filter_map(Path::parent).map(Path::to_path_buf);
                events.extend(dirs.map(Event::Changed));
            }
        }
        let is_resumed = ["fsync resumed", "fdatasync resumed", "syncfs resumed"];
        let is_resumed = is_resumed.iter().any(|resumed| call.contains(resumed));
        let is_flush = is_resumed || name.ends_with("sync") || name == "syncfs";
        if is_flush && call.ends_with("= 0") {
            let (path, begun) = under_way.remove(thread).expect("it has begun");
            events.push(Event::Flushed(path, begun));
        }
    }
    events
}

/// True if the entry, whose path is below the mail of all users, has to be there, or gone, after a
/// power cut.
fn counts(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let is_temporary = text.contains("/tmp/") || text.ends_with(".lock") || text.ends_with(".tmp");
    // What was deleted may be found again under its other name, and is removed by the next DELETE.
    let is_trash = text.contains("..DOVECOT-TRASHED");
    !is_temporary && !is_trash && !text.contains("imap2d-")
}

/// Checks the events of one command, and returns how many directories it has changed.
fn check(what: &str, events: &[Event], first: usize) -> usize {
    let mut changed = HashMap::new();
    for (at, event) in (first..).zip(events) {
        if let Event::Changed(dir) = event {
            changed.insert(dir, at);
        }
    }
    for (&dir, &when) in &changed {
        let is_flushed = events.iter().any(|event| match event {
            Event::Flushed(path, begun) => path == dir && *begun > when,
            _ => false,
        });
        assert!(is_flushed, "{what}: {} is not flushed", dir.display());
    }
    changed.len()
}

/// Returns the number of the event in which the client gets the tagged OK of its `command`-th
/// command.
fn answer(events: &[Event], command: usize) -> usize {
    let tagged = [format!("\"a{command} OK "), format!("\\r\\na{command} OK ")];
    let is_tagged = |text: &String| tagged.iter().any(|tagged| text.contains(tagged));
    let is_answer = |event: &Event| matches!(event, Event::Sent(text) if is_tagged(text));
    let answer = events.iter().position(is_answer);
    answer.unwrap_or_else(|| panic!("command {command} is not answered"))
}

/// The number of the first command after CAPABILITY and LOGIN.
const FIRST: usize = 3;

#[test]
fn directories_are_flushed_before_the_tagged_response() {
    let Some(strace) = Program::find("strace") else {
        return;
    };
    let site = Site::new();
    let trace = site.path("trace");
    let server = TestServer::start_command(traced(&strace, &site, &trace), &site, &[]);
    let mut client = server.login_imap4();
    // Each command, and how many directories it changes at least.
    let mut commands = Vec::new();
    let text = message("one", "one", "text");
    for _ in 0..4 {
        client.append_ok("INBOX", "(\\Deleted)", &text);
        commands.push(("APPEND", 1));
    }
    for (line, least) in [
        ("CREATE a", 2),
        ("CREATE a.b", 2),
        ("SUBSCRIBE a", 1),
        ("UNSUBSCRIBE a", 1),
        ("SELECT INBOX", 0),
        ("COPY 1 a", 1),
        ("MOVE 2 a", 2),
        ("UID EXPUNGE 1", 1),
        ("EXPUNGE", 1),
        ("RENAME a c", 1),
        ("SELECT c", 0),
        ("STORE 1 +FLAGS.SILENT (\\Deleted new)", 0),
        ("CLOSE", 1),
        ("DELETE c", 1),
    ] {
        client.ok(line);
        commands.push((line, least));
    }
    client.append_ok("INBOX", "", &text);
    commands.push(("APPEND", 1));
    client.ok("RENAME INBOX old");
    commands.push(("RENAME INBOX old", 4));
    let process = format!("{} ", server.pid());
    server.stop();
    let read = || fs::read_to_string(&trace).ok();
    let is_end = |line: &str| line.starts_with(&process) && line.contains("+++ exited");
    let ended = |text: &String| text.lines().any(is_end);
    let trace = until("the end of the trace", Duration::from_secs(60), || {
        read().filter(ended)
    });
    let events = events(&trace, &site.path("mail"));
    for (number, (line, least)) in (FIRST..).zip(commands) {
        let (first, end) = (answer(&events, number - 1), answer(&events, number));
        if least > 0 {
            let changed = check(line, &events[first..end], first);
            assert!(changed >= least, "{line}: {changed} directories changed");
        }
    }
}
