//! All packages describe imap2d as Cargo.toml does and contain what `packaging/install` installs:
//! those that CI builds, and those for systems that CI does not have.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const LICENSE: &str = env!("CARGO_PKG_LICENSE");
const RUST: &str = env!("CARGO_PKG_RUST_VERSION");

/// The recipes that CI cannot build.
const NOT_BUILT: [&str; 3] = ["alpine/APKBUILD", "arch/PKGBUILD", "openwrt/Makefile"];
const SPEC: &str = "rpm/imap2d.spec";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("packaging")
        .join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Returns the text after `key` in the only line of the recipe that begins with it, without quotes.
fn value(name: &str, key: &str) -> String {
    let text = text(name);
    let mut found = text.lines().filter_map(|line| line.strip_prefix(key));
    let value = found.next().unwrap_or_else(|| panic!("{name}: no {key}"));
    assert_eq!(found.next(), None, "{name}: {key} twice");
    value.trim().trim_matches(['"', '\'', '(', ')']).to_string()
}

fn has(name: &str, part: &str) {
    assert!(text(name).contains(part), "{name}: no {part:?}");
}

#[test]
fn packages_have_the_version_of_cargo_toml() {
    assert_eq!(value(SPEC, "Version:"), VERSION);
    assert_eq!(value("alpine/APKBUILD", "pkgver="), VERSION);
    assert_eq!(value("arch/PKGBUILD", "pkgver="), VERSION);
    assert_eq!(value("openwrt/Makefile", "PKG_VERSION:="), VERSION);
    has("CHANGELOG.md", &format!("\n## {VERSION}\n"));
    let changelog = text("debian/changelog");
    let newest = changelog.lines().next();
    assert!(newest.is_some_and(|line| line.starts_with(&format!("imap2d ({VERSION}) "))));
}

#[test]
fn packages_have_the_license_of_cargo_toml() {
    assert_eq!(value(SPEC, "License:"), LICENSE);
    assert_eq!(value("alpine/APKBUILD", "license="), LICENSE);
    assert_eq!(value("arch/PKGBUILD", "license="), LICENSE);
    assert_eq!(value("openwrt/Makefile", "PKG_LICENSE:="), LICENSE);
    has("../LICENSE", LICENSE);
    // Debian has another name for the MIT license.
    has("debian/copyright", "\nLicense: Expat or Apache-2.0\n");
    has("debian/copyright", LICENSE);
    let copyright = text("../LICENSE");
    let expat = copyright
        .split("------")
        .find(|part| part.contains("MIT License"));
    for line in expat.unwrap_or("").lines().filter(|line| line.len() > 50) {
        has("debian/copyright", line);
    }
}

#[test]
fn packages_have_the_description_of_cargo_toml() {
    let summary = value(SPEC, "Summary:");
    assert_eq!(value("alpine/APKBUILD", "pkgdesc="), summary);
    assert_eq!(value("arch/PKGBUILD", "pkgdesc="), summary);
    assert_eq!(value("openwrt/Makefile", "  TITLE:="), summary);
    let debian = value("debian/control", "Description:");
    assert!(summary.eq_ignore_ascii_case(&debian), "{debian}");
}

/// All packages require the minimum Rust version and no library except those of every Rust program:
/// no crate looks for a system library.
#[test]
fn packages_need_rust_and_no_system_library() {
    has("debian/control", &format!(" cargo (>= {RUST}),"));
    has("debian/control", &format!(" rustc (>= {RUST}),"));
    has(SPEC, &format!("cargo >= {RUST}\n"));
    has("alpine/APKBUILD", &format!("makedepends=\"cargo>={RUST}\""));
    has("arch/PKGBUILD", &format!("makedepends=('cargo>={RUST}')"));
    assert_eq!(value("arch/PKGBUILD", "depends="), "glibc gcc-libs systemd");
    for finder in ["pkg-config", "vcpkg", "system-deps"] {
        let crates = text("../Cargo.lock");
        assert!(!crates.contains(&format!("name = \"{finder}\"\n")));
    }
}

#[test]
fn recipes_that_ci_does_not_build_say_so() {
    for name in NOT_BUILT {
        let text = text(name);
        let first = text.lines().next().unwrap_or("");
        assert!(first.starts_with("# Not built here: "), "{name}: {first}");
    }
}

/// Returns the paths of all files that `packaging/install` installs.
fn installed() -> Vec<String> {
    let root = tempfile::tempdir().expect("a directory");
    let binary = root.path().join("binary");
    fs::write(&binary, "").expect("written");
    let status = Command::new(path("install"))
        .args([&binary, root.path()])
        .status();
    assert!(status.expect("it can be run").success());
    fs::remove_file(&binary).expect("removed");
    let mut directories = vec![root.path().to_path_buf()];
    let mut files = Vec::new();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
            } else {
                let below = path.strip_prefix(root.path()).expect("below it");
                files.push(format!("/{}", below.display()));
            }
        }
    }
    files
}

/// The RPM lists its files, the others package what is installed; all keep changed option files.
#[test]
fn packages_contain_what_is_installed() {
    let files = text(SPEC)
        .replace("%{_unitdir}", "/usr/lib/systemd/system")
        .replace("%{_sysusersdir}", "/usr/lib/sysusers.d")
        .replace("%{_tmpfilesdir}", "/usr/lib/tmpfiles.d");
    let files = files.split("%files").nth(1).expect("a list of files");
    let installed = installed();
    assert!(installed.len() > 8);
    for path in &installed {
        let is_listed = |line: &str| {
            let word = line.split(' ').next_back().unwrap_or(line);
            word.trim_end_matches('*') == path
        };
        assert!(files.lines().any(is_listed), "{SPEC}: no {path}");
    }
    for name in ["debian/rules", SPEC, "alpine/APKBUILD", "arch/PKGBUILD"] {
        has(name, "packaging/install ");
    }

    let options = "/etc/imap2d/imap2d.conf";
    assert!(installed.iter().any(|path| path == options));
    has(SPEC, &format!("%config(noreplace) {options}\n"));
    assert_eq!(value("arch/PKGBUILD", "backup="), options[1..]);
    has("openwrt/Makefile", &format!("conffiles\n{options}\n"));
    has("openwrt/Makefile", "$(1)/usr/sbin/imap2d\n");
}
