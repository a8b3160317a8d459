//! What to write instead of a value that a key does not accept: the number behind `"5m"`, the truth value behind
//! `"yes"`.

use super::kind::{Kind, RawValue};

/// Quotes that a word processor or a shell may have left around a value.
const QUOTES: [char; 10] = ['"', '\'', '`', '“', '”', '„', '‘', '’', '«', '»'];

const TRUE_WORDS: [&str; 6] = ["true", "yes", "y", "on", "1", "enabled"];
const FALSE_WORDS: [&str; 6] = ["false", "no", "n", "off", "0", "disabled"];

/// Units of time, each with its length in milliseconds.
const TIMES: &[(&[&str], f64)] = &[
    (&["ms", "msec", "msecs", "millisecond", "milliseconds"], 1.0),
    (&["s", "sec", "secs", "second", "seconds"], 1e3),
    (&["m", "min", "mins", "minute", "minutes"], 6e4),
    (&["h", "hr", "hrs", "hour", "hours"], 3.6e6),
    (&["d", "day", "days"], 8.64e7),
    (&["w", "week", "weeks"], 6.048e8),
];

/// Units of size, each in bytes.
const SIZES: &[(&[&str], f64)] = &[
    (&["b", "byte", "bytes"], 1.0),
    (&["k", "kb", "kib"], 1024.0),
    (&["m", "mb", "mib"], 1_048_576.0),
    (&["g", "gb", "gib"], 1_073_741_824.0),
];

/// Units of counts.
const COUNTS: &[(&[&str], f64)] = &[(&["k", "thousand"], 1e3), (&["m", "million"], 1e6)];

/// The value of the key `name` that `written` probably means, as it is to be written in the file. `None` if
/// that cannot be known.
pub(super) fn suggest(name: &str, kind: Kind, written: &RawValue) -> Option<String> {
    match (kind, written) {
        (Kind::Integer { min, max }, _) => {
            let number = match written {
                RawValue::Integer(number) => number.to_string().parse().ok()?,
                RawValue::Decimal(text) => plain_number(text)?,
                RawValue::Text(text) => number(name, bare(text))?,
                RawValue::Boolean(_) | RawValue::Texts(_) | RawValue::Other(_) => return None,
            };
            Some(within(number, min, max).to_string())
        }
        (Kind::Boolean, RawValue::Text(text)) => truth(bare(text)),
        (Kind::Boolean, RawValue::Integer(number)) => truth(&number.to_string()),
        (Kind::Name, RawValue::Integer(number)) => Some(format!("\"{number}\"")),
        (Kind::Texts(_), RawValue::Text(text)) => {
            let words = text.split(',').map(|word| format!("{:?}", bare(word)));
            Some(format!("[{}]", words.collect::<Vec<_>>().join(", ")))
        }
        (Kind::Choice { accepted }, RawValue::Text(text)) => {
            let word = bare(text).to_ascii_lowercase();
            accepted.iter().find(|known| **known == word).map(|known| format!("{known:?}"))
        }
        _ => None,
    }
}

/// `text` without blanks and quotes around it.
fn bare(text: &str) -> &str {
    text.trim().trim_matches(QUOTES).trim()
}

fn truth(word: &str) -> Option<String> {
    let word = word.to_ascii_lowercase();
    if TRUE_WORDS.contains(&word.as_str()) {
        return Some("true".to_owned());
    }
    FALSE_WORDS.contains(&word.as_str()).then(|| "false".to_owned())
}

/// The nearest whole number within the bounds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before")]
#[expect(clippy::cast_precision_loss, reason = "bounds of keys are far below 2^52")]
fn within(number: f64, min: u64, max: u64) -> u64 {
    number.round().clamp(min as f64, max as f64) as u64
}

/// The number that `text` means for the key `name`, whose name ends in its unit.
fn number(name: &str, text: &str) -> Option<f64> {
    let (units, own) = if name.ends_with("_ms") {
        (TIMES, 1.0)
    } else if name.ends_with("_minutes") {
        (TIMES, 6e4)
    } else if name.starts_with("bytes") {
        (SIZES, 1.0)
    } else {
        (COUNTS, 1.0)
    };
    plain_number(text).or_else(|| Some(with_units(text, units)? / own))
}

/// `1e4`, `5.0`, `10_000`, `10,000`.
fn plain_number(text: &str) -> Option<f64> {
    let digits: String = text.chars().filter(|char| !matches!(char, '_' | ',' | '\'' | ' ')).collect();
    digits.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The sum of numbers with units: `1h 30m`.
fn with_units(text: &str, units: &[(&[&str], f64)]) -> Option<f64> {
    let mut rest = text;
    let mut sum = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|char: char| !matches!(char, '0'..='9' | '.' | '_' | ',' | '-' | '+'))?;
        let number = plain_number(&rest[..digits])?;
        rest = rest[digits..].trim_start();
        let end = rest.find(|char: char| !char.is_alphabetic()).unwrap_or(rest.len());
        let unit = rest[..end].to_ascii_lowercase();
        let (_, factor) = units.iter().find(|(names, _)| names.contains(&unit.as_str()))?;
        sum += number * factor;
        rest = rest[end..].trim_start();
    }
    (!text.is_empty()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: Kind = Kind::integer(1, 3_600_000);

    fn text(name: &str, written: &str) -> Option<String> {
        suggest(name, NUMBER, &RawValue::Text(written.to_owned()))
    }

    #[test]
    fn durations_are_converted_to_the_unit_of_the_key() {
        for (name, written, expected) in [
            ("wait_timeout_ms", "5m", "300000"),
            ("wait_timeout_ms", "5 min", "300000"),
            ("wait_timeout_ms", "30s", "30000"),
            ("wait_timeout_ms", "1.5 s", "1500"),
            ("wait_timeout_ms", "500ms", "500"),
            ("wait_timeout_ms", "0h 2m", "120000"),
            ("wait_timeout_ms", "“5000”", "5000"),
            ("idle_exit_minutes", "2h", "120"),
            ("idle_exit_minutes", "1h30m", "90"),
            ("idle_exit_minutes", "90s", "2"),
            ("bytes_max", "2 MiB", "2097152"),
            ("bytes_max", "512k", "524288"),
            ("rows_max", "10k", "10000"),
            ("rows_max", "10,000", "10000"),
            ("rows_max", "1e4", "10000"),
            // Beyond a bound: the bound.
            ("wait_timeout_ms", "5h", "3600000"),
            ("wait_timeout_ms", "-5s", "1"),
        ] {
            assert_eq!(text(name, written).as_deref(), Some(expected), "{name} {written}");
        }
    }

    #[test]
    fn what_cannot_be_known_is_not_suggested() {
        for (name, written) in [
            ("wait_timeout_ms", "soon"),
            ("wait_timeout_ms", ""),
            ("wait_timeout_ms", "5 lightyears"),
            ("rows_max", "5s"),
            ("rows_max", "NaN"),
            ("rows_max", "inf"),
        ] {
            assert_eq!(text(name, written), None, "{name} {written}");
        }
        assert_eq!(suggest("x", Kind::Boolean, &RawValue::Text("maybe".to_owned())), None);
        assert_eq!(suggest("x", NUMBER, &RawValue::Boolean(true)), None);
    }

    #[test]
    fn numbers_and_words_of_other_kinds_are_converted() {
        assert_eq!(suggest("x", NUMBER, &RawValue::Decimal("1e4".to_owned())).as_deref(), Some("10000"));
        assert_eq!(suggest("x", NUMBER, &RawValue::Integer(-7)).as_deref(), Some("1"));
        assert_eq!(suggest("x", NUMBER, &RawValue::Integer(i128::MAX)).as_deref(), Some("3600000"));
        for (written, expected) in [("True", "true"), ("yes", "true"), ("OFF", "false"), ("“false”", "false")]
        {
            let suggested = suggest("x", Kind::Boolean, &RawValue::Text(written.to_owned()));
            assert_eq!(suggested.as_deref(), Some(expected), "{written}");
        }
        assert_eq!(suggest("x", Kind::Boolean, &RawValue::Integer(0)).as_deref(), Some("false"));
        assert_eq!(suggest("x", Kind::Name, &RawValue::Integer(42)).as_deref(), Some("\"42\""));
        let kind = Kind::choice(&["sqlite", "snowflake"]);
        assert_eq!(suggest("x", kind, &RawValue::Text(" SQLite".to_owned())).as_deref(), Some("\"sqlite\""));
    }
}
