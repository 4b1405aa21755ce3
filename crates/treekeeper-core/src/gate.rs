//! Decides whether a sync may go on now.
//!
//! A gate never waits and never looks anything up: it judges one reading of the cluster.
//! It returns every reason, not the first, so that an operator sees the whole list at once.

use crate::model::cluster::{
    AilingHost, ClusterReading, ERRORS_TOLD_MAX, LockStyle, Pin, StateReading, StopNote,
};
use crate::model::protect::{Glob, Guardian, Protection};
use crate::model::{ClusterVersion, DataVersion, Revision, printable};
use crate::treefile::Code;

/// How the commit that is to be deployed lies to the deployed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// They are the same.
    Same,
    /// The deployed commit is an ancestor: the ordinary case.
    Forward,
    /// The deployed commit descends from the new one.
    Backward,
    /// Each has commits that the other lacks.
    Diverged,
    /// The deployed commit is not in the repository.
    Unknown,
}

/// A reason why a sync may not go on; `Display` says what and why, [`Blocker::hint`] who can lift it and how.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Blocker {
    /// An operator, or an agent, stopped the cluster.
    #[error("the cluster is stopped{}", stop(note.as_deref(), since.as_deref()))]
    Stopped {
        /// By whom, since when and why, if treekeeper's own `stop` was used; safe to print.
        note: Option<String>,
        /// When `/hosts` was last written, if that was read; RFC 3339.
        since: Option<String>,
        /// The hosts that report an error, as far as they were read.
        hosts: Vec<AilingHost>,
    },
    /// A host has not reached the version that it should run.
    #[error("host {host} has not converged ({} -> {expected})", shown(actual.as_ref()))]
    NotConverged {
        /// The host's node.
        host: String,
        /// What it reports, if it does.
        actual: Option<ClusterVersion>,
        /// What `/hosts` says.
        expected: ClusterVersion,
    },
    /// The deployed commit is not an ancestor of the new one.
    #[error("{}", history(*relation, deployed, target))]
    History {
        /// How they lie.
        relation: Relation,
        /// The deployed commit.
        deployed: Revision,
        /// The new commit.
        target: Revision,
    },
    /// The tree was deployed from another repository.
    #[error(
        "this tree was deployed from another repository (root commit {recorded:.12}, this one has {ours:.12})"
    )]
    OtherRepository {
        /// Root commit in the state.
        recorded: String,
        /// Root commit of the configured repository.
        ours: String,
    },
    /// The cluster is held at a commit.
    #[error("the cluster is pinned {}", pin.told())]
    Pinned {
        /// Where, by whom and since when.
        pin: Pin,
    },
    /// The syncer before used another lock, so that the two would not exclude each other.
    #[error("earlier syncs of this tree took {}, this one would take {}", recorded.locks(), ours.locks())]
    OtherLock {
        /// The style in the state.
        recorded: LockStyle,
        /// The configured style.
        ours: LockStyle,
    },
    /// The commit has no tree files at all, and the roots of earlier ones would be pruned.
    #[error("the commit has no tree files, and pruning would delete all that earlier ones defined: {roots} top-level znode{}", if *roots == 1 { "" } else { "s" })]
    NoFiles {
        /// How many top-level znodes earlier commits defined.
        roots: usize,
    },
    /// The plan deletes what is protected.
    #[error(
        "the plan deletes {}{}, protected by {} {}",
        printable(path),
        others(*more),
        printable(protection.glob.as_str()),
        protection.guardian
    )]
    Protected {
        /// The first znode.
        path: String,
        /// How many more the same glob protects.
        more: usize,
        /// The glob, and who set it.
        protection: Protection,
    },
    /// The plan deletes more than the policy allows.
    #[error("the plan deletes {planned} znodes, the budget is {allowed} of {managed} managed ones")]
    TooManyDeletes {
        /// Planned deletions.
        planned: usize,
        /// What the policy or `--allow-delete` allows.
        allowed: usize,
        /// Live managed znodes.
        managed: usize,
    },
}

fn others(more: usize) -> String {
    match more {
        0 => String::new(),
        1 => " and 1 more znode".to_owned(),
        more => format!(" and {more} more znodes"),
    }
}

fn stop(note: Option<&str>, since: Option<&str>) -> String {
    match (note, since) {
        (Some(note), _) => format!(" {note}"),
        (None, Some(since)) => format!(" since {since}, by a host or by hand"),
        (None, None) => ", by a host or by hand".to_owned(),
    }
}

fn shown(version: Option<&ClusterVersion>) -> String {
    version.map_or_else(|| "no version".to_owned(), ToString::to_string)
}

fn history(relation: Relation, deployed: &Revision, target: &Revision) -> String {
    match relation {
        Relation::Backward => format!("{target:.12} is older than the deployed commit {deployed:.12}"),
        Relation::Unknown => {
            format!("the deployed commit {deployed:.12} is not in the repository: history was rewritten")
        }
        Relation::Diverged | Relation::Same | Relation::Forward => {
            format!(
                "history was rewritten: {target:.12} does not descend from the deployed commit {deployed:.12}"
            )
        }
    }
}

impl Blocker {
    /// Returns what `explain` knows it by.
    pub fn code(&self) -> Code {
        Code(match self {
            Blocker::Stopped { .. } => "TK1001",
            Blocker::NotConverged { .. } => "TK1002",
            Blocker::History { .. } => "TK1003",
            Blocker::OtherRepository { .. } => "TK1004",
            Blocker::OtherLock { .. } => "TK1005",
            Blocker::Pinned { .. } => "TK1006",
            Blocker::TooManyDeletes { .. } => "TK1007",
            Blocker::Protected { .. } => "TK1012",
            Blocker::NoFiles { .. } => "TK1013",
        })
    }

    /// Returns what else is to be said, a line each: the hosts that report an error, when the cluster is stopped.
    pub fn details(&self) -> Vec<String> {
        let Blocker::Stopped { hosts, .. } = self else {
            return Vec::new();
        };
        let line = |host: &AilingHost| {
            let version = match &host.version {
                Some(version) => format!("at {}", version.short()),
                None => "without a version".to_owned(),
            };
            format!("host {} {version} reports: {}", host.name, host.error)
        };
        let mut lines: Vec<String> = hosts.iter().take(ERRORS_TOLD_MAX).map(line).collect();
        if hosts.len() > ERRORS_TOLD_MAX {
            let rest = hosts.len() - ERRORS_TOLD_MAX;
            lines.push(format!("and {rest} more: `treekeeper status` tells them all"));
        }
        lines
    }

    /// Returns who can lift this for `import`, `set` and `ln`, which know no `--force`.
    pub fn edit_hint(&self) -> String {
        match self {
            Blocker::Stopped { .. } => "an operator lifts it with `treekeeper resume`".to_owned(),
            Blocker::TooManyDeletes { planned, .. } => {
                format!("read the plan (`--dry-run`), then allow it once: add `--allow-delete {planned}`")
            }
            _ => self.hint(),
        }
    }

    /// Returns who can lift this for `rollback`, which takes the flags itself.
    pub fn rollback_hint(&self) -> String {
        match self {
            Blocker::Stopped { .. } => {
                "an operator lifts it with `treekeeper resume`; with `--force` added, the rollback goes on in spite of it"
            }
            Blocker::NotConverged { .. } => {
                "wait until the hosts report the version, or add `--force` to go back without them"
            }
            Blocker::TooManyDeletes { .. } => return self.edit_hint(),
            _ => return self.hint(),
        }
        .to_owned()
    }

    /// Returns who can lift this for a saved plan: its `apply` has the flags that a sync has.
    pub fn apply_hint(&self) -> String {
        match self {
            // To resume writes to /hosts, and so takes the ground from under the plan.
            Blocker::Stopped { .. } => {
                "an operator lifts it with `treekeeper resume`, after which a new plan is needed; \
                 `treekeeper apply FILE --force` goes on in spite of it"
                    .to_owned()
            }
            other => other.hint().replace("treekeeper sync", "treekeeper apply FILE"),
        }
    }

    /// Returns who can lift this, and the exact command.
    pub fn hint(&self) -> String {
        match self {
            Blocker::Stopped { .. } => {
                "an operator lifts it with `treekeeper resume`; with `--force` added, `treekeeper sync` goes on in spite of it"
            }
            Blocker::NotConverged { .. } => {
                "wait until the hosts report the version (`treekeeper status` tells what they report), or add `--force` to `treekeeper sync`"
            }
            Blocker::History { .. } => {
                "if the history was changed on purpose: `treekeeper sync --allow-rewind`"
            }
            Blocker::OtherRepository { .. } | Blocker::OtherLock { .. } => {
                "if this one is to take over: `treekeeper sync --adopt`"
            }
            Blocker::Pinned { .. } => {
                "whoever pinned it knows why; an operator lifts it with `treekeeper unpin`, and the next sync then goes on to \
                 the newest commit"
            }
            Blocker::NoFiles { .. } => {
                "if the files have moved, name their directory with `--path`; to delete everything, commit files that say so, \
                 or sync without `--prune-roots`, which leaves the znodes as orphans"
            }
            Blocker::Protected { protection, .. } => match protection.guardian {
                Guardian::Configuration => {
                    "whoever owns this machine's configuration takes the glob out of `protect` in [delete] (`--allow-delete` \
                     does not lift it)"
                }
                Guardian::Repository => {
                    "take the glob out of treekeeper.toml in a commit that deletes nothing of it, sync that, and delete in a \
                     later commit (`--allow-delete` does not lift it)"
                }
                Guardian::Cluster => {
                    "a commit can't lift a protection and use that at once: first sync one that only takes the glob out, then \
                     one that deletes (`--allow-delete` does not lift it)"
                }
            },
            Blocker::TooManyDeletes { planned, .. } => {
                return format!(
                    "read the plan (`treekeeper plan`), then allow it once: add `--allow-delete {planned}` to `treekeeper sync`"
                );
            }
        }
        .to_owned()
    }
}

/// How `sync` was asked to judge.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// `--force`: lifts ALL STOP and convergence.
    pub force: bool,
    /// `--adopt`: takes over from another repository or lock style.
    pub adopt: bool,
    /// `--allow-rewind`, or `history = "any"`.
    pub any_history: bool,
    /// `rollback`: goes back whatever the cluster is pinned at.
    pub rollback: bool,
    /// The configured lock style.
    pub lock: LockStyle,
}

/// What the commit to be deployed is.
#[derive(Clone, Debug)]
pub struct Target {
    /// The commit.
    pub revision: Revision,
    /// The repository's root commit.
    pub repository: Revision,
    /// How it lies to the deployed commit; `None` if there is nothing to compare.
    pub relation: Option<(Relation, Revision)>,
}

/// Tells whether ALL STOP holds: the version is None, and not the very None that `--force` has seen.
pub fn stopped(reading: &ClusterReading, policy: &Policy, seen: Option<DataVersion>) -> Option<Blocker> {
    let node = reading.hosts_node.as_ref()?;
    let stopped = node.version == Ok(ClusterVersion::Stop);
    let lifted = policy.force && seen == Some(node.data_version);
    (stopped && !lifted).then(|| Blocker::Stopped {
        note: reading.stop_note().map(StopNote::told),
        since: node.modified_ms.and_then(time),
        hosts: AilingHost::of(reading),
    })
}

/// Returns a time as people read it.
fn time(milliseconds: i64) -> Option<String> {
    let time = jiff::Timestamp::from_millisecond(milliseconds).ok()?;
    Some(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// Returns every reason why `target` may not be synced to the cluster as it was read, ALL STOP and the delete budget
/// apart.
pub fn blockers(reading: &ClusterReading, target: &Target, policy: &Policy) -> Vec<Blocker> {
    let mut blockers = unconverged(reading, policy);
    let recorded = reading
        .state
        .state()
        .and_then(|state| state.repository.as_deref());
    let is_taken_over = policy.adopt && recorded.is_some_and(|root| root != target.repository.as_str());
    // Another repository has no history in common: `--adopt` says that this is meant.
    if let Some((relation, deployed)) = &target.relation
        && !policy.any_history
        && !is_taken_over
        && !matches!(relation, Relation::Same | Relation::Forward)
    {
        blockers.push(Blocker::History {
            relation: *relation,
            deployed: deployed.clone(),
            target: target.revision.clone(),
        });
    }
    if let StateReading::Present(state, _) = &reading.state {
        if let Some(recorded) = &state.repository
            && recorded != target.repository.as_str()
            && !policy.adopt
        {
            // Another repository has no history in common; saying so twice would hide the reason.
            blockers.retain(|blocker| !matches!(blocker, Blocker::History { .. }));
            blockers.push(Blocker::OtherRepository {
                recorded: printable(recorded).into_owned(),
                ours: target.repository.as_str().to_owned(),
            });
        }
        blockers.extend(other_lock(reading, policy));
        if let Some(pin) = &state.pinned
            && pin.commit != target.revision.as_str()
            && !policy.rollback
        {
            blockers.push(Blocker::Pinned { pin: pin.clone() });
        }
    }
    blockers
}

/// Returns why the configured lock would not exclude those who synced before, if so.
pub fn other_lock(reading: &ClusterReading, policy: &Policy) -> Option<Blocker> {
    let state = reading.state.state()?;
    let differs = state.lock != policy.lock && state.generation > 0 && !policy.adopt;
    differs.then_some(Blocker::OtherLock {
        recorded: state.lock,
        ours: policy.lock,
    })
}

/// Returns what is protected: by the configuration, by the repository at the commit, and by what the cluster remembers.
///
/// Globs that the cluster remembers and nobody can read protect nothing; who reads the state refuses it before.
pub fn protections(configured: &[Glob], repository: &[Glob], reading: &ClusterReading) -> Vec<Protection> {
    let remembered = reading.state.state().map(|state| state.protected.as_slice());
    let remembered: Vec<Glob> = remembered
        .unwrap_or_default()
        .iter()
        .filter_map(|text| Glob::parse(text).ok())
        .collect();
    let by = |globs: &[Glob], guardian| -> Vec<Protection> {
        let globs = globs.iter().cloned();
        globs.map(|glob| Protection { glob, guardian }).collect()
    };
    [
        by(configured, Guardian::Configuration),
        by(repository, Guardian::Repository),
        by(&remembered, Guardian::Cluster),
    ]
    .concat()
}

/// Returns the hosts that are not at the version of `/hosts`, unless the version is False or `--force` was given.
fn unconverged(reading: &ClusterReading, policy: &Policy) -> Vec<Blocker> {
    let Ok(expected) = reading.version() else {
        return Vec::new();
    };
    if policy.force || matches!(expected, ClusterVersion::Paused | ClusterVersion::Stop) {
        return Vec::new();
    }
    reading
        .hosts
        .iter()
        .filter(|host| host.version.as_ref() != Some(&expected))
        .map(|host| Blocker::NotConverged {
            host: host.name.clone(),
            actual: host.version.clone(),
            expected: expected.clone(),
        })
        .collect()
}
