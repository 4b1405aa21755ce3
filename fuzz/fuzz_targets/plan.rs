//! Fuzzes `treekeeper_fuzz::plan`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| treekeeper_fuzz::plan(bytes));
