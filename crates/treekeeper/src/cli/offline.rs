//! `validate` and `parse`: tree files without a server, for CI and editors.

use std::sync::Arc;

use serde_json::{Value, json};
use treekeeper_core::layer;
use treekeeper_core::model::DesiredTree;
use treekeeper_core::treefile::{self, Diagnostic, SourceFile};

use super::args::{Global, ParseArgs, ValidateArgs};
use super::config::Config;
use super::edit::source_file;
use super::setup::{overlay, tree_limits};
use super::ui::{self, Exit, Problem};
use super::{config, setup};
use crate::git;

/// Parses and merges the given files or directory, and reports everything that is wrong.
pub fn validate(global: &Global, options: &ValidateArgs) -> Result<Exit, Problem> {
    let config = config::read(global.config.as_deref())?;
    let files = read(options)?;
    let count = files.len();
    let (znodes, diagnostics) = match merged(files, global, &config) {
        Ok(desired) => (desired.tree.len(), Vec::new()),
        Err(diagnostics) => (0, diagnostics),
    };
    if global.json {
        print_json(count, znodes, &diagnostics, &config.secrets.names)?;
    } else if diagnostics.is_empty() {
        ui::print_bytes(
            format!(
                "Valid: {}, {}.\n",
                ui::counted(count, "file"),
                ui::counted(znodes, "znode")
            )
            .as_bytes(),
        )?;
    } else {
        ui::diagnostics(&diagnostics, &config.secrets.names, "");
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
    let (parse_limits, layer_limits) = tree_limits(config);
    let mut diagnostics = Vec::new();
    let mut trees = Vec::with_capacity(files.len());
    for file in files {
        let (tree, found) = treefile::parse(Arc::new(file), &parse_limits);
        trees.push(tree);
        diagnostics.extend(found);
    }
    match layer::merge(trees, overlay(global, config), &layer_limits) {
        Ok(desired) if diagnostics.is_empty() => Ok(desired),
        Ok(_) => Err(diagnostics),
        Err(more) => Err(layer::joined_diagnostics(diagnostics, more)),
    }
}

fn read(options: &ValidateArgs) -> Result<Vec<SourceFile>, Problem> {
    match options.paths.as_slice() {
        [directory] if directory.is_dir() => Ok(git::read_directory(directory, &git::ReadLimits::default())?),
        files => Ok(git::read_files(files, &git::ReadLimits::default())?),
    }
}

fn print_json(
    files: usize,
    znodes: usize,
    diagnostics: &[Diagnostic],
    secrets: &[String],
) -> Result<(), Problem> {
    let list = diagnostics_json(diagnostics, secrets);
    ui::print_json(&json!({ "schema": 1, "files": files, "znodes": znodes, "diagnostics": list }))
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
