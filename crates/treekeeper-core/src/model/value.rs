//! A property's value, as JSON in ZooKeeper can hold it.
//!
//! Python's values (long, tuple, byte string) exist in `treefile::expression` only and become these when a file
//! is read.

use super::Text;

/// A property's value.
///
/// Equality is that of meaning: 1 and 1.0 differ, all NaNs are equal, the order of an object's keys does not count.
#[derive(Clone, Debug)]
pub enum Value {
    /// JSON null, Python's None.
    Null,
    /// JSON true or false.
    Bool(bool),
    /// An integer of 64 bits.
    Int(i64),
    /// An integer outside of 64 bits: canonical decimal digits with an optional `-`.
    BigInt(Box<str>),
    /// A floating-point number; infinities and NaN come from foreign writers only.
    Float(f64),
    /// Unicode text.
    String(Text),
    /// A byte string: only ever the value of a property named `string_value` that came from a file or from raw
    /// node data; it is what makes a lone `string_value` storable.
    Bytes(Box<[u8]>),
    /// JSON array.
    Array(Vec<Value>),
    /// JSON object: keys are unique and sorted by code points.
    Object(Vec<(Text, Value)>),
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(left), Value::Bool(right)) => left == right,
            (Value::Int(left), Value::Int(right)) => left == right,
            (Value::BigInt(left), Value::BigInt(right)) => left == right,
            (Value::Float(left), Value::Float(right)) => {
                left.to_bits() == right.to_bits() || (left.is_nan() && right.is_nan())
            }
            (Value::String(left), Value::String(right)) => left == right,
            (Value::Bytes(left), Value::Bytes(right)) => left == right,
            (Value::Array(left), Value::Array(right)) => left == right,
            (Value::Object(left), Value::Object(right)) => left == right,
            _ => false,
        }
    }
}

impl Eq for Value {}
