//! `plan --against`: the plan of a commit over a snapshot, for pull requests: no ZooKeeper is asked.

use std::path::Path;

use treekeeper_core::model::printable;
use treekeeper_core::operation::Timestamp;
use treekeeper_core::snapshot::Snapshot;

use super::args::{Global, PlanArgs, SyncArgs};
use super::setup::{Setup, teller};
use super::ui::{Exit, Problem};
use super::{plan, snapshot, sync};
use crate::engine;

/// Which snapshot a plan was made over.
pub struct Against {
    /// When it was taken, RFC 3339; safe to print.
    pub taken: String,
    /// By whom; safe to print.
    pub by: String,
    /// How old it is, unless that can't be told.
    pub age_seconds: Option<i64>,
}

impl Against {
    fn new(snapshot: &Snapshot, now: Timestamp) -> Against {
        Against {
            taken: printable(&snapshot.taken).into_owned(),
            by: printable(&snapshot.by).into_owned(),
            age_seconds: snapshot.age_seconds(now),
        }
    }

    /// Returns `a snapshot of 2026-01-02T03:04:05Z, 5 minutes old`.
    pub fn told(&self) -> String {
        format!("a snapshot of {}, {}", self.taken, age(self.age_seconds))
    }
}

/// Shows the plan as `plan` does, with the same exit codes.
pub fn run(global: &Global, options: &PlanArgs, file: &Path) -> Result<Exit, Problem> {
    let mut setup = Setup::without_server(global)?;
    let snapshot = snapshot::read(file)?;
    for name in snapshot.veil.names() {
        if !setup.config.secrets.names.contains(name) {
            setup.config.secrets.names.push(name.clone());
        }
    }
    let flags = SyncArgs {
        revision: options.revision.clone(),
        prune_roots: options.prune_roots,
        ..SyncArgs::default()
    };
    let repository = setup.repository(options.revision.as_deref())?;
    let operation = sync::planning(&setup, &flags)?.under(snapshot.veil.clone());
    let receipt = engine::run_against(operation, &snapshot, repository, &mut teller(setup.quiet));
    plan::tell(
        &setup,
        options,
        &receipt,
        Some(&Against::new(&snapshot, Timestamp::now())),
    )
}

/// Says how old something is, as exactly as matters.
fn age(seconds: Option<i64>) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    match seconds {
        None => "of unknown age".to_owned(),
        Some(seconds) if seconds < -MINUTE => "from the future: a clock is wrong".to_owned(),
        Some(seconds) if seconds < 2 * MINUTE => "just taken".to_owned(),
        Some(seconds) if seconds < 2 * HOUR => format!("{} minutes old", seconds / MINUTE),
        Some(seconds) if seconds < 2 * DAY => format!("{} hours old", seconds / HOUR),
        Some(seconds) => format!("{} days old", seconds / DAY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_as_exactly_as_matters() {
        let told = [-61, -1, 119, 120, 7_199, 7_200, 172_799, 172_800].map(|seconds| age(Some(seconds)));
        assert_eq!(
            told,
            [
                "from the future: a clock is wrong",
                "just taken",
                "just taken",
                "2 minutes old",
                "119 minutes old",
                "2 hours old",
                "47 hours old",
                "2 days old"
            ]
        );
        assert_eq!(age(None), "of unknown age");
    }
}
