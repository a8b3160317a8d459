//! Values in JSON.
//!
//! | value | in JSON |
//! |---|---|
//! | NULL | `null` |
//! | a whole number up to 2^53, an exact number of up to 15 digits, a floating-point number | a number |
//! | a longer exact number, which a `double` cannot hold; infinities | a string |
//! | BOOLEAN | `true`, `false` |
//! | bytes | a string of hexadecimal digits |
//! | everything else | a string |

use std::fmt::Write;

use super::block::CellKind;

/// The largest whole number up to which a `double` has each.
const WHOLE_MAX: u64 = 1 << 53;
/// So many significant digits of an exact number come back from a `double` as they were.
const EXACT_DIGITS_MAX: usize = 15;

/// Writes the value of a cell.
pub fn write_json_value(text: &mut String, kind: CellKind, cell: &str) {
    match kind {
        CellKind::Null => text.push_str("null"),
        CellKind::Number if is_number(cell) && is_exact(cell) => text.push_str(cell),
        CellKind::Real if is_number(cell) && cell.parse::<f64>().is_ok_and(f64::is_finite) => {
            text.push_str(cell);
        }
        CellKind::Boolean if matches!(cell, "true" | "false") => text.push_str(cell),
        CellKind::Bytes => write_json_string(text, digits_of(cell)),
        CellKind::Text | CellKind::Malformed | CellKind::Number | CellKind::Real | CellKind::Boolean => {
            write_json_string(text, cell);
        }
    }
}

/// The digits in SQLite's literal `X'00FF'`, where all are there.
pub(crate) fn digits_of(cell: &str) -> &str {
    cell.strip_prefix("X'").and_then(|cell| cell.strip_suffix('\'')).unwrap_or(cell)
}

/// Writes `cell` as a JSON string.
pub fn write_json_string(text: &mut String, cell: &str) {
    text.push('"');
    let mut from = 0;
    for (at, byte) in cell.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..0x20 => "",
            _ => continue,
        };
        text.push_str(&cell[from..at]);
        match escape {
            // Writing to a string cannot fail.
            "" => _ = write!(text, "\\u{byte:04x}"),
            escape => text.push_str(escape),
        }
        from = at + 1;
    }
    text.push_str(&cell[from..]);
    text.push('"');
}

/// Whether it is a number as JSON writes them (RFC 8259, section 6).
pub(crate) fn is_number(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let mantissa = mantissa.strip_prefix('-').unwrap_or(mantissa);
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    are_digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(are_digits)
        && exponent.is_none_or(|exponent| are_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

/// Whether a `double` holds the number exactly enough to give it back.
pub(crate) fn is_exact(number: &str) -> bool {
    let number = number.strip_prefix('-').unwrap_or(number);
    if let Ok(whole) = number.parse::<u64>() {
        return whole <= WHOLE_MAX;
    }
    let digits = number.bytes().take_while(|byte| !matches!(byte, b'e' | b'E'));
    let significant = digits.filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0').count();
    significant <= EXACT_DIGITS_MAX && number.parse::<f64>().is_ok_and(f64::is_finite)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(kind: CellKind, cell: &str) -> String {
        let mut text = String::new();
        write_json_value(&mut text, kind, cell);
        text
    }

    #[test]
    fn a_number_that_a_double_does_not_hold_is_a_string() {
        for (cell, is_exact) in [
            ("0", true),
            ("-7", true),
            ("9007199254740992", true),
            ("9007199254740993", false),
            ("-9223372036854775808", false),
            ("0.10", true),
            ("123456789012.345", true),
            ("1234567890123.456", false),
            ("0.000000000000000000001", true),
            ("99999999999999999999999999999999999999", false),
            ("1E+400", false),
            ("123... (40 bytes)", false),
            ("", false),
            ("007", false),
        ] {
            let expected = if is_exact { cell.to_owned() } else { json!(cell).to_string() };
            assert_eq!(shown(CellKind::Number, cell), expected);
        }
        for cell in ["2.0", "1e16", "-5e-324", "1.7976931348623157e308", "0.1"] {
            assert_eq!(shown(CellKind::Real, cell), cell);
        }
        for cell in ["Inf", "-Inf", "NaN"] {
            assert_eq!(shown(CellKind::Real, cell), json!(cell).to_string());
        }
        assert_eq!(shown(CellKind::Text, "12"), "\"12\"", "a text of digits stays a text");
        assert_eq!((&*shown(CellKind::Boolean, "true"), &*shown(CellKind::Boolean, "2")), ("true", "\"2\""));
    }
}
