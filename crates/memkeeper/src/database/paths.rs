//! What a path may be, and how it is taken apart; nothing here knows which nodes exist.

/// Nodes that the server itself needs: they can never be deleted.
const INDELIBLE: [&str; 4] = ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"];

/// Tells whether a node may have this path: absolute, without empty, relative or unprintable names.
///
/// ZooKeeper judges UTF-16 units, so that everything beyond the basic plane (surrogates) is refused.
pub(super) fn is_valid(path: &str) -> bool {
    let Some(names) = path.strip_prefix('/') else {
        return false;
    };
    names.is_empty() || names.split('/').all(is_valid_name)
}

/// Splits a path at its last slash: `/a/b` is `/a` and `b`, `/a` is the empty path and `a`.
///
/// Other faults of a path are found later, as in the real server, so that the order of errors is the same.
pub(super) fn split(path: &str) -> Option<(&str, &str)> {
    if path.contains('\0') {
        return None;
    }
    path.rsplit_once('/')
}

/// Returns the path of the node above, as watches know it.
pub(super) fn parent(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some((parent, _)) if !parent.is_empty() => parent,
        _ => "/",
    }
}

/// Tells whether a node may never be deleted.
pub(super) fn is_indelible(path: &str) -> bool {
    INDELIBLE.contains(&path)
}

fn is_valid_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && name.chars().all(is_valid_character)
}

fn is_valid_character(character: char) -> bool {
    !matches!(u32::from(character), 0..=0x1f | 0x7f..=0x9f | 0xd800..=0xf8ff | 0xfff0..)
        && u32::from(character) <= 0xffff
}

#[cfg(test)]
mod tests {
    use super::{is_valid, parent, split};

    #[test]
    fn paths_are_judged_as_the_server_does() {
        for path in [
            "/",
            "/a",
            "/a/b.c",
            "/.a",
            "/a..",
            "/...",
            "/a b",
            "/\u{a0}",
            "/\u{ffef}",
        ] {
            assert!(is_valid(path), "{path:?}");
        }
        let wrong = [
            "",
            "a",
            "//",
            "/a/",
            "//a",
            "/a//b",
            "/.",
            "/a/..",
            "/./a",
            "/../a",
            "/a\0b",
            "/\u{1f}",
            "/\u{7f}",
            "/\u{9f}",
            "/\u{e000}",
            "/\u{f8ff}",
            "/\u{fff0}",
            "/\u{1f600}",
        ];
        for path in wrong {
            assert!(!is_valid(path), "{path:?}");
        }
    }

    #[test]
    fn the_root_is_the_parent_of_top_level_nodes() {
        assert_eq!(split("/a"), Some(("", "a")));
        assert_eq!(split("a"), None);
        assert_eq!(split("/a\0"), None);
        assert_eq!(parent("/a"), "/");
        assert_eq!(parent("/a/b"), "/a");
    }
}
