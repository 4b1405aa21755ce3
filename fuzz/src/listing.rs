//! The one law that needs the crate `treekeeper` itself, with all that it is built from.

/// What git lists of a tree: an entry for each record, with all bytes of its name, or the record that is none.
pub fn listing(bytes: &[u8]) {
    let records: Vec<&[u8]> = bytes
        .split(|byte| *byte == 0)
        .filter(|record| !record.is_empty())
        .collect();
    match treekeeper::git::read_listing(bytes) {
        Ok(entries) => {
            assert_eq!(entries.len(), records.len());
            for (entry, record) in entries.iter().zip(&records) {
                assert!(record.ends_with(&entry.name));
                let head = &record[..record.len() - entry.name.len()];
                assert!(head.ends_with(b"\t") && head.iter().filter(|byte| **byte == b'\t').count() == 1);
                assert_eq!(entry.bytes.is_some(), head.starts_with(b"100") && entry.is_file());
            }
        }
        Err(record) => assert!(records.contains(&record)),
    }
}
