//! What to write instead of a line that is not TOML.
//!
//! Mistakes that are common are undone one after the other until a parser accepts the line; so a suggestion is
//! always valid. A line whose key is unknown is never repeated: its value may be a secret.

use toml::de::{DeTable, DeValue};

use super::corrections;
use super::keys::{KEYS, Key, SECTIONS};
use super::kind::{Kind, written};
use super::resolver::Resolver;

/// A mistake: what is wrong, and the line without it, if the line has it.
type Mistake = (&'static str, fn(&str) -> Option<String>);

const MISTAKES: &[Mistake] = &[
    ("blanks that are not plain spaces", plain_blanks),
    ("quotes must be straight", straight_quotes),
    ("a table's name is in brackets", header),
    ("a comment starts with #", comment),
    ("nothing may follow the value", trailing),
    ("a key and its value are separated by =", equals_sign),
    ("`true` and `false` are written in lower case", truth),
    ("a backslash in double quotes starts an escape: use single quotes", single_quotes),
    ("the quote at the end is missing", closing_quote),
    ("text must be in quotes", quoted),
];

/// What is wrong with `line`, which is not TOML, and what to write instead.
pub(super) fn hint(line: &str) -> Option<String> {
    let mut repaired = line.trim().to_owned();
    let mut found = Vec::new();
    for (mistake, undo) in MISTAKES {
        let Some(without) = undo(&repaired).filter(|without| *without != repaired) else { continue };
        repaired = without;
        found.push(*mistake);
        if is_valid(&repaired) {
            let repaired = with_right_value(&repaired);
            let what = found.join("; ");
            return Some(match may_be_shown(&repaired) {
                true => format!("{what}: write `{repaired}`"),
                false => what,
            });
        }
    }
    None
}

fn is_valid(line: &str) -> bool {
    DeTable::parse(line).is_ok()
}

/// A table's name, or a line with a known key, whose value is no secret.
fn may_be_shown(line: &str) -> bool {
    if line.starts_with('[') {
        return true;
    }
    let name = key_and_value(line).map(|(key, _)| key).unwrap_or_default();
    // A proxy's address may hold a password.
    let is_secret = |key: &Key| matches!(key.kind, Kind::SecretFile | Kind::SecretCommand | Kind::Webhook);
    known_key(name).is_some_and(|key| !is_secret(key)) && !line.contains('@')
}

fn known_key(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name || key.path == name)
}

fn key_and_value(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once('=')?;
    Some((key.trim(), value.trim()))
}

/// The line with a value that its key accepts, if it is known which one is meant.
fn with_right_value(line: &str) -> String {
    let correct = || {
        let (name, _) = key_and_value(line)?;
        let key = known_key(name)?;
        let table = DeTable::parse(line).ok()?;
        let mut value = table.get_ref().values().next()?.get_ref();
        if let DeValue::Table(inner) = value {
            value = inner.values().next()?.get_ref();
        }
        let (value, resolver) = (written(value), Resolver { base: None, home: None });
        let is_path = matches!(key.kind, Kind::Path | Kind::SecretFile);
        if is_path || key.kind.check(value.clone(), &resolver).is_ok() {
            return None;
        }
        Some(format!("{name} = {}", corrections::suggest(key.name, key.kind, &value)?))
    };
    correct().unwrap_or_else(|| line.to_owned())
}

fn plain_blanks(line: &str) -> Option<String> {
    let is_odd = |char: char| char.is_whitespace() && !matches!(char, ' ' | '\t');
    Some(line.replace(is_odd, " ").replace(['\u{200b}', '\u{feff}'], "").trim().to_owned())
}

fn straight_quotes(line: &str) -> Option<String> {
    let odd = ['“', '”', '„', '‟', '«', '»', '″', '‘', '’', '‚', '‛', '′', '`'];
    Some(line.replace(odd, "\""))
}

/// `[pool`, `pool]`, `pool:` and `pool` alone.
fn header(line: &str) -> Option<String> {
    if line.contains('=') {
        return None;
    }
    let is_header = line.starts_with('[') || line.ends_with([']', ':']);
    let name = line.trim_matches(['[', ']', ':', ' ']);
    let table = name.split('.').next().unwrap_or(name);
    let is_known = SECTIONS.iter().any(|section| section.name == table) || table == "profiles";
    (is_known && (is_header || name == line)).then(|| format!("[{name}]"))
}

fn comment(line: &str) -> Option<String> {
    let at = [" //", " --", " ;"].iter().find_map(|mark| line.find(mark))?;
    // Inside quotes it is text.
    line[..at].matches(['"', '\'']).count().is_multiple_of(2).then(|| line[..at].trim_end().to_owned())
}

fn trailing(line: &str) -> Option<String> {
    Some(line.trim_end_matches([',', ';', ' ']).to_owned())
}

fn equals_sign(line: &str) -> Option<String> {
    if line.contains('=') {
        return None;
    }
    let (key, value) = line.split_once(':').or_else(|| line.split_once(' '))?;
    known_key(key.trim()).map(|_| format!("{} = {}", key.trim(), value.trim()))
}

fn truth(line: &str) -> Option<String> {
    let (key, value) = key_and_value(line)?;
    let word = value.split('#').next().unwrap_or(value).trim();
    let word = match word.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => "true",
        "false" | "no" | "off" => "false",
        _ => return None,
    };
    Some(format!("{key} = {word}"))
}

fn single_quotes(line: &str) -> Option<String> {
    let (key, value) = key_and_value(line)?;
    let text = value.strip_prefix('"')?;
    let text = text.strip_suffix('"').unwrap_or(text);
    (text.contains('\\') && !text.contains(['\'', '"'])).then(|| format!("{key} = '{text}'"))
}

fn closing_quote(line: &str) -> Option<String> {
    let (key, value) = key_and_value(line)?;
    let quote = value.chars().next().filter(|char| matches!(char, '"' | '\''))?;
    (value.matches(quote).count() == 1).then(|| format!("{key} = {value}{quote}"))
}

fn quoted(line: &str) -> Option<String> {
    let (key, value) = key_and_value(line)?;
    let value = value.split(" #").next().unwrap_or(value).trim();
    let is_bare = !value.is_empty() && !value.starts_with(['"', '\'', '[', '{']) && !value.contains('\'');
    is_bare.then(|| format!("{key} = '{value}'"))
}

/// What to do about a key or table that is there twice: the line of the first.
pub(super) fn duplicate(text: &str, line: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let name = |line: &str| {
        let line = line.trim();
        if line.starts_with('[') {
            Some(line.to_owned())
        } else {
            key_and_value(line).map(|(key, _)| key.to_owned())
        }
    };
    let at = line.saturating_sub(1);
    let wanted = lines.get(at).and_then(|line| name(line));
    let is_table = wanted.as_deref().is_some_and(|name| name.starts_with('['));
    let mut before = lines.iter().enumerate().take(at).rev();
    let same_table = |line: &&str| is_table || !line.trim_start().starts_with('[');
    let first = wanted.and_then(|wanted| {
        before
            .by_ref()
            .take_while(|(_, line)| same_table(line))
            .find(|(_, line)| name(line) == Some(wanted.clone()))
    });
    match first {
        Some((first, _)) => format!("it is in line {} already; remove one of them", first + 1),
        None => "it is set above already; remove one of them".to_owned(),
    }
}

/// What is wrong with values that TOML does not know, without a line of their own.
pub(super) fn has_old_line_ends(text: &str) -> bool {
    text.contains('\r') && !text.contains('\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_mistakes_are_undone() {
        for (line, expected) in [
            ("kind = “sqlite”", "kind = \"sqlite\""),
            ("kind = ‘sqlite’", "kind = \"sqlite\""),
            ("rows_max\u{a0}=\u{a0}5", "rows_max = 5"),
            ("kind = sqlite", "kind = 'sqlite'"),
            ("kind: sqlite", "kind = 'sqlite'"),
            ("read_only = True", "read_only = true"),
            ("read_only: yes", "read_only = true"),
            ("wait_timeout_ms = 5m", "wait_timeout_ms = 300000"),
            ("wait_timeout_ms = “5m”", "wait_timeout_ms = 300000"),
            ("folder = \"C:\\Users\\ada\"", "folder = 'C:\\Users\\ada'"),
            ("folder = ~/dbs", "folder = '~/dbs'"),
            ("folder = \"/srv/dbs", "folder = \"/srv/dbs\""),
            ("rows_max = 5,", "rows_max = 5"),
            ("rows_max = 5;", "rows_max = 5"),
            ("rows_max = 5 // few", "rows_max = 5"),
            ("rows_max = 10,000", "rows_max = 10000"),
            ("[pool", "[pool]"),
            ("pool:", "[pool]"),
            ("[profiles.analyst", "[profiles.analyst]"),
        ] {
            let hint = hint(line).unwrap_or_else(|| panic!("no hint for {line}"));
            assert!(hint.ends_with(&format!(": write `{expected}`")), "{line}: {hint}");
        }
    }

    #[test]
    fn a_value_that_may_be_a_secret_is_not_repeated() {
        for line in ["private_key_file = hidden", "token_file_path = “hidden”", "token_command = [hidden]"]
        {
            let hint = hint(line).unwrap_or_default();
            assert!(!hint.contains("hidden"), "{line}: {hint}");
        }
        for line in ["password = “hidden”", "token = hidden", "proxy = “http://u:hidden@p:1”", "hidden"]
        {
            let hint = hint(line).unwrap_or_default();
            assert!(!hint.contains("hidden"), "{line}: {hint}");
        }
    }

    #[test]
    fn the_first_of_two_equal_keys_is_found_in_its_own_table() {
        let text = "[a]\nx = 1\n[b]\nx = 1\ny = 2\nx = 3\n[a]\n";
        assert_eq!(duplicate(text, 6), "it is in line 4 already; remove one of them");
        assert_eq!(duplicate(text, 7), "it is in line 1 already; remove one of them");
        assert!(duplicate("x = 1", 9).contains("above already"));
    }
}
