//! Operators on numbers, as Python 2 computes them, bounded before they are computed.

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{Signed, ToPrimitive, Zero};

use super::error::{Evaluated, arithmetic, limit, type_error};
use super::format;
use super::limits::INTEGER_BITS_MAX;
use super::sequence::{concatenate, mixed, repeat};
use super::value::PyValue;

/// An operand that is a number.
enum Number {
    /// int and bool.
    Int(i64),
    Long(BigInt),
    Float(f64),
}

fn number(value: &PyValue) -> Option<Number> {
    Some(match value {
        PyValue::Bool(value) => Number::Int(i64::from(*value)),
        PyValue::Int(value) => Number::Int(*value),
        PyValue::Long(value) => Number::Long(value.clone()),
        PyValue::Float(value) => Number::Float(*value),
        _ => return None,
    })
}

fn big(number: &Number) -> Option<BigInt> {
    match number {
        Number::Int(value) => Some(BigInt::from(*value)),
        Number::Long(value) => Some(value.clone()),
        Number::Float(_) => None,
    }
}

fn float(number: &Number) -> Evaluated<f64> {
    match number {
        Number::Int(value) => Ok(*value as f64),
        Number::Float(value) => Ok(*value),
        Number::Long(value) => match value.to_f64() {
            Some(float) if float.is_finite() => Ok(float),
            _ => Err(arithmetic("the integer is too large for a float")),
        },
    }
}

/// Returns an integer result: a long if an operand was one or if it does not fit an int.
fn integer(value: BigInt, is_long: bool) -> Evaluated<PyValue> {
    if value.bits() > INTEGER_BITS_MAX {
        return Err(too_many_bits());
    }
    Ok(match value.to_i64() {
        Some(small) if !is_long => PyValue::Int(small),
        _ => PyValue::Long(value),
    })
}

fn too_many_bits() -> super::ExpressionError {
    limit(format!("the integer has more than {INTEGER_BITS_MAX} bits"))
}

/// Returns `-a`, `+a`, `~a` or `not a`.
///
/// # Errors
/// Operands that are no numbers.
pub fn unary(operator: &str, operand: &PyValue) -> Evaluated<PyValue> {
    if operator == "not" {
        return Ok(PyValue::Bool(!operand.is_true()));
    }
    let wrong = || type_error(format!("{operator} does not take a {}", operand.type_name()));
    let number = number(operand).ok_or_else(wrong)?;
    match (operator, number) {
        ("-", Number::Float(value)) => Ok(PyValue::Float(-value)),
        ("+", Number::Float(value)) => Ok(PyValue::Float(value)),
        (_, Number::Float(_)) => Err(wrong()),
        (operator, number) => {
            let is_long = matches!(number, Number::Long(_));
            let value = big(&number).unwrap_or_default();
            let value = match operator {
                "-" => -value,
                "~" => -value - 1,
                _ => value,
            };
            integer(value, is_long)
        }
    }
}

/// Returns `left operator right`.
///
/// # Errors
/// Types that do not mix, division by zero, limits, wrong format strings.
pub fn binary(operator: &str, left: &PyValue, right: &PyValue) -> Evaluated<PyValue> {
    if let (Some(left_number), Some(right_number)) = (number(left), number(right)) {
        if let (PyValue::Bool(left), PyValue::Bool(right)) = (left, right) {
            match operator {
                "&" => return Ok(PyValue::Bool(left & right)),
                "|" => return Ok(PyValue::Bool(left | right)),
                "^" => return Ok(PyValue::Bool(left ^ right)),
                _ => {}
            }
        }
        return match (&left_number, &right_number) {
            (Number::Float(_), _) | (_, Number::Float(_)) => {
                floats(operator, float(&left_number)?, float(&right_number)?)
                    .ok_or_else(|| mixed(operator, left, right))?
            }
            _ => integers(operator, &left_number, &right_number),
        };
    }
    match (operator, left, right) {
        ("+", _, _) => concatenate(left, right),
        ("%", PyValue::Bytes(_) | PyValue::Text(_), _) => format::format(left, right),
        ("*", sequence, times) if is_sequence(sequence) => times_of(sequence, times),
        ("*", times, sequence) if is_sequence(sequence) => times_of(sequence, times),
        _ => Err(mixed(operator, left, right)),
    }
}

fn is_sequence(value: &PyValue) -> bool {
    matches!(
        value,
        PyValue::Bytes(_) | PyValue::Text(_) | PyValue::List(_) | PyValue::Tuple(_)
    )
}

fn times_of(sequence: &PyValue, times: &PyValue) -> Evaluated<PyValue> {
    match number(times).as_ref().and_then(big) {
        Some(times) => repeat(sequence, &times),
        None => Err(type_error(format!(
            "a {} cannot be repeated a {} times",
            sequence.type_name(),
            times.type_name()
        ))),
    }
}

fn integers(operator: &str, left: &Number, right: &Number) -> Evaluated<PyValue> {
    if let (Number::Int(left), Number::Int(right)) = (left, right) {
        let quick = match operator {
            "+" => left.checked_add(*right),
            "-" => left.checked_sub(*right),
            "*" => left.checked_mul(*right),
            "&" => Some(left & right),
            "|" => Some(left | right),
            "^" => Some(left ^ right),
            _ => None,
        };
        if let Some(value) = quick {
            return Ok(PyValue::Int(value));
        }
    }
    // The one quotient that does not fit an int makes its remainder a long, too.
    let overflows = matches!((left, right), (Number::Int(i64::MIN), Number::Int(-1)));
    let is_long = overflows || matches!(left, Number::Long(_)) || matches!(right, Number::Long(_));
    let (Some(a), Some(b)) = (big(left), big(right)) else {
        unreachable!("both are integers")
    };
    let value = match operator {
        "+" => a + b,
        "-" => a - b,
        "*" => {
            if a.bits() + b.bits() > INTEGER_BITS_MAX + 1 {
                return Err(too_many_bits());
            }
            a * b
        }
        "&" => a & b,
        "|" => a | b,
        "^" => a ^ b,
        "/" | "//" | "%" if b.is_zero() => return Err(arithmetic("division by zero")),
        "/" | "//" => a.div_floor(&b),
        "%" => a.mod_floor(&b),
        "<<" | ">>" => shifted(operator, a, &b)?,
        _ => return power(&a, &b, is_long),
    };
    integer(value, is_long)
}

fn shifted(operator: &str, value: BigInt, by: &BigInt) -> Evaluated<BigInt> {
    if by.is_negative() {
        return Err(arithmetic("a shift by a negative number"));
    }
    if operator == "<<" {
        return match by.to_u64() {
            _ if value.is_zero() => Ok(value),
            Some(by) if value.bits().saturating_add(by) <= INTEGER_BITS_MAX => Ok(value << by),
            _ => Err(too_many_bits()),
        };
    }
    Ok(match by.to_u64() {
        Some(by) if by <= INTEGER_BITS_MAX => value >> by,
        _ if value.is_negative() => BigInt::from(-1),
        _ => BigInt::zero(),
    })
}

fn power(base: &BigInt, exponent: &BigInt, is_long: bool) -> Evaluated<PyValue> {
    if exponent.is_negative() {
        if base.is_zero() {
            return Err(arithmetic("0 to a negative power"));
        }
        let (base, exponent) = (
            float(&Number::Long(base.clone()))?,
            float(&Number::Long(exponent.clone()))?,
        );
        return float_power(base, exponent);
    }
    let is_small = base.bits() <= 1;
    let Some(times) = exponent.to_u32() else {
        if !is_small {
            return Err(too_many_bits());
        }
        // 0, 1 and -1 stay small whatever the power.
        let times = if exponent.is_even() { 2 } else { 1 };
        return integer(base.pow(times), is_long);
    };
    // |base| >= 2^(bits-1), so this never refuses what would fit by more than a factor of the base.
    if !is_small && (base.bits() - 1).saturating_mul(u64::from(times)) > INTEGER_BITS_MAX {
        return Err(too_many_bits());
    }
    let times = if is_small { times.min(2 + times % 2) } else { times };
    integer(base.pow(times), is_long)
}

fn floats(operator: &str, a: f64, b: f64) -> Option<Evaluated<PyValue>> {
    let zero = || Err(arithmetic("division by zero"));
    Some(match operator {
        "+" => Ok(PyValue::Float(a + b)),
        "-" => Ok(PyValue::Float(a - b)),
        "*" => Ok(PyValue::Float(a * b)),
        "/" | "//" | "%" if b == 0.0 => zero(),
        "/" => Ok(PyValue::Float(a / b)),
        "//" => Ok(PyValue::Float(divmod(a, b).0)),
        "%" => Ok(PyValue::Float(divmod(a, b).1)),
        "**" => float_power(a, b),
        _ => return None,
    })
}

/// Returns the floored quotient and the remainder with the divisor's sign, rounded as CPython rounds them.
fn divmod(a: f64, b: f64) -> (f64, f64) {
    let mut remainder = a % b;
    let mut quotient = (a - remainder) / b;
    if remainder == 0.0 {
        remainder = 0.0_f64.copysign(b);
    } else if (b < 0.0) != (remainder < 0.0) {
        remainder += b;
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return (0.0_f64.copysign(a / b), remainder);
    }
    let floor = quotient.floor();
    (
        if quotient - floor > 0.5 {
            floor + 1.0
        } else {
            floor
        },
        remainder,
    )
}

fn float_power(a: f64, b: f64) -> Evaluated<PyValue> {
    if a == 0.0 && b < 0.0 {
        return Err(arithmetic("0 to a negative power"));
    }
    if a < 0.0 && a.is_finite() && b.is_finite() && b.fract() != 0.0 {
        return Err(arithmetic("a negative number to a fractional power"));
    }
    let value = a.powf(b);
    if value.is_infinite() && a.is_finite() && b.is_finite() {
        return Err(arithmetic("the result is too large for a float"));
    }
    Ok(PyValue::Float(value))
}
