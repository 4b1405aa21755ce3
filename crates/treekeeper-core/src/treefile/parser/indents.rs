//! The indents that are in use while a file is read: which node a line belongs to.
//!
//! Says where a line stands, not what is wrong with that: the words are the parser's.

use crate::treefile::siblings::Siblings;
use crate::treefile::sink::Key;

/// What the last line of some indent was.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item {
    /// A node of the tree: what is indented below belongs to it.
    Node {
        index: u32,
        depth: usize,
        path_bytes: usize,
    },
    /// A property or link: nothing may be indented below it.
    Property,
    /// A line with an error: what is indented below is read, but has no place.
    Lost,
    /// A line that is being placed, the first of its indent.
    Fresh,
}

/// An indent in use, and what was last seen there.
pub(super) struct Open<'a> {
    /// One more than the white space before its lines; 0 is the root's.
    indent: usize,
    pub(super) item: Item,
    pub(super) children: Siblings<Key<'a>>,
    pub(super) child_names_bytes: usize,
    pub(super) properties: Siblings<Key<'a>>,
}

impl Open<'_> {
    fn new(indent: usize, item: Item) -> Self {
        Open {
            indent,
            item,
            children: Siblings::new(),
            child_names_bytes: 0,
            properties: Siblings::new(),
        }
    }

    /// Forgets what was seen below the last line.
    pub(super) fn reset(&mut self, item: Item) {
        self.item = item;
        self.children.clear();
        self.child_names_bytes = 0;
        self.properties.clear();
    }
}

/// Why a line stands at no place.
pub(super) enum Misplaced {
    UnderProperty,
    BetweenIndents,
}

/// The stack of indents; the root's is the lowest.
pub(super) struct Indents<'a> {
    /// Entries above `top` are kept for their memory.
    open: Vec<Open<'a>>,
    top: usize,
}

impl<'a> Indents<'a> {
    /// Returns the root's only.
    pub(super) fn new() -> Indents<'a> {
        let root = Item::Node {
            index: 0,
            depth: 0,
            path_bytes: 0,
        };
        Indents {
            open: vec![Open::new(0, root)],
            top: 0,
        }
    }

    /// Returns the entry of the line that was placed last.
    pub(super) fn here(&mut self) -> &mut Open<'a> {
        &mut self.open[self.top]
    }

    /// Returns the entry below it, which is that of the line's parent.
    pub(super) fn parent(&mut self) -> &mut Open<'a> {
        &mut self.open[self.top - 1]
    }

    /// Returns the blanks before the lines of the indents below the last line's, outermost first.
    pub(super) fn outer(&self) -> Vec<usize> {
        let outer = self.open[..self.top].iter().skip(1);
        outer.map(|open| open.indent - 1).collect()
    }

    /// Makes the entry of lines with so many blanks before them the top of the stack.
    pub(super) fn place(&mut self, blanks: usize) -> Result<(), Misplaced> {
        let indent = blanks + 1;
        let under_property = matches!(self.open[self.top].item, Item::Property);
        if indent > self.open[self.top].indent {
            self.push(indent);
            return if under_property {
                Err(Misplaced::UnderProperty)
            } else {
                Ok(())
            };
        }
        while indent < self.open[self.top].indent {
            self.top -= 1;
        }
        if indent > self.open[self.top].indent {
            self.push(indent);
            return Err(Misplaced::BetweenIndents);
        }
        Ok(())
    }

    fn push(&mut self, indent: usize) {
        self.top += 1;
        if self.top == self.open.len() {
            self.open.push(Open::new(indent, Item::Fresh));
        } else {
            self.open[self.top].indent = indent;
            self.open[self.top].reset(Item::Fresh);
        }
    }
}
