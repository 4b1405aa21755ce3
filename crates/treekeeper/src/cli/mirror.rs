//! Where the mirror of the repository lives.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use super::ui::Problem;

/// Returns where the mirror lives if the user named a directory.
///
/// The original's users name its work tree, which is left alone: the mirror stands in it by itself.
pub(super) fn mirror_in(directory: &Path) -> PathBuf {
    let is_ours = directory.join("HEAD").exists();
    let is_free = std::fs::read_dir(directory).map_or(true, |mut entries| entries.next().is_none());
    if is_ours || is_free {
        directory.to_owned()
    } else {
        directory.join("treekeeper.git")
    }
}

/// Returns the mirror's place in the user's state directory, one for each URL.
pub(super) fn default_mirror(url: &str) -> Result<PathBuf, Problem> {
    let state = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")));
    let Some(state) = state else {
        return Err(Problem::configuration(
            "no place for the mirror: neither XDG_STATE_HOME nor HOME is set",
        )
        .with_hint("give --tree-directory DIR"));
    };
    // What stands before the host in a URL, or in its query, may be a secret and is left out.
    let without_query = url.split_once('?').map_or(url, |(before, _)| before);
    let without_user = without_query
        .rsplit_once('@')
        .map_or(without_query, |(_, rest)| rest);
    let name: String = without_user
        .chars()
        .map(|character| {
            if character.is_ascii_alphanumeric() || ".-".contains(character) {
                character
            } else {
                '_'
            }
        })
        .collect();
    let start = name.len().saturating_sub(100);
    // Different URLs may look alike without their odd characters. Another hash in another release costs one clone.
    let mut hasher = DefaultHasher::new();
    without_user.hash(&mut hasher);
    let name = format!(
        "{}-{:08x}.git",
        name[start..].trim_matches(['.', '_']),
        hasher.finish() as u32
    );
    Ok(state.join("treekeeper/mirrors").join(name))
}
