//! The diagnostics of layers: code, words and help of each, in one place.
//!
//! Decides nothing. What each code means at length stands in `explain`.

use std::sync::Arc;

use super::draft::Place;
use crate::model::{EncodeError, RESERVED_ROOTS};
use crate::treefile::{Code, Diagnostic, Label, SourceFile};

/// The files, as labels need them.
pub(super) type Sources = [Arc<SourceFile>];

fn label(sources: &Sources, place: Place, text: impl Into<String>) -> Label {
    let source = sources[place.file as usize].clone();
    let length = source.bytes.len();
    let start = (place.at as usize).min(length);
    let end = (start + place.length as usize).min(length);
    Label {
        source,
        span: start..end,
        text: text.into(),
    }
}

fn diagnostic(code: &'static str, message: String, primary: Label) -> Diagnostic {
    Diagnostic {
        code: Code(code),
        message,
        primary,
        secondary: None,
        help: None,
    }
}

/// Adds the other place and the help to a diagnostic.
fn with(diagnostic: Diagnostic, secondary: Option<Label>, help: impl Into<String>) -> Diagnostic {
    Diagnostic {
        secondary,
        help: Some(help.into()),
        ..diagnostic
    }
}

/// A node in a reserved root.
pub(super) fn reserved(sources: &Sources, place: Place, root: &str) -> Diagnostic {
    let message = format!("the top-level node /{root} is reserved");
    let names = RESERVED_ROOTS.map(|name| format!("/{name}")).join(", ");
    with(
        diagnostic(
            "TK0301",
            message,
            label(sources, place, "no tree file may define it"),
        ),
        None,
        format!("reserved are {names}: choose another name"),
    )
}

/// A top-level node that two `.zk` files define.
pub(super) fn root_twice(sources: &Sources, place: Place, first: Place, name: &str) -> Diagnostic {
    let message = format!("the top-level node /{name} is defined by two .zk files");
    let secondary = label(sources, first, "first defined here");
    with(
        diagnostic("TK0302", message, label(sources, place, "defined again here")),
        Some(secondary),
        "join the two definitions, or rename this file to .zkx to lay it over the other",
    )
}

/// A property that two overlays set to different values.
pub(super) fn overlays_differ(
    sources: &Sources,
    place: Place,
    first: Place,
    path: &str,
    key: &str,
) -> Diagnostic {
    let message = format!("two overlays set {key} of {path} to different values");
    let secondary = label(sources, first, "first set here");
    with(
        diagnostic(
            "TK0303",
            message,
            label(sources, place, "set to another value here"),
        ),
        Some(secondary),
        "leave the property to one of the two files",
    )
}

/// A path such as `/a/b` whose parent no file defines.
pub(super) fn parent_missing(sources: &Sources, place: Place, path: &str, parent: &str) -> Diagnostic {
    let message = format!("the parent of {path} is not defined");
    with(
        diagnostic(
            "TK0304",
            message,
            label(sources, place, format!("no file defines {parent}")),
        ),
        None,
        format!("define {parent} in this file, and write this node below it"),
    )
}

/// A node that is written twice because one of the two is written as a path.
pub(super) fn node_twice(sources: &Sources, place: Place, first: Place, path: &str) -> Diagnostic {
    let message = format!("the node {path} is defined twice");
    let secondary = label(sources, first, "first defined here");
    with(
        diagnostic("TK0305", message, label(sources, place, "defined again here")),
        Some(secondary),
        "join the two definitions",
    )
}

/// A node whose name holds nothing but slashes.
pub(super) fn nameless(sources: &Sources, place: Place) -> Diagnostic {
    let message = "a node has no name".to_owned();
    with(
        diagnostic("TK0108", message, label(sources, place, "only slashes")),
        None,
        "write the name after the slash",
    )
}

/// Which limit a tree exceeds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    Znodes,
    Depth,
    Path,
    Data,
    ChildNames,
}

/// A tree that exceeds a limit at the node called `path`.
pub(super) fn limit(
    sources: &Sources,
    place: Place,
    limit: Limit,
    path: &str,
    (actual, allowed): (usize, usize),
) -> Diagnostic {
    let (code, key, message) = match limit {
        Limit::Znodes => ("TK0405", "znodes", format!("the files define {actual} znodes")),
        Limit::Depth => ("TK0403", "depth", format!("the node is {actual} levels deep")),
        Limit::Path => ("TK0404", "path_bytes", format!("the path has {actual} bytes")),
        Limit::Data => (
            "TK0406",
            "node_data_bytes",
            format!("the data of {path} have {actual} bytes"),
        ),
        Limit::ChildNames => (
            "TK0407",
            "child_names_bytes",
            format!("the names of the children of {path} have {actual} bytes"),
        ),
    };
    with(
        diagnostic(
            code,
            message,
            label(sources, place, format!("at most {allowed} are allowed")),
        ),
        None,
        format!("the limit is configured as limits.{key}"),
    )
}

/// Properties that cannot be stored.
pub(super) fn not_encodable(sources: &Sources, place: Place, path: &str, error: &EncodeError) -> Diagnostic {
    let message = format!("the properties of {path} cannot be stored: {error}");
    let (code, help) = match error {
        EncodeError::StringValueNotBytes => (
            "TK0113",
            "write a string without the prefix u, or add another property",
        ),
        EncodeError::NotUtf8 { .. } => (
            "TK0114",
            "leave out the bytes that are not UTF-8, or make it the only property",
        ),
    };
    with(
        diagnostic(code, message, label(sources, place, "this one")),
        None,
        help,
    )
}
