//! Pieces of files whose nodes are encoded as they are read, without properties and values in between.
//!
//! Takes only what is plainly right: who gets nothing reads the piece in the longer way (`pieces`), which means the
//! same.

use super::expression::{self, ExpressionError};
use super::pieces::unreported;
use super::sink::{Key, Kind, Sink};
use super::{ParseLimits, parser};
use crate::model::{
    DesiredNode, PieceBuilder, SharedBytes, Span, Tree, Value, encode_entries, json, write_json,
};

/// Returns what a piece of a `.zk` file (see [`super::pieces`]) desires, and how many of `steps` it took; `None` if
/// anything is wrong with it, a name that stands twice too, or if a node is written as a path.
pub fn encode_piece(bytes: &[u8], limits: &ParseLimits, steps: usize) -> Option<(Tree<DesiredNode>, usize)> {
    let (source, limits) = unreported(limits);
    let (encoder, report, steps_left) =
        parser::read(&source, bytes, &limits, steps, Encoder::new(bytes.len()));
    if !report.is_empty() {
        return None;
    }
    let tree = encoder.finish(limits.node_data_bytes)?;
    Some((tree, steps - steps_left))
}

/// The nodes that were read so far.
struct Encoder<'a> {
    /// Name and parent of each node.
    nodes: Vec<(&'a str, u32)>,
    has_paths: bool,
    properties: Vec<Property<'a>>,
    /// The entries of all nodes' objects, key and value of each, as they were found.
    entries: Vec<u8>,
    /// What `string_value` is where it stands: alone it is stored in another way.
    string_values: Vec<(Span, Value)>,
}

struct Property<'a> {
    node: u32,
    key: Key<'a>,
    /// The place of its entry in [`Encoder::entries`].
    entry: Span,
}

/// The bytes of a file for which there is a node, and for which there is a property, about: room is made for so many.
const BYTES_PER_NODE: usize = 128;
const BYTES_PER_PROPERTY: usize = 32;

impl<'a> Encoder<'a> {
    fn new(bytes: usize) -> Encoder<'a> {
        Encoder {
            nodes: Vec::with_capacity(bytes / BYTES_PER_NODE),
            has_paths: false,
            properties: Vec::with_capacity(bytes / BYTES_PER_PROPERTY),
            entries: Vec::with_capacity(bytes),
            string_values: Vec::new(),
        }
    }

    /// Begins an entry and returns where.
    fn begin(&mut self, key: Key<'_>) -> u32 {
        let start = self.entries.len() as u32;
        key.write_json(&mut self.entries);
        self.entries.push(b':');
        start
    }

    /// Returns the place of the entry that began there and is whole.
    fn end(&self, start: u32) -> Span {
        (start, self.entries.len() as u32)
    }

    /// Returns the tree of the nodes, if each can be stored in so many bytes.
    fn finish(mut self, node_data_bytes: usize) -> Option<Tree<DesiredNode>> {
        // Places are told in 32 bits.
        if self.has_paths || u32::try_from(self.entries.len()).is_err() {
            return None;
        }
        let mut properties = std::mem::take(&mut self.properties);
        if !properties.is_sorted_by_key(|property| property.node) {
            // Below a node's children more of its properties may stand.
            properties.sort_by_key(|property| property.node);
        }
        let room = self.entries.len() + properties.len() + 2 * self.nodes.len();
        let mut data = PieceBuilder::with_capacity(room);
        let mut places = Vec::with_capacity(self.nodes.len());
        let mut rest = properties.as_mut_slice();
        for number in 1..=self.nodes.len() as u32 {
            let count = rest.iter().take_while(|property| property.node == number).count();
            let (own, others) = rest.split_at_mut(count);
            own.sort_unstable_by(|left, right| left.key.cmp(&right.key));
            let place = data.add(|out| self.node_data(own, out).ok_or(())).ok()?;
            if (place.1 - place.0) as usize > node_data_bytes {
                return None;
            }
            places.push(place);
            rest = others;
        }
        let data = data.finish();
        let root = DesiredNode {
            data: SharedBytes::default(),
        };
        let contents = places.into_iter().map(|place| DesiredNode {
            data: data.part(place),
        });
        Tree::of_children(root, &self.nodes, contents)
    }

    /// Appends the data of a node with these properties, which are in the order of their keys; `None` if two of these
    /// are one, or if it can't be stored.
    fn node_data(&self, properties: &[Property<'_>], out: &mut Vec<u8>) -> Option<()> {
        if properties.windows(2).any(|pair| pair[0].key == pair[1].key) {
            return None;
        }
        let odd = properties
            .iter()
            .filter(|_| !self.string_values.is_empty())
            .find_map(|property| self.string_value(property.entry));
        match odd {
            Some(value) if properties.len() == 1 => {
                return encode_entries([(&properties[0].key.text(), value)].into_iter(), out).ok();
            }
            Some(Value::Bytes(bytes)) if std::str::from_utf8(bytes).is_err() => return None,
            _ => {}
        }
        out.push(b'{');
        for (place, property) in properties.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            let (start, end) = property.entry;
            out.extend_from_slice(&self.entries[start as usize..end as usize]);
        }
        out.push(b'}');
        Some(())
    }

    fn string_value(&self, entry: Span) -> Option<&Value> {
        let place = self
            .string_values
            .binary_search_by_key(&entry, |odd| odd.0)
            .ok()?;
        Some(&self.string_values[place].1)
    }
}

impl<'a> Sink<'a> for Encoder<'a> {
    type Value = Span;

    const SEES_REPEATS: bool = true;

    fn evaluate(
        &mut self,
        name: &'a str,
        expression: &str,
        steps_left: &mut usize,
    ) -> Result<Span, ExpressionError> {
        let start = self.begin(Key::new(name, Kind::Value));
        if name != "string_value" {
            expression::write_property(expression, name, steps_left, &mut self.entries)?;
            return Ok(self.end(start));
        }
        let value = expression::evaluate_property(expression, name, steps_left)?;
        write_json(&value, &mut self.entries);
        let entry = self.end(start);
        self.string_values.push((entry, value));
        Ok(entry)
    }

    fn text(&mut self, key: Key<'a>, text: &str) -> Span {
        let start = self.begin(key);
        json::write_text(text.as_bytes(), &mut self.entries);
        self.end(start)
    }

    fn node(&mut self, parent: u32, name: &'a str, _at: u32) -> bool {
        self.nodes.push((name, parent));
        self.has_paths |= memchr::memchr(b'/', name.as_bytes()).is_some();
        !self.has_paths
    }

    fn property(&mut self, node: u32, key: Key<'a>, entry: Span, _at: u32) {
        self.properties.push(Property { node, key, entry });
    }
}
