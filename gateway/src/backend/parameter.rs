//! Values that are bound to the parameters of a statement: never a part of its text.
//!
//! A value is checked before it is bound, and has one written form for each kind, so that the same value is the same
//! question, however it was written:
//!
//! | kind | taken | kept as | SQLite | Snowflake |
//! |---|---|---|---|---|
//! | text | any text up to 64 KiB without NUL | itself | text | `TEXT` |
//! | integer | `-12`; on SQLite within 64 bits, on Snowflake up to 38 digits | `-12` | integer | `FIXED` |
//! | number | `-12.50`, `1e-3` | the same | integer if it is one, else real | `FIXED`; with an exponent or more than 38 digits `REAL` |
//! | boolean | `true`, `false` | the same | 1, 0 | `BOOLEAN` |
//! | date | `2026-01-31` | the same | text | `DATE` |
//! | timestamp | `2026-01-31 09:30`, with `T`, seconds and a fraction of 9 digits at most; a date is its midnight | `2026-01-31 09:30:00` | text | `TIMESTAMP_NTZ` |

use std::fmt;
use std::sync::Arc;

use sql_gate::Dialect;

/// The longest text of a parameter, in bytes.
pub const PARAMETER_BYTES_MAX: usize = 64 * 1024;

/// Digits of an exact number of Snowflake's, at most.
const DIGITS_MAX: usize = 38;

/// The longest written form of a number, in bytes.
const NUMBER_BYTES_MAX: usize = 64;

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ParameterKind {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A day.
    Date,
    /// A day and a time of day, without a time zone.
    Timestamp,
}

impl ParameterKind {
    /// Their names, in the order of [`ParameterKind`].
    pub const NAMES: &[&str] = &["text", "integer", "number", "boolean", "date", "timestamp"];

    const ALL: [Self; 6] =
        [Self::Text, Self::Integer, Self::Number, Self::Boolean, Self::Date, Self::Timestamp];

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// The one called `name`.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What it takes, for people and models.
    pub fn takes(self, dialect: Dialect) -> &'static str {
        match (self, dialect) {
            (Self::Text, _) => "a text of 65536 bytes at most, without NUL",
            (Self::Integer, Dialect::Sqlite) => "a whole number of 64 bits",
            (Self::Integer, Dialect::Snowflake) => "a whole number of 38 digits at most",
            (Self::Number, _) => "a number, such as 12.5 or 1e-3",
            (Self::Boolean, _) => "true or false",
            (Self::Date, _) => "a date, YYYY-MM-DD",
            (Self::Timestamp, _) => "a date and time without a time zone, YYYY-MM-DD HH:MM:SS",
        }
    }

    /// The value that `written` is on a connection of `dialect`; `None`: it is none.
    pub fn read(self, written: &str, dialect: Dialect) -> Option<ParameterValue> {
        let text = match self {
            Self::Text => {
                (written.len() <= PARAMETER_BYTES_MAX && !written.contains('\0')).then(|| written.to_owned())
            }
            Self::Integer => integer(written)
                .filter(|digits| dialect == Dialect::Snowflake || digits.parse::<i64>().is_ok()),
            Self::Number => number(written),
            Self::Boolean => {
                let is = |word: &str| written.eq_ignore_ascii_case(word);
                ["true", "false"].into_iter().find(|word| is(word)).map(str::to_owned)
            }
            Self::Date => days(written).map(|_| written.to_owned()),
            Self::Timestamp => timestamp(written),
        }?;
        Some(ParameterValue { kind: self, text: Some(Arc::from(text)) })
    }

    /// NULL, of this kind.
    pub fn null(self) -> ParameterValue {
        ParameterValue { kind: self, text: None }
    }
}

/// A value of a parameter, in the one form of its kind. No formatter shows it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParameterValue {
    kind: ParameterKind,
    /// `None`: NULL.
    text: Option<Arc<str>>,
}

impl ParameterValue {
    /// Its kind.
    pub fn kind(&self) -> ParameterKind {
        self.kind
    }

    /// Its written form; `None`: NULL.
    pub fn written(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// A date as days since 1970; `None`: it is NULL, or none.
    pub fn days(&self) -> Option<i64> {
        days(self.written()?.get(..DATE_BYTES)?)
    }

    /// A time stamp as nanoseconds since 1970; `None`: it is NULL, or none.
    pub fn nanoseconds(&self) -> Option<i128> {
        let written = self.written()?;
        let (date, time) = written.split_once(' ')?;
        let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
        let mut parts = clock.split(':').map(|part| part.parse::<i128>().ok());
        let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
        let fraction: i128 = format!("{fraction:0<9}").parse().ok()?;
        let seconds = i128::from(days(date)?) * 86_400 + hours * 3_600 + minutes * 60 + seconds;
        Some(seconds * 1_000_000_000 + fraction)
    }

    /// Whether it is an exact number that fits `FIXED`.
    pub fn is_exact(&self) -> bool {
        let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
        self.written().is_none_or(|text| !text.contains(['e', 'E']) && digits(text) <= DIGITS_MAX)
    }
}

impl fmt::Debug for ParameterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) => write!(f, "{} [{} bytes]", self.kind.name(), text.len()),
            None => write!(f, "{} NULL", self.kind.name()),
        }
    }
}

/// A parameter at one place of a statement.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Parameter {
    /// Its name, without the colon.
    pub name: Arc<str>,
    /// What is bound.
    pub value: ParameterValue,
}

/// What is bound to the parameters of a statement, in the order of their places. Most statements have none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Parameters(Option<Arc<[Parameter]>>);

impl Parameters {
    /// Those of `list`.
    pub fn new(list: Vec<Parameter>) -> Self {
        Self((!list.is_empty()).then(|| Arc::from(list)))
    }

    /// All of them.
    pub fn as_slice(&self) -> &[Parameter] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Their texts, in bytes.
    pub fn bytes(&self) -> usize {
        let of = |parameter: &Parameter| parameter.name.len() + parameter.value.written().map_or(0, str::len);
        self.as_slice().iter().map(of).sum()
    }
}

/// Digits with a sign if it is less than zero, and no zero before them.
fn integer(written: &str) -> Option<String> {
    let (sign, digits) = match written.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", written),
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || written.len() > NUMBER_BYTES_MAX {
        return None;
    }
    match digits.trim_start_matches('0') {
        "" => Some("0".to_owned()),
        digits if digits.len() <= DIGITS_MAX => Some(format!("{sign}{digits}")),
        _ => None,
    }
}

fn number(written: &str) -> Option<String> {
    let unsigned = written.strip_prefix('-').unwrap_or(written);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_mantissa = match mantissa.split_once('.') {
        Some((whole, fraction)) => is_digits(whole) && is_digits(fraction),
        None => is_digits(mantissa),
    };
    let is_exponent =
        exponent.is_none_or(|exponent| is_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)));
    let is_number = is_mantissa && is_exponent && written.len() <= NUMBER_BYTES_MAX;
    let is_finite = || written.parse::<f64>().is_ok_and(f64::is_finite);
    (is_number && is_finite()).then(|| written.to_owned())
}

/// Bytes of `YYYY-MM-DD`.
const DATE_BYTES: usize = 10;

/// The days since 1970 of `YYYY-MM-DD`, in the Gregorian calendar; `None`: it is no day.
fn days(written: &str) -> Option<i64> {
    let bytes = written.as_bytes();
    let is_date = bytes.len() == DATE_BYTES
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !is_date {
        return None;
    }
    let part = |from: usize, to: usize| written[from..to].parse::<i64>().ok();
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in_month = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => return None,
    };
    if year == 0 || !(1..=days_in_month).contains(&day) {
        return None;
    }
    // Years begin with March: leap days are at their end. H. Hinnant, "chrono-compatible low-level date algorithms".
    let shifted = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// `YYYY-MM-DD HH:MM:SS[.fraction]` of a time stamp.
fn timestamp(written: &str) -> Option<String> {
    let date = written.get(..DATE_BYTES)?;
    days(date)?;
    let Some(time) = written[DATE_BYTES..].strip_prefix([' ', 'T', 't']) else {
        return written[DATE_BYTES..].is_empty().then(|| format!("{date} 00:00:00"));
    };
    let (clock, fraction) = match time.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (time, None),
    };
    let parts: Vec<&str> = clock.split(':').collect();
    let is_part = |part: &str, max: u8| {
        part.len() == 2
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && part.parse::<u8>().is_ok_and(|n| n <= max)
    };
    let (hours, minutes, seconds) = match parts[..] {
        [hours, minutes] if fraction.is_none() => (hours, minutes, "00"),
        [hours, minutes, seconds] => (hours, minutes, seconds),
        _ => return None,
    };
    let is_fraction =
        |text: &str| (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_part(hours, 23)
        || !is_part(minutes, 59)
        || !is_part(seconds, 59)
        || !fraction.is_none_or(is_fraction)
    {
        return None;
    }
    let fraction = fraction.map(|fraction| format!(".{fraction}")).unwrap_or_default();
    Some(format!("{date} {hours}:{minutes}:{seconds}{fraction}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: ParameterKind, written: &str) -> Option<String> {
        Some(kind.read(written, Dialect::Sqlite)?.written()?.to_owned())
    }

    #[test]
    fn each_kind_takes_its_own_values_in_one_form() {
        use ParameterKind::*;
        for (kind, written, kept) in [
            (Text, "'; drop table t; --\u{2019}\\", "'; drop table t; --\u{2019}\\"),
            (Text, "", ""),
            (Integer, "-007", "-7"),
            (Integer, "-0", "0"),
            (Integer, "9223372036854775807", "9223372036854775807"),
            (Number, "-12.50", "-12.50"),
            (Number, "1E+3", "1E+3"),
            (Boolean, "TRUE", "true"),
            (Date, "2024-02-29", "2024-02-29"),
            (Timestamp, "2024-02-29", "2024-02-29 00:00:00"),
            (Timestamp, "2024-02-29T09:30", "2024-02-29 09:30:00"),
            (Timestamp, "2024-02-29 23:59:59.123456789", "2024-02-29 23:59:59.123456789"),
        ] {
            assert_eq!(read(kind, written).as_deref(), Some(kept), "{kind:?} {written}");
        }
    }

    #[test]
    fn what_is_no_value_of_its_kind_is_not_taken() {
        use ParameterKind::*;
        let long = "x".repeat(PARAMETER_BYTES_MAX + 1);
        for (kind, all) in [
            (Text, &["a\0b", &long][..]),
            (
                Integer,
                &[
                    "",
                    "-",
                    "1.0",
                    "1e3",
                    "0x10",
                    "1 or 1=1",
                    " 1",
                    "+1",
                    "9223372036854775808",
                    "\u{0661}",
                    "1_000",
                ],
            ),
            (Number, &["", ".5", "5.", "1e", "nan", "inf", "Infinity", "1e999", "1;2", "--1", "1e--3"]),
            (Boolean, &["1", "yes", "true ", ""]),
            (
                Date,
                &[
                    "2023-02-29",
                    "2024-13-01",
                    "2024-00-10",
                    "2024-04-31",
                    "24-01-01",
                    "2024-1-1",
                    "0000-01-01",
                    "2024/01/01",
                    "2024-01-01'",
                ],
            ),
            (
                Timestamp,
                &[
                    "2024-01-01T24:00",
                    "2024-01-01 09:60",
                    "2024-01-01 09:30:60",
                    "2024-01-01T09:30:00Z",
                    "2024-01-01 09:30:00+02:00",
                    "2024-01-01 9:30",
                    "2024-01-01 09:30.5",
                    "2024-01-01x09:30",
                ],
            ),
        ] {
            for written in all {
                assert_eq!(read(kind, written), None, "{kind:?} {written}");
            }
        }
        let digits = "9".repeat(DIGITS_MAX);
        assert!(Integer.read(&digits, Dialect::Snowflake).is_some(), "Snowflake's numbers are longer");
        assert!(Integer.read(&format!("{digits}9"), Dialect::Snowflake).is_none());
    }

    #[test]
    fn days_and_nanoseconds_are_counted_from_1970() {
        use ParameterKind::*;
        let days = |written| Date.read(written, Dialect::Snowflake).unwrap().days();
        for (written, expected) in [
            ("1970-01-01", 0),
            ("1969-12-31", -1),
            ("2000-03-01", 11_017),
            ("2024-02-29", 19_782),
            ("9999-12-31", 2_932_896),
            ("0001-01-01", -719_162),
        ] {
            assert_eq!(days(written), Some(expected), "{written}");
        }
        let nanoseconds = |written| Timestamp.read(written, Dialect::Snowflake).unwrap().nanoseconds();
        assert_eq!(nanoseconds("1970-01-01 00:00:01.5"), Some(1_500_000_000));
        assert_eq!(nanoseconds("1969-12-31T23:59:59"), Some(-1_000_000_000));
        assert_eq!(nanoseconds("2017-07-14 02:40"), Some(1_500_000_000_000_000_000));
    }

    #[test]
    fn no_formatter_shows_a_value() {
        let value = ParameterKind::Text.read("secret", Dialect::Sqlite).unwrap();
        let parameters = Parameters::new(vec![Parameter { name: "p".into(), value }]);
        assert!(!format!("{parameters:?}").contains("secret"));
        assert_eq!(parameters.bytes(), 7);
    }
}
