//! The shapes of plans that faults are tried on.

use crate::tree::{CANARY, Tree};

/// A plan: what is deployed, what is committed, and how a sync is to go.
pub struct Shape {
    /// Its name, in reports and to choose it.
    pub name: &'static str,
    /// What is deployed; nothing ever was, for None.
    pub old: Option<Tree>,
    /// What is committed.
    pub new: Tree,
    /// What must stand at the end: the commit, and what must be kept beside it.
    pub after: Tree,
    /// An ephemeral node of somebody else in the managed tree.
    pub ephemeral: Option<&'static str>,
    /// Lines of the configuration's `[limits]`.
    pub limits: &'static str,
    /// Whether the plan is more than one transaction.
    pub is_batched: bool,
}

/// Small transactions, so that small trees are batches.
pub const SMALL: &str = "transaction_operations = 20\nbatch_bytes = 1900";

/// Returns all shapes; the second is the one whose every frame the gate tries.
pub fn all() -> Vec<Shape> {
    let shape = |name, old: Option<Tree>, new: Tree| Shape {
        name,
        old,
        after: new.clone(),
        new,
        ephemeral: None,
        limits: "",
        is_batched: false,
    };
    let (old, new) = (small(1), small(2));
    let mut ephemerals = shape("ephemerals", Some(old.clone()), new.clone());
    ephemerals.ephemeral = Some("/app/odd-1/live/agent");
    let mut spared = old.clone();
    spared.put("/app/odd-1/live", "v", 1.into());
    ephemerals.old = Some(spared.clone());
    for kept in ["/app/odd-1", "/app/odd-1/live"] {
        let properties = spared.nodes.get(kept).cloned().unwrap_or_default();
        ephemerals.after.nodes.insert(kept.to_owned(), properties);
    }
    let mut batched = shape("batched", Some(groups(1)), groups(2));
    batched.limits = SMALL;
    batched.is_batched = true;
    let mut deletes = groups(3);
    deletes
        .nodes
        .retain(|path, _| path == "/app" || path.starts_with("/app/group-0"));
    vec![
        shape("bootstrap", None, new.clone()),
        shape("one-transaction", Some(old.clone()), new),
        shape("no-op", Some(old.clone()), old),
        batched,
        shape("delete-heavy", Some(groups(3)), deletes),
        ephemerals,
    ]
}

/// Eighteen nodes, six of which any two different rounds of one parity-change create, change and delete.
pub fn small(round: usize) -> Tree {
    let mut tree = Tree::default();
    for at in 0..4 {
        tree.put(&format!("/app/same-{at}"), "v", at.into());
        tree.put(&format!("/app/same-{at}"), "password", CANARY.into());
    }
    for at in 0..6 {
        tree.put(&format!("/app/set-{at}"), "v", round.into());
        tree.put(
            &format!("/app/set-{at}"),
            "secret",
            format!("{CANARY}-{round}").into(),
        );
        tree.put(&format!("/app/{}-{at}", parity(round)), "v", round.into());
    }
    tree
}

/// Seventy nodes in groups: of two rounds of different parity half is changed, and the rest comes and goes.
pub fn groups(round: usize) -> Tree {
    let mut tree = Tree::default();
    for group in 0..7 {
        for at in 0..5 {
            let path = format!("/app/group-{group}/set-{at}");
            tree.put(&path, "v", round.into());
            tree.put(&path, "token", format!("{CANARY}-{round}").into());
            tree.put(
                &format!("/app/group-{group}/{}/{at}", parity(round)),
                "v",
                at.into(),
            );
        }
    }
    tree
}

fn parity(round: usize) -> &'static str {
    if round.is_multiple_of(2) { "even" } else { "odd" }
}
