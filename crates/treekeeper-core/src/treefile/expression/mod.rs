//! The values of properties: a safe subset of Python 2's expressions (TREE_FORMAT.md 2).
//!
//! Values and operators only; names, calls and attributes are never evaluated, and every limit is checked before
//! the work is done. Nothing here knows of files, nodes or ZooKeeper.

mod arithmetic;
mod compare;
mod error;
mod evaluator;
mod float_text;
mod format;
mod lexer;
pub mod limits;
mod parser;
mod sequence;
mod strings;
#[cfg(test)]
mod tests;
mod value;

pub use error::ExpressionError;
pub use value::PyValue;

use crate::model::{Text, Value};

/// Returns the value of `expression`.
///
/// # Errors
/// The first thing that is wrong, with its place in the expression.
pub fn evaluate(expression: &str) -> Result<PyValue, ExpressionError> {
    let mut unbounded = usize::MAX;
    evaluate_within(expression, &mut unbounded)
}

/// Returns the value of `expression` and takes its steps from `steps_left`, which a whole file shares.
///
/// # Errors
/// As [`evaluate`], and when no steps are left.
pub fn evaluate_within(expression: &str, steps_left: &mut usize) -> Result<PyValue, ExpressionError> {
    if let Some(value) = plain(expression) {
        return Ok(value);
    }
    if *steps_left == 0 {
        let message = "the expressions of this file take more steps than a file may";
        return Err(error::limit(message).at(0..expression.len()));
    }
    let end = expression.len();
    let within = |mut error: ExpressionError| {
        error = error.at(0..end);
        error.span = error.span.start.min(end)..error.span.end.min(end);
        error
    };
    let tokens = lexer::tokens(expression).map_err(within)?;
    let node = parser::parse(expression, tokens).map_err(within)?;
    let mut evaluator = evaluator::Evaluator::default();
    let value = evaluator.evaluate(node).map_err(within);
    *steps_left = steps_left.saturating_sub(evaluator.steps());
    value
}

/// Returns the value of a property called `key`, as it is stored, and takes its steps from `steps_left`.
///
/// # Errors
/// As [`evaluate_within`], and values that JSON cannot hold.
pub fn evaluate_property(
    expression: &str,
    key: &str,
    steps_left: &mut usize,
) -> Result<Value, ExpressionError> {
    let literal = expression.strip_prefix('u').unwrap_or(expression);
    if key != "string_value"
        && let Some(text) = plain_string(literal)
    {
        // Text and byte strings are stored alike, but for that one key: most values need no step between.
        return Ok(Value::String(Text::from(text)));
    }
    evaluate_within(expression, steps_left).and_then(|value| value.to_property_value(key))
}

/// Returns the values that nearly all properties have, without tokens and trees.
fn plain(expression: &str) -> Option<PyValue> {
    let bytes = expression.as_bytes();
    match bytes {
        b"True" => return Some(PyValue::Bool(true)),
        b"False" => return Some(PyValue::Bool(false)),
        b"None" => return Some(PyValue::None),
        _ => {}
    }
    match bytes.first()? {
        b'0'..=b'9' => plain_number(expression),
        b'\'' | b'"' => plain_string(expression).map(|text| PyValue::Bytes(text.as_bytes().to_vec())),
        b'u' => plain_string(&expression[1..]).map(|text| PyValue::Text(Text::from(text))),
        _ => None,
    }
}

fn plain_number(text: &str) -> Option<PyValue> {
    if let Some(small) = lexer::decimal(text.as_bytes()) {
        return Some(PyValue::Int(small));
    }
    let (whole, fraction) = text.split_once('.')?;
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_plain = digits(whole) && digits(fraction);
    is_plain.then(|| text.parse().ok().map(PyValue::Float)).flatten()
}

/// Returns what stands between two quotes of one kind if nothing in between needs a second look.
fn plain_string(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    let inner = text[1..].strip_suffix(quote)?;
    let is_plain = inner.len() <= limits::STRING_BYTES_MAX
        && !inner
            .bytes()
            .any(|byte| byte == quote as u8 || matches!(byte, b'\\' | b'\r'));
    is_plain.then_some(inner)
}
