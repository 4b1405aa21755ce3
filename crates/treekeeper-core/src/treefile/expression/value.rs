//! Python 2's values, and how they become what ZooKeeper stores.

use num_bigint::BigInt;
use num_traits::{ToPrimitive, Zero};

use super::error::{ENCODING, Evaluated, ExpressionError, STORE};
use crate::model::python::{repr_bytes, repr_float, repr_text};
use crate::model::{Text, Value};

/// A value of Python 2.
#[derive(Clone, Debug)]
pub enum PyValue {
    /// `None`.
    None,
    /// `True` or `False`, which are integers too.
    Bool(bool),
    /// `int`: 64 bits.
    Int(i64),
    /// `long`: any size, small ones included.
    Long(BigInt),
    /// `float`.
    Float(f64),
    /// `str`: bytes.
    Bytes(Vec<u8>),
    /// `unicode`.
    Text(Text),
    /// `list`.
    List(Vec<PyValue>),
    /// `tuple`.
    Tuple(Vec<PyValue>),
    /// `dict`: keys are hashable and unique, in the order of their first appearance.
    Dict(Vec<(PyValue, PyValue)>),
}

impl PyValue {
    /// Returns the type's name as Python 2 spells it.
    pub fn type_name(&self) -> &'static str {
        match self {
            PyValue::None => "NoneType",
            PyValue::Bool(_) => "bool",
            PyValue::Int(_) => "int",
            PyValue::Long(_) => "long",
            PyValue::Float(_) => "float",
            PyValue::Bytes(_) => "str",
            PyValue::Text(_) => "unicode",
            PyValue::List(_) => "list",
            PyValue::Tuple(_) => "tuple",
            PyValue::Dict(_) => "dict",
        }
    }

    /// Tells whether Python takes the value for true.
    pub fn is_true(&self) -> bool {
        match self {
            PyValue::None => false,
            PyValue::Bool(value) => *value,
            PyValue::Int(value) => *value != 0,
            PyValue::Long(value) => !value.is_zero(),
            PyValue::Float(value) => *value != 0.0,
            PyValue::Bytes(value) => !value.is_empty(),
            PyValue::Text(value) => !value.is_empty(),
            PyValue::List(items) | PyValue::Tuple(items) => !items.is_empty(),
            PyValue::Dict(entries) => !entries.is_empty(),
        }
    }

    /// Returns the value of an int, a long or a bool.
    pub fn integer(&self) -> Option<BigInt> {
        match self {
            PyValue::Bool(value) => Some(BigInt::from(u8::from(*value))),
            PyValue::Int(value) => Some(BigInt::from(*value)),
            PyValue::Long(value) => Some(value.clone()),
            _ => None,
        }
    }

    /// Returns `repr(value)`; a dict's keys are sorted by their own.
    pub fn repr(&self) -> String {
        match self {
            PyValue::None => "None".to_owned(),
            PyValue::Bool(true) => "True".to_owned(),
            PyValue::Bool(false) => "False".to_owned(),
            PyValue::Int(value) => value.to_string(),
            PyValue::Long(value) => format!("{value}L"),
            PyValue::Float(value) => repr_float(*value),
            PyValue::Bytes(value) => repr_bytes(value),
            PyValue::Text(value) => repr_text(value),
            PyValue::List(items) => format!("[{}]", joined(items)),
            PyValue::Tuple(items) if items.len() == 1 => format!("({},)", joined(items)),
            PyValue::Tuple(items) => format!("({})", joined(items)),
            PyValue::Dict(entries) => {
                let mut shown: Vec<String> = entries
                    .iter()
                    .map(|(key, value)| format!("{}: {}", key.repr(), value.repr()))
                    .collect();
                shown.sort();
                format!("{{{}}}", shown.join(", "))
            }
        }
    }

    /// Returns the elements and string bytes of the value, its own and those of everything in it.
    pub fn size(&self) -> (usize, usize) {
        let sum = |sizes: &mut dyn Iterator<Item = (usize, usize)>| {
            sizes.fold((0, 0), |all: (usize, usize), one| {
                (all.0.saturating_add(one.0), all.1.saturating_add(one.1))
            })
        };
        match self {
            PyValue::Bytes(value) => (1, value.len()),
            PyValue::Text(value) => (1, value.as_bytes().len()),
            PyValue::List(items) | PyValue::Tuple(items) => {
                let inner = sum(&mut items.iter().map(PyValue::size));
                (inner.0 + 1, inner.1)
            }
            PyValue::Dict(entries) => {
                let keys = sum(&mut entries.iter().map(|entry| entry.0.size()));
                let values = sum(&mut entries.iter().map(|entry| entry.1.size()));
                (values.0 + 1, keys.1 + values.1)
            }
            _ => (1, 0),
        }
    }

    /// Returns the value as `json.dumps` stores it.
    ///
    /// # Errors
    /// Byte strings that are not UTF-8, infinities and NaN, lone surrogates, tuples as keys.
    pub fn to_value(&self) -> Evaluated<Value> {
        self.clone().into_value()
    }

    /// Returns the value of a property called `key`: as [`PyValue::to_value`], but the byte string of a
    /// `string_value` stays bytes.
    ///
    /// # Errors
    /// As [`PyValue::to_value`].
    pub fn to_property_value(self, key: &str) -> Evaluated<Value> {
        match self {
            PyValue::Bytes(bytes) if key == "string_value" => Ok(Value::Bytes(bytes.into_boxed_slice())),
            other => other.into_value(),
        }
    }

    fn into_value(self) -> Evaluated<Value> {
        Ok(match self {
            PyValue::None => Value::Null,
            PyValue::Bool(value) => Value::Bool(value),
            PyValue::Int(value) => Value::Int(value),
            PyValue::Long(value) => match value.to_i64() {
                Some(small) => Value::Int(small),
                None => Value::BigInt(value.to_string().into_boxed_str()),
            },
            PyValue::Float(value) if value.is_finite() => Value::Float(value),
            PyValue::Float(value) => {
                return Err(ExpressionError::new(
                    STORE,
                    format!("{} cannot be stored as JSON", repr_float(value)),
                )
                .with_help("write a finite number, or a string such as 'inf'"));
            }
            PyValue::Bytes(bytes) => Value::String(Text::from(utf8(bytes)?)),
            PyValue::Text(text) if text.as_str().is_some() => Value::String(text),
            PyValue::Text(_) => {
                return Err(ExpressionError::new(
                    STORE,
                    "a lone surrogate is not a character and cannot be stored",
                ));
            }
            PyValue::List(items) | PyValue::Tuple(items) => Value::Array(
                items
                    .into_iter()
                    .map(PyValue::into_value)
                    .collect::<Evaluated<_>>()?,
            ),
            PyValue::Dict(entries) => object(entries)?,
        })
    }
}

fn joined(items: &[PyValue]) -> String {
    items.iter().map(PyValue::repr).collect::<Vec<_>>().join(", ")
}

fn utf8(bytes: Vec<u8>) -> Evaluated<String> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        ExpressionError::new(
            ENCODING,
            format!("the byte string is not UTF-8 from its byte {at} on"),
        )
        .with_help("write text as u'...', with \\u escapes if need be")
    })
}

/// Turns a dict into an object; of keys that become equal, the one whose repr sorts last stays.
fn object(mut entries: Vec<(PyValue, PyValue)>) -> Evaluated<Value> {
    if entries.len() > 1
        && entries
            .iter()
            .any(|(key, _)| !matches!(key, PyValue::Bytes(_) | PyValue::Text(_)))
    {
        entries.sort_by_cached_key(|(key, _)| key.repr());
    }
    let entries = entries
        .into_iter()
        .map(|(key, value)| Ok((key_text(key)?, value.into_value()?)))
        .collect::<Evaluated<Vec<_>>>()?;
    Ok(Value::Object(
        crate::model::Properties::from_entries(entries).into_entries(),
    ))
}

/// Spells a dict's key as `json.dumps` of Python 2 does.
fn key_text(key: PyValue) -> Evaluated<Text> {
    Ok(match key {
        PyValue::Bytes(bytes) => Text::from(utf8(bytes)?),
        PyValue::Text(text) if text.as_str().is_some() => text,
        PyValue::Text(_) => {
            return Err(ExpressionError::new(
                STORE,
                "a lone surrogate is not a character and cannot be stored",
            ));
        }
        PyValue::None => Text::from("null"),
        PyValue::Long(value) => Text::from(value.to_string()),
        PyValue::Float(value) if !value.is_finite() => {
            return Err(ExpressionError::new(
                STORE,
                format!("{} cannot be stored as a key", repr_float(value)),
            ));
        }
        PyValue::Bool(_) | PyValue::Int(_) | PyValue::Float(_) => Text::from(key.repr()),
        PyValue::Tuple(_) | PyValue::List(_) | PyValue::Dict(_) => {
            return Err(
                ExpressionError::new(STORE, "a tuple cannot be the key of a stored dict")
                    .with_help("use strings as keys"),
            );
        }
    })
}
