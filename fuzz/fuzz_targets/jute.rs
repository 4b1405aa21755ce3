//! Fuzzes `treekeeper_fuzz::jute`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| treekeeper_fuzz::jute(bytes));
