//! What a team chooses once, in its configuration, and a saved plan remembers: words that mean the same everywhere.

use serde::Deserialize;

/// What the properties of a `.zkx` file do to a node that another file defines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overlay {
    /// They are added to the node's, property by property; two overlays may not disagree.
    #[default]
    Merge,
    /// They take the place of all of the node's properties, and the last file wins, as in the original.
    Replace,
}

impl Overlay {
    /// Returns the word for it in configurations and saved plans.
    pub fn word(self) -> &'static str {
        match self {
            Overlay::Merge => "merge",
            Overlay::Replace => "replace",
        }
    }
}

/// Which commits move the version of `/hosts`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bump {
    /// Every commit, as the original.
    #[default]
    Commit,
    /// Those whose merged tree differs from the deployed one: a commit that only touches a README does not make the
    /// hosts deploy.
    Tree,
}

impl Bump {
    /// Returns the word for it in configurations and saved plans.
    pub fn word(self) -> &'static str {
        match self {
            Bump::Commit => "commit",
            Bump::Tree => "tree",
        }
    }
}
