//! `fmt`: tree files in canonical form.
//!
//! Everything is read and judged before the first file is written; each file is replaced whole or not at all.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use treekeeper_core::model::printable;
use treekeeper_core::treefile::{self, Diagnostic, SourceFile};

use super::args::{FmtArgs, Global};
use super::config;
use super::edit::source_file;
use super::offline::diagnostics_json;
use super::setup::tree_limits;
use super::ui::{self, Exit, Problem};
use crate::git::{self, ReadLimits};

/// How many lines of a file `--check` shows before it only counts.
const SHOWN_LINES_MAX: usize = 5;

/// Formats files, or tells which are not in canonical form.
pub fn run(global: &Global, options: &FmtArgs) -> Result<Exit, Problem> {
    let config = config::read(global.config.as_deref())?;
    let secrets = &config.secrets.names;
    let files = judged(&read(&options.paths)?, &tree_limits(&config).0);
    let to_stdout = files.iter().any(|file| file.path.is_none());
    if to_stdout && global.json && !options.check {
        return Err(Problem::usage(
            "- prints the formatted text, which --json has no place for",
        ));
    }
    if !options.check {
        files.iter().try_for_each(write)?;
    }
    if global.json {
        ui::print_json(&as_json(&files, options.check, secrets))?;
    } else if options.check {
        let told: String = files.iter().map(|file| difference(file, secrets)).collect();
        ui::print_bytes(told.as_bytes())?;
    }
    if !global.json {
        tell(&files, global.quiet || to_stdout, options.check, secrets);
    }
    Ok(exit(&files, options.check))
}

/// A file and what is to become of it.
struct Judged {
    /// Where it is; `None` for standard input.
    path: Option<PathBuf>,
    source: Arc<SourceFile>,
    verdict: Verdict,
}

enum Verdict {
    Canonical,
    /// It is to be written so.
    Differs(String),
    Invalid(Vec<Diagnostic>),
}

/// Reads the named files, and those directly in the named directories.
fn read(paths: &[PathBuf]) -> Result<Vec<(Option<PathBuf>, SourceFile)>, Problem> {
    let limits = ReadLimits::default();
    let mut files = Vec::new();
    for path in paths {
        if path == Path::new("-") {
            files.push((None, source_file(path)?));
        } else if path.is_dir() {
            let found = git::read_directory(path, &limits)?.into_iter();
            files.extend(found.map(|source| (Some(path.join(&source.name)), source)));
        } else {
            let found = git::read_files(&[path], &limits)?.into_iter();
            files.extend(found.map(|source| (Some(path.clone()), source)));
        }
    }
    for (path, source) in &mut files {
        // Files of several directories may have one name; only the whole path tells them apart.
        if let Some(path) = path {
            source.name = path.to_string_lossy().into_owned();
        }
    }
    Ok(files)
}

fn judged(files: &[(Option<PathBuf>, SourceFile)], limits: &treefile::ParseLimits) -> Vec<Judged> {
    let judge = |(path, source): &(Option<PathBuf>, SourceFile)| {
        let source = Arc::new(source.clone());
        let verdict = match treefile::canonical(&source, limits) {
            Ok(text) if text.as_bytes() == source.bytes => Verdict::Canonical,
            Ok(text) => Verdict::Differs(text),
            Err(diagnostics) => Verdict::Invalid(diagnostics),
        };
        Judged {
            path: path.clone(),
            source,
            verdict,
        }
    };
    files.iter().map(judge).collect()
}

fn write(file: &Judged) -> Result<(), Problem> {
    match (&file.path, &file.verdict) {
        (Some(path), Verdict::Differs(text)) => replace(path, &file.source.bytes, text).map_err(|error| {
            let shown = path.to_string_lossy();
            Problem::error(format!("cannot write {}: {error}", printable(&shown)))
        }),
        (None, Verdict::Differs(text)) => ui::print_bytes(text.as_bytes()),
        (None, Verdict::Canonical) => ui::print_bytes(&file.source.bytes),
        _ => Ok(()),
    }
}

/// Puts `text` in the place of a file that holds `before`, in one step: whoever reads it sees the old or the new text.
fn replace(path: &Path, before: &[u8], text: &str) -> io::Result<()> {
    if fs::read(path)? != before {
        return Err(io::Error::other("it was changed while it was formatted"));
    }
    let name = path.file_name().unwrap_or(OsStr::new("file")).to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}", uuid::Uuid::new_v4().simple()));
    let replaced = write_like(path, &temporary, text).and_then(|()| fs::rename(&temporary, path));
    if replaced.is_err() {
        // It may not have been made; what matters has failed already.
        let _ = fs::remove_file(&temporary);
    }
    replaced
}

/// Writes a new file with the permissions of another, and its owner as far as the system lets us.
fn write_like(model: &Path, path: &Path, text: &str) -> io::Result<()> {
    let metadata = fs::metadata(model)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    let made = file.metadata()?;
    if (made.uid(), made.gid()) != (metadata.uid(), metadata.gid()) {
        let _ = chown(path, Some(metadata.uid()), Some(metadata.gid()));
    }
    file.set_permissions(metadata.permissions())?;
    file.sync_all()
}

/// Returns what `--check` prints about a file: nothing for one that is canonical.
fn difference(file: &Judged, secrets: &[String]) -> String {
    let Verdict::Differs(text) = &file.verdict else {
        return String::new();
    };
    let before = String::from_utf8_lossy(&file.source.bytes);
    let changes = treefile::changes(&before, text, SHOWN_LINES_MAX, secrets);
    format!("{}\n{changes}", printable(&file.source.name))
}

/// Says on standard error what was done, or what is to be done.
fn tell(files: &[Judged], quiet: bool, check: bool, secrets: &[String]) {
    let differ: Vec<&Judged> = files
        .iter()
        .filter(|file| matches!(file.verdict, Verdict::Differs(_)))
        .collect();
    let wrong: Vec<Diagnostic> = files.iter().flat_map(Judged::diagnostics).cloned().collect();
    let (some, all) = (differ.len(), ui::counted(files.len(), "file"));
    if !check && !quiet {
        for file in &differ {
            ui::say(&format!("formatted {}", printable(&file.source.name)));
        }
        ui::say(&format!("Formatted {some} of {all}."));
    } else if check && some > 0 {
        ui::error(&format!("{some} of {all} not in canonical form"), None);
        ui::hint("`treekeeper fmt` with the same paths puts them right");
    }
    if !wrong.is_empty() {
        ui::diagnostics(&wrong, secrets, "; files with errors are left as they are");
    }
}

fn exit(files: &[Judged], check: bool) -> Exit {
    let any = |is: fn(&Verdict) -> bool| files.iter().any(|file| is(&file.verdict));
    if any(|verdict| matches!(verdict, Verdict::Invalid(_))) {
        Exit::Error
    } else if check && any(|verdict| matches!(verdict, Verdict::Differs(_))) {
        Exit::Differences
    } else {
        Exit::Done
    }
}

fn as_json(files: &[Judged], check: bool, secrets: &[String]) -> Value {
    let state = |file: &Judged| match file.verdict {
        Verdict::Canonical => "canonical",
        Verdict::Differs(_) if check => "not-canonical",
        Verdict::Differs(_) => "formatted",
        Verdict::Invalid(_) => "invalid",
    };
    let list: Vec<Value> = files
        .iter()
        .map(|file| json!({ "file": file.source.name, "state": state(file) }))
        .collect();
    let wrong = files.iter().flat_map(Judged::diagnostics);
    json!({ "schema": 1, "files": list, "diagnostics": diagnostics_json(wrong, secrets) })
}

impl Judged {
    fn diagnostics(&self) -> &[Diagnostic] {
        match &self.verdict {
            Verdict::Invalid(diagnostics) => diagnostics,
            Verdict::Canonical | Verdict::Differs(_) => &[],
        }
    }
}
