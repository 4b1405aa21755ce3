//! What an expression is made of at its leaves: literals, names, brackets, and what is hung behind them.

use super::super::super::Code;
use super::super::error::{ATTRIBUTE, CALL, Evaluated, ExpressionError, NAME};
use super::super::lexer::Kind;
use super::super::limits::NESTING_MAX;
use super::super::sequence::concatenate;
use super::super::value::PyValue;
use super::{Expr, KEYWORDS, Node, Parser, unsupported};
use crate::treefile::expression::error::limit;

impl Parser<'_> {
    pub(super) fn trailers(&mut self) -> Evaluated<Node> {
        let start = self.span().start;
        let mut node = self.atom()?;
        let mut count = 0;
        while let Some(operator) = self.one_of(&["(", "[", "."]) {
            count += 1;
            if self.depth + count > NESTING_MAX {
                return Err(
                    limit(format!("the expression nests more than {NESTING_MAX} levels")).at(self.span()),
                );
            }
            node = match operator {
                "[" => self.subscript(start, node)?,
                "(" => self.call(start, node)?,
                _ => self.attribute(start, node)?,
            };
        }
        Ok(node)
    }

    /// Reads over a call; refused only if it is evaluated. What is called says more if it is refused itself.
    fn call(&mut self, start: usize, callee: Node) -> Evaluated<Node> {
        self.advance();
        while !self.is_operator(")") {
            while self.take_operator("*") || self.take_operator("**") {}
            self.choice()?;
            if self.take_operator("=") {
                self.choice()?;
            }
            if !self.take_operator(",") {
                break;
            }
        }
        self.expect(")")?;
        let _ = callee;
        Ok(self.refused(
            start,
            CALL,
            "a call is not evaluated",
            "only values and operators are evaluated, never calls",
        ))
    }

    fn attribute(&mut self, start: usize, owner: Node) -> Evaluated<Node> {
        self.advance();
        if !matches!(self.peek(), Kind::Name(_)) {
            return Err(self.unexpected());
        }
        self.advance();
        let is_word =
            matches!(&owner.expr, Expr::Refused(error) if error.code == NAME || error.code == ATTRIBUTE);
        let help = if is_word {
            "text needs quotes: '...'"
        } else {
            "only values and operators are evaluated"
        };
        Ok(self.refused(start, ATTRIBUTE, "an attribute is not evaluated", help))
    }

    fn refused(&self, start: usize, code: Code, message: &str, help: &str) -> Node {
        let mut node = self.node(start, Expr::Tuple(Vec::new()));
        let error = ExpressionError::new(code, message)
            .with_help(help)
            .at(node.span.clone());
        node.expr = Expr::Refused(Box::new(error));
        node
    }

    fn subscript(&mut self, start: usize, owner: Node) -> Evaluated<Node> {
        self.advance();
        let mut parts: [Option<Node>; 3] = [None, None, None];
        let mut colons = 0;
        if self.is_operator("]") {
            return Err(self.unexpected());
        }
        loop {
            if !self.is_operator(":") && !self.is_operator("]") {
                parts[colons] = Some(if colons == 0 {
                    self.expression_list()?
                } else {
                    self.choice()?
                });
            }
            if colons < 2 && self.take_operator(":") {
                colons += 1;
            } else {
                break;
            }
        }
        self.expect("]")?;
        let owner = Box::new(owner);
        let expr = match (colons, parts) {
            (0, [Some(index), ..]) => Expr::Index(owner, Box::new(index)),
            (_, parts) => Expr::Slice(owner, Box::new(parts)),
        };
        Ok(self.node(start, expr))
    }

    fn atom(&mut self) -> Evaluated<Node> {
        let start = self.span().start;
        let is_string = matches!(self.peek(), Kind::String(_));
        if let Some(value) = self.take_value() {
            return if is_string {
                self.adjacent_strings(start, value)
            } else {
                Ok(self.node(start, Expr::Value(value)))
            };
        }
        match self.peek() {
            Kind::Name(name) => {
                let name = name.clone();
                self.name(start, &name)
            }
            Kind::Operator("(") => self.brackets(start, ")"),
            Kind::Operator("[") => self.brackets(start, "]"),
            Kind::Operator("{") => self.dict(start),
            _ => Err(self.unexpected()),
        }
    }

    fn adjacent_strings(&mut self, start: usize, first: PyValue) -> Evaluated<Node> {
        let mut value = first;
        while matches!(self.peek(), Kind::String(_)) {
            let span = self.span();
            if let Some(next) = self.take_value() {
                value = concatenate(&value, &next).map_err(|error| error.at(span))?;
            }
        }
        Ok(self.node(start, Expr::Value(value)))
    }

    fn name(&mut self, start: usize, name: &str) -> Evaluated<Node> {
        let value = match name {
            "None" => PyValue::None,
            "True" => PyValue::Bool(true),
            "False" => PyValue::Bool(false),
            "lambda" | "yield" => return Err(unsupported(&format!("{name} is"), self.span())),
            keyword if KEYWORDS.contains(&keyword) => return Err(self.unexpected()),
            _ => {
                self.advance();
                let help = match name.to_ascii_lowercase().as_str() {
                    "true" | "yes" | "on" => "write True".to_owned(),
                    "false" | "no" | "off" => "write False".to_owned(),
                    "null" | "nil" | "none" => "write None".to_owned(),
                    _ => format!("text needs quotes: '{name}'"),
                };
                return Ok(self.refused(start, NAME, &format!("the name {name} has no value"), &help));
            }
        };
        self.advance();
        Ok(self.node(start, Expr::Value(value)))
    }

    /// `()`, `(a)`, `(a, b)`, `[]`, `[a, b]`.
    fn brackets(&mut self, start: usize, close: &str) -> Evaluated<Node> {
        self.advance();
        let mut items = Vec::new();
        let mut has_comma = false;
        while !self.is_operator(close) {
            items.push(self.choice()?);
            if self.is_word("for") {
                return Err(self.unexpected());
            }
            if !self.take_operator(",") {
                break;
            }
            has_comma = true;
        }
        self.expect(close)?;
        match (close, items.len()) {
            ("]", _) => Ok(self.node(start, Expr::List(items))),
            (_, 1) if !has_comma => {
                let inner = items.remove(0);
                // Brackets make a number an operand like any other: see `sign`.
                let span = self.node(start, Expr::Tuple(Vec::new())).span;
                Ok(Node {
                    expr: inner.expr,
                    span,
                })
            }
            _ => Ok(self.node(start, Expr::Tuple(items))),
        }
    }

    fn dict(&mut self, start: usize) -> Evaluated<Node> {
        self.advance();
        let mut entries = Vec::new();
        while !self.is_operator("}") {
            let key = self.choice()?;
            if !self.take_operator(":") {
                if self.is_operator(",") || self.is_operator("}") {
                    let end = self.span().end;
                    return Err(unsupported("sets are", start..end).with_help("write a list: [...]"));
                }
                return Err(self.unexpected());
            }
            entries.push((key, self.choice()?));
            if self.is_word("for") {
                return Err(self.unexpected());
            }
            if !self.take_operator(",") {
                break;
            }
        }
        self.expect("}")?;
        Ok(self.node(start, Expr::Dict(entries)))
    }
}
