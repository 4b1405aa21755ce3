//! Live trees as tree files: the text of the original's `export_tree` where TREE_FORMAT.md 9 doesn't differ.
//!
//! What is exported imports back to the same tree, which is proved by parsing it; a view for people may hold what no
//! file can.

use std::borrow::Cow;
use std::sync::Arc;

use super::diagnostic::escape;
use super::lines::{self, Line};
use super::{FileNode, FileTree, ParseLimits, SourceFile, parse, stored};
use crate::model::python::{Prefix, write_repr};
use crate::model::{LiveTree, NodeId, Properties, Text, Value, ZnodePath, decode, encode};

/// The top-level nodes that are left out when the root is printed.
const HIDDEN_ROOTS: [&str; 2] = ["zookeeper", "treekeeper"];

/// What is printed, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrintOptions {
    /// Prints ephemeral nodes, too.
    pub ephemeral: bool,
    /// The name to print for the node where printing starts; for the root, its children are put below it.
    pub name: Option<String>,
    /// Leaves out the `u` of `u'...'` where the text reads back without it.
    pub plain: bool,
    /// Prints `/zookeeper` and `/treekeeper`, too, when the root is printed.
    pub all: bool,
    /// Refuses what would not import back to the same tree; without it the text is a view for people.
    pub strict: bool,
}

/// Why a tree cannot be printed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrintError {
    /// A node that no tree file can carry as it is.
    #[error("no tree file can hold {path}: {reason}")]
    NotImportable {
        /// The node.
        path: ZnodePath,
        /// What a file cannot say.
        reason: String,
    },
}

/// Tells whether a top-level node is left out when the root is printed.
pub(super) fn is_hidden(name: &str) -> bool {
    HIDDEN_ROOTS.contains(&name)
}

/// Returns the text of the tree below `start`, which ends in a newline.
///
/// Errors are possible with [`PrintOptions::strict`] only.
pub fn print(tree: &LiveTree, start: NodeId, options: &PrintOptions) -> Result<String, PrintError> {
    let mut printer = Printer {
        tree,
        options,
        text: String::new(),
        nodes: Vec::new(),
        lines: Vec::new(),
    };
    printer.print(start);
    if printer.text.is_empty() {
        printer.text.push('\n');
    }
    if options.strict {
        printer.proved()
    } else {
        Ok(printer.text)
    }
}

struct Printer<'a> {
    tree: &'a LiveTree,
    options: &'a PrintOptions,
    text: String,
    /// The printed nodes, in order; the proof compares them with the parsed ones.
    nodes: Vec<NodeId>,
    /// For each line the node that it belongs to.
    lines: Vec<NodeId>,
}

impl<'a> Printer<'a> {
    fn print(&mut self, start: NodeId) {
        let mut waiting = vec![(start, 0)];
        while let Some((id, indent)) = waiting.pop() {
            let is_root = id == self.tree.root();
            if !is_root && !self.options.ephemeral && self.tree.content(id).ephemeral_owner.is_some() {
                continue;
            }
            let name = match &self.options.name {
                Some(name) if id == start => Some(name.as_str()),
                _ => (!is_root).then(|| self.tree.name(id)),
            };
            let below = if let Some(name) = name {
                self.node(id, name, indent);
                indent + 2
            } else {
                indent
            };
            let hidden = |child: &NodeId| is_root && !self.options.all && is_hidden(self.tree.name(*child));
            let children = self.tree.children(id).iter().filter(|child| !hidden(child));
            waiting.extend(children.rev().map(|child| (*child, below)));
        }
    }

    /// Returns the properties that a node shows: the root's data are never printed.
    fn properties(&self, id: NodeId) -> Properties {
        if id == self.tree.root() {
            return Properties::default();
        }
        decode(&self.tree.content(id).data).into_properties()
    }

    fn node(&mut self, id: NodeId, name: &str, indent: usize) {
        let properties = self.properties(id);
        let name = self.shown(Cow::Borrowed(name));
        let mut line = format!("/{name}");
        let kind = properties.get("type").and_then(|kind| carried_type(&name, kind));
        if let Some(kind) = kind {
            line.push_str(" : ");
            line.push_str(kind);
        }
        self.nodes.push(id);
        self.line(id, indent, &line);
        let is_symlink = |key: &Text| key.as_bytes().ends_with(b" ->");
        for (key, value) in properties.iter().filter(|(key, _)| !is_symlink(key)) {
            if !(kind.is_some() && *key == "type") {
                let line = self.property(key, value);
                self.line(id, indent + 2, &line);
            }
        }
        for (key, value) in properties.iter().filter(|(key, _)| is_symlink(key)) {
            let line = format!("{} {}", self.shown(key.to_str_lossy()), self.target(value));
            self.line(id, indent + 2, &line);
        }
    }

    fn line(&mut self, id: NodeId, indent: usize, line: &str) {
        self.lines.push(id);
        self.text.extend(std::iter::repeat_n(' ', indent));
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn property(&self, key: &Text, value: &Value) -> String {
        let shown = self.shown(key.to_str_lossy());
        if key.as_bytes().ends_with(b" =>")
            && let Value::String(text) = value
        {
            let line = format!("{shown} {}", self.shown(text.to_str_lossy()));
            if matches!(lines::read(line.trim()), Line::PropertyLink { target, .. } if *text == *target) {
                return line;
            }
        }
        let mut line = format!("{shown} = ");
        write_repr(
            value,
            if self.options.plain {
                Prefix::Plain
            } else {
                Prefix::Unicode
            },
            &mut line,
        );
        line
    }

    /// Spells a link's target as Python's `str` does.
    fn target(&self, value: &Value) -> String {
        match value {
            Value::String(text) => self.shown(text.to_str_lossy()).into_owned(),
            _ => {
                let mut text = String::new();
                write_repr(value, Prefix::Unicode, &mut text);
                text
            }
        }
    }

    /// Returns what is shown for text that is printed bare: people are not to be deceived, and the proof finds what a
    /// file cannot hold.
    fn shown<'b>(&self, text: Cow<'b, str>) -> Cow<'b, str> {
        match text {
            _ if self.options.strict => text,
            Cow::Borrowed(text) => escape(text),
            Cow::Owned(text) => Cow::Owned(escape(&text).into_owned()),
        }
    }

    /// Returns the text, if it parses back to the nodes that it was made of.
    fn proved(self) -> Result<String, PrintError> {
        let source = Arc::new(SourceFile {
            name: "export.zk".to_owned(),
            bytes: self.text.into_bytes(),
        });
        let (parsed, diagnostics) = parse(Arc::clone(&source), &unlimited());
        let refuse = |id: NodeId, reason: String| PrintError::NotImportable {
            path: self.tree.path(id),
            reason,
        };
        if let Some(first) = diagnostics.first() {
            let line = first
                .place()
                .0
                .saturating_sub(1)
                .min(self.lines.len().saturating_sub(1));
            let id = self.lines.get(line).copied().unwrap_or(self.tree.root());
            return Err(refuse(id, first.said(&[]).into_owned()));
        }
        for (place, id) in self.nodes.iter().enumerate() {
            let name = match &self.options.name {
                Some(name) if place == 0 => name,
                _ => self.tree.name(*id),
            };
            let properties = if *id == self.tree.root() {
                Properties::default()
            } else {
                decode(&self.tree.content(*id).data).into_properties()
            };
            if let Err(reason) = same(&parsed, place + 1, name, &properties) {
                return Err(refuse(*id, reason));
            }
        }
        drop(parsed);
        let bytes = Arc::try_unwrap(source).map_or_else(|shared| shared.bytes.clone(), |source| source.bytes);
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Returns the type, if the line of a node called `name` can hold it behind the name.
fn carried_type<'a>(name: &str, kind: &'a Value) -> Option<&'a str> {
    let Value::String(kind) = kind else { return None };
    let kind = kind.as_str()?;
    let line = format!("/{name} : {kind}");
    let whole = !kind.contains(['\n', '\0']) && escape(kind) == kind;
    let carried = matches!(lines::read(&line), Line::Node { name: read, kind: Some(back) } if read == name && back == kind);
    (whole && carried && !kind.ends_with(|last| u8::try_from(last).is_ok_and(lines::blank))).then_some(kind)
}

/// Tells whether the parsed node at `place` has this name and these properties, else what is not the same.
fn same(parsed: &FileTree, place: usize, name: &str, properties: &Properties) -> Result<(), String> {
    let Some(node): Option<&FileNode> = parsed.nodes.get(place) else {
        return Err("its line does not read back as a node".to_owned());
    };
    if *node.name != *name {
        return Err(format!("its name reads back as {:?}", node.name));
    }
    let stored = encode(&stored::properties(node)).map_err(|error| error.to_string())?;
    match encode(properties) {
        Ok(data) if data == stored => Ok(()),
        Ok(_) => Err("its properties do not read back as they are".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Returns limits that refuse nothing: who exports a big tree may raise them for the import.
fn unlimited() -> ParseLimits {
    let most = usize::MAX;
    ParseLimits {
        file_bytes: most,
        line_bytes: most,
        depth: most,
        path_bytes: most,
        znodes: most,
        node_data_bytes: most,
        child_names_bytes: most,
        diagnostics: 1,
    }
}
