//! `%` on strings: conversions, flags, width and precision, as Python 2.7 does them.

use num_bigint::{BigInt, Sign};
use num_traits::{FromPrimitive, ToPrimitive};

use super::error::{Evaluated, ExpressionError, FORMAT, INDEX, limit, type_error};
use super::float_text::{Shape, float_text, str_float};
use super::limits::{STEPS_MAX, STRING_BYTES_MAX};
use super::sequence::decode_ascii;
use super::value::PyValue;
use crate::model::Text;

/// What stands between `%` and the letter.
#[derive(Default)]
struct Spec {
    left: bool,
    plus: bool,
    blank: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

/// Where the arguments come from.
struct Arguments<'a> {
    values: &'a [PyValue],
    next: usize,
    /// Values that `%(key)s` looks into.
    mapping: Option<&'a PyValue>,
    /// Whether values that nobody took are an error.
    counts: bool,
    /// What writing the arguments has cost: each conversion writes its whole value, whatever is kept of it.
    steps: usize,
}

/// Set when a unicode value turns the whole result into unicode.
enum Output {
    Bytes(Vec<u8>),
    Unicode(Vec<u32>),
}

/// A piece of the result.
enum Piece {
    Bytes(Vec<u8>),
    Text(Text),
}

fn wrong(message: impl Into<String>) -> ExpressionError {
    ExpressionError::new(FORMAT, message)
}

/// Returns `format % arguments`.
///
/// # Errors
/// Wrong format strings, arguments that are missing, left over or of the wrong type, limits.
pub fn format(format: &PyValue, arguments: &PyValue) -> Evaluated<PyValue> {
    let first = match format {
        PyValue::Bytes(bytes) => {
            let points: Vec<u32> = bytes.iter().map(|byte| u32::from(*byte)).collect();
            run(&points, arguments, Output::Bytes(Vec::new()))?
        }
        PyValue::Text(text) => {
            let points: Vec<u32> = text.code_points().collect();
            run(&points, arguments, Output::Unicode(Vec::new()))?
        }
        _ => unreachable!("the caller formats strings only"),
    };
    if let Some(value) = first {
        return Ok(value);
    }
    // A unicode argument was met in a byte string: Python starts again with the format as unicode.
    let PyValue::Bytes(bytes) = format else {
        unreachable!("only bytes start again")
    };
    let points: Vec<u32> = decode_ascii(bytes)?.code_points().collect();
    match run(&points, arguments, Output::Unicode(Vec::new()))? {
        Some(value) => Ok(value),
        None => unreachable!("unicode takes unicode"),
    }
}

/// Formats into `output`; `None` if bytes met unicode.
fn run(format: &[u32], arguments: &PyValue, mut output: Output) -> Evaluated<Option<PyValue>> {
    let mut arguments = Arguments::new(arguments);
    let is_unicode = matches!(output, Output::Unicode(_));
    let mut at = 0;
    while at < format.len() {
        if format[at] != u32::from(b'%') {
            output.push_point(format[at]);
            at += 1;
            continue;
        }
        at += 1;
        let Some(piece) = conversion(format, &mut at, &mut arguments, is_unicode)? else {
            return Ok(None);
        };
        output.push(piece)?;
    }
    if arguments.counts && arguments.next < arguments.values.len() {
        return Err(wrong("not all arguments are used by the format string"));
    }
    Ok(Some(match output {
        Output::Bytes(bytes) => PyValue::Bytes(bytes),
        Output::Unicode(points) => PyValue::Text(Text::from_code_points(points)),
    }))
}

impl Output {
    fn push_point(&mut self, point: u32) {
        match self {
            Output::Bytes(bytes) => bytes.push(point as u8),
            Output::Unicode(points) => points.push(point),
        }
    }

    fn push(&mut self, piece: Piece) -> Evaluated<()> {
        match (&mut *self, piece) {
            (Output::Bytes(out), Piece::Bytes(bytes)) => out.extend(bytes),
            (Output::Unicode(out), Piece::Bytes(bytes)) => out.extend(decode_ascii(&bytes)?.code_points()),
            (Output::Unicode(out), Piece::Text(text)) => out.extend(text.code_points()),
            (Output::Bytes(_), Piece::Text(_)) => unreachable!("conversion starts again instead"),
        }
        let length = match self {
            Output::Bytes(bytes) => bytes.len(),
            Output::Unicode(points) => points.len(),
        };
        fits(length)
    }
}

fn fits(length: usize) -> Evaluated<()> {
    if length > STRING_BYTES_MAX {
        return Err(limit(format!(
            "the string has more than {STRING_BYTES_MAX} bytes"
        )));
    }
    Ok(())
}

impl<'a> Arguments<'a> {
    fn new(arguments: &'a PyValue) -> Arguments<'a> {
        let is_mapping = matches!(arguments, PyValue::Dict(_) | PyValue::List(_));
        Arguments {
            values: match arguments {
                PyValue::Tuple(items) => items,
                other => std::slice::from_ref(other),
            },
            next: 0,
            mapping: is_mapping.then_some(arguments),
            counts: !is_mapping,
            steps: 0,
        }
    }

    fn take(&mut self) -> Evaluated<&'a PyValue> {
        let value = self
            .values
            .get(self.next)
            .ok_or_else(|| wrong("there are not enough arguments for the format string"))?;
        self.next += 1;
        Ok(value)
    }

    /// Pays for writing `value`.
    fn charge(&mut self, value: &PyValue) -> Evaluated<()> {
        let (elements, bytes) = value.size();
        self.steps = self.steps.saturating_add(elements + bytes / 64);
        if self.steps > STEPS_MAX {
            return Err(limit(format!("the expression takes more than {STEPS_MAX} steps")));
        }
        Ok(())
    }

    /// Takes the integer that a `*` asks for.
    fn take_integer(&mut self) -> Evaluated<BigInt> {
        let value = self.take()?;
        let is_int = !matches!(value, PyValue::Long(_));
        value
            .integer()
            .filter(|_| is_int)
            .ok_or_else(|| wrong(format!("* wants an integer, not {}", value.type_name())))
    }
}

/// Reads one conversion after its `%` and returns what it makes; `None` if bytes met unicode.
fn conversion(
    format: &[u32],
    at: &mut usize,
    arguments: &mut Arguments<'_>,
    is_unicode: bool,
) -> Evaluated<Option<Piece>> {
    let mut looked_up = None;
    if format.get(*at) == Some(&u32::from(b'(')) {
        let key = key(format, at, is_unicode)?;
        let Some(mapping @ PyValue::Dict(_)) = arguments.mapping else {
            return Err(wrong("%(name)s wants a dict after the %"));
        };
        let found = super::sequence::index(mapping, &key)
            .map_err(|_| ExpressionError::new(INDEX, format!("the dict has no key {}", key.repr())))?;
        looked_up = Some(found);
        // From here on only names count: a bare conversion finds no arguments, as in Python.
        arguments.values = &[];
    }
    let spec = spec(format, at, arguments)?;
    if matches!(letter(format, *at), Some('h' | 'l' | 'L')) {
        *at += 1;
    }
    let Some(kind) = letter(format, *at) else {
        return Err(wrong("the format string ends within a conversion"));
    };
    *at += 1;
    if kind == '%' {
        return pad(Piece::Bytes(b"%".to_vec()), &spec, ' ').map(Some);
    }
    let value = match &looked_up {
        Some(value) => value,
        None => arguments.take()?,
    };
    arguments.charge(value)?;
    let decoded = match value {
        PyValue::Bytes(bytes) if is_unicode && kind == 's' => Some(PyValue::Text(decode_ascii(bytes)?)),
        _ => None,
    };
    let value = decoded.as_ref().unwrap_or(value);
    let piece = match kind {
        's' | 'r' => text_piece(kind, value, &spec),
        'd' | 'i' | 'u' | 'o' | 'x' | 'X' => Piece::Bytes(integer_piece(kind, value, &spec)?),
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => Piece::Bytes(float_piece(kind, value, &spec)?),
        'c' => character_piece(value, is_unicode)?,
        other => {
            let shown = crate::model::printable(&other.to_string()).into_owned();
            return Err(wrong(format!("%{shown} is no conversion"))
                .with_help("write %s for any value, %d for integers, %% for the sign itself"));
        }
    };
    if matches!(piece, Piece::Text(_)) && !is_unicode {
        return Ok(None);
    }
    if let ("s" | "r" | "c", Piece::Bytes(bytes)) = (kind.to_string().as_str(), &piece)
        && is_unicode
    {
        let text = Piece::Text(decode_ascii(bytes)?);
        return pad(text, &spec, ' ').map(Some);
    }
    let fill = if spec.zero && !spec.left && !matches!(kind, 's' | 'r' | 'c') {
        '0'
    } else {
        ' '
    };
    pad(piece, &spec, fill).map(Some)
}

fn letter(format: &[u32], at: usize) -> Option<char> {
    format
        .get(at)
        .map(|point| char::from_u32(*point).unwrap_or('\u{FFFD}'))
}

/// Reads `(name)`, brackets inside counted.
fn key(format: &[u32], at: &mut usize, is_unicode: bool) -> Evaluated<PyValue> {
    let start = *at + 1;
    let mut depth = 0usize;
    while let Some(character) = letter(format, *at) {
        *at += 1;
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let name = &format[start..*at - 1];
            return Ok(if is_unicode {
                PyValue::Text(Text::from_code_points(name.iter().copied()))
            } else {
                PyValue::Bytes(name.iter().map(|point| *point as u8).collect())
            });
        }
    }
    Err(wrong("a name in the format string has no closing bracket"))
}

fn spec(format: &[u32], at: &mut usize, arguments: &mut Arguments<'_>) -> Evaluated<Spec> {
    let mut spec = Spec::default();
    loop {
        match letter(format, *at) {
            Some('-') => spec.left = true,
            Some('+') => spec.plus = true,
            Some(' ') => spec.blank = true,
            Some('#') => spec.alternate = true,
            Some('0') => spec.zero = true,
            _ => break,
        }
        *at += 1;
    }
    if letter(format, *at) == Some('*') {
        *at += 1;
        let width = arguments.take_integer()?;
        spec.left |= width.sign() == Sign::Minus;
        spec.width = width.magnitude().to_usize().unwrap_or(usize::MAX);
    } else {
        spec.width = digits(format, at).unwrap_or(0);
    }
    if letter(format, *at) == Some('.') {
        *at += 1;
        spec.precision = Some(if letter(format, *at) == Some('*') {
            *at += 1;
            let precision = arguments.take_integer()?;
            if precision.sign() == Sign::Minus {
                0
            } else {
                precision.to_usize().unwrap_or(usize::MAX)
            }
        } else {
            digits(format, at).unwrap_or(0)
        });
    }
    fits(spec.width)?;
    fits(spec.precision.unwrap_or(0))?;
    Ok(spec)
}

fn digits(format: &[u32], at: &mut usize) -> Option<usize> {
    let mut value: Option<usize> = None;
    while let Some(digit) = letter(format, *at).and_then(|character| character.to_digit(10)) {
        value = Some(
            value
                .unwrap_or(0)
                .saturating_mul(10)
                .saturating_add(digit as usize),
        );
        *at += 1;
    }
    value
}

/// Fills up to the width; zeros go between the sign or `0x` and the digits.
fn pad(piece: Piece, spec: &Spec, fill: char) -> Evaluated<Piece> {
    let fill_bytes = |bytes: Vec<u8>| {
        let missing = spec.width.saturating_sub(bytes.len());
        if spec.left {
            return [bytes, vec![b' '; missing]].concat();
        }
        if fill == '0' {
            let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-' | b' ')));
            let radix = if matches!(bytes.get(sign..sign + 2), Some(b"0x" | b"0X")) {
                2
            } else {
                0
            };
            let (head, tail) = bytes.split_at(sign + radix);
            return [head, &vec![b'0'; missing], tail].concat();
        }
        [vec![b' '; missing], bytes].concat()
    };
    Ok(match piece {
        Piece::Bytes(bytes) => Piece::Bytes(fill_bytes(bytes)),
        Piece::Text(text) => {
            let points: Vec<u32> = text.code_points().collect();
            let blanks = vec![u32::from(b' '); spec.width.saturating_sub(points.len())];
            let padded = if spec.left {
                [points, blanks].concat()
            } else {
                [blanks, points].concat()
            };
            Piece::Text(Text::from_code_points(padded))
        }
    })
}

/// `%s` and `%r`, cut to the precision.
fn text_piece(kind: char, value: &PyValue, spec: &Spec) -> Piece {
    let cut = spec.precision.unwrap_or(usize::MAX);
    match value {
        PyValue::Text(text) if kind == 's' => {
            Piece::Text(Text::from_code_points(text.code_points().take(cut)))
        }
        PyValue::Bytes(bytes) if kind == 's' => Piece::Bytes(bytes.iter().take(cut).copied().collect()),
        other => {
            let shown = if kind == 's' { str(other) } else { other.repr() };
            Piece::Bytes(shown.into_bytes().into_iter().take(cut).collect())
        }
    }
}

/// Returns `str(value)` of a value that is no string.
fn str(value: &PyValue) -> String {
    match value {
        PyValue::Long(value) => value.to_string(),
        PyValue::Float(value) => str_float(*value),
        other => other.repr(),
    }
}

fn integer_piece(kind: char, value: &PyValue, spec: &Spec) -> Evaluated<Vec<u8>> {
    let number = match value {
        PyValue::Float(float) => BigInt::from_f64(float.trunc()),
        other => other.integer(),
    };
    let number =
        number.ok_or_else(|| type_error(format!("%{kind} wants a number, not {}", value.type_name())))?;
    let digits = match kind {
        'o' => number.magnitude().to_str_radix(8),
        'x' => number.magnitude().to_str_radix(16),
        'X' => number.magnitude().to_str_radix(16).to_uppercase(),
        _ => number.magnitude().to_str_radix(10),
    };
    let is_int = !matches!(value, PyValue::Long(_));
    let digits = if spec.precision == Some(0) && digits == "0" && is_int {
        String::new()
    } else {
        digits
    };
    let zeros = "0".repeat(spec.precision.unwrap_or(0).saturating_sub(digits.len()));
    let digits = format!("{zeros}{digits}");
    let prefix = match kind {
        'x' | 'X' if spec.alternate => format!("0{kind}"),
        'o' if spec.alternate && !digits.starts_with('0') => "0".to_owned(),
        _ => String::new(),
    };
    Ok(format!("{}{prefix}{digits}", sign(number.sign() == Sign::Minus, spec)).into_bytes())
}

fn sign(is_negative: bool, spec: &Spec) -> &'static str {
    match (is_negative, spec.plus, spec.blank) {
        (true, _, _) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        (false, false, false) => "",
    }
}

fn float_piece(kind: char, value: &PyValue, spec: &Spec) -> Evaluated<Vec<u8>> {
    let float = match value {
        PyValue::Float(float) => Some(*float),
        other => other
            .integer()
            .and_then(|integer| integer.to_f64())
            .filter(|float| float.is_finite()),
    };
    let float =
        float.ok_or_else(|| type_error(format!("%{kind} wants a number, not {}", value.type_name())))?;
    let shape = match kind.to_ascii_lowercase() {
        'e' => Shape::Exponent,
        'f' => Shape::Fixed,
        _ => Shape::General,
    };
    let text = float_text(float.abs(), shape, spec.precision.unwrap_or(6), spec.alternate);
    let text = if kind.is_ascii_uppercase() {
        text.to_uppercase()
    } else {
        text
    };
    let is_negative = float.is_sign_negative() && !float.is_nan();
    Ok(format!("{}{text}", sign(is_negative, spec)).into_bytes())
}

fn character_piece(value: &PyValue, is_unicode: bool) -> Evaluated<Piece> {
    match value {
        PyValue::Bytes(bytes) if bytes.len() == 1 => Ok(Piece::Bytes(bytes.clone())),
        PyValue::Text(text) if text.code_points().count() == 1 => Ok(Piece::Text(text.clone())),
        PyValue::Bytes(_) | PyValue::Text(_) => Err(type_error("%c wants one character")),
        other => {
            let Some(number) = other.integer() else {
                return Err(type_error(format!(
                    "%c wants an integer or a character, not {}",
                    other.type_name()
                )));
            };
            let highest = if is_unicode { 0x10_FFFF } else { 0xFF };
            match number.to_u32().filter(|point| *point <= highest) {
                Some(point) if is_unicode => Ok(Piece::Text(Text::from_code_points([point]))),
                Some(point) => Ok(Piece::Bytes(vec![point as u8])),
                None => Err(type_error(format!("%c wants a number from 0 to {highest}"))),
            }
        }
    }
}
