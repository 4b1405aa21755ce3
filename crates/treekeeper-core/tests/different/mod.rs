//! The conformance cases that treekeeper answers differently on purpose, by name, with the reason.
//!
//! The reasons are those of TREE_FORMAT.md 9; a case that is listed and agrees fails the harness.

/// Name and reason of every case that is answered differently.
pub const DIFFERENT: &[(&str, &str)] = &[
    ("parse-node-name-003", "`///` names no node: refused when parsed"),
    ("parse-literal2-026", "an infinity cannot be stored as JSON"),
    ("parse-node-name-008", "`/..` as a name is refused when parsed"),
    (
        "codec-decode-029",
        "a lone JSON string_value cannot be imported, so exporting it is an error",
    ),
    (
        "codec-decode-038",
        "property links export as `p => /b q`, which imports back",
    ),
    (
        "codec-decode-053",
        "no text can carry an infinity: an error that names the node",
    ),
    (
        "codec-decode-061",
        "files hold no lone surrogates: an error that names the node",
    ),
    (
        "codec-decode-070",
        "no line can carry an empty key: an error that names the node",
    ),
    (
        "codec-decode-073",
        "a type that is not a string is exported as a property, not dropped",
    ),
    (
        "codec-decode-074",
        "a type that is not a string is exported as a property, not dropped",
    ),
    (
        "codec-decode-075",
        "a type with spaces at its ends is exported as a property, which imports back",
    ),
    (
        "codec-decode-076",
        "no line can carry a link whose target is a number: an error that names the node",
    ),
    (
        "codec-decode-077",
        "no line can carry a link without a target: an error that names the node",
    ),
    (
        "codec-decode-078",
        "no line can carry a link without a name: an error that names the node",
    ),
    (
        "codec-decode-079",
        "property links export as `a => /y`, which imports back",
    ),
    (
        "codec-decode-080",
        "a lone string_value that is a number cannot be imported, so exporting it is an error",
    ),
    (
        "export-plink-001",
        "property links export as `p => /b q`, which imports back",
    ),
];
