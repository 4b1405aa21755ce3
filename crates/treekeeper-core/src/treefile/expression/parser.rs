//! From tokens to a tree of operations, with Python 2's precedence.
//!
//! What is refused whenever it is evaluated (names, calls, attributes) is a node, since `0 and foo` is 0 in Python;
//! what is refused wherever it stands (lambda, sets, ...) is an error here.

use std::ops::Range;

use super::error::{Evaluated, ExpressionError, SYNTAX, UNSUPPORTED, limit};
use super::lexer::{Kind, Token};
use super::limits::NESTING_MAX;
use super::value::PyValue;

mod atoms;

/// A node and its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// What to do.
    pub expr: Expr,
    /// Its bytes in the expression.
    pub span: Range<usize>,
}

/// What to do.
#[derive(Clone, Debug)]
pub enum Expr {
    /// A literal.
    Value(PyValue),
    /// Something that has no value here.
    Refused(Box<ExpressionError>),
    /// `(a, b)`.
    Tuple(Vec<Node>),
    /// `[a, b]`.
    List(Vec<Node>),
    /// `{a: b}`.
    Dict(Vec<(Node, Node)>),
    /// `-a`, `+a`, `~a`, `not a`.
    Unary(&'static str, Box<Node>),
    /// `a + b - c` and the like, from the left; flat, so that a long line is not a deep tree.
    Chain(Box<Node>, Vec<(&'static str, Node)>),
    /// `a < b < c`.
    Compare(Box<Node>, Vec<(&'static str, Node)>),
    /// `a and b and c` (true) or `a or b or c` (false).
    Logic(bool, Vec<Node>),
    /// `then if condition else other`.
    Choice(Box<[Node; 3]>),
    /// `a[b]`.
    Index(Box<Node>, Box<Node>),
    /// `a[b:c:d]`.
    Slice(Box<Node>, Box<[Option<Node>; 3]>),
}

/// Binary operators by how tightly they bind; comparisons, `not`, `and` and `or` are looser than all.
const LEVELS: [&[&str]; 6] = [
    &["|"],
    &["^"],
    &["&"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "//", "%"],
];

/// Words that are no names.
const KEYWORDS: [&str; 31] = [
    "and", "as", "assert", "break", "class", "continue", "def", "del", "elif", "else", "except", "exec",
    "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "not", "or", "pass", "print",
    "raise", "return", "try", "while", "with", "yield",
];

/// Returns the tree for `tokens`, which were cut from `text`.
///
/// # Errors
/// Syntax errors, refused constructs, nesting over the limit.
pub fn parse(text: &str, tokens: Vec<Token>) -> Evaluated<Node> {
    let mut parser = Parser {
        text,
        tokens,
        at: 0,
        depth: 0,
    };
    let node = parser.expression_list()?;
    match parser.peek() {
        Kind::End => Ok(node),
        _ => Err(parser.unexpected()),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> &Kind {
        &self.tokens[self.at].kind
    }

    fn span(&self) -> Range<usize> {
        self.tokens[self.at].span.clone()
    }

    /// Goes on to the next token and returns the span of the one before.
    fn advance(&mut self) -> Range<usize> {
        let span = self.span();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        span
    }

    /// Takes the value out of the present token, if it is a literal, and goes on; nobody looks at it again.
    fn take_value(&mut self) -> Option<PyValue> {
        let kind = &mut self.tokens[self.at].kind;
        if !matches!(kind, Kind::Number(_) | Kind::String(_)) {
            return None;
        }
        let (Kind::Number(value) | Kind::String(value)) = std::mem::replace(kind, Kind::End) else {
            unreachable!("it is a literal");
        };
        self.advance();
        Some(value)
    }

    fn is_operator(&self, wanted: &str) -> bool {
        matches!(self.peek(), Kind::Operator(operator) if *operator == wanted)
    }

    fn is_word(&self, wanted: &str) -> bool {
        matches!(self.peek(), Kind::Name(name) if name == wanted)
    }

    fn take_operator(&mut self, wanted: &str) -> bool {
        let found = self.is_operator(wanted);
        if found {
            self.advance();
        }
        found
    }

    fn take_word(&mut self, wanted: &str) -> bool {
        let found = self.is_word(wanted);
        if found {
            self.advance();
        }
        found
    }

    fn one_of(&self, wanted: &[&'static str]) -> Option<&'static str> {
        match self.peek() {
            Kind::Operator(operator) => wanted.iter().find(|candidate| *candidate == operator).copied(),
            _ => None,
        }
    }

    fn expect(&mut self, wanted: &str) -> Evaluated<usize> {
        if self.is_operator(wanted) {
            return Ok(self.advance().end);
        }
        if matches!(self.peek(), Kind::End) {
            return Err(
                ExpressionError::new(SYNTAX, format!("`{wanted}` is missing at the end")).at(self.span()),
            );
        }
        Err(self.unexpected())
    }

    /// Returns the error for the present token, with the help that its look suggests.
    fn unexpected(&self) -> ExpressionError {
        let token = &self.tokens[self.at];
        let error = match &token.kind {
            Kind::End => ExpressionError::new(SYNTAX, "the expression ends too early"),
            Kind::Operator("`") => return unsupported("backquotes are", token.span.clone()),
            Kind::Name(name) if name == "is" => {
                return unsupported("`is` is", token.span.clone()).with_help("compare with == or !=");
            }
            Kind::Name(name) if name == "for" => {
                return unsupported("comprehensions are", token.span.clone());
            }
            Kind::Operator("=") => ExpressionError::new(SYNTAX, "= stands where a value should go on"),
            _ => {
                let shown = crate::model::printable(&self.text[token.span.clone()]).into_owned();
                ExpressionError::new(SYNTAX, format!("`{shown}` is not expected here"))
            }
        };
        let error = error.at(token.span.clone());
        if looks_like_text(self.text) {
            return error.with_help(format!("text needs quotes: '{}'", self.text));
        }
        error
    }

    fn enter(&mut self) -> Evaluated<()> {
        self.depth += 1;
        // The outermost level is not inside anything.
        if self.depth > NESTING_MAX + 1 {
            return Err(
                limit(format!("the expression nests more than {NESTING_MAX} levels")).at(self.span()),
            );
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }

    fn ends_list(&self) -> bool {
        matches!(self.peek(), Kind::End | Kind::Operator(")" | "]" | "}"))
    }

    /// `a` or `a, b` or `a,`.
    fn expression_list(&mut self) -> Evaluated<Node> {
        let start = self.span().start;
        let first = self.choice()?;
        if !self.is_operator(",") {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.take_operator(",") && !self.ends_list() {
            items.push(self.choice()?);
        }
        Ok(self.node(start, Expr::Tuple(items)))
    }

    fn node(&self, start: usize, expr: Expr) -> Node {
        let end = self
            .at
            .checked_sub(1)
            .map_or(start, |before| self.tokens[before].span.end);
        Node {
            expr,
            span: start..end.max(start),
        }
    }

    fn choice(&mut self) -> Evaluated<Node> {
        if self.is_word("lambda") {
            return Err(unsupported("lambda is", self.span()));
        }
        self.enter()?;
        let start = self.span().start;
        let then = self.logic_or()?;
        let node = if self.take_word("if") {
            let condition = self.logic_or()?;
            if !self.take_word("else") {
                return Err(self.unexpected());
            }
            let other = self.choice()?;
            self.node(start, Expr::Choice(Box::new([then, condition, other])))
        } else {
            then
        };
        self.leave();
        Ok(node)
    }

    fn logic_or(&mut self) -> Evaluated<Node> {
        let start = self.span().start;
        let first = self.logic_and()?;
        if !self.is_word("or") {
            return Ok(first);
        }
        let mut operands = vec![first];
        while self.take_word("or") {
            operands.push(self.logic_and()?);
        }
        Ok(self.node(start, Expr::Logic(false, operands)))
    }

    fn logic_and(&mut self) -> Evaluated<Node> {
        let start = self.span().start;
        let first = self.negation()?;
        if !self.is_word("and") {
            return Ok(first);
        }
        let mut operands = vec![first];
        while self.take_word("and") {
            operands.push(self.negation()?);
        }
        Ok(self.node(start, Expr::Logic(true, operands)))
    }

    fn negation(&mut self) -> Evaluated<Node> {
        let start = self.span().start;
        if !self.take_word("not") {
            return self.comparison();
        }
        self.enter()?;
        let operand = self.negation()?;
        self.leave();
        Ok(self.node(start, Expr::Unary("not", Box::new(operand))))
    }

    fn comparison(&mut self) -> Evaluated<Node> {
        let start = self.span().start;
        let first = self.binary(0)?;
        let mut rest = Vec::new();
        while let Some(operator) = self.comparator()? {
            rest.push((operator, self.binary(0)?));
        }
        if rest.is_empty() {
            Ok(first)
        } else {
            Ok(self.node(start, Expr::Compare(Box::new(first), rest)))
        }
    }

    fn comparator(&mut self) -> Evaluated<Option<&'static str>> {
        if let Some(operator) = self.one_of(&["<=", ">=", "==", "!=", "<>", "<", ">"]) {
            self.advance();
            return Ok(Some(if operator == "<>" { "!=" } else { operator }));
        }
        if self.take_word("in") {
            return Ok(Some("in"));
        }
        if self.is_word("is") {
            return Err(self.unexpected());
        }
        if self.is_word("not") {
            self.advance();
            return if self.take_word("in") {
                Ok(Some("not in"))
            } else {
                Err(self.unexpected())
            };
        }
        Ok(None)
    }

    /// Reads operators that bind at least as tightly as `level`, the tightest first.
    fn binary(&mut self, level: usize) -> Evaluated<Node> {
        let start = self.span().start;
        let mut node = self.sign()?;
        for (level, operators) in LEVELS.iter().enumerate().skip(level).rev() {
            let mut rest = Vec::new();
            while let Some(operator) = self.one_of(operators) {
                self.advance();
                rest.push((operator, self.binary(level + 1)?));
            }
            if !rest.is_empty() {
                node = self.node(start, Expr::Chain(Box::new(node), rest));
            }
        }
        Ok(node)
    }

    fn sign(&mut self) -> Evaluated<Node> {
        let start = self.span().start;
        let Some(operator) = self.one_of(&["-", "+", "~"]) else {
            return self.power();
        };
        self.advance();
        self.enter()?;
        let is_number = matches!(self.peek(), Kind::Number(_));
        let operand = self.sign()?;
        self.leave();
        // A minus before a bare number is part of the number: -9223372036854775808 is an int, not a long.
        if let (Expr::Value(PyValue::Long(value)), "-", true) = (&operand.expr, operator, is_number)
            && *value == num_bigint::BigInt::from(i64::MIN) * -1
            && !self.text[operand.span.clone()].ends_with(['l', 'L'])
        {
            return Ok(self.node(start, Expr::Value(PyValue::Int(i64::MIN))));
        }
        Ok(self.node(start, Expr::Unary(operator, Box::new(operand))))
    }

    fn power(&mut self) -> Evaluated<Node> {
        let start = self.span().start;
        let base = self.trailers()?;
        if !self.take_operator("**") {
            return Ok(base);
        }
        self.enter()?;
        let exponent = self.sign()?;
        self.leave();
        Ok(self.node(start, Expr::Chain(Box::new(base), vec![("**", exponent)])))
    }
}

fn unsupported(what: &str, span: Range<usize>) -> ExpressionError {
    ExpressionError::new(UNSUPPORTED, format!("{what} not evaluated here")).at(span)
}

/// Tells whether somebody probably forgot the quotes: letters and no quote at all, short and safe to repeat.
fn looks_like_text(text: &str) -> bool {
    text.len() <= 60
        && !text.contains(['\'', '"', '\\', '(', '[', '{', '='])
        && !text.chars().any(crate::model::unprintable)
        && (text.chars().any(char::is_alphabetic) || text.matches('.').count() > 1)
}
