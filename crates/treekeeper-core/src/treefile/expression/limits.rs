//! How much an expression may compute; each limit is checked before the work is done (RELIABILITY.md 6).

/// Bits of an integer.
pub const INTEGER_BITS_MAX: u64 = 4_096;
/// Bytes of one string, in UTF-8 if it is Unicode.
pub const STRING_BYTES_MAX: usize = 64 * 1024;
/// Levels of brackets, signs and other constructs inside each other.
pub const NESTING_MAX: usize = 64;
/// Elements of a value, those of its elements included.
pub const ELEMENTS_MAX: usize = 10_000;
/// Steps of one evaluation: an operation is one, and one for each element and each 64 bytes that it makes.
pub const STEPS_MAX: usize = 100_000;
/// Steps of all expressions of a file, besides one for each of its bytes.
pub const FILE_STEPS_MAX: usize = 2_000_000;
