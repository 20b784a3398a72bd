//! Hashes that real programs wrote, and hashes that must be refused.

use super::Hash;

const PASSWORD: &[u8] = b"correct horse";

/// From Debian 12's mkpasswd (libxcrypt 4.4.33), doveadm (Dovecot 2.3.19), htpasswd (Apache 2.4)
/// and openssl 3.0.
const MADE: &[(&str, &str)] = &[
    (
        "mkpasswd -m yescrypt",
        "$y$j9T$zxW96erkTYJRdG4ZFcVUE0$0.v7CeP2HDO8QHOXGDXqG5CVv469MsYxi0KBKft1SaA",
    ),
    (
        "mkpasswd -m scrypt",
        "$7$CU..../....04TEw5AlI2H8bkR0XOy.b1$U9mF5H07A69NLfbjnWiVhrx2hbklhur.NpSqfUzzWfB",
    ),
    (
        "mkpasswd -m bcrypt",
        "$2b$05$eOyR3tHe1gAVznwrstDJdOKk9qEWTwum9Z1L3UBtV6mGtiiW3KZWG",
    ),
    (
        "mkpasswd -m bcrypt-a",
        "$2a$05$StdE.O6TGlN8X.g1i27K6esBofXolP/8GzTTTCN7c46lyFbmpUJhi",
    ),
    (
        "mkpasswd -m sha512crypt",
        "$6$MhCz8jErhjfTwWcL$V/JMLWBFmwOHxjwF6UXzuIfuaPIbnrbW5869bw5Dbe77a34EdALcSSFr6ypfslraKFV6LtuHMkYNlxW9DHJ7R0",
    ),
    (
        "mkpasswd -m sha256crypt",
        "$5$LKtWhz./LikuleWa$9.7yZ8zUSLrVny.77iLSqBrVZ1eM4sx.bQr/Ho0Vjt7",
    ),
    (
        "doveadm pw -s CRYPT",
        "$2y$05$ljLEDHETF106WjhNPRqO1O.phlr/VahbHvJgWn76WXyjR8HF92/DW",
    ),
    (
        "doveadm pw -s SHA256-CRYPT",
        "$5$luYRO7a.SDfXA2DC$PbvitDNCSiCp3qS9JIM7vLOctPmBSqJNu4YcDXiVSM/",
    ),
    (
        "doveadm pw -s SHA512-CRYPT",
        "$6$4QMocpx8pEyktHUD$KuGPxxn9SwXBoePmnzKsUc4FRsghv39..lD.kFnOfzTtUGzB3cA2TdXwHR/Zlv/zoCreAZDBrBNdF0TjnpmB..",
    ),
    (
        "doveadm pw -s BLF-CRYPT",
        "$2y$05$.7UOZmGl3.vWi8qza43NT.FhcSHQjygiZMnoDj7.otMatPY5R0KhK",
    ),
    (
        "htpasswd -nbB",
        "$2y$05$n2hsmoJIvQscBXug4GXUn.XUNqsqpXL.9TDao.WCyCxFLtbn69Q4W",
    ),
    (
        "openssl passwd -6",
        "$6$blqGK0fddSd78KlY$JIQKJtpmJQfk5LlhALUUVvq9aQAbpaXT.tG1lWD79lI576N8E4oPCSHtdY7Co5SZm.4xbzIQwyHEQiVi8gtz1.",
    ),
    (
        "openssl passwd -5",
        "$5$s4BSdUeYd.rLmki5$9YNV6Qb87mF3V/qI47vTmtfQZpo8sYnqELBr.B45mS1",
    ),
];

/// Other costs, and passwords at the edges.
const MADE_FROM: &[(&str, &str)] = &[
    (
        "correct horse",
        "$6$rounds=1000$HmNRPfu2gLxFdNTs$ycm02P5VNjVG6.0PZZlB6.yERuCyW/kZKyTkgQwFOI7AeClNrKoGIP6WKdvvpKIvMsAaOYau6GJ7GdGKh06L/.",
    ),
    (
        "correct horse",
        "$5$rounds=1000$KIQ58pAkum1Sh4It$giIPcDO89TidBW3LmBW9WzWwrJFBxkSS1X8PeouQAUB",
    ),
    (
        "correct horse",
        "$5$rounds=77777$6wa.9oLkJ8GlzHPo$1qKeSJfFd5gAIGJqSLWj61qndR1FV2cWj6Fv71HNlE6",
    ),
    (
        "correct horse",
        "$y$j75$GO9e9GOShHmgKjUzhE2cp.$uoPpGOUsRWcYmhJFE1dYB2fw9e3Cz5Bw6P2mS86orI7",
    ),
    (
        "correct horse",
        "$y$jAT$6/F5Fa5LsX9Sq41tBWADK.$8bM1aRspmWNuCW5rdcxKR3vhnsp66LHVEOIUU5y9UL0",
    ),
    (
        "correct horse",
        "$7$BU..../....aDnVubrV1LK57n05T3y0Y/$eWUX3wWrGPBdLOIpphQcpebWeIBGHyCdYpact/H3K2.",
    ),
    (
        "p\u{e4}ssw\u{f6}rd",
        "$2b$05$KIvRqDhiwhmLLucv8LL5P.pVC.zhpTjAUPWGHBN1qDjS63R/I6zwW",
    ),
    (
        "p\u{e4}ssw\u{f6}rd",
        "$6$IIbgQ/hDnQHrGgg5$Fvh80sPMN6dF21UUBY20iwe0YVWkxwJz7RGRbJt0.5U2wb2OjuDXS8fwVv4M03tEAbNw.zDMWOP8IchngebPm0",
    ),
    (
        "p\u{e4}ssw\u{f6}rd",
        "$y$j9T$5pGAFIcaa.wshQyomXYWk1$ANDfyOGpSsow/uCwLij6sDkmRtKv1VpoqMSNB/KbvJD",
    ),
    (
        HUNDRED,
        "$2b$05$fGTK1sQMdRg3tf.fT.lqA.4X/rFpCbyIcvmdtBuJRBCtNKN.oIwoi",
    ),
    (
        HUNDRED,
        "$6$lfYrpprzGT7NP9wI$8ra04bJUHkreZgKLTSVY1duN/ds1yPS9x/2ooCXuvNEpldqcG4bfZV72/wTnbsh5JxggXVFYZz0RaoYPDjT3W1",
    ),
    (
        HUNDRED,
        "$5$PjFMFcFmTViqfFdE$xpIwpePXk9gYS7Hs9OJ6tv7/kWnIDlNjvCYntTk4NL5",
    ),
];

const HUNDRED: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
                       aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn hash(text: &str) -> Hash {
    Hash::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

#[test]
fn hashes_of_other_programs_verify() {
    for (program, text) in MADE {
        let hash = hash(text);
        assert_eq!(hash.verify(PASSWORD), Ok(true), "{program}");
        assert_eq!(hash.verify(b"correct horsf"), Ok(false), "{program}");
    }
    for (password, text) in MADE_FROM {
        assert_eq!(hash(text).verify(password.as_bytes()), Ok(true), "{text}");
    }
}

/// Each takes 64 MiB, as `doveadm pw` asks for.
#[test]
fn hashes_by_argon2_verify() {
    for text in [
        "$argon2id$v=19$m=65536,t=3,p=1$t2pYkksZvUTBNi2lEaVfCg$0nr9CCX4D9UKATQ2tZz3fQ9cz8U/pJFQWZAcBDXU6Po",
        "$argon2i$v=19$m=32768,t=4,p=1$7ctAYPZakBNG0RDWGQDepA$4M+mdwZzHYD2L+hMBEKAPSfoUzl4BFjGGH/eqXBdQk4",
    ] {
        assert_eq!(hash(text).verify(PASSWORD), Ok(true), "{text}");
        assert_eq!(hash(text).verify(b""), Ok(false), "{text}");
    }
}

#[test]
fn passwords_that_are_too_long_or_hold_a_nul_are_wrong() {
    let hash = hash(MADE[6].1);
    for password in [
        &b"correct horse\0"[..],
        b"correct horse\0x",
        b"",
        &[b'a'; 513],
    ] {
        assert_eq!(hash.verify(password), Ok(false));
    }
    let beyond = [HUNDRED.as_bytes(), b"b"].concat();
    let bcrypt = self::hash(MADE_FROM[9].1);
    assert_eq!(bcrypt.verify(&beyond), Ok(true), "bcrypt uses 72 octets");
    assert_eq!(bcrypt.verify(&beyond[..71]), Ok(false));
}

#[test]
fn hashes_of_the_same_function_and_setting_cost_the_same() {
    let like = |one: usize, other: usize| hash(MADE[one].1).costs_like(&hash(MADE[other].1));
    assert!(like(2, 3) && like(2, 6) && like(4, 8));
    assert!(!like(0, 1) && !like(4, 5));
    let slow = hash(MADE_FROM[2].1);
    assert!(!slow.costs_like(&hash(MADE[5].1)));
}

/// Typing mistakes, and hashes that would stop the server.
#[test]
fn malformed_and_too_costly_hashes_are_refused() {
    let digest = "0nr9CCX4D9UKATQ2tZz3fQ9cz8U/pJFQWZAcBDXU6Po";
    let argon2 =
        |setting: &str| format!("$argon2id$v=19${setting}$t2pYkksZvUTBNi2lEaVfCg${digest}");
    let sha =
        |rounds: &str| format!("$5${rounds}$salt$9.7yZ8zUSLrVny.77iLSqBrVZ1eM4sx.bQr/Ho0Vjt7");
    let bcrypt =
        |cost: &str| format!("$2b${cost}$eOyR3tHe1gAVznwrstDJdOKk9qEWTwum9Z1L3UBtV6mGtiiW3KZWG");
    let yescrypt = |setting: &str| {
        format!("$y${setting}$zxW96erkTYJRdG4ZFcVUE0$0.v7CeP2HDO8QHOXGDXqG5CVv469MsYxi0KBKft1SaA")
    };
    let scrypt = |setting: &str| {
        format!("$7${setting}04TEw5AlI2H8bkR0XOy.b1$U9mF5H07A69NLfbjnWiVhrx2hbklhur.NpSqfUzzWfB")
    };
    for text in [
        argon2("m=16777216,t=1,p=1"),
        argon2("m=65536,t=70,p=1"),
        argon2("m=65536,t=4294967295,p=1"),
        argon2("m=65536,t=3,p=17"),
        argon2("m=65536,t=3,p=0"),
        argon2("m=65536,t=0,p=1"),
        argon2("m=7,t=1,p=1"),
        argon2("m=65536,t=3"),
        argon2("m=65536,t=3,p=1,x=1"),
        argon2("m=65536,p=1,t=3"),
        argon2("m=65536,t=3,p=1").replace("v=19", "v=18"),
        argon2("m=65536,t=3,p=1").replace("6Po", "6P"),
        argon2("m=65536,t=3,p=1").replace("t2pYkksZvUTBNi2lEaVfCg", "t2pYkks"),
        argon2("m=65536,t=3,p=1").replace("argon2id", "argon2d"),
        sha("rounds=5000001"),
        sha("rounds=999"),
        sha("rounds=-1"),
        sha("rounds=99999999999999999999"),
        sha("rounds=1000").replace("salt", "seventeen letters"),
        sha("rounds=1000").replace("jt7", "jt"),
        sha("rounds=1000").replace("jt7", "jtz"),
        bcrypt("17"),
        bcrypt("31"),
        bcrypt("03"),
        bcrypt("5"),
        bcrypt("05").replace("ZWG", "ZW"),
        bcrypt("05").replace("eOy", "\u{e9}O\u{e9}"),
        yescrypt("jHT"),
        yescrypt("j9T").replace("SaA", "Sa"),
        yescrypt("j9"),
        yescrypt("jzz"),
        yescrypt("jzzzzzzzzzz"),
        yescrypt("j9T.U"),
        yescrypt("j9T/3"),
        yescrypt("/9T"),
        yescrypt(""),
        scrypt("JU..../...."),
        scrypt("zzzzzzzzzzz"),
        scrypt("........"),
        scrypt("CU....G...."),
        "$1$2m/9TOMq$L.nS1UM6KIQzKkqANs8631".into(),
        "$gy$j9T$4O0fiWZu.kNihgjv6UYHV.$qgKhkXxMhzKOuUPKgrefNBGxKwbJVc2OD2EGes.kHG9".into(),
        "$2x$05$eOyR3tHe1gAVznwrstDJdOKk9qEWTwum9Z1L3UBtV6mGtiiW3KZWG".into(),
        "jGhWtV3VIU5c2".into(),
        "$$".into(),
        "$".into(),
        String::new(),
    ] {
        assert!(Hash::parse(&text).is_err(), "{text}");
    }
    for text in [
        argon2("m=262144,t=3,p=1"),
        sha("rounds=5000000"),
        bcrypt("16"),
        yescrypt("jCT"),
        scrypt("EU..../...."),
    ] {
        assert!(Hash::parse(&text).is_ok(), "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn never_panics(text in r"\$(5|6|2a|7|y|argon2id)\$[./0-9a-zA-Z$=,]{0,90}") {
        let _ = Hash::parse(&text);
    }

    /// A hash with a letter changed is refused, or is the hash of another password.
    #[test]
    fn every_letter_of_a_hash_counts(at in 0_usize..72, letter in "[./0-9a-zA-Z$]") {
        let (password, text) = MADE_FROM[3];
        let mut changed = text.to_string();
        changed.replace_range(at..=at, &letter);
        if let Ok(hash) = Hash::parse(&changed) {
            let same_cost = hash.costs_like(&self::hash(text));
            if same_cost && changed != text {
                assert_ne!(hash.verify(password.as_bytes()), Ok(true), "{changed}");
            }
        }
    }
}
