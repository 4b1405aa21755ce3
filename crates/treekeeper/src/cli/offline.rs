//! `validate` and `parse`: tree files without a server, for CI and editors.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use treekeeper_core::layer;
use treekeeper_core::model::DesiredTree;
use treekeeper_core::model::protect::Glob;
use treekeeper_core::treefile::{self, Diagnostic, Label, SourceFile};

use super::args::{FormatArg, Global, ParseArgs, ValidateArgs};
use super::config::Config;
use super::edit::source_file;
use super::setup::{overlay, tree_limits};
use super::ui::{self, Exit, Problem};
use super::{config, sarif, setup};
use crate::engine::{self, SettingsFault};
use crate::git::{self, SETTINGS_FILE};

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
    let verdict = judge(Read::new(options)?, global, &config);
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
    read: Read,
    znodes: usize,
    /// What the repository's settings protect.
    protect: Vec<Glob>,
    diagnostics: Vec<Diagnostic>,
}

fn judge(read: Read, global: &Global, config: &Config) -> Verdict {
    let sources: Vec<_> = read.files.iter().map(|(_, file)| Arc::clone(file)).collect();
    let (desired, mut diagnostics) = gather(&sources, global, config);
    let mut protect = Vec::new();
    for (_, file) in &read.settings {
        match engine::settings_globs(file) {
            Ok(globs) => protect.extend(globs),
            Err(fault) => diagnostics.push(settings_diagnostic(file, fault)),
        }
    }
    Verdict {
        read,
        znodes: desired.map_or(0, |desired| desired.tree.len()),
        protect,
        diagnostics,
    }
}

fn settings_diagnostic(file: &Arc<SourceFile>, fault: SettingsFault) -> Diagnostic {
    Diagnostic {
        code: SettingsFault::CODE,
        message: fault.message,
        primary: Label {
            source: Arc::clone(file),
            span: fault.span.unwrap_or(0..0),
            text: String::new(),
        },
        secondary: None,
        help: Some(SettingsFault::HINT.to_owned()),
    }
}

impl Verdict {
    fn sentence(&self) -> String {
        let protects = match (self.read.settings.is_empty(), self.protect.len()) {
            (true, _) => String::new(),
            (false, globs) => format!("; {SETTINGS_FILE} protects {}", ui::counted(globs, "glob")),
        };
        format!(
            "Valid: {}, {}{protects}.\n",
            ui::counted(self.read.files.len(), "file"),
            ui::counted(self.znodes, "znode")
        )
    }

    fn as_json(&self, secrets: &[String]) -> Value {
        json!({
            "schema": 1,
            "files": self.read.files.len(),
            "znodes": self.znodes,
            "protect": self.protect.iter().map(Glob::as_str).collect::<Vec<_>>(),
            "diagnostics": diagnostics_json(&self.diagnostics, secrets),
        })
    }

    fn as_sarif(&self, secrets: &[String]) -> Result<Value, Problem> {
        let directory = std::env::current_dir()
            .map_err(|error| Problem::error(format!("cannot tell the working directory: {error}")))?;
        let uri_of = |label: &Label| {
            let mut files = self.read.files.iter().chain(&self.read.settings);
            // Files of different directories may have one name, so the text itself is what is looked for.
            let path = files.find(|(_, file)| Arc::ptr_eq(file, &label.source));
            let path = path.map_or(Path::new(&label.source.name), |(path, _)| path);
            sarif::uri(path, &directory)
        };
        Ok(sarif::log(&self.diagnostics, secrets, uri_of))
    }
}

/// The files, each with the path by which it is known.
struct Read {
    files: Vec<(PathBuf, Arc<SourceFile>)>,
    /// The repository's own settings, as a sync reads them beside the tree files.
    settings: Vec<(PathBuf, Arc<SourceFile>)>,
}

impl Read {
    fn new(options: &ValidateArgs) -> Result<Read, Problem> {
        let limits = git::ReadLimits::default();
        let files: Vec<(PathBuf, SourceFile)> = match options.paths.as_slice() {
            [directory] if directory.is_dir() => {
                let files = git::read_directory(directory, &limits)?;
                let settings = git::read_settings(directory, &limits)?;
                let all = files.into_iter().chain(settings);
                all.map(|file| (directory.join(&file.name), file)).collect()
            }
            paths => {
                let files = git::read_files(paths, &limits)?;
                paths.iter().cloned().zip(files).collect()
            }
        };
        let files = files.into_iter().map(|(path, file)| (path, Arc::new(file)));
        let (settings, files) = files.partition(|(_, file)| file.name == SETTINGS_FILE);
        Ok(Read { files, settings })
    }
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
