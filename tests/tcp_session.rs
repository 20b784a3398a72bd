//! One whole session over TCP, from the greeting to the closed connection.

use crate::support::data::Data;
use crate::support::imap::Status;
use crate::support::maildir::message;
use crate::support::server::TestServer;
use crate::support::site::Site;
use crate::support::view::View;

#[test]
fn a_session_runs_from_greeting_to_logout() {
    let site = Site::new();
    for id in ["one", "two", "three"] {
        site.maildir().deliver(&message(id, id, "some text"));
    }
    let server = TestServer::start(&site, &[]);
    assert_eq!(
        server.connect().command("LOGIN joe wrong").status,
        Status::No
    );
    let mut client = server.login();
    let Data::Status(word, text) = client.greeting() else {
        panic!("it greets with a status")
    };
    assert_eq!(word, "OK");
    assert!(
        !text.starts_with('['),
        "old clients show {text:?} to their user"
    );
    let selected = client.ok("SELECT INBOX");
    assert_eq!(selected.exists(), Some(3));
    let mut view = View::default();
    view.follow(&selected);
    assert_eq!(client.ok("SEARCH SUBJECT t").hits(), [2, 3]);
    view.follow(&client.ok("STORE 1 +FLAGS \\Deleted"));
    view.follow(&client.ok("EXPUNGE"));
    assert_eq!(view.exists(), 2);
    let late = message("late", "late", "while the session lasts");
    view.follow(&client.append_ok("INBOX", "", &late));
    view.follow(&client.ok("NOOP"));
    assert_eq!(view.exists(), 3);
    let bye = client.ok("LOGOUT");
    assert!(
        matches!(&bye.data[..], [Data::Status(word, _)] if word == "BYE"),
        "{bye:?}"
    );
    assert!(client.is_closed());
    assert_eq!(site.maildir().the("X-Id: late").contents(), late);
    assert_eq!(site.maildir().holding("X-Id: one"), []);
}
