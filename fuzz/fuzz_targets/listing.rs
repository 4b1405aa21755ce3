//! Fuzzes `listing`.

#![no_main]

#[path = "../src/listing.rs"]
mod listing;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| listing::listing(bytes));
