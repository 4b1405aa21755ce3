//! `validate` and `parse`: tree files without a server, for CI and editors.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use treekeeper_core::layer;
use treekeeper_core::model::DesiredTree;
use treekeeper_core::treefile::{self, Diagnostic, Label, SourceFile};

use super::args::{FormatArg, Global, ParseArgs, ValidateArgs};
use super::config::Config;
use super::edit::source_file;
use super::setup::{overlay, tree_limits};
use super::ui::{self, Exit, Problem};
use super::{config, sarif, setup};
use crate::git;

/// Parses and merges the given files or directory, and reports everything that is wrong.
pub fn validate(global: &Global, options: &ValidateArgs) -> Result<Exit, Problem> {
    let format = match (options.format, global.json) {
        (None, false) => FormatArg::Text,
        (None | Some(FormatArg::Json), true) => FormatArg::Json,
        (Some(_), true) => {
            return Err(Problem::usage("--json is --format json: give one of the two"));
        }
        (Some(format), false) => format,
    };
    let config = config::read(global.config.as_deref())?;
    let verdict = judge(read(options)?, global, &config);
    let (diagnostics, secrets) = (&verdict.diagnostics, &config.secrets.names);
    match format {
        FormatArg::Json => ui::print_json(&verdict.as_json(secrets))?,
        FormatArg::Sarif => ui::print_json(&verdict.as_sarif(secrets)?)?,
        FormatArg::Text if diagnostics.is_empty() => ui::print_bytes(verdict.sentence().as_bytes())?,
        FormatArg::Text => ui::diagnostics(diagnostics, secrets, ""),
    }
    Ok(if diagnostics.is_empty() {
        Exit::Done
    } else {
        Exit::Error
    })
}

/// Parses files and merges them, or returns everything that is wrong with them.
pub fn merged(
    files: Vec<SourceFile>,
    global: &Global,
    config: &Config,
) -> Result<DesiredTree, Vec<Diagnostic>> {
    let files: Vec<_> = files.into_iter().map(Arc::new).collect();
    match gather(&files, global, config) {
        (Some(desired), diagnostics) if diagnostics.is_empty() => Ok(desired),
        (_, diagnostics) => Err(diagnostics),
    }
}

fn gather(
    files: &[Arc<SourceFile>],
    global: &Global,
    config: &Config,
) -> (Option<DesiredTree>, Vec<Diagnostic>) {
    let (parse_limits, layer_limits) = tree_limits(config);
    let rules = layer::Rules {
        overlay: overlay(global, config),
        parse_limits,
        layer_limits,
    };
    layer::read(files, &rules)
}

/// What is to be said about a set of files.
struct Verdict {
    files: Vec<(PathBuf, Arc<SourceFile>)>,
    znodes: usize,
    diagnostics: Vec<Diagnostic>,
}

fn judge(files: Vec<(PathBuf, SourceFile)>, global: &Global, config: &Config) -> Verdict {
    let files: Vec<_> = files
        .into_iter()
        .map(|(path, file)| (path, Arc::new(file)))
        .collect();
    let sources: Vec<_> = files.iter().map(|(_, file)| Arc::clone(file)).collect();
    let (desired, diagnostics) = gather(&sources, global, config);
    Verdict {
        files,
        znodes: desired.map_or(0, |desired| desired.tree.len()),
        diagnostics,
    }
}

impl Verdict {
    fn sentence(&self) -> String {
        format!(
            "Valid: {}, {}.\n",
            ui::counted(self.files.len(), "file"),
            ui::counted(self.znodes, "znode")
        )
    }

    fn as_json(&self, secrets: &[String]) -> Value {
        let list = diagnostics_json(&self.diagnostics, secrets);
        json!({ "schema": 1, "files": self.files.len(), "znodes": self.znodes, "diagnostics": list })
    }

    fn as_sarif(&self, secrets: &[String]) -> Result<Value, Problem> {
        let directory = std::env::current_dir()
            .map_err(|error| Problem::error(format!("cannot tell the working directory: {error}")))?;
        let uri_of = |label: &Label| {
            let mut files = self.files.iter();
            // Files of different directories may have one name, so the text itself is what is looked for.
            let path = files.find(|(_, file)| Arc::ptr_eq(file, &label.source));
            let path = path.map_or(Path::new(&label.source.name), |(path, _)| path);
            sarif::uri(path, &directory)
        };
        Ok(sarif::log(&self.diagnostics, secrets, uri_of))
    }
}

/// Reads the files, each with the path by which it is known.
fn read(options: &ValidateArgs) -> Result<Vec<(PathBuf, SourceFile)>, Problem> {
    let limits = git::ReadLimits::default();
    Ok(match options.paths.as_slice() {
        [directory] if directory.is_dir() => {
            let files = git::read_directory(directory, &limits)?.into_iter();
            files.map(|file| (directory.join(&file.name), file)).collect()
        }
        paths => {
            let files = git::read_files(paths, &limits)?;
            paths.iter().cloned().zip(files).collect()
        }
    })
}

/// Returns diagnostics as JSON, in their order.
pub fn diagnostics_json<'a>(
    diagnostics: impl IntoIterator<Item = &'a Diagnostic>,
    secrets: &[String],
) -> Vec<Value> {
    let as_json = |diagnostic: &Diagnostic| {
        let (line, column) = diagnostic.place();
        json!({
            "code": diagnostic.code.0,
            "file": diagnostic.primary.source.name,
            "line": line,
            "column": column,
            "message": diagnostic.said(secrets),
            "help": diagnostic.helped(secrets),
        })
    };
    diagnostics.into_iter().map(as_json).collect()
}

/// Prints one parsed file as JSON.
pub fn parse(global: &Global, options: &ParseArgs) -> Result<Exit, Problem> {
    let config = config::read(global.config.as_deref())?;
    let (parse_limits, _) = setup::tree_limits(&config);
    let (tree, diagnostics) = treefile::parse(Arc::new(source_file(&options.file)?), &parse_limits);
    if !diagnostics.is_empty() {
        ui::diagnostics(&diagnostics, &config.secrets.names, "");
        return Ok(Exit::Error);
    }
    ui::print_bytes(format!("{}\n", treefile::to_json(&tree)).as_bytes())?;
    Ok(Exit::Done)
}
