//! The file of a saved plan: written whole or not at all, for its owner only, and read with a limit.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::OnceLock;

use treekeeper_core::model::{HashKey, printable};
use treekeeper_core::operation::{Receipt, Timestamp};
use treekeeper_core::plan::saved::{self, SavedPlan, Saving};

use super::private_file::{random_key, replace};
use super::setup::{self, Setup};
use super::sync;
use super::ui::Problem;

/// A file that is larger is no plan of a tree within the limits.
const BYTES_MAX: u64 = 1 << 30;

/// Writes the plan of `receipt` to `file`, which is replaced if it is there.
///
/// # Errors
/// A directory that cannot be written to.
pub fn write(setup: &Setup, receipt: &Receipt, prune_roots: bool, file: &Path) -> Result<(), Problem> {
    let (Some(plan), Some(basis), Some(revision)) = (&receipt.plan, &receipt.basis, &receipt.revision) else {
        return Err(Problem::error("there is no plan to save"));
    };
    let refused_by: Vec<String> = receipt.blockers.iter().map(ToString::to_string).collect();
    let saving = Saving {
        treekeeper: env!("CARGO_PKG_VERSION"),
        at: &Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        by: &setup::actor(),
        zookeeper: &setup.session.connect,
        revision,
        basis,
        path: setup.path.as_deref().unwrap_or("."),
        overlay: setup.overlay,
        prune_roots,
        bump: sync::bump(setup),
        refused_by: &refused_by,
        key: random_key(),
        secret_names: &setup.config.secrets.names,
    };
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = saved::write(&mut text, plan, &saving);
    replace(file, text.as_bytes()).map_err(|error| {
        Problem::error(format!("cannot write {}: {error}", shown(file)))
            .with_hint("name a file in a directory that can be written to: `treekeeper plan --out FILE`")
    })
}

/// Reads a saved plan.
///
/// # Errors
/// A file that cannot be read, is no plan, was edited, or is another release's.
pub fn read(file: &Path) -> Result<SavedPlan, Problem> {
    let unreadable = |reason: String| {
        Problem::error(format!("cannot read the plan {}: {reason}", shown(file)))
            .with_code("TK1121")
            .with_hint("name a file that `treekeeper plan --out FILE` wrote")
    };
    let mut text = String::new();
    let opened = File::open(file).map_err(|error| unreadable(error.to_string()))?;
    let bytes = opened
        .take(BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|error| unreadable(error.to_string()))?;
    if bytes as u64 > BYTES_MAX {
        return Err(unreadable("it is larger than any plan".to_owned()));
    }
    SavedPlan::read(&text).map_err(|fault| {
        Problem::error(format!("cannot apply {}: {fault}", shown(file)))
            .with_code("TK1121")
            .with_hint(fault.hint())
    })
}

/// Returns the key under which secrets are compared in what this run prints.
pub fn run_key() -> &'static HashKey {
    static KEY: OnceLock<HashKey> = OnceLock::new();
    KEY.get_or_init(random_key)
}

fn shown(file: &Path) -> String {
    printable(&file.display().to_string()).into_owned()
}
