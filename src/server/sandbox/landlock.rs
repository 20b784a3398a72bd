//! Landlock: the kernel's enforcement of rules that a process sets for itself (landlock(7)).
//!
//! What is asked for, and the version of the kernel's interface (ABI) that has it first:
//!
//! | | ABI | Linux |
//! | --- | --- | --- |
//! | opens no files but those of the [`Ruleset`] | 2 | 5.19 |
//! | truncates none that it may only read | 3 | 6.2 |
//! | makes no TCP connection and binds no TCP port; clients are still accepted | 4 | 6.7 |
//! | uses devices only by reading and writing | 5 | 6.10 |
//! | sends no signal to, and uses no abstract socket of, a process outside | 6 | 6.12 |
//!
//! Each is used if the kernel has it, and the log says which ABI it was. ABI 1 forbids moving any
//! file from one directory to another, which a Maildir needs: it is not used.
//!
//! Open descriptors stay open: those for logging, for clients, for the auth worker, for systemd.
//! `stat`, `chmod` and inotify are not covered; sending to the system's logger is not forbidden.

use super::ruleset::{Ruleset, names};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus,
    PathBeneath, PathFd, RestrictionStatus, Ruleset as LandlockRuleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, make_bitflags,
};
use std::fmt;
use std::path::Path;

/// The latest ABI that this program has been tested with. It asks for nothing that later ones add.
const LATEST: ABI = ABI::V7;

/// Returns the rights that serving a Maildir needs. A message may be a symbolic link, and setting a
/// flag moves that link.
fn using_mail() -> BitFlags<AccessFs> {
    reading()
        | make_bitflags!(AccessFs::{
            WriteFile | Truncate | MakeReg | MakeDir | MakeSym | RemoveFile | RemoveDir | Refer
        })
}

fn reading() -> BitFlags<AccessFs> {
    make_bitflags!(AccessFs::{ReadFile | ReadDir})
}

/// How far the kernel enforces a ruleset.
#[derive(Debug)]
pub(super) struct Enforcement {
    /// The version of the interface that was used, 0 if the kernel enforces nothing.
    abi: ABI,
    ruleset: Ruleset,
}

impl Enforcement {
    /// True if the kernel enforces nothing.
    pub(super) fn is_absent(&self) -> bool {
        self.abi == ABI::Unsupported
    }
}

impl fmt::Display for Enforcement {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_absent() {
            return out.write_str(
                "this kernel's Landlock is absent, off or older than Linux 5.19: \
                 only the permissions of the files limit what may be opened",
            );
        }
        write!(out, "Landlock (ABI {}): ", self.abi as i32)?;
        match &self.ruleset.unlimited {
            Some(reason) => write!(out, "all files, because {reason}"),
            None => write!(
                out,
                "may write to {}; may read {}; no other files",
                names(&self.ruleset.write),
                names(&self.ruleset.read)
            ),
        }
    }
}

/// Makes the kernel enforce a ruleset on this process, as far as it can.
///
/// # Errors
/// If a kernel that can do it refuses.
pub(super) fn enforce(ruleset: Ruleset) -> Result<Enforcement, String> {
    let status = restrict(&ruleset).map_err(|error| format!("Landlock: {error}"))?;
    let abi = match status {
        Some(RestrictionStatus {
            ruleset: RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced,
            landlock: LandlockStatus::Available { effective_abi, .. },
            ..
        }) => effective_abi,
        _ => ABI::Unsupported,
    };
    Ok(Enforcement { abi, ruleset })
}

/// Returns `None` if the kernel is too old to allow moving files.
fn restrict(ruleset: &Ruleset) -> Result<Option<RestrictionStatus>, RulesetError> {
    let mut kernel = LandlockRuleset::default();
    if ruleset.unlimited.is_none() {
        let moving = kernel
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::Refer);
        let Ok(moving) = moving else {
            return Ok(None);
        };
        kernel = moving
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(LATEST))?;
    }
    let mut created = kernel
        .handle_access(AccessNet::from_all(LATEST))?
        .scope(Scope::from_all(LATEST))?
        .create()?;
    let read = ruleset.read.iter().map(|path| (path, reading()));
    let write = ruleset.write.iter().map(|path| (path, using_mail()));
    for (path, access) in read.chain(write) {
        created = created.add_rules(rule(path, access))?;
    }
    created.restrict_self().map(Some)
}

/// Returns the rule for a directory, or `None` if it does not exist and so needs none.
fn rule(
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Option<Result<PathBeneath<PathFd>, RulesetError>> {
    match PathFd::new(path) {
        Ok(opened) => Some(Ok(PathBeneath::new(opened, access))),
        Err(error) => {
            log::warn!("{}: not among the allowed files: {error}", path.display());
            None
        }
    }
}
