//! Computes the tree of an expression, counting steps and sizes before they are spent.
//!
//! Takes the tree apart as it goes: nothing is evaluated twice, so no value is ever copied.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::arithmetic;
use super::compare::{contains, equal, hash_key, order};
use super::error::{Evaluated, ExpressionError, limit};
use super::limits::{ELEMENTS_MAX, STEPS_MAX};
use super::parser::{Expr, Node};
use super::sequence;
use super::value::PyValue;

/// Bytes that count as one step.
const BYTES_A_STEP: usize = 64;

/// Evaluates trees; one is used for one expression.
#[derive(Default)]
pub struct Evaluator {
    steps: usize,
}

impl Evaluator {
    /// Returns the node's value.
    ///
    /// # Errors
    /// Refused constructs that are reached, wrong types, arithmetic, limits.
    pub fn evaluate(&mut self, node: Node) -> Evaluated<PyValue> {
        let Node { expr, span } = node;
        let value = self.compute(expr).map_err(|error| error.at(span.clone()))?;
        let (elements, bytes) = value.size();
        if elements > ELEMENTS_MAX + 1 {
            return Err(limit(format!("the value has more than {ELEMENTS_MAX} elements")).at(span));
        }
        self.count(elements + bytes / BYTES_A_STEP)
            .map_err(|error| error.at(span))?;
        Ok(value)
    }

    /// Returns the steps that were taken.
    pub fn steps(&self) -> usize {
        self.steps
    }

    fn count(&mut self, steps: usize) -> Evaluated<()> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > STEPS_MAX {
            return Err(limit(format!("the expression takes more than {STEPS_MAX} steps")));
        }
        Ok(())
    }

    /// Evaluates without weighing the result: for operands that the result holds anyway.
    fn part(&mut self, node: Node) -> Evaluated<PyValue> {
        match node.expr {
            Expr::Value(value) => {
                self.count(1).map_err(|error| error.at(node.span))?;
                Ok(value)
            }
            _ => self.evaluate(node),
        }
    }

    fn compute(&mut self, expr: Expr) -> Evaluated<PyValue> {
        match expr {
            Expr::Value(value) => Ok(value),
            Expr::Refused(error) => Err(*error),
            Expr::Tuple(items) => self.items(items).map(PyValue::Tuple),
            Expr::List(items) => self.items(items).map(PyValue::List),
            Expr::Dict(entries) => self.dict(entries),
            Expr::Unary(operator, operand) => {
                let operand = self.part(*operand)?;
                arithmetic::unary(operator, &operand)
            }
            Expr::Chain(first, rest) => self.chain(*first, rest),
            Expr::Compare(first, rest) => self.compare(*first, rest),
            Expr::Logic(is_and, operands) => self.logic(is_and, operands),
            Expr::Choice(parts) => {
                let [then, condition, other] = *parts;
                let chosen = if self.part(condition)?.is_true() {
                    then
                } else {
                    other
                };
                self.part(chosen)
            }
            Expr::Index(owner, index) => {
                let owner = self.part(*owner)?;
                let index = self.part(*index)?;
                sequence::index(&owner, &index)
            }
            Expr::Slice(owner, bounds) => {
                let owner = self.part(*owner)?;
                let mut values = [None, None, None];
                for (value, bound) in values.iter_mut().zip(*bounds) {
                    *value = bound.map(|bound| self.part(bound)).transpose()?;
                }
                sequence::slice(&owner, &values)
            }
        }
    }

    fn items(&mut self, items: Vec<Node>) -> Evaluated<Vec<PyValue>> {
        if items.len() > ELEMENTS_MAX {
            return Err(limit(format!("the value has more than {ELEMENTS_MAX} elements")));
        }
        items.into_iter().map(|item| self.part(item)).collect()
    }

    fn dict(&mut self, entries: Vec<(Node, Node)>) -> Evaluated<PyValue> {
        if entries.len() > ELEMENTS_MAX {
            return Err(limit(format!("the value has more than {ELEMENTS_MAX} elements")));
        }
        let mut places: HashMap<Vec<u8>, usize> = HashMap::with_capacity(entries.len());
        let mut found: Vec<(PyValue, PyValue)> = Vec::with_capacity(entries.len());
        for (key_node, value_node) in entries {
            let span = key_node.span.clone();
            // Python 2 evaluates the value first; only errors could tell.
            let key = self.part(key_node)?;
            let hash = hash_key(&key).map_err(|error| error.at(span))?;
            let value = self.part(value_node)?;
            match places.get(&hash) {
                Some(place) => found[*place].1 = value,
                None => {
                    places.insert(hash, found.len());
                    found.push((key, value));
                }
            }
        }
        Ok(PyValue::Dict(found))
    }

    fn chain(&mut self, first: Node, rest: Vec<(&'static str, Node)>) -> Evaluated<PyValue> {
        let start = first.span.start;
        let mut left = self.part(first)?;
        for (operator, node) in rest {
            let span = start..node.span.end;
            let right = self.part(node)?;
            left = arithmetic::binary(operator, &left, &right).map_err(|error| error.at(span.clone()))?;
            let (elements, bytes) = left.size();
            self.count(elements + bytes / BYTES_A_STEP)
                .map_err(|error| error.at(span))?;
        }
        Ok(left)
    }

    fn compare(&mut self, first: Node, rest: Vec<(&'static str, Node)>) -> Evaluated<PyValue> {
        let mut left = self.part(first)?;
        for (operator, node) in rest {
            let right = self.part(node)?;
            for (elements, bytes) in [left.size(), right.size()] {
                self.count(elements + bytes / BYTES_A_STEP)?;
            }
            if !holds(operator, &left, &right)? {
                return Ok(PyValue::Bool(false));
            }
            left = right;
        }
        Ok(PyValue::Bool(true))
    }

    fn logic(&mut self, is_and: bool, operands: Vec<Node>) -> Evaluated<PyValue> {
        let mut value = PyValue::None;
        for operand in operands {
            value = self.part(operand)?;
            if value.is_true() != is_and {
                break;
            }
        }
        Ok(value)
    }
}

fn holds(operator: &str, left: &PyValue, right: &PyValue) -> Result<bool, ExpressionError> {
    Ok(match operator {
        "==" => equal(left, right),
        "!=" => !equal(left, right),
        "in" => contains(right, left)?,
        "not in" => !contains(right, left)?,
        "<" => order(left, right)? == Some(Ordering::Less),
        ">" => order(left, right)? == Some(Ordering::Greater),
        "<=" => matches!(order(left, right)?, Some(Ordering::Less | Ordering::Equal)),
        _ => matches!(order(left, right)?, Some(Ordering::Greater | Ordering::Equal)),
    })
}
