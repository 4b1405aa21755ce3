//! Which git there is.

use std::process::{Command, Stdio};

use super::error::GitError;
use super::text::escape;

/// Returns what git says that it is, such as `2.39.5`; safe to print.
///
/// # Errors
/// No git on the path, or one that does not run.
pub fn version() -> Result<String, GitError> {
    let output = Command::new("git")
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .map_err(|_| GitError::GitMissing)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.trim().strip_prefix("git version ").unwrap_or(text.trim());
    if version.is_empty() {
        return Err(GitError::GitMissing);
    }
    Ok(escape(version))
}
