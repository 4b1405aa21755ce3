//! Writes a random but reproducible tree file.
//!
//! Depth at most 5, about 4 properties a node (numbers, strings, unicode, constants, lists, dicts, products, links),
//! a type at 30 % of the nodes: what configuration trees look like.

use std::collections::BTreeSet;
use std::fmt::Write;

const WORDS: [&str; 25] = [
    "app", "cache", "cms", "db", "web", "worker", "queue", "index", "search", "mail", "proxy", "front",
    "back", "store", "user", "order", "item", "price", "stock", "log", "trace", "auth", "session", "media",
    "edge",
];
const DEPTH_MAX: usize = 5;

/// Numbers that only look random (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn word(&mut self) -> &'static str {
        WORDS[self.below(WORDS.len())]
    }
}

/// Returns a tree of `nodes` nodes; `revision` 0 is the tree itself, any other has another value of the property `rev`
/// at `percent` of the nodes, always the same ones.
pub fn tree_text(nodes: usize, seed: u64, revision: usize, percent: usize) -> String {
    let (children, names) = shape(nodes, &mut Random(seed));
    let mut random = Random(seed + 1);
    let changed = changed(nodes, &mut Random(seed + 2), percent);
    let mut text = format!("# {nodes} nodes, seed {seed}\n");
    let mut stack: Vec<(usize, usize)> = children[0].iter().rev().map(|child| (*child, 0)).collect();
    while let Some((node, indent)) = stack.pop() {
        let kind = match random.below(10) {
            0..3 => format!(" : {} {}", random.word(), random.word()),
            _ => String::new(),
        };
        let bump = if percent >= 100 || changed.contains(&node) {
            revision * 1_000_000
        } else {
            0
        };
        let rev = random.below(1_000_000) + bump;
        let _ = writeln!(text, "{:indent$}/{}{kind}", "", names[node]);
        let indent = indent + 2;
        let _ = writeln!(text, "{:indent$}rev = {rev}", "");
        write_properties(&mut text, indent, &names, &mut random);
        stack.extend(children[node].iter().rev().map(|child| (*child, indent)));
    }
    text
}

fn changed(nodes: usize, random: &mut Random, percent: usize) -> BTreeSet<usize> {
    let mut changed = BTreeSet::new();
    if percent >= 100 {
        return changed;
    }
    while changed.len() < (nodes * percent / 100).max(1) {
        changed.insert(1 + random.below(nodes));
    }
    changed
}

/// Returns the children and the name of each node; node 0 is the root.
fn shape(nodes: usize, random: &mut Random) -> (Vec<Vec<usize>>, Vec<String>) {
    let (mut children, mut depth, mut names) = (vec![Vec::new()], vec![0], vec![String::new()]);
    // The root stands here several times, so that there are more top-level nodes.
    let mut open = vec![0; (nodes / 200).max(1)];
    for node in 1..=nodes {
        let parent = open[random.below(open.len())];
        // The node's number makes the name unique.
        names.push(format!("{}{}-{node}", random.word(), random.below(1_000)));
        children.push(Vec::new());
        children[parent].push(node);
        depth.push(depth[parent] + 1);
        if depth[node] < DEPTH_MAX {
            open.push(node);
        }
    }
    (children, names)
}

fn write_properties(text: &mut String, indent: usize, names: &[String], random: &mut Random) {
    let mut seen = BTreeSet::new();
    for _ in 0..=random.below(5) {
        let key = format!("{}_{}", random.word(), random.word());
        if !seen.insert(key.clone()) {
            continue;
        }
        let target = &names[1 + random.below(names.len() - 1)];
        let _ = match random.below(14) {
            0 => writeln!(text, "{:indent$}{key} -> /{target}", ""),
            1 => writeln!(text, "{:indent$}{key} => /{target} rev", ""),
            _ => writeln!(text, "{:indent$}{key} = {}", "", value(random)),
        };
    }
}

fn value(random: &mut Random) -> String {
    match random.below(12) {
        0..3 => random.below(100_000).to_string(),
        3 => format!("{}.{:03}", random.below(1_000), random.below(1_000)),
        4..7 => format!(
            "'{}-{}.example.com:{}'",
            random.word(),
            random.below(1_000),
            1_024 + random.below(60_000)
        ),
        7 => format!("u'caf\\xe9 {}'", random.below(1_000)),
        8 => ["True", "False", "None"][random.below(3)].to_owned(),
        9 => {
            let items: Vec<String> = (0..=random.below(4))
                .map(|_| format!("'{}'", random.word()))
                .collect();
            format!("[{}]", items.join(", "))
        }
        10 => format!("{{'{}': {}}}", random.word(), random.below(100)),
        _ => format!("60 * {}", 1 + random.below(60)),
    }
}
