//! Strings, lists and tuples: joining, repeating, indexing, slicing.

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive, Zero};

use super::compare::equal;
use super::error::{ENCODING, Evaluated, ExpressionError, INDEX, limit, type_error};
use super::limits::{ELEMENTS_MAX, STRING_BYTES_MAX};
use super::value::PyValue;
use crate::model::Text;

/// Returns ASCII bytes as text, as Python decodes where bytes and unicode meet.
///
/// # Errors
/// Bytes that are not ASCII.
pub fn decode_ascii(bytes: &[u8]) -> Evaluated<Text> {
    match bytes.iter().position(|byte| !byte.is_ascii()) {
        None => Ok(Text::from(String::from_utf8_lossy(bytes).into_owned())),
        Some(place) => Err(ExpressionError::new(
            ENCODING,
            format!("byte {place} of the byte string is not ASCII, so it cannot meet unicode"),
        )
        .with_help("write both as u'...'")),
    }
}

fn join_texts(left: &Text, right: &Text) -> Text {
    match (left.as_str(), right.as_str()) {
        (Some(left), Some(right)) => Text::from(format!("{left}{right}")),
        _ => Text::from_code_points(left.code_points().chain(right.code_points())),
    }
}

fn fits(bytes: usize) -> Evaluated<()> {
    if bytes > STRING_BYTES_MAX {
        return Err(limit(format!(
            "the string has more than {STRING_BYTES_MAX} bytes"
        )));
    }
    Ok(())
}

/// Returns `left + right` of two strings, lists or tuples.
///
/// # Errors
/// Types that do not mix, limits.
pub fn concatenate(left: &PyValue, right: &PyValue) -> Evaluated<PyValue> {
    match (left, right) {
        (PyValue::Bytes(left), PyValue::Bytes(right)) => {
            fits(left.len() + right.len())?;
            Ok(PyValue::Bytes([left.as_slice(), right].concat()))
        }
        (PyValue::Bytes(_) | PyValue::Text(_), PyValue::Bytes(_) | PyValue::Text(_)) => {
            let text = |value: &PyValue| match value {
                PyValue::Bytes(bytes) => decode_ascii(bytes),
                PyValue::Text(text) => Ok(text.clone()),
                _ => unreachable!("both are strings"),
            };
            let (left, right) = (text(left)?, text(right)?);
            fits(left.as_bytes().len() + right.as_bytes().len())?;
            Ok(PyValue::Text(join_texts(&left, &right)))
        }
        (PyValue::List(left), PyValue::List(right)) => join_items(left, right).map(PyValue::List),
        (PyValue::Tuple(left), PyValue::Tuple(right)) => join_items(left, right).map(PyValue::Tuple),
        _ => Err(mixed("+", left, right)),
    }
}

fn join_items(left: &[PyValue], right: &[PyValue]) -> Evaluated<Vec<PyValue>> {
    if left.len() + right.len() > ELEMENTS_MAX {
        return Err(limit(format!("the value has more than {ELEMENTS_MAX} elements")));
    }
    Ok(left.iter().chain(right).cloned().collect())
}

/// Returns the error for an operator that these types do not have.
pub fn mixed(operator: &str, left: &PyValue, right: &PyValue) -> ExpressionError {
    let error = type_error(format!(
        "{} {operator} {} has no value",
        left.type_name(),
        right.type_name()
    ));
    let is_string = |value: &PyValue| matches!(value, PyValue::Bytes(_) | PyValue::Text(_));
    if operator == "+" && is_string(left) != is_string(right) {
        return error.with_help("to put a value into text write '...%s' % value");
    }
    error
}

/// Returns the sequence `times` times.
///
/// # Errors
/// Limits.
pub fn repeat(sequence: &PyValue, times: &BigInt) -> Evaluated<PyValue> {
    let times = if times.is_negative() {
        0
    } else {
        times.to_usize().unwrap_or(usize::MAX)
    };
    let (elements, bytes) = sequence.size();
    fits(bytes.saturating_mul(times))?;
    Ok(match sequence {
        PyValue::Bytes(bytes) => PyValue::Bytes(if bytes.is_empty() {
            Vec::new()
        } else {
            bytes.repeat(times)
        }),
        PyValue::Text(text) if text.is_empty() => sequence.clone(),
        PyValue::Text(text) => {
            let points: Vec<u32> = text.code_points().collect();
            PyValue::Text(Text::from_code_points(points.repeat(times)))
        }
        PyValue::List(items) | PyValue::Tuple(items) => {
            if !items.is_empty() && (elements - 1).saturating_mul(times) > ELEMENTS_MAX {
                return Err(limit(format!("the value has more than {ELEMENTS_MAX} elements")));
            }
            let times = if items.is_empty() { 0 } else { times };
            let all = std::iter::repeat_n(items, times).flatten().cloned().collect();
            if matches!(sequence, PyValue::List(_)) {
                PyValue::List(all)
            } else {
                PyValue::Tuple(all)
            }
        }
        other => other.clone(),
    })
}

fn length(value: &PyValue) -> Option<usize> {
    match value {
        PyValue::Bytes(bytes) => Some(bytes.len()),
        PyValue::Text(text) => Some(text.code_points().count()),
        PyValue::List(items) | PyValue::Tuple(items) => Some(items.len()),
        _ => None,
    }
}

/// Returns the elements at `places`, as a sequence of the same type.
fn pick(value: &PyValue, places: &[usize]) -> PyValue {
    match value {
        PyValue::Bytes(bytes) => PyValue::Bytes(places.iter().map(|place| bytes[*place]).collect()),
        PyValue::Text(text) => {
            let points: Vec<u32> = text.code_points().collect();
            PyValue::Text(Text::from_code_points(places.iter().map(|place| points[*place])))
        }
        PyValue::List(items) => PyValue::List(places.iter().map(|place| items[*place].clone()).collect()),
        PyValue::Tuple(items) => PyValue::Tuple(places.iter().map(|place| items[*place].clone()).collect()),
        other => other.clone(),
    }
}

fn not_indexable(value: &PyValue) -> ExpressionError {
    type_error(format!("a {} has no elements", value.type_name()))
}

/// Returns `owner[index]`.
///
/// # Errors
/// Indexes out of range, keys that are not there, types without elements.
pub fn index(owner: &PyValue, index: &PyValue) -> Evaluated<PyValue> {
    if let PyValue::Dict(entries) = owner {
        super::compare::hash_key(index)?;
        let found = entries.iter().find(|(key, _)| equal(key, index));
        return found
            .map(|(_, value)| value.clone())
            .ok_or_else(|| ExpressionError::new(INDEX, format!("the dict has no key {}", index.repr())));
    }
    let length = length(owner).ok_or_else(|| not_indexable(owner))?;
    let place = index
        .integer()
        .ok_or_else(|| type_error(format!("an index is an integer, not {}", index.type_name())))?;
    let place = if place.is_negative() {
        place + length
    } else {
        place
    };
    match place.to_usize().filter(|place| *place < length) {
        None => Err(ExpressionError::new(
            INDEX,
            format!("the index is out of range: there are {length} elements"),
        )),
        Some(place) => Ok(match owner {
            PyValue::List(items) | PyValue::Tuple(items) => items[place].clone(),
            other => pick(other, &[place]),
        }),
    }
}

/// Returns `owner[start:stop:step]`.
///
/// # Errors
/// Types without elements, bounds that are no integers, a step of zero.
pub fn slice(owner: &PyValue, bounds: &[Option<PyValue>; 3]) -> Evaluated<PyValue> {
    let length = length(owner).ok_or_else(|| not_indexable(owner))?;
    let bound = |value: &Option<PyValue>| match value {
        None | Some(PyValue::None) => Ok(None),
        Some(value) => value.integer().map(Some).ok_or_else(|| {
            type_error(format!(
                "bounds of a slice are integers, not {}",
                value.type_name()
            ))
        }),
    };
    let step = bound(&bounds[2])?.unwrap_or_else(|| BigInt::from(1));
    if step.is_zero() {
        return Err(type_error("the step of a slice cannot be zero"));
    }
    let is_forward = step.is_positive();
    let length = length as i64;
    let (lowest, highest) = if is_forward { (0, length) } else { (-1, length - 1) };
    let clamp = |value: Option<BigInt>, default: i64| match value {
        None => default,
        Some(value) => {
            let value = if value.is_negative() {
                value + length
            } else {
                value
            };
            value
                .to_i64()
                .unwrap_or(if value.is_negative() { i64::MIN } else { i64::MAX })
                .clamp(lowest, highest)
        }
    };
    let start = clamp(bound(&bounds[0])?, if is_forward { lowest } else { highest });
    let stop = clamp(bound(&bounds[1])?, if is_forward { highest } else { lowest });
    let step = step
        .to_i64()
        .unwrap_or(if is_forward { i64::MAX } else { i64::MIN });
    let mut places = Vec::new();
    let mut at = start;
    while (is_forward && at < stop) || (!is_forward && at > stop) {
        places.push(at as usize);
        at = at.saturating_add(step);
    }
    Ok(pick(owner, &places))
}
