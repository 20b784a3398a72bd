//! The example of RFC 7677, the channel's side, and people who are not there.

use super::message::Malformed;
use super::*;
use crate::auth::account::Listed;
use crate::auth::credential::Credential;

const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
const FIRST: &[u8] = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const SERVER_FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
    s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const FINAL: &[u8] = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
    p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

fn candidate(field: &str) -> Candidate {
    Candidate {
        credential: Credential::parse(field).expect("valid"),
        listed: Some(Listed {
            user: "user".into(),
            uid: Some("1".into()),
            gid: Some("1".into()),
            home: Some("/".into()),
            mail: None,
        }),
    }
}

fn keys(password: &[u8], salt: &str, iterations: u32) -> String {
    let salt = BASE64.decode(salt.as_bytes()).expect("base64");
    format!(
        "{{SCRAM-SHA-256}}{}",
        Keys::derive(password, &salt, iterations)
    )
}

/// A client that knows the password, as RFC 5802 §3 describes it.
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

fn exchange(candidate: &Candidate, password: &[u8]) -> Answer {
    let first = ClientFirst::parse(FIRST, false, &[]).expect("valid");
    let server_first = first.answer(candidate, b"nonce", b"key");
    let text = std::str::from_utf8(FIRST).expect("ASCII");
    let last = client_final(password, text, &server_first, b"");
    first.finish(candidate, b"key", &server_first, &last, &[])
}

/// RFC 7677 §3.
#[test]
fn the_example() {
    let listed = candidate(&keys(b"pencil", "W22ZaJ0SNY7soEsUEjb6gQ==", 4096));
    let first = ClientFirst::parse(FIRST, false, &[]).expect("valid");
    assert_eq!((first.user(), first.nonce()), ("user", NONCE));
    let answer = first.finish(&listed, b"key", SERVER_FIRST, FINAL, &[]);
    assert!(matches!(answer.verdict, Verdict::Granted(_)));
    assert_eq!(
        answer.server_final,
        "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    );
    let told = first.answer(&listed, b"\xff\xff\xff", b"key");
    assert_eq!(
        told,
        format!("r={NONCE}////,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
    );
}

#[test]
fn both_kinds_of_users_can_log_in() {
    let kept = keys("p\u{e9}ncil".as_bytes(), "c2FsdHNhbHQ=", 100);
    for field in ["{PLAIN}p\u{e9}ncil", &kept] {
        let candidate = candidate(field);
        let right = exchange(&candidate, "p\u{e9}ncil".as_bytes());
        assert!(matches!(right.verdict, Verdict::Granted(_)), "{field}");
        let wrong = exchange(&candidate, b"pencil");
        assert_eq!(wrong, Answer::denied("invalid-proof"));
    }
}

#[test]
fn everything_that_does_not_fit_is_denied() {
    let listed = candidate(&keys(b"pencil", "W22ZaJ0SNY7soEsUEjb6gQ==", 4096));
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
    let hashed = candidate(
        "$6$4QMocpx8pEyktHUD$KuGPxxn9SwXBoePmnzKsUc4FRsghv39..lD.kFnOfzTtUGzB3cA2TdXwHR/Zlv/zoCreAZDBrBNdF0TjnpmB..",
    );
    let answer = first.finish(&hashed, b"key", SERVER_FIRST, FINAL, &[]);
    assert_eq!(answer.verdict, Verdict::Denied);
}

#[test]
fn people_who_are_not_there_look_like_others() {
    let decoy = |field: &str| Candidate {
        listed: None,
        ..candidate(field)
    };
    let first = |user: &str| {
        let message = format!("n,,n={user},r=x");
        ClientFirst::parse(message.as_bytes(), false, &[]).expect("valid")
    };
    let kept = keys(b"pencil", "c2FsdHNhbHQ=", 100);
    for (field, salt, iterations) in [("{PLAIN}pencil", 16, "4096"), (&kept, 8, "100")] {
        let told = |user: &str, key: &[u8]| first(user).answer(&decoy(field), b"n", key);
        let parts: Vec<String> = told("ann", b"key").split(',').map(String::from).collect();
        let octets = BASE64.decode(&parts[1].as_bytes()[2..]).expect("base64");
        assert_eq!((octets.len(), &parts[2][2..]), (salt, iterations));
        assert_eq!(told("ann", b"key"), told("ann", b"key"), "and tomorrow");
        assert_ne!(told("ann", b"key"), told("bob", b"key"));
        assert_ne!(told("ann", b"key"), told("ann", b"other"));
        let answer = exchange(&decoy(field), b"pencil");
        assert_eq!(
            answer,
            Answer::denied("invalid-proof"),
            "though the proof is right"
        );
    }
    let real = first("ann").answer(&candidate("{PLAIN}pencil"), b"n", b"key");
    assert_eq!(
        real,
        first("ann").answer(&decoy("{PLAIN}other"), b"n", b"key")
    );
}

/// RFC 5802 §6.
#[test]
fn channel_binding() {
    let exporter = ChannelBinding {
        name: "tls-exporter".into(),
        data: vec![7; 32],
    };
    let offered = [exporter.clone()];
    let parse = |text: &str, plus, channel: &[ChannelBinding]| {
        ClientFirst::parse(format!("{text},,n=user,r=x").as_bytes(), plus, channel).map(drop)
    };
    let refused = |reason| Err(Malformed(reason));
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

    let candidate = candidate("{PLAIN}pencil");
    let text = "p=tls-exporter,a=user,n=user,r=abc";
    let first = ClientFirst::parse(text.as_bytes(), true, &offered).expect("valid");
    let server_first = first.answer(&candidate, b"nonce", b"key");
    let last = client_final(b"pencil", text, &server_first, &exporter.data);
    let answer = first.finish(&candidate, b"key", &server_first, &last, &offered);
    assert!(matches!(answer.verdict, Verdict::Granted(_)));
    let elsewhere = [ChannelBinding {
        data: vec![8; 32],
        ..exporter
    }];
    let answer = first.finish(&candidate, b"key", &server_first, &last, &elsewhere);
    assert_eq!(answer, Answer::denied("channel-bindings-dont-match"));
}

#[test]
fn first_messages_that_are_none() {
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
            Err(Malformed(reason)),
            "{message:?}"
        );
    }
}
