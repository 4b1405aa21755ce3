//! Generated trees: as big as wanted, and spelled both as a tree file and as a server stores them.

use std::collections::BTreeMap;

/// Values of leaves by their path; groups hold nothing.
pub type Leaves = BTreeMap<String, i64>;

/// Returns leaves `/big/g<group>/n<leaf>` with one value.
pub fn leaves(groups: usize, each: usize, value: i64) -> Leaves {
    let path = |index: usize| format!("/big/g{:03}/n{:03}", index / each, index % each);
    (0..groups * each).map(|index| (path(index), value)).collect()
}

/// Returns the tree file of these leaves.
pub fn text(leaves: &Leaves) -> String {
    let mut text = "/big\n".to_owned();
    let mut open = String::new();
    for (path, value) in leaves {
        let (group, leaf) = path.rsplit_once('/').expect("a whole path");
        if group != open {
            text.push_str(&format!("  {}\n", &group["/big".len()..]));
            open = group.to_owned();
        }
        text.push_str(&format!("    /{leaf}\n      v = {value}\n"));
    }
    text
}

/// Returns the same tree as the server should hold it.
pub fn stored(leaves: &Leaves) -> String {
    let mut lines = vec!["/big {}\n".to_owned()];
    for (path, value) in leaves {
        lines.push(format!(
            "{} {{}}\n",
            path.rsplit_once('/').expect("a whole path").0
        ));
        lines.push(format!("{path} {{\"v\":{value}}}\n"));
    }
    lines.sort();
    lines.dedup();
    lines.concat()
}
