//! Fuzzes `treekeeper_fuzz::codec`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| treekeeper_fuzz::codec(bytes));
