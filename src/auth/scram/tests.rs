//! The example of RFC 7677, channel binding, and unknown users.

use data_encoding::BASE64;

use super::client_messages::ScramError;
use super::exchange::ScramOutcome;
use super::{ChannelBinding, ClientFirst, ScramKeys, keys};
use crate::auth::account::ListedAccount;
use crate::auth::claimed_user::ClaimedUser;
use crate::auth::credential::Credential;
use crate::auth::outcome::AuthOutcome;

const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
const FIRST: &[u8] = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const SERVER_FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
    s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const FINAL: &[u8] = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
    p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

fn claimed_user(field: &str) -> ClaimedUser {
    ClaimedUser {
        credential: Credential::parse(field).expect("valid"),
        listed: Some(ListedAccount {
            user: "user".into(),
            uid: Some("1".into()),
            gid: Some("1".into()),
            home: Some("/".into()),
            mail: None,
        }),
    }
}

fn keys_field(password: &[u8], salt: &str, iterations: u32) -> String {
    let salt = BASE64.decode(salt.as_bytes()).expect("base64");
    format!(
        "{{SCRAM-SHA-256}}{}",
        ScramKeys::derive(password, &salt, iterations)
    )
}

/// Returns the message of a client that knows the password, as RFC 5802 §3 describes it.
fn client_final(password: &[u8], first: &str, server_first: &str, channel: &[u8]) -> Vec<u8> {
    let bare = first.splitn(3, ',').nth(2).expect("a message");
    let header = first.strip_suffix(bare).expect("a header");
    let mut parts = server_first.split(',');
    let mut part = |name| {
        parts
            .next()
            .and_then(|part| part.strip_prefix(name))
            .expect("a part")
    };
    let (nonce, salt, iterations) = (part("r="), part("s="), part("i="));
    let salt = BASE64.decode(salt.as_bytes()).expect("base64");
    let mut salted = [0; 32];
    let iterations = iterations.parse().expect("a number");
    pbkdf2::pbkdf2_hmac::<sha2::Sha256>(password, &salt, iterations, &mut salted);
    let key = keys::hmac(&salted, &[b"Client Key"]);
    let bound = BASE64.encode(&[header.as_bytes(), channel].concat());
    let without_proof = format!("c={bound},r={nonce}");
    let message = format!("{bare},{server_first},{without_proof}");
    let signature = keys::hmac(&*keys::hash(&*key), &[message.as_bytes()]);
    let proof: Vec<u8> = key
        .iter()
        .zip(signature.iter())
        .map(|(a, b)| a ^ b)
        .collect();
    format!("{without_proof},p={}", BASE64.encode(&proof)).into_bytes()
}

fn exchange(claimed: &ClaimedUser, password: &[u8]) -> ScramOutcome {
    let first = ClientFirst::parse(FIRST, false, &[]).expect("valid");
    let server_first = first.answer(claimed, b"nonce", b"key");
    let text = std::str::from_utf8(FIRST).expect("ASCII");
    let last = client_final(password, text, &server_first, b"");
    first.finish(claimed, b"key", &server_first, &last, &[])
}

#[test]
fn the_example_of_rfc_7677_section_3() {
    let listed = claimed_user(&keys_field(b"pencil", "W22ZaJ0SNY7soEsUEjb6gQ==", 4096));
    let first = ClientFirst::parse(FIRST, false, &[]).expect("valid");
    assert_eq!((first.user(), first.nonce()), ("user", NONCE));
    let answer = first.finish(&listed, b"key", SERVER_FIRST, FINAL, &[]);
    assert!(matches!(answer.outcome, AuthOutcome::Granted(_)));
    assert_eq!(
        answer.server_final,
        "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    );
    let server_first = first.answer(&listed, b"\xff\xff\xff", b"key");
    assert_eq!(
        server_first,
        format!("r={NONCE}////,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
    );
}

#[test]
fn users_with_a_password_and_users_with_keys_can_log_in() {
    let kept = keys_field("p\u{e9}ncil".as_bytes(), "c2FsdHNhbHQ=", 100);
    for field in ["{PLAIN}p\u{e9}ncil", &kept] {
        let claimed = claimed_user(field);
        let right = exchange(&claimed, "p\u{e9}ncil".as_bytes());
        assert!(matches!(right.outcome, AuthOutcome::Granted(_)), "{field}");
        let wrong = exchange(&claimed, b"pencil");
        assert_eq!(wrong, ScramOutcome::denied("invalid-proof"));
    }
}

#[test]
fn a_client_final_message_that_does_not_match_the_exchange_is_denied() {
    let listed = claimed_user(&keys_field(b"pencil", "W22ZaJ0SNY7soEsUEjb6gQ==", 4096));
    let first = ClientFirst::parse(FIRST, false, &[]).expect("valid");
    let with = |from: &str, to: &str| {
        let last = std::str::from_utf8(FINAL).expect("ASCII").replace(from, to);
        first
            .finish(&listed, b"key", SERVER_FIRST, last.as_bytes(), &[])
            .server_final
    };
    assert!(with("x", "x").starts_with("v="));
    assert_eq!(with("c=biws", "c=eSws"), "e=channel-bindings-dont-match");
    assert_eq!(with("k0,", "k1,"), "e=other-error");
    assert_eq!(with("p=d", "p=e"), "e=invalid-proof");
    assert_eq!(with("VQ=", ""), "e=invalid-encoding");
    assert_eq!(with(",p=", ",q="), "e=invalid-encoding");
    assert_eq!(with("c=", "\u{fffd}="), "e=channel-bindings-dont-match");
    let hashed = claimed_user(
        "$6$4QMocpx8pEyktHUD$KuGPxxn9SwXBoePmnzKsUc4FRsghv39..lD.kFnOfzTtUGzB3cA2TdXwHR/Zlv/zoCreAZDBrBNdF0TjnpmB..",
    );
    let answer = first.finish(&hashed, b"key", SERVER_FIRST, FINAL, &[]);
    assert_eq!(answer.outcome, AuthOutcome::Denied);
}

#[test]
fn unknown_users_get_salts_like_known_users() {
    let decoy = |field: &str| ClaimedUser {
        listed: None,
        ..claimed_user(field)
    };
    let first = |user: &str| {
        let message = format!("n,,n={user},r=x");
        ClientFirst::parse(message.as_bytes(), false, &[]).expect("valid")
    };
    let kept = keys_field(b"pencil", "c2FsdHNhbHQ=", 100);
    for (field, salt, iterations) in [("{PLAIN}pencil", 16, "4096"), (&kept, 8, "100")] {
        let server_first = |user: &str, key: &[u8]| first(user).answer(&decoy(field), b"n", key);
        let parts: Vec<String> = server_first("ann", b"key")
            .split(',')
            .map(String::from)
            .collect();
        let octets = BASE64.decode(&parts[1].as_bytes()[2..]).expect("base64");
        assert_eq!((octets.len(), &parts[2][2..]), (salt, iterations));
        assert_eq!(
            server_first("ann", b"key"),
            server_first("ann", b"key"),
            "and tomorrow"
        );
        assert_ne!(server_first("ann", b"key"), server_first("bob", b"key"));
        assert_ne!(server_first("ann", b"key"), server_first("ann", b"other"));
        let answer = exchange(&decoy(field), b"pencil");
        assert_eq!(
            answer,
            ScramOutcome::denied("invalid-proof"),
            "though the proof is right"
        );
    }
    let real = first("ann").answer(&claimed_user("{PLAIN}pencil"), b"n", b"key");
    assert_eq!(
        real,
        first("ann").answer(&decoy("{PLAIN}other"), b"n", b"key")
    );
}

/// RFC 5802 §6.
#[test]
fn the_channel_binding_must_be_offered_and_match() {
    let exporter = ChannelBinding {
        name: "tls-exporter".into(),
        data: vec![7; 32],
    };
    let offered = [exporter.clone()];
    let parse = |text: &str, plus, channel: &[ChannelBinding]| {
        ClientFirst::parse(format!("{text},,n=user,r=x").as_bytes(), plus, channel).map(drop)
    };
    let refused = |reason| Err(ScramError(reason));
    assert_eq!(parse("n", false, &offered), Ok(()));
    assert_eq!(parse("y", false, &[]), Ok(()));
    assert_eq!(
        parse("y", false, &offered),
        refused("server-does-support-channel-binding")
    );
    assert_eq!(parse("p=tls-exporter", true, &offered), Ok(()));
    assert_eq!(
        parse("p=tls-unique", true, &offered),
        refused("unsupported-channel-binding-type")
    );
    assert_eq!(
        parse("p=tls-exporter", true, &[]),
        refused("unsupported-channel-binding-type")
    );
    for (text, plus) in [
        ("p=tls-exporter", false),
        ("n", true),
        ("y", true),
        ("", false),
        ("z", false),
    ] {
        assert_eq!(
            parse(text, plus, &offered),
            refused("invalid-encoding"),
            "{text} {plus}"
        );
    }

    let claimed = claimed_user("{PLAIN}pencil");
    let text = "p=tls-exporter,a=user,n=user,r=abc";
    let first = ClientFirst::parse(text.as_bytes(), true, &offered).expect("valid");
    let server_first = first.answer(&claimed, b"nonce", b"key");
    let last = client_final(b"pencil", text, &server_first, &exporter.data);
    let answer = first.finish(&claimed, b"key", &server_first, &last, &offered);
    assert!(matches!(answer.outcome, AuthOutcome::Granted(_)));
    let elsewhere = [ChannelBinding {
        data: vec![8; 32],
        ..exporter
    }];
    let answer = first.finish(&claimed, b"key", &server_first, &last, &elsewhere);
    assert_eq!(answer, ScramOutcome::denied("channel-bindings-dont-match"));
}

#[test]
fn malformed_first_messages_are_refused() {
    for (message, reason) in [
        (&b"n,,n=user"[..], "invalid-encoding"),
        (b"", "invalid-encoding"),
        (b"n,", "invalid-encoding"),
        (b"n,,n=user,r=", "invalid-encoding"),
        (b"n,,n=user,r=a b", "invalid-encoding"),
        (b"n,,n=user,r=\xff", "invalid-encoding"),
        (b"n,x,n=user,r=a", "invalid-encoding"),
        (b"n,,m=x,n=user,r=a", "extensions-not-supported"),
        (b"n,,n=,r=a", "invalid-username-encoding"),
        (b"n,a=other,n=user,r=a", "other-error"),
    ] {
        assert_eq!(
            ClientFirst::parse(message, false, &[]),
            Err(ScramError(reason)),
            "{message:?}"
        );
    }
}
