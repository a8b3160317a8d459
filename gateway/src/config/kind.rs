//! The kinds of keys, and the checks that every value must pass.

use std::path::PathBuf;

use toml::de::DeValue;

use super::address_range;
use super::error::InvalidValue;
use super::http_names;
use super::matches::MatchTable;
use super::profile_keys::TOOLS;
use super::resolver::Resolver;
use super::secret_file;
use super::suggest;
use super::webhook::Webhook;

/// The words of a command, and their bytes together.
const COMMAND_WORDS_MAX: usize = 64;
const COMMAND_BYTES_MAX: usize = 8 * 1024;

/// The longest name, in characters.
const NAME_CHARS_MAX: usize = 255;

/// What is shown of a secret.
pub(super) const HIDDEN: &str = "(hidden)";

/// The kind of a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// A whole number in these bounds, both included.
    Integer {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// True or false.
    Boolean,
    /// One of several fixed values.
    Choice {
        /// The values.
        accepted: &'static [&'static str],
    },
    /// One of several fixed values, which `read` knows in other spellings, too.
    Word {
        /// The values.
        accepted: &'static [&'static str],
        /// Which one a text means.
        read: fn(&str) -> Result<&'static str, InvalidValue>,
    },
    /// A program and its arguments.
    Command,
    /// A program that prints a secret, and its arguments, which often have one in them.
    SecretCommand,
    /// A file or folder.
    Path,
    /// A file with a secret. What is refused is not shown: it may be the secret itself.
    SecretFile,
    /// A name in the backend: 1 to [`NAME_CHARS_MAX`] characters, none of them a control character.
    Name,
    /// The URL of a service, which is a secret.
    Webhook,
    /// A list of texts.
    Texts(TextList),
    /// A list of tables: who a profile is for. Read where the file is (`profiles`).
    Matches,
}

/// What may be in a list of texts.
#[derive(Clone, Copy, Debug)]
pub(super) enum TextList {
    /// Some of these, at least one.
    Words(&'static [&'static str]),
    /// Tools and saved questions, at least one. Which there are is checked when all files are read.
    Tools,
    /// Patterns of names in the backend, or none.
    Names,
    /// Hosts, as in `Host`.
    Hosts,
    /// Origins, as in `Origin`.
    Origins,
    /// Addresses and ranges of them.
    Ranges,
}

/// A checked value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A whole number.
    Integer(u64),
    /// True or false.
    Boolean(bool),
    /// A fixed value or a name.
    Text(String),
    /// A program and its arguments.
    Command(Vec<String>),
    /// The same, whose arguments are not shown.
    SecretCommand(Vec<String>),
    /// An absolute path.
    Path(PathBuf),
    /// A secret.
    Hidden(Webhook),
    /// A list of texts.
    Texts(Vec<String>),
    /// Who a profile is for.
    Matches(Vec<MatchTable>),
}

impl Value {
    /// The value as people are shown it: of a command that prints a secret only the program.
    pub(super) fn to_shown(&self) -> String {
        match self {
            Self::SecretCommand(words) => toml::Value::from(shown_words(words)).to_string(),
            other => other.to_toml(),
        }
    }

    /// The value as it is written in the file.
    pub(super) fn to_toml(&self) -> String {
        match self {
            Self::Integer(number) => number.to_string(),
            Self::Boolean(truth) => truth.to_string(),
            Self::Text(text) => toml::Value::from(text.as_str()).to_string(),
            Self::Command(words) | Self::SecretCommand(words) | Self::Texts(words) => {
                toml::Value::from(words.clone()).to_string()
            }
            Self::Matches(tables) => {
                let tables: Vec<_> = tables.iter().map(inline_table).collect();
                format!("[{}]", tables.join(", "))
            }
            Self::Hidden(_) => toml::Value::from(HIDDEN).to_string(),
            Self::Path(path) => toml::Value::from(path.to_string_lossy().as_ref()).to_string(),
        }
    }
}

/// The program of a command, and something in the place of its arguments, if it has some.
pub(super) fn shown_words(words: &[String]) -> Vec<String> {
    let hidden = (words.len() > 1).then(|| HIDDEN.to_owned());
    words.iter().take(1).cloned().chain(hidden).collect()
}

/// `{ client = "x" }`
pub(super) fn inline_table(table: &MatchTable) -> String {
    let pair = |(name, pattern): &(&str, String)| format!("{name} = {}", toml::Value::from(pattern.as_str()));
    format!("{{ {} }}", table.iter().map(pair).collect::<Vec<_>>().join(", "))
}

/// A value as written, before any check.
#[derive(Clone, Debug)]
pub(super) enum RawValue {
    /// A whole number.
    Integer(i128),
    /// True or false.
    Boolean(bool),
    /// Text.
    Text(String),
    /// An array of texts.
    Texts(Vec<String>),
    /// A decimal number, as written.
    Decimal(String),
    /// A value of a type that no key accepts; the text names the type.
    Other(&'static str),
}

impl RawValue {
    /// A variable's text, parsed as `kind`; if that fails it stays text, for the error message.
    pub(super) fn from_variable(kind: Kind, text: &str) -> Self {
        let word = text.trim();
        let read = match kind {
            Kind::Integer { .. } => word.replace('_', "").parse().ok().map(Self::Integer),
            Kind::Boolean => match word.to_ascii_lowercase().as_str() {
                "true" | "1" => Some(Self::Boolean(true)),
                "false" | "0" => Some(Self::Boolean(false)),
                _ => None,
            },
            Kind::Choice { .. } | Kind::Word { .. } => Some(Self::Text(word.to_owned())),
            // As the file has it, which is JSON, too: ["program", "argument"].
            Kind::Command | Kind::SecretCommand | Kind::Texts(_) => {
                serde_json::from_str(word).ok().map(Self::Texts)
            }
            Kind::Path | Kind::SecretFile | Kind::Name | Kind::Webhook | Kind::Matches => None,
        };
        read.unwrap_or_else(|| Self::Text(text.to_owned()))
    }

    /// The value or its type, for "expected ..., got ...".
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Integer(number) => number.to_string(),
            Self::Boolean(truth) => truth.to_string(),
            Self::Text(text) => format!("{text:?}"),
            Self::Texts(_) => "an array".to_owned(),
            Self::Decimal(text) => format!("the decimal number {text}"),
            Self::Other(what) => (*what).to_owned(),
        }
    }
}

/// A value of a TOML document.
pub(super) fn written(value: &DeValue<'_>) -> RawValue {
    match value {
        DeValue::String(text) => RawValue::Text(text.to_string()),
        DeValue::Boolean(truth) => RawValue::Boolean(*truth),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
            .map_or(RawValue::Other("a number that is too large"), RawValue::Integer),
        DeValue::Float(number) => RawValue::Decimal(number.as_str().to_owned()),
        DeValue::Datetime(_) => RawValue::Other("a date or time"),
        DeValue::Array(array) => {
            let texts = array.iter().map(|value| value.get_ref().as_str().map(str::to_owned));
            texts.collect::<Option<_>>().map_or(RawValue::Other("an array"), RawValue::Texts)
        }
        DeValue::Table(_) => RawValue::Other("a table"),
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

    /// The allowed values as text: `a whole number from 1 to 9`.
    pub(super) fn describe(self) -> String {
        match self {
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Boolean => "true or false".to_owned(),
            Self::Choice { accepted } | Self::Word { accepted, .. } => {
                let accepted: Vec<_> = accepted.iter().map(|word| format!("{word:?}")).collect();
                format!("one of {}", accepted.join(", "))
            }
            Self::Command | Self::SecretCommand => {
                "a list of texts like [\"program\", \"argument\"]".to_owned()
            }
            Self::Path | Self::SecretFile => "a path".to_owned(),
            Self::Name => format!("a name of 1 to {NAME_CHARS_MAX} characters"),
            Self::Webhook => "a URL that begins with https:// or http://".to_owned(),
            Self::Texts(TextList::Words(accepted)) => {
                format!(
                    "a list of some of {}",
                    Self::Choice { accepted }.describe().trim_start_matches("one of ")
                )
            }
            Self::Texts(TextList::Tools) => {
                format!("{}, and names of saved questions", Self::Texts(TextList::Words(TOOLS)).describe())
            }
            Self::Texts(TextList::Names) => "a list of patterns of names".to_owned(),
            Self::Texts(TextList::Hosts) => "a list of hosts like [\"gateway.example.com\"]".to_owned(),
            Self::Texts(TextList::Ranges) => {
                "a list of addresses and ranges like [\"10.0.0.0/8\"]".to_owned()
            }
            Self::Texts(TextList::Origins) => {
                "a list of origins like [\"https://app.example.com\"]".to_owned()
            }
            Self::Matches => "a list of tables with any of `client`, `parent`, `folder`, `key`".to_owned(),
        }
    }

    /// Checks `written`; paths are made absolute by `resolver`.
    pub(super) fn check(self, written: RawValue, resolver: &Resolver<'_>) -> Result<Value, InvalidValue> {
        match (self, written) {
            (Self::Integer { min, max }, RawValue::Integer(number)) => match u64::try_from(number) {
                Ok(value) if (min..=max).contains(&value) => Ok(Value::Integer(value)),
                _ => Err(self.refuse(&RawValue::Integer(number))),
            },
            (Self::Boolean, RawValue::Boolean(truth)) => Ok(Value::Boolean(truth)),
            (Self::Choice { accepted }, RawValue::Text(word)) => choose(self, accepted, word),
            (Self::Word { read, .. }, RawValue::Text(word)) => {
                read(&word).map(|word| Value::Text(word.to_owned()))
            }
            (Self::Command, RawValue::Texts(words)) => check_command(words).map(Value::Command),
            (Self::SecretCommand, RawValue::Texts(words)) => check_command(words).map(Value::SecretCommand),
            (Self::SecretFile, RawValue::Text(text)) => secret_file::check(&text, resolver).map(Value::Path),
            (Self::SecretFile, _) => Err(secret_file::not_text()),
            // A command in one text may have secrets in it, as its arguments may.
            (Self::Command | Self::SecretCommand, RawValue::Text(_)) => {
                Err(self.refuse(&RawValue::Other("a text")))
            }
            (Self::Path, RawValue::Text(text)) => resolver.resolve(&text).map(Value::Path),
            (Self::Name, RawValue::Text(name)) => check_name(name),
            // What is refused is not said: it may be nearly the right one.
            (Self::Webhook, RawValue::Text(url)) => Webhook::parse(&url).map(Value::Hidden),
            (Self::Texts(TextList::Words(accepted)), RawValue::Texts(words)) => {
                for word in &words {
                    choose(Self::Choice { accepted }, accepted, word.clone())?;
                }
                Ok(Value::Texts(words))
            }
            (Self::Texts(TextList::Names | TextList::Tools), RawValue::Texts(names)) => {
                Ok(Value::Texts(names))
            }
            (Self::Texts(TextList::Hosts), RawValue::Texts(hosts)) => {
                http_names::check_hosts(&hosts).map(Value::Texts)
            }
            (Self::Texts(TextList::Ranges), RawValue::Texts(ranges)) => {
                address_range::check(&ranges).map(Value::Texts)
            }
            (Self::Texts(TextList::Origins), RawValue::Texts(origins)) => {
                http_names::check_origins(&origins).map(Value::Texts)
            }
            (_, other) => Err(self.refuse(&other)),
        }
    }

    fn refuse(self, written: &RawValue) -> InvalidValue {
        InvalidValue::new(format!("expected {}, got {}", self.describe(), written.describe()))
    }
}

fn choose(kind: Kind, accepted: &[&str], word: String) -> Result<Value, InvalidValue> {
    if accepted.contains(&word.as_str()) {
        return Ok(Value::Text(word));
    }
    let hint =
        suggest::nearest(&word, accepted.iter().copied()).map(|near| format!("did you mean {near:?}?"));
    Err(InvalidValue { hint, ..kind.refuse(&RawValue::Text(word)) })
}

/// No shell reads it, and it runs in the gateway's folder: a program is found by its whole path or its name.
fn check_command(words: Vec<String>) -> Result<Vec<String>, InvalidValue> {
    let program = words.first().map(String::as_str).unwrap_or_default();
    if program.is_empty() {
        return Err(InvalidValue::with_hint("the program is empty", "write [\"program\", \"argument\"]"));
    }
    if program.contains('/') && !program.starts_with('/') {
        let hint = "write its whole path (`~` is not expanded), or its name alone if it is in PATH";
        return Err(InvalidValue::with_hint(format!("the program {program:?} is a relative path"), hint));
    }
    let bytes: usize = words.iter().map(String::len).sum();
    if words.len() > COMMAND_WORDS_MAX
        || bytes > COMMAND_BYTES_MAX
        || words.iter().any(|word| word.contains('\0'))
    {
        return Err(InvalidValue::new(format!(
            "a command has {COMMAND_WORDS_MAX} words and {COMMAND_BYTES_MAX} bytes at most, and no NUL"
        )));
    }
    Ok(words)
}

fn check_name(name: String) -> Result<Value, InvalidValue> {
    let chars = name.chars().count();
    if name.contains(char::is_control) {
        return Err(InvalidValue::new("the name contains a control character"));
    }
    match chars {
        0 => Err(InvalidValue::with_hint("the name is empty", "remove the key to leave it unset")),
        1..=NAME_CHARS_MAX => Ok(Value::Text(name)),
        _ => Err(InvalidValue::new(format!("expected {}, got {chars} characters", Kind::Name.describe()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOWHERE: Resolver<'static> = Resolver { base: None, home: None };
    const BOUNDED: Kind = Kind::integer(2, 5);

    fn refusal(kind: Kind, written: RawValue) -> String {
        let InvalidValue { message, hint } = kind.check(written, &NOWHERE).unwrap_err();
        [Some(message), hint].into_iter().flatten().collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn both_bounds_are_included_and_nothing_beyond() {
        for number in [2, 5] {
            assert!(BOUNDED.check(RawValue::Integer(number), &NOWHERE).is_ok());
        }
        for number in [-1, 1, 6, i128::MAX] {
            let expected = format!("expected a whole number from 2 to 5, got {number}");
            assert_eq!(refusal(BOUNDED, RawValue::Integer(number)), expected);
        }
    }

    #[test]
    fn a_value_of_another_kind_is_shown_in_the_error() {
        let text = refusal(BOUNDED, RawValue::Text("3".to_owned()));
        assert_eq!(text, "expected a whole number from 2 to 5, got \"3\"");
        assert_eq!(
            refusal(Kind::Boolean, RawValue::Other("an array")),
            "expected true or false, got an array"
        );
    }

    #[test]
    fn variables_are_parsed_as_their_kind() {
        let read = |kind, text| parse(kind, text).unwrap();
        assert_eq!(read(BOUNDED, " 3 "), Value::Integer(3));
        assert_eq!(read(Kind::integer(0, 9_999), "1_000"), Value::Integer(1_000));
        assert_eq!(read(Kind::Boolean, "TRUE"), Value::Boolean(true));
        assert_eq!(read(Kind::Boolean, "0"), Value::Boolean(false));
        assert!(parse(Kind::Boolean, "yes").is_err());
        assert!(parse(BOUNDED, "3s").is_err());
    }

    fn parse(kind: Kind, text: &str) -> Result<Value, InvalidValue> {
        kind.check(RawValue::from_variable(kind, text), &NOWHERE)
    }

    #[test]
    fn for_a_misspelt_value_the_nearest_is_suggested() {
        let kind = Kind::choice(&["sqlite", "snowflake"]);
        let misspelt = refusal(kind, RawValue::Text("sqllite".to_owned()));
        assert_eq!(
            misspelt,
            "expected one of \"sqlite\", \"snowflake\", got \"sqllite\"; did you mean \"sqlite\"?"
        );
    }

    #[test]
    fn a_command_is_a_list_whose_program_is_found_without_a_shell() {
        let command = |words: &[&str]| RawValue::Texts(words.iter().map(|word| (*word).to_owned()).collect());
        for good in [&["/bin/get", "a b"][..], &["get-token"]] {
            assert!(Kind::Command.check(command(good), &NOWHERE).is_ok(), "{good:?}");
        }
        assert_eq!(parse(Kind::Command, " [\"get\", \"$HOME\"] ").unwrap().to_toml(), "[\"get\", \"$HOME\"]");
        assert!(refusal(Kind::Command, command(&[])).contains("empty"));
        assert!(refusal(Kind::Command, command(&["./get"])).contains("relative"));
        assert!(refusal(Kind::Command, command(&["x"; COMMAND_WORDS_MAX + 1])).contains("at most"));
        assert!(refusal(Kind::Command, RawValue::Text("get token".to_owned())).contains("[\"program\""));
    }

    #[test]
    fn names_are_bounded() {
        let name = |chars| RawValue::Text("n".repeat(chars));
        assert!(Kind::Name.check(name(NAME_CHARS_MAX), &NOWHERE).is_ok());
        assert!(refusal(Kind::Name, name(NAME_CHARS_MAX + 1)).ends_with("got 256 characters"));
        assert!(refusal(Kind::Name, name(0)).starts_with("the name is empty"));
        assert!(refusal(Kind::Name, RawValue::Text("a\nb".to_owned())).contains("control character"));
    }
}
