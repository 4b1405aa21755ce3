//! What of a plan is forbidden because it is protected.
//!
//! A glob forbids; it never spares: a plan that deletes what is protected is refused whole, so that nobody takes a
//! tree for the commit's that isn't.

use super::{Change, Plan};
use crate::model::ZnodePath;
use crate::model::protect::Protection;

/// A znode that the plan deletes and must not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protected {
    /// Where.
    pub path: ZnodePath,
    /// The first glob that protects it.
    pub by: Protection,
}

/// Returns what `plan` deletes although it is protected, in the order of paths.
pub fn protected(plan: &Plan, protections: &[Protection]) -> Vec<Protected> {
    if protections.is_empty() {
        return Vec::new();
    }
    let (_, _, deletes) = plan.parts();
    deletes
        .iter()
        .rev()
        .map(Change::path)
        .filter_map(|path| {
            let by = protections
                .iter()
                .find(|protection| protection.glob.matches(path))?;
            Some(Protected {
                path: path.clone(),
                by: by.clone(),
            })
        })
        .collect()
}
