//! A disk in a file, of which snapshots can be made at once, whatever is being written.
//!
//! The file lies on a file system that can share blocks between files (XFS), which itself is in a
//! file. Making that needs root, loop devices, and the programs that make file systems.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::processes::is_root_to;
use crate::support::program::{Program, run, until};
use crate::support::site::Site;

/// The file systems that mail lies on.
pub(super) const FILE_SYSTEMS: [&str; 3] = ["ext4", "xfs", "btrfs"];

/// The size of a disk, in octets: the least that XFS and Btrfs accept, and some mail.
const SIZE: u64 = 400 << 20;

/// How long one command about a disk may take.
const LIMIT: Duration = Duration::from_secs(60);

const DISK: &str = "outer/disk.img";
const SNAPSHOT: &str = "outer/snapshot.img";

/// A file with a file system in it.
pub(super) struct Image {
    directory: TempDir,
}

impl Image {
    /// Makes an empty file system. Returns `None`, after having said so, if this machine cannot.
    pub(super) fn create(file_system: &str) -> Option<Self> {
        if !is_root_to("mount a file system") {
            return None;
        }
        let outer = Program::find("mkfs.xfs")?;
        let inner = Program::find(&format!("mkfs.{file_system}"))?;
        let directory = tempfile::Builder::new().prefix("imap2d-disk-").tempdir();
        let directory = directory.expect("a temporary directory");
        let (file, mounted) = (
            directory.path().join("outer.img"),
            directory.path().join("outer"),
        );
        make(&outer, &file, 4 * SIZE);
        fs::create_dir(&mounted).expect("mkdir");
        if !mount(&file, &mounted) {
            // This bypasses the capture of the test harness. A container may have no loop devices,
            // even in CI.
            let _ = writeln!(std::io::stderr(), "NOT RUN: there is no loop device");
            return None;
        }
        let image = Self { directory };
        make(&inner, &image.path(DISK), SIZE);
        Some(image)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Makes a copy of the disk as it is at this moment.
    pub(super) fn take_snapshot(&self) {
        let (disk, snapshot) = (self.path(DISK), self.path(SNAPSHOT));
        let mut copy = Command::new("cp");
        run(copy.arg("--reflink=always").args([disk, snapshot]), LIMIT).success();
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        unmount(&self.path("outer"));
    }
}

/// A disk that is mounted where the mail of a site is.
pub(super) struct Disk<'a> {
    image: Image,
    site: &'a Site,
}

impl<'a> Disk<'a> {
    pub(super) fn mount(image: Image, site: &'a Site) -> Self {
        let disk = Self { image, site };
        disk.attach();
        let mail = site.path("mail");
        chown(mail, site.owner(), site.owner()).expect("root may give files away");
        site.maildir();
        disk
    }

    fn attach(&self) {
        let mail = self.site.path("mail");
        assert!(mount(&self.image.path(DISK), &mail), "a loop device");
    }

    pub(super) fn image(&self) -> &Image {
        &self.image
    }

    /// Mounts the last snapshot in place of the disk. No program may use the mail.
    pub(super) fn replace_by_snapshot(&self) {
        unmount(&self.site.path("mail"));
        let (disk, snapshot) = (self.image.path(DISK), self.image.path(SNAPSHOT));
        fs::rename(snapshot, disk).expect("renamed");
        self.attach();
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        unmount(&self.site.path("mail"));
    }
}

/// Makes a file system in a file, which has no blocks yet.
fn make(mkfs: &Program, file: &Path, size: u64) {
    let created = File::create(file).and_then(|file| file.set_len(size));
    created.expect("a sparse file");
    run(mkfs.command().arg("-q").arg(file), LIMIT).success();
}

/// Returns true if it could.
fn mount(file: &Path, directory: &Path) -> bool {
    let mut command = Command::new("mount");
    command.args(["-o", "loop"]).args([file, directory]);
    run(&mut command, LIMIT).status.success()
}

/// Waits until the last process that has a file there open has ended.
fn unmount(directory: &Path) {
    let mut command = Command::new("umount");
    command.arg(directory);
    until("the end of all use of a disk", LIMIT, || {
        run(&mut command, LIMIT).status.success().then_some(())
    });
}
