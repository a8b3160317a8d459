//! What values a key takes, and the checks every value passes on its way in.

use std::path::PathBuf;

use super::resolver::Resolver;
use super::suggest;

/// Characters of a name, at most.
const NAME_CHARS_MAX: usize = 255;

/// The kind of a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// A whole number in these bounds, both included.
    Integer {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// True or false.
    Boolean,
    /// One of some words.
    Choice {
        /// The words.
        accepted: &'static [&'static str],
    },
    /// A file or folder.
    Path,
    /// A name in the backend: 1 to [`NAME_CHARS_MAX`] characters, none of them a control character.
    Name,
}

/// A checked value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A whole number.
    Integer(u64),
    /// True or false.
    Boolean(bool),
    /// A word or a name.
    Text(String),
    /// An absolute path.
    Path(PathBuf),
}

/// A value as it was written, before any check.
#[derive(Clone, Debug)]
pub(super) enum Written {
    /// A whole number.
    Integer(i128),
    /// True or false.
    Boolean(bool),
    /// Text.
    Text(String),
    /// Something no key takes; the word says what.
    Other(&'static str),
}

/// Why a value was refused.
#[derive(Debug)]
pub(super) struct Refusal {
    /// What is wrong.
    pub(super) message: String,
    /// What to do about it.
    pub(super) hint: Option<String>,
}

impl Refusal {
    /// A refusal without a hint.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    /// A refusal with a hint.
    pub(super) fn with_hint(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Some(hint.into()) }
    }
}

impl Written {
    /// A variable's text, read the way `kind` wants it; what cannot be read stays text, for the error.
    pub(super) fn from_variable(kind: Kind, text: &str) -> Self {
        let word = text.trim();
        let read = match kind {
            Kind::Integer { .. } => word.replace('_', "").parse().ok().map(Self::Integer),
            Kind::Boolean => match word.to_ascii_lowercase().as_str() {
                "true" | "1" => Some(Self::Boolean(true)),
                "false" | "0" => Some(Self::Boolean(false)),
                _ => None,
            },
            Kind::Choice { .. } => Some(Self::Text(word.to_owned())),
            Kind::Path | Kind::Name => None,
        };
        read.unwrap_or_else(|| Self::Text(text.to_owned()))
    }

    /// The value and what it is, for "is ..., must be ...".
    fn describe(&self) -> String {
        match self {
            Self::Integer(number) => number.to_string(),
            Self::Boolean(truth) => truth.to_string(),
            Self::Text(text) => format!("the text {text:?}"),
            Self::Other(what) => (*what).to_owned(),
        }
    }
}

impl Kind {
    /// A number from `min` to `max`.
    pub(super) const fn integer(min: u64, max: u64) -> Self {
        Self::Integer { min, max }
    }

    /// One of `accepted`.
    pub(super) const fn choice(accepted: &'static [&'static str]) -> Self {
        Self::Choice { accepted }
    }

    /// What is allowed, in words: `a whole number from 1 to 9`.
    pub(super) fn describe(self) -> String {
        match self {
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Boolean => "true or false".to_owned(),
            Self::Choice { accepted } => {
                accepted.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ")
            }
            Self::Path => "a path".to_owned(),
            Self::Name => format!("a name of 1 to {NAME_CHARS_MAX} characters"),
        }
    }

    /// Checks `written`; paths are made absolute by `resolver`.
    pub(super) fn check(self, written: Written, resolver: &Resolver<'_>) -> Result<Value, Refusal> {
        match (self, written) {
            (Self::Integer { min, max }, Written::Integer(number)) => match u64::try_from(number) {
                Ok(value) if (min..=max).contains(&value) => Ok(Value::Integer(value)),
                _ => Err(self.refuse(&Written::Integer(number))),
            },
            (Self::Boolean, Written::Boolean(truth)) => Ok(Value::Boolean(truth)),
            (Self::Choice { accepted }, Written::Text(word)) => choose(self, accepted, word),
            (Self::Path, Written::Text(text)) => resolver.resolve(&text).map(Value::Path),
            (Self::Name, Written::Text(name)) => check_name(name),
            (_, other) => Err(self.refuse(&other)),
        }
    }

    fn refuse(self, written: &Written) -> Refusal {
        Refusal::new(format!("is {}, must be {}", written.describe(), self.describe()))
    }
}

fn choose(kind: Kind, accepted: &[&str], word: String) -> Result<Value, Refusal> {
    if accepted.contains(&word.as_str()) {
        return Ok(Value::Text(word));
    }
    let hint =
        suggest::nearest(&word, accepted.iter().copied()).map(|near| format!("did you mean {near:?}?"));
    Err(Refusal { hint, ..kind.refuse(&Written::Text(word)) })
}

fn check_name(name: String) -> Result<Value, Refusal> {
    let chars = name.chars().count();
    if name.contains(char::is_control) {
        return Err(Refusal::new("holds a control character, which no name has"));
    }
    match chars {
        0 => Err(Refusal::with_hint("is empty", "leave the key out to have no value")),
        1..=NAME_CHARS_MAX => Ok(Value::Text(name)),
        _ => Err(Refusal::new(format!("has {chars} characters, must be {}", Kind::Name.describe()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOWHERE: Resolver<'static> = Resolver { base: None, home: None };
    const BOUNDED: Kind = Kind::integer(2, 5);

    fn refusal(kind: Kind, written: Written) -> String {
        let Refusal { message, hint } = kind.check(written, &NOWHERE).unwrap_err();
        [Some(message), hint].into_iter().flatten().collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn both_bounds_are_included_and_nothing_beyond() {
        for number in [2, 5] {
            assert!(BOUNDED.check(Written::Integer(number), &NOWHERE).is_ok());
        }
        for number in [-1, 1, 6, i128::MAX] {
            let expected = format!("is {number}, must be a whole number from 2 to 5");
            assert_eq!(refusal(BOUNDED, Written::Integer(number)), expected);
        }
    }

    #[test]
    fn a_value_of_another_kind_is_named() {
        let text = refusal(BOUNDED, Written::Text("3".to_owned()));
        assert_eq!(text, "is the text \"3\", must be a whole number from 2 to 5");
        assert_eq!(refusal(Kind::Boolean, Written::Other("an array")), "is an array, must be true or false");
    }

    #[test]
    fn variables_are_read_as_their_kind_wants() {
        let read = |kind, text| kind_of(kind, text).unwrap();
        assert_eq!(read(BOUNDED, " 3 "), Value::Integer(3));
        assert_eq!(read(Kind::integer(0, 9_999), "1_000"), Value::Integer(1_000));
        assert_eq!(read(Kind::Boolean, "TRUE"), Value::Boolean(true));
        assert_eq!(read(Kind::Boolean, "0"), Value::Boolean(false));
        assert!(kind_of(Kind::Boolean, "yes").is_err());
        assert!(kind_of(BOUNDED, "3s").is_err());
    }

    fn kind_of(kind: Kind, text: &str) -> Result<Value, Refusal> {
        kind.check(Written::from_variable(kind, text), &NOWHERE)
    }

    #[test]
    fn a_misspelt_word_is_told_the_right_one() {
        let kind = Kind::choice(&["sqlite", "snowflake"]);
        let misspelt = refusal(kind, Written::Text("sqllite".to_owned()));
        assert_eq!(
            misspelt,
            "is the text \"sqllite\", must be \"sqlite\", \"snowflake\"; did you mean \"sqlite\"?"
        );
    }

    #[test]
    fn names_are_bounded() {
        let name = |chars| Written::Text("n".repeat(chars));
        assert!(Kind::Name.check(name(NAME_CHARS_MAX), &NOWHERE).is_ok());
        assert!(refusal(Kind::Name, name(NAME_CHARS_MAX + 1)).starts_with("has 256 characters"));
        assert!(refusal(Kind::Name, name(0)).starts_with("is empty"));
        assert!(refusal(Kind::Name, Written::Text("a\nb".to_owned())).contains("control character"));
    }
}
