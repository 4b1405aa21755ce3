//! Where a znode and its properties come from: every place of the files that writes them, and which one counts.
//!
//! Reads parsed files once more, for one path: the trees that syncs are made of keep no places.

use std::sync::Arc;

use crate::model::{Overlay, Text, Value, ZnodePath};
use crate::treefile::{FileTree, SourceFile};

/// A place of a file.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The file.
    pub source: Arc<SourceFile>,
    /// The line, from 1.
    pub line: usize,
}

impl Origin {
    /// Tells whether the file is an overlay, `.zkx`.
    pub fn is_overlay(&self) -> bool {
        self.source.name.ends_with(".zkx")
    }
}

/// What the files say of one node.
#[derive(Clone, Debug)]
pub struct NodeOrigins {
    /// The lines that write it, in the order in which the files are taken: the first makes it, others lie over it.
    pub nodes: Vec<Origin>,
    /// Its properties, sorted by key.
    pub properties: Vec<PropertyOrigins>,
}

/// What the files say of one property.
#[derive(Clone, Debug)]
pub struct PropertyOrigins {
    /// The key as it is stored.
    pub key: Text,
    /// The value that counts.
    pub value: Value,
    /// Where it is written.
    pub origin: Origin,
    /// What it takes the place of, the latest first.
    pub overridden: Vec<Origin>,
}

/// Returns where the node at `path` and its properties come from, if a file defines it; `files` must merge without a
/// fault.
pub fn origins(files: &[FileTree], overlay: Overlay, path: &ZnodePath) -> Option<NodeOrigins> {
    let mut ordered: Vec<&FileTree> = files.iter().collect();
    let order = |file: &&FileTree| (file.source.name.ends_with(".zkx"), file.source.name.clone());
    ordered.sort_by_key(order);
    let wanted: Vec<&str> = path.names().collect();
    let mut found = NodeOrigins {
        nodes: Vec::new(),
        properties: Vec::new(),
    };
    for file in ordered {
        let at = |at: u32| Origin {
            source: file.source.clone(),
            line: line_of(&file.source.bytes, at),
        };
        for node in writers(file, &wanted) {
            let node = &file.nodes[node];
            if !found.nodes.is_empty() && overlay == Overlay::Replace {
                // The node's properties are all of the last file's; what they were before is told where both have them.
                let kept = |old: &PropertyOrigins| node.properties.iter().any(|new| new.key == old.key);
                found.properties.retain(kept);
            }
            found.nodes.push(at(node.at));
            for property in &node.properties {
                let origin = at(property.at);
                match found
                    .properties
                    .iter_mut()
                    .find(|known| known.key == property.key)
                {
                    None => found.properties.push(PropertyOrigins {
                        key: property.key.clone(),
                        value: property.value.clone(),
                        origin,
                        overridden: Vec::new(),
                    }),
                    Some(known) => {
                        let before = std::mem::replace(&mut known.origin, origin);
                        known.overridden.insert(0, before);
                        known.value = property.value.clone();
                    }
                }
            }
        }
    }
    found.properties.sort_by(|left, right| left.key.cmp(&right.key));
    (!found.nodes.is_empty()).then_some(found)
}

/// Returns the nodes of a file that stand at the path with these names; a node may be written as a path.
fn writers(file: &FileTree, wanted: &[&str]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut stack = vec![(0usize, 0usize)];
    while let Some((node, depth)) = stack.pop() {
        for child in file.nodes[node].children.iter().map(|child| *child as usize) {
            let mut end = depth;
            let fits = file.nodes[child].parts().all(|part| {
                end += 1;
                wanted.get(end - 1) == Some(&part)
            });
            match fits && end > depth {
                true if end == wanted.len() => found.push(child),
                true => stack.push((child, end)),
                false => {}
            }
        }
    }
    found.sort_unstable_by_key(|node| file.nodes[*node].at);
    found
}

fn line_of(bytes: &[u8], at: u32) -> usize {
    let before = &bytes[..bytes.len().min(at as usize)];
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::treefile::{ParseLimits, parse};

    fn told(files: &[(&str, &str)], overlay: Overlay, path: &str) -> String {
        let trees: Vec<FileTree> = files
            .iter()
            .map(|(name, text)| {
                let source = SourceFile {
                    name: (*name).to_owned(),
                    bytes: text.as_bytes().to_vec(),
                };
                parse(Arc::new(source), &ParseLimits::default()).0
            })
            .collect();
        let place = |origin: &Origin| format!("{}:{}", origin.source.name, origin.line);
        let places = |all: &[Origin]| all.iter().map(place).collect::<Vec<_>>().join(" ");
        let Some(found) = origins(&trees, overlay, &ZnodePath::parse(path).unwrap()) else {
            return "none".to_owned();
        };
        let mut out = format!("node {}\n", places(&found.nodes));
        for property in &found.properties {
            let (key, place) = (property.key.to_str_lossy(), place(&property.origin));
            out.push_str(&format!(
                "{key} {place} over [{}]\n",
                places(&property.overridden)
            ));
        }
        out
    }

    const FILES: [(&str, &str); 3] = [
        ("b.zkx", "/cms\n  threads = 2\n"),
        (
            "a.zk",
            "# A comment\n/cms : z4m\n  threads = 1\n  n = 1\n  /db/x\n    m = 1\n",
        ),
        ("c.zkx", "/cms/db\n  o = 1\n/cms\n  new = 1\n"),
    ];

    #[test]
    fn overlays_take_the_place_of_properties_and_their_places_are_kept() {
        insta::assert_snapshot!(told(&FILES, Overlay::Merge, "/cms"), @r"
        node a.zk:2 b.zkx:1 c.zkx:3
        n a.zk:4 over []
        new c.zkx:4 over []
        threads b.zkx:2 over [a.zk:3]
        type a.zk:2 over []
        ");
        insta::assert_snapshot!(told(&FILES, Overlay::Replace, "/cms"), @r"
        node a.zk:2 b.zkx:1 c.zkx:3
        new c.zkx:4 over []
        ");
    }

    #[test]
    fn nodes_that_are_written_as_paths_are_found() {
        insta::assert_snapshot!(told(&FILES, Overlay::Merge, "/cms/db/x"), @r"
        node a.zk:5
        m a.zk:6 over []
        ");
        insta::assert_snapshot!(told(&FILES, Overlay::Merge, "/cms/db"), @r"
        node c.zkx:1
        o c.zkx:2 over []
        ");
        assert_eq!(told(&FILES, Overlay::Merge, "/cm"), "none");
        assert_eq!(told(&FILES, Overlay::Merge, "/cms/db/x/y"), "none");
    }
}
