//! Floats as C's printf writes them: `%e`, `%f` and `%g`.

/// Which of the three.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `%e`.
    Exponent,
    /// `%f`.
    Fixed,
    /// `%g`.
    General,
}

/// Digits after the point that a float can have: 1,074 decimals, and some to round; the rest are zeros.
///
/// Rust's own formatting ends at 65,535.
const DIGITS_MAX: usize = 1_100;

/// Returns `text`, which ends in a digit after the point, with the zeros that the digits' limit left out.
fn with_zeros(text: String, precision: usize) -> String {
    text + &"0".repeat(precision.saturating_sub(DIGITS_MAX))
}

/// Returns a float that is not negative; `alternate` (`#`) keeps the point and, in `%g`, the zeros.
pub fn float_text(value: f64, shape: Shape, precision: usize, alternate: bool) -> String {
    if !value.is_finite() {
        return if value.is_nan() {
            "nan".to_owned()
        } else {
            "inf".to_owned()
        };
    }
    match shape {
        Shape::Fixed => {
            let digits = precision.min(DIGITS_MAX);
            let text = with_zeros(format!("{value:.digits$}"), precision);
            if alternate && precision == 0 {
                text + "."
            } else {
                text
            }
        }
        Shape::Exponent => exponent_text(value, precision, alternate),
        Shape::General => general_text(value, precision.max(1), alternate),
    }
}

/// Returns mantissa and exponent of the value rounded to `precision` digits after the point.
fn rounded(value: f64, precision: usize) -> (String, i32) {
    let text = format!("{value:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (mantissa.to_owned(), exponent.parse().unwrap_or(0))
}

fn exponent_text(value: f64, precision: usize, alternate: bool) -> String {
    let (mantissa, exponent) = rounded(value, precision.min(DIGITS_MAX));
    let mantissa = with_zeros(mantissa, precision);
    let point = if alternate && precision == 0 { "." } else { "" };
    format!("{mantissa}{point}{}", exponent_suffix(exponent))
}

fn exponent_suffix(exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("e{sign}{:02}", exponent.abs())
}

fn general_text(value: f64, wanted: usize, alternate: bool) -> String {
    let precision = wanted.min(DIGITS_MAX);
    let (mantissa, exponent) = rounded(value, precision - 1);
    let is_exponent = exponent < -4 || exponent >= precision as i32;
    let digits = if is_exponent {
        mantissa
    } else {
        let after_point = (precision as i32 - 1 - exponent).max(0) as usize;
        format!("{value:.after_point$}")
    };
    let digits = match (alternate, digits.contains('.')) {
        (true, false) => digits + ".",
        (true, true) => with_zeros(digits, wanted),
        (false, false) => digits,
        (false, true) => digits.trim_end_matches('0').trim_end_matches('.').to_owned(),
    };
    if is_exponent {
        digits + &exponent_suffix(exponent)
    } else {
        digits
    }
}

/// Returns `str(value)`: 12 significant digits, and `.0` where it would look like an integer.
pub fn str_float(value: f64) -> String {
    let sign = if value.is_sign_negative() && !value.is_nan() {
        "-"
    } else {
        ""
    };
    let text = float_text(value.abs(), Shape::General, 12, false);
    // Python switches to an exponent at 1e11 where %.12g would at 1e12: the `.0` takes a digit.
    let text = match text.parse::<f64>() {
        Ok(number) if number >= 1e11 && value.is_finite() && !text.contains('e') && !text.contains('.') => {
            let (mantissa, exponent) = rounded(value.abs(), 11);
            mantissa.trim_end_matches('0').trim_end_matches('.').to_owned() + &exponent_suffix(exponent)
        }
        _ => text,
    };
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    if is_plain {
        format!("{sign}{text}.0")
    } else {
        format!("{sign}{text}")
    }
}
