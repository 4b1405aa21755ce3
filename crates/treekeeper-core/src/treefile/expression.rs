//! Stands in for the evaluator until its branch is merged: refuses what `literal` did not read.

use std::ops::Range;

use super::Code;
use crate::model::Value;

/// A value as Python knows it; the stand-in has none.
#[derive(Clone, Debug)]
pub enum PyValue {}

/// What is wrong with an expression, and where in it.
#[derive(Clone, Debug)]
pub struct ExpressionError {
    /// The stable code.
    pub code: Code,
    /// The bytes of the expression that it is about.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// Refuses `expression`.
pub fn evaluate(expression: &str) -> Result<PyValue, ExpressionError> {
    let message = "only plain literals are read so far".to_owned();
    Err(ExpressionError {
        code: Code("TK0201"),
        span: 0..expression.len(),
        message,
        help: None,
    })
}

impl PyValue {
    /// Returns the value that the property `key` stores.
    pub fn to_property_value(&self, _key: &str) -> Result<Value, ExpressionError> {
        match *self {}
    }
}
