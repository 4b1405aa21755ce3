//! Fuzzes `treekeeper_fuzz::tree_file`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| treekeeper_fuzz::tree_file(bytes));
