//! Landlock: the kernel's own fence, which a process puts around itself (landlock(7)).
//!
//! What is asked for, and since which version of the kernel's interface (ABI) it can be had:
//!
//! | | ABI | Linux |
//! | --- | --- | --- |
//! | files: only those of the [`Ruleset`] | 2 | 5.19 |
//! | of these, none is cut short where it may only be read | 3 | 6.2 |
//! | no TCP connection is made, no TCP port taken; clients are still accepted | 4 | 6.7 |
//! | no device is spoken to but by reading and writing | 5 | 6.10 |
//! | no signal to, and no abstract socket of, a process outside | 6 | 6.12 |
//!
//! Each is taken if the kernel has it, and the log says which ABI it was. ABI 1 forbids to move any file from
//! one directory to another, which is what a Maildir lives on: it is not used.
//!
//! What was opened before stays open: descriptors for logging, for clients, for the verifier, for systemd. `stat`,
//! `chmod` and inotify are not covered; sending to the system's logger is not forbidden.

use super::ruleset::{Ruleset, names};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus,
    PathBeneath, PathFd, RestrictionStatus, Ruleset as LandlockRuleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, make_bitflags,
};
use std::fmt;
use std::path::Path;

/// The latest that this was tried with. What later ones add is not asked for before somebody has.
const LATEST: ABI = ABI::V7;

/// What a Maildir takes. A message may be a symbolic link, and giving it a flag moves that link.
fn using_mail() -> BitFlags<AccessFs> {
    reading()
        | make_bitflags!(AccessFs::{
            WriteFile | Truncate | MakeReg | MakeDir | MakeSym | RemoveFile | RemoveDir | Refer
        })
}

fn reading() -> BitFlags<AccessFs> {
    make_bitflags!(AccessFs::{ReadFile | ReadDir})
}

/// How far a process could be fenced in.
#[derive(Debug)]
pub(super) struct Enforcement {
    /// The version of the interface that was used, 0 if there is no fence.
    abi: ABI,
    ruleset: Ruleset,
}

impl Enforcement {
    /// True if the kernel could do nothing.
    pub(super) fn is_open(&self) -> bool {
        self.abi == ABI::Unsupported
    }
}

impl fmt::Display for Enforcement {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_open() {
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

/// Fences the process in, as far as the kernel can.
///
/// # Errors
/// If a kernel that can do it refuses.
pub(super) fn enclose(ruleset: Ruleset) -> Result<Enforcement, String> {
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

/// `None` if the kernel is too old for moving files.
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

/// The rule for a directory; nothing if it is not there: what is not there needs no permission.
fn rule(
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Option<Result<PathBeneath<PathFd>, RulesetError>> {
    match PathFd::new(path) {
        Ok(opened) => Some(Ok(PathBeneath::new(opened, access))),
        Err(error) => {
            log::warn!("{}: left out, {error}", path.display());
            None
        }
    }
}
