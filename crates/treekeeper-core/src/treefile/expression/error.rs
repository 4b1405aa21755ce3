//! What can be wrong with an expression, and what to write instead.

use std::ops::Range;

use super::super::Code;

/// Not Python, or not finished.
pub const SYNTAX: Code = Code("TK0201");
/// A name other than True, False and None.
pub const NAME: Code = Code("TK0202");
/// A call.
pub const CALL: Code = Code("TK0203");
/// An attribute.
pub const ATTRIBUTE: Code = Code("TK0204");
/// Python that no value needs: lambda, comprehension, backquotes, `is`, sets, complex numbers.
pub const UNSUPPORTED: Code = Code("TK0205");
/// A malformed string: quotes, escapes, prefixes.
pub const STRING: Code = Code("TK0206");
/// A malformed number.
pub const NUMBER: Code = Code("TK0207");
/// An operator that these types don't have.
pub const TYPE: Code = Code("TK0208");
/// A division by zero, a negative shift, a number out of range.
pub const ARITHMETIC: Code = Code("TK0209");
/// A wrong format string or its arguments.
pub const FORMAT: Code = Code("TK0210");
/// An index or key that is not there.
pub const INDEX: Code = Code("TK0211");
/// Byte strings that are not ASCII where Unicode is needed, or not UTF-8 where text is stored.
pub const ENCODING: Code = Code("TK0212");
/// More than a limit allows.
pub const LIMIT: Code = Code("TK0213");
/// A value that evaluates and that ZooKeeper's JSON cannot hold.
pub const STORE: Code = Code("TK0214");

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// The stable code.
    pub code: Code,
    /// Bytes of the expression that it is about.
    pub span: Range<usize>,
    /// What is wrong: lower-case start, no full stop.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl ExpressionError {
    /// Returns an error about the whole expression until a place is given.
    pub fn new(code: Code, message: impl Into<String>) -> ExpressionError {
        ExpressionError {
            code,
            span: 0..usize::MAX,
            message: message.into(),
            help: None,
        }
    }

    /// Names what to write instead.
    pub fn with_help(mut self, help: impl Into<String>) -> ExpressionError {
        self.help = Some(help.into());
        self
    }

    /// Gives the place, unless an inner construct gave a better one.
    pub fn at(mut self, span: Range<usize>) -> ExpressionError {
        if self.span.end == usize::MAX {
            self.span = span;
        }
        self
    }
}

/// What evaluating returns.
pub type Evaluated<T> = Result<T, ExpressionError>;

/// Returns the error for types that an operator does not take.
pub fn type_error(message: impl Into<String>) -> ExpressionError {
    ExpressionError::new(TYPE, message)
}

/// Returns the error for a number that cannot be computed.
pub fn arithmetic(message: impl Into<String>) -> ExpressionError {
    ExpressionError::new(ARITHMETIC, message)
}

/// Returns the error for a limit; `what` says which and how much.
pub fn limit(what: impl Into<String>) -> ExpressionError {
    ExpressionError::new(LIMIT, what)
        .with_help("write the value itself instead of computing it, or make it smaller")
}
