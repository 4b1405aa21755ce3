//! Equality, order, membership and hashing, as Python 2 has them where both sides are of one kind.

use std::cmp::Ordering;

use num_bigint::BigInt;
use num_traits::FromPrimitive;

use super::error::{Evaluated, type_error};
use super::value::PyValue;

/// A number of any type.
enum Number {
    Integer(BigInt),
    Float(f64),
}

fn number(value: &PyValue) -> Option<Number> {
    match value {
        PyValue::Float(value) => Some(Number::Float(*value)),
        other => other.integer().map(Number::Integer),
    }
}

fn compare_numbers(left: &Number, right: &Number) -> Option<Ordering> {
    match (left, right) {
        (Number::Integer(left), Number::Integer(right)) => Some(left.cmp(right)),
        (Number::Float(left), Number::Float(right)) => left.partial_cmp(right),
        (Number::Integer(left), Number::Float(right)) => integer_with_float(left, *right),
        (Number::Float(left), Number::Integer(right)) => {
            integer_with_float(right, *left).map(Ordering::reverse)
        }
    }
}

/// Compares exactly: a float is never rounded to an integer or the other way round.
fn integer_with_float(integer: &BigInt, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    let Some(floor) = BigInt::from_f64(float.floor()) else {
        return Some(if float > 0.0 {
            Ordering::Less
        } else {
            Ordering::Greater
        });
    };
    Some(integer.cmp(&floor).then(if float > float.floor() {
        Ordering::Less
    } else {
        Ordering::Equal
    }))
}

/// Returns the code points of ASCII bytes or of text; Python decodes ASCII where the two meet.
fn characters(value: &PyValue) -> Option<Vec<u32>> {
    match value {
        PyValue::Bytes(bytes) if bytes.is_ascii() => {
            Some(bytes.iter().map(|byte| u32::from(*byte)).collect())
        }
        PyValue::Text(text) => Some(text.code_points().collect()),
        _ => None,
    }
}

/// Tells whether `left == right`.
pub fn equal(left: &PyValue, right: &PyValue) -> bool {
    if let (PyValue::Int(left), PyValue::Int(right)) = (left, right) {
        return left == right;
    }
    if let (Some(left), Some(right)) = (number(left), number(right)) {
        return compare_numbers(&left, &right) == Some(Ordering::Equal);
    }
    match (left, right) {
        (PyValue::None, PyValue::None) => true,
        (PyValue::Bytes(left), PyValue::Bytes(right)) => left == right,
        (PyValue::Text(left), PyValue::Text(right)) => left == right,
        (PyValue::Bytes(bytes), PyValue::Text(text)) | (PyValue::Text(text), PyValue::Bytes(bytes)) => {
            bytes.is_ascii() && text.as_bytes() == bytes.as_slice()
        }
        (PyValue::List(left), PyValue::List(right)) | (PyValue::Tuple(left), PyValue::Tuple(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (PyValue::Dict(left), PyValue::Dict(right)) => equal_dicts(left, right),
        _ => false,
    }
}

fn equal_dicts(left: &[(PyValue, PyValue)], right: &[(PyValue, PyValue)]) -> bool {
    let hashed = |entries: &[(PyValue, PyValue)]| -> std::collections::BTreeMap<Vec<u8>, PyValue> {
        entries
            .iter()
            .filter_map(|(key, value)| Some((hash_key(key).ok()?, value.clone())))
            .collect()
    };
    let (left, right) = (hashed(left), hashed(right));
    left.len() == right.len()
        && left
            .iter()
            .all(|(key, value)| right.get(key).is_some_and(|other| equal(value, other)))
}

/// Returns the order of two values of one kind; `None` where NaN is involved.
///
/// # Errors
/// Values of different types have no order here (Python 2 sorts them by the names of their types).
pub fn order(left: &PyValue, right: &PyValue) -> Evaluated<Option<Ordering>> {
    if let (Some(left), Some(right)) = (number(left), number(right)) {
        return Ok(compare_numbers(&left, &right));
    }
    match (left, right) {
        (PyValue::None, PyValue::None) => Ok(Some(Ordering::Equal)),
        (PyValue::Bytes(left), PyValue::Bytes(right)) => Ok(Some(left.cmp(right))),
        (PyValue::Bytes(_) | PyValue::Text(_), PyValue::Bytes(_) | PyValue::Text(_)) => {
            match (characters(left), characters(right)) {
                (Some(left), Some(right)) => Ok(Some(left.cmp(&right))),
                _ => Err(type_error(
                    "a byte string that is not ASCII cannot be compared with unicode",
                )),
            }
        }
        (PyValue::List(left), PyValue::List(right)) | (PyValue::Tuple(left), PyValue::Tuple(right)) => {
            for (left, right) in left.iter().zip(right) {
                if !equal(left, right) {
                    return order(left, right);
                }
            }
            Ok(Some(left.len().cmp(&right.len())))
        }
        _ => {
            let (left, right) = (left.type_name(), right.type_name());
            Err(type_error(format!("{left} and {right} have no order"))
                .with_help("compare values of one type"))
        }
    }
}

/// Tells whether `item in container`.
///
/// # Errors
/// A container that holds nothing, types that do not mix.
pub fn contains(container: &PyValue, item: &PyValue) -> Evaluated<bool> {
    match container {
        PyValue::List(items) | PyValue::Tuple(items) => {
            Ok(items.iter().any(|candidate| equal(candidate, item)))
        }
        PyValue::Dict(entries) => {
            hash_key(item)?;
            Ok(entries.iter().any(|(key, _)| equal(key, item)))
        }
        PyValue::Bytes(_) | PyValue::Text(_) => {
            let (PyValue::Bytes(_) | PyValue::Text(_)) = item else {
                return Err(type_error(format!(
                    "`in` a string needs a string, not {}",
                    item.type_name()
                )));
            };
            if let (PyValue::Bytes(text), PyValue::Bytes(part)) = (container, item) {
                return Ok(part.is_empty() || finds(text, part));
            }
            let (Some(text), Some(part)) = (characters(container), characters(item)) else {
                return Err(type_error(
                    "a byte string that is not ASCII cannot be mixed with unicode",
                ));
            };
            Ok(part.is_empty() || finds(&text, &part))
        }
        other => Err(type_error(format!(
            "{} holds nothing that `in` could find",
            other.type_name()
        ))),
    }
}

/// Tells whether `part` occurs in `text`, in time linear in both (the prefixes of Knuth, Morris and Pratt).
fn finds<T: PartialEq>(text: &[T], part: &[T]) -> bool {
    let mut prefixes = vec![0; part.len()];
    let mut matched = 0;
    for at in 1..part.len() {
        while matched > 0 && part[at] != part[matched] {
            matched = prefixes[matched - 1];
        }
        matched += usize::from(part[at] == part[matched]);
        prefixes[at] = matched;
    }
    matched = 0;
    for item in text {
        while matched > 0 && (matched == part.len() || *item != part[matched]) {
            matched = prefixes[matched - 1];
        }
        matched += usize::from(*item == part[matched]);
        if matched == part.len() {
            return true;
        }
    }
    false
}

/// Returns bytes that are equal for keys that Python takes for equal.
///
/// # Errors
/// Lists and dicts cannot be keys.
pub fn hash_key(key: &PyValue) -> Evaluated<Vec<u8>> {
    if let Some(number) = number(key) {
        let integer = match number {
            Number::Integer(integer) => Some(integer),
            Number::Float(float) if float.fract() == 0.0 => BigInt::from_f64(float),
            Number::Float(_) => None,
        };
        return Ok(match integer {
            Some(integer) => format!("n{integer}").into_bytes(),
            None => format!("f{}", key.repr()).into_bytes(),
        });
    }
    match key {
        PyValue::None => Ok(b"0".to_vec()),
        PyValue::Bytes(bytes) if !bytes.is_ascii() => Ok([b"b".as_slice(), bytes].concat()),
        PyValue::Bytes(bytes) => Ok([b"s".as_slice(), bytes].concat()),
        PyValue::Text(text) => Ok([b"s".as_slice(), text.as_bytes()].concat()),
        PyValue::Tuple(items) => {
            let mut hash = b"(".to_vec();
            for item in items {
                let inner = hash_key(item)?;
                hash.extend(format!("{}:", inner.len()).bytes());
                hash.extend(inner);
            }
            Ok(hash)
        }
        other => Err(type_error(format!(
            "a {} cannot be the key of a dict",
            other.type_name()
        ))),
    }
}
