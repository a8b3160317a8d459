//! The value of a variable in the form that our own setting has.

use std::path::{MAIN_SEPARATOR, Path};

use crate::config::{IS_SECRET, KEY_BEGIN, account_identifier, is_never_a_path, seems_to_be_a_secret};
use crate::streams::must_be_escaped;

/// The form of a value, and how ours is made of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// A text as it is.
    Text,
    /// An account identifier in any spelling.
    Account,
    /// A log-in method.
    Authenticator,
    /// A path; relative to the folder of the `.env` file.
    Path,
    /// A path, where it is not the key itself.
    KeyOrPath,
    /// A number in another unit: how many of ours one of theirs is.
    Times(u64),
    /// A number of bytes, with a unit (`100MB`).
    Bytes,
    /// A switch.
    Boolean,
    /// A switch that means the opposite.
    Not,
    /// A level of Python's logging.
    LogLevel,
    /// `json` or `text`.
    LogFormat,
    /// Kinds of SQL commands.
    Commands,
    /// Web pages that may call, separated by commas.
    Origins,
    /// A port, on this machine alone.
    LoopbackPort,
    /// A proxy's address, with a scheme or without.
    Proxy,
}

/// What a value becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Converted {
    /// A value as TOML writes it, and a note.
    Value(String, Option<String>),
    /// It is a secret.
    Secret,
    /// Nothing: why.
    Refused(String),
}

/// Converts `text`. `folder` is that of the file that it is in.
pub(super) fn convert(form: Form, text: &str, folder: &Path) -> Converted {
    let text = text.trim();
    if text.is_empty() {
        return Converted::Refused("it is empty, which counts as not set".to_owned());
    }
    if text.contains(KEY_BEGIN) && !matches!(form, Form::KeyOrPath) {
        return Converted::Refused(IS_SECRET.to_owned());
    }
    match form {
        Form::Text | Form::Authenticator => value(quoted(text)),
        Form::Account => {
            account_identifier(text).map_or_else(Converted::Refused, |account| value(quoted(&account)))
        }
        Form::Path => path(text, folder),
        Form::KeyOrPath if is_key(text) => Converted::Secret,
        Form::KeyOrPath => path(text, folder),
        Form::Times(factor) => times(text, factor),
        Form::Bytes => bytes(text),
        Form::Boolean => truth(text, false),
        Form::Not => truth(text, true),
        Form::LogLevel => log_level(text),
        Form::LogFormat => log_format(text),
        Form::Commands => commands(text),
        Form::Origins => origins(text),
        Form::LoopbackPort => match text.parse::<u16>() {
            Ok(port) if port > 0 => value(quoted(&format!("127.0.0.1:{port}"))),
            _ => Converted::Refused("it is no port".to_owned()),
        },
        Form::Proxy => proxy(text),
    }
}

/// Not repeated where it may have a password.
fn proxy(text: &str) -> Converted {
    if text.contains('@') {
        let why = "it has a user or a password, which is a secret: keep it in this variable where the gateway starts";
        return Converted::Refused(why.to_owned());
    }
    value(quoted(&if text.contains("://") { text.to_owned() } else { format!("http://{text}") }))
}

fn value(literal: String) -> Converted {
    Converted::Value(literal, None)
}

/// A text as TOML writes it, on one line.
pub(super) fn quoted(text: &str) -> String {
    let mut literal = String::from("\"");
    for char in text.chars() {
        match char {
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\"),
            char if must_be_escaped(char) => literal.push_str(&format!("\\U{:08X}", u32::from(char))),
            char => literal.push(char),
        }
    }
    literal.push('"');
    literal
}

/// A key as text, and not the path of one: the guide of the Python server says both.
fn is_key(text: &str) -> bool {
    let is_path = text.starts_with(['/', '~', '.'])
        || Path::new(text).is_absolute()
        || text.ends_with(".pem")
        || text.ends_with(".p8");
    !is_path || text.contains(KEY_BEGIN)
}

fn path(text: &str, folder: &Path) -> Converted {
    if is_never_a_path(text) {
        return Converted::Refused(IS_SECRET.to_owned());
    }
    // An absolute path stays itself.
    if !folder.join(text).exists() && seems_to_be_a_secret(text) {
        return Converted::Refused(IS_SECRET.to_owned());
    }
    let is_in_home = text.strip_prefix('~').is_some_and(|rest| rest.starts_with(['/', MAIN_SEPARATOR]));
    if is_in_home || Path::new(text).is_absolute() {
        return value(quoted(text));
    }
    let whole = folder.join(text);
    match whole.to_str() {
        Some(whole) => Converted::Value(
            quoted(whole),
            Some("the path is taken as relative to the folder of the .env file".to_owned()),
        ),
        None => Converted::Refused("its folder's path is not UTF-8".to_owned()),
    }
}

fn times(text: &str, factor: u64) -> Converted {
    // Bounded before it becomes a whole number, so nothing is cut off.
    const MAX: f64 = 1e15;
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && (0.0..=MAX / 1e9).contains(&number) => {
            #[expect(clippy::cast_precision_loss, reason = "the factors are small")]
            let ours = (number * factor as f64).round();
            value(format!("{ours:.0}"))
        }
        _ => Converted::Refused("it is no number that can be used".to_owned()),
    }
}

fn bytes(text: &str) -> Converted {
    let digits = text.trim_end_matches(|char: char| char.is_ascii_alphabetic() || char == ' ');
    let factor = match text[digits.len()..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1024,
        "m" | "mb" | "mib" => 1024 * 1024,
        "g" | "gb" | "gib" => 1024 * 1024 * 1024,
        _ => return Converted::Refused("its unit is not known".to_owned()),
    };
    times(digits, factor)
}

fn truth(text: &str, is_inverted: bool) -> Converted {
    let is_true = matches!(text.to_ascii_lowercase().as_str(), "true" | "1" | "yes" | "on");
    value((is_true != is_inverted).to_string())
}

fn log_level(text: &str) -> Converted {
    let level = match text.to_ascii_uppercase().as_str() {
        "DEBUG" => "debug",
        "INFO" => "info",
        "WARNING" | "WARN" => "warn",
        "ERROR" | "CRITICAL" | "FATAL" => "error",
        _ => return Converted::Refused("the level is not known".to_owned()),
    };
    value(quoted(level))
}

fn log_format(text: &str) -> Converted {
    match text.to_ascii_lowercase().as_str() {
        "json" | "structured" => value(quoted("json")),
        _ => value(quoted("text")),
    }
}

/// Commands as sqlglot names them, and the class that each is here.
const COMMANDS: &[(&[&str], &str)] = &[
    (
        &["select", "show", "describe", "desc", "explain", "with", "union", "intersect", "except", "list"],
        "read",
    ),
    (&["use"], "context"),
    (&["insert", "update", "delete", "merge", "truncate", "truncatetable", "copy"], "write"),
    (&["create", "alter", "drop", "undrop", "comment"], "ddl"),
    (&["begin", "transaction", "commit", "rollback"], "transaction"),
    (&["set", "unset"], "session"),
    (&["grant", "revoke"], "admin"),
    (&["call", "command", "execute"], "call"),
    (&["put", "get", "remove"], "file"),
];

/// The classes that change something: the connection must not be read-only for them.
const WRITING: &[&str] = &["write", "ddl", "admin", "call", "file"];

fn commands(text: &str) -> Converted {
    let words: Vec<String> = text.split(',').map(|word| word.trim().to_ascii_lowercase()).collect();
    let is_of = |names: &[&str]| words.iter().any(|word| names.contains(&word.as_str()));
    let classes: Vec<&str> =
        COMMANDS.iter().filter(|(names, _)| is_of(names)).map(|(_, class)| *class).collect();
    if classes.is_empty() {
        return Converted::Refused("it names no command that is known".to_owned());
    }
    let list: Vec<String> = classes.iter().map(|class| quoted(class)).collect();
    let is_known = |word: &str| COMMANDS.iter().any(|(names, _)| names.contains(&word));
    let unknown = words.iter().filter(|word| !word.is_empty() && !is_known(word)).count();
    let mut notes = Vec::new();
    if unknown > 0 {
        notes.push(format!("{unknown} of its words name no command that is known"));
    }
    if classes.iter().any(|class| WRITING.contains(class)) {
        notes.push(
            "for those that change something, `read_only = false` under [snowflake] is needed, too: it stays `true` until \
             you set it"
                .to_owned(),
        );
    }
    Converted::Value(format!("[{}]", list.join(", ")), (!notes.is_empty()).then(|| notes.join("; ")))
}

fn origins(text: &str) -> Converted {
    let origins: Vec<&str> = text.split(',').map(str::trim).filter(|origin| !origin.is_empty()).collect();
    if origins.contains(&"*") {
        return Converted::Refused(
            "`*` let every web page in; name the pages in `allowed_origins` under [http]".to_owned(),
        );
    }
    let list: Vec<String> = origins.into_iter().map(quoted).collect();
    value(format!("[{}]", list.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::test_support::absolute;

    fn literal(form: Form, text: &str) -> String {
        match convert(form, text, Path::new("/srv/old")) {
            Converted::Value(literal, _) => literal,
            Converted::Secret => "secret".to_owned(),
            Converted::Refused(why) => format!("refused: {why}"),
        }
    }

    #[test]
    fn values_are_put_into_our_own_form() {
        for (form, text, expected) in [
            (Form::Account, "my-acct.snowflakecomputing.com", "\"my-acct\""),
            (Form::Path, "keys/a.p8", "\"/srv/old/keys/a.p8\""),
            (Form::Path, "~/a.p8", "\"~/a.p8\""),
            (Form::KeyOrPath, "/a/b.pem", "\"/a/b.pem\""),
            (Form::KeyOrPath, "LS0tLS1CRUdJTi", "secret"),
            (Form::KeyOrPath, "-----BEGIN PRIVATE KEY-----", "secret"),
            (Form::Times(60_000), "30", "1800000"),
            (Form::Times(1_000), "30.0", "30000"),
            (Form::Times(3_600_000), "0.5", "1800000"),
            (Form::Times(1), "-1", "refused: it is no number that can be used"),
            (Form::Times(1), "inf", "refused: it is no number that can be used"),
            (Form::Bytes, "100MB", "104857600"),
            (Form::Bytes, "5 parsecs", "refused: its unit is not known"),
            (Form::Boolean, "Yes", "true"),
            (Form::Not, "true", "false"),
            (Form::LogLevel, "CRITICAL", "\"error\""),
            (Form::LogFormat, "structured", "\"json\""),
            (Form::Commands, "SELECT,with, use", "[\"read\", \"context\"]"),
            (Form::Commands, "nonsense", "refused: it names no command that is known"),
            (Form::LoopbackPort, "8000", "\"127.0.0.1:8000\""),
            (Form::LoopbackPort, "99999", "refused: it is no port"),
            (Form::Proxy, "proxy.example:3128", "\"http://proxy.example:3128\""),
            (Form::Proxy, "http://proxy.example:3128", "\"http://proxy.example:3128\""),
            (
                Form::Origins,
                "https://a.example, https://b.example",
                "[\"https://a.example\", \"https://b.example\"]",
            ),
            (Form::Text, " ", "refused: it is empty, which counts as not set"),
        ] {
            // On Windows with the separator of that system behind the folder.
            let found = literal(form, text).replace(r"old\\keys", "old/keys");
            assert_eq!(found, expected, "{form:?} {text:?}");
        }
        for (form, path) in [
            (Form::Path, format!("~{MAIN_SEPARATOR}a.p8")),
            (Form::Path, absolute("/a/b.key")),
            (Form::KeyOrPath, absolute("/a/b.key")),
        ] {
            assert_eq!(literal(form, &path), quoted(&path));
        }
        assert!(literal(Form::Origins, "*").starts_with("refused"));
        let refused = literal(Form::Proxy, "http://me:c4n4ry@proxy:3128");
        assert!(refused.starts_with("refused: it has a user") && !refused.contains("c4n4ry"), "{refused}");
    }

    #[test]
    fn a_key_or_token_in_a_paths_place_is_refused_without_repeating_it() {
        let long = "x".repeat(300);
        for secret in [
            "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----",
            "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7",
            "eyJraWQiOiIxIn0.eyJwIjoiMSJ9.c2ln",
            "a\nb",
            "/q3Fz0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1w",
            &long,
        ] {
            let found = literal(Form::Path, secret);
            assert!(found.starts_with("refused: its value is a key or token itself"), "{secret:?}: {found}");
            assert!(!found.contains(secret), "{found}");
        }
        let text = literal(Form::Text, "-----BEGIN PRIVATE KEY-----");
        assert!(text.starts_with("refused"), "{text}");
        let folder = tempfile::tempdir().unwrap();
        let name = "aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1w";
        std::fs::write(folder.path().join(name), "").unwrap();
        assert!(matches!(convert(Form::Path, name, folder.path()), Converted::Value(..)));
        assert!(literal(Form::Path, "./keys/My Company/rsa_key_2024.p8").starts_with('"'));
    }

    #[test]
    fn a_text_stays_one_value_on_one_line() {
        for text in [
            "a\"b",
            "a\\b",
            "a\nb = 1",
            "a\u{7f}\u{0}\u{85}\u{2028}",
            "]\n[gateway]",
            "é",
            "\u{202e}\u{2066}\u{61c}\u{e0041}",
        ] {
            let literal = quoted(text);
            assert!(!literal.contains(must_be_escaped), "{literal}");
            let table: toml::Table = format!("a = {literal}").parse().unwrap();
            assert_eq!(table["a"].as_str(), Some(text));
        }
    }

    #[test]
    fn who_may_write_is_told_of_read_only() {
        let Converted::Value(_, Some(note)) = convert(Form::Commands, "select,insert,foo", Path::new("/"))
        else {
            panic!("no note");
        };
        assert!(note.contains("read_only = false") && note.contains("1 of its words"), "{note}");
    }
}
