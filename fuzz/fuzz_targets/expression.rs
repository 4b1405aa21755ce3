//! Fuzzes `treekeeper_fuzz::expression`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| treekeeper_fuzz::expression(bytes));
