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
mod plain;
mod sequence;
mod strings;
#[cfg(test)]
mod tests;
mod value;
mod verbatim;

pub use error::ExpressionError;
pub use value::PyValue;

use crate::model::{Value, write_json};

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
    let end = expression.len();
    let within = |mut error: ExpressionError| {
        error = error.at(0..end);
        error.span = error.span.start.min(end)..error.span.end.min(end);
        error
    };
    if let Some((value, length)) = strings::literal(expression, 0).map_err(within)?
        && length == end
    {
        // The value is one literal, most likely with escapes.
        return Ok(value);
    }
    if *steps_left == 0 {
        let message = "the expressions of this file take more steps than a file may";
        return Err(error::limit(message).at(0..expression.len()));
    }
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
    // Text and byte strings are stored alike, but for that one key: most values need no step between.
    if key != "string_value"
        && let Some(value) = plain::read(expression)
    {
        return Ok(value.to_value());
    }
    evaluate_within(expression, steps_left).and_then(|value| value.to_property_value(key))
}

/// Appends what [`evaluate_property`] returns as canonical JSON; `key` is not `string_value`.
///
/// # Errors
/// As [`evaluate_property`].
pub(super) fn write_property(
    expression: &str,
    key: &str,
    steps_left: &mut usize,
    out: &mut Vec<u8>,
) -> Result<(), ExpressionError> {
    if verbatim::copy(expression, out) {
        return Ok(());
    }
    match plain::read(expression) {
        Some(value) => value.write_json(out),
        None => write_json(&evaluate_property(expression, key, steps_left)?, out),
    }
    Ok(())
}
