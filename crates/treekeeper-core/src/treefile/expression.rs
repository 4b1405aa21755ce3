//! STUB until the evaluator's branch is merged.
#![allow(missing_docs)]
use super::Code;
use crate::model::{Text, Value};
use std::ops::Range;
#[derive(Debug)]
pub struct PyValue(Value);
#[derive(Debug)]
pub struct ExpressionError {
    pub code: Code,
    pub span: Range<usize>,
    pub message: String,
    pub help: Option<String>,
}
pub fn evaluate(expr: &str) -> Result<PyValue, ExpressionError> {
    if let Ok(n) = expr.parse() {
        return Ok(PyValue(Value::Int(n)));
    }
    let b = expr.as_bytes();
    if b.len() > 1 && (b[0] == b'\'') && b[b.len() - 1] == b[0] {
        return Ok(PyValue(Value::Bytes(b[1..b.len() - 1].into())));
    }
    Err(ExpressionError {
        code: Code("TK0201"),
        span: 0..expr.len(),
        message: "stub".into(),
        help: None,
    })
}
impl PyValue {
    pub fn to_property_value(&self, key: &str) -> Result<Value, ExpressionError> {
        match &self.0 {
            Value::Bytes(b) if key != "string_value" => {
                Ok(Value::String(Text::from(&*String::from_utf8_lossy(b))))
            }
            other => Ok(other.clone()),
        }
    }
}
