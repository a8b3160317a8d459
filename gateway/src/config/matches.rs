//! `profiles.NAME.match`: who a profile is for.

use std::path::Path;

use super::error::InvalidValue;
use super::suggest;

/// The key.
pub(super) const MATCH: &str = "match";

/// What a table of it may name, in the order in which people are told.
pub(super) const SUBJECTS: [&str; 4] = ["client", "parent", "folder", "key"];

/// The longest pattern, in bytes: a hello carries paths of 1,024 bytes at most.
const PATTERN_BYTES_MAX: usize = 1024;

/// The tables of one profile, at most.
pub(super) const MATCHES_MAX: usize = 100;

/// Other words for what a table may name.
const SYNONYMS: &[(&str, &str)] = &[
    ("name", "client"),
    ("client_name", "client"),
    ("application", "parent"),
    ("app", "parent"),
    ("exe", "parent"),
    ("parent_exe", "parent"),
    ("program", "parent"),
    ("cwd", "folder"),
    ("directory", "folder"),
    ("dir", "folder"),
    ("path", "folder"),
    ("workspace", "folder"),
    ("api_key", "key"),
];

/// Patterns by what they are for, as written.
pub(super) type MatchTable = Vec<(&'static str, String)>;

/// What an unknown name in a table probably means.
pub(super) fn hint(name: &str) -> String {
    let plain = name.to_ascii_lowercase().replace('-', "_");
    let synonym = SYNONYMS.iter().find(|(word, _)| *word == plain).map(|(_, subject)| *subject);
    match synonym.or_else(|| suggest::nearest(name, SUBJECTS)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("valid keys of a match: {}", SUBJECTS.join(", ")),
    }
}

/// Checks the pattern for `subject`.
pub(super) fn check(subject: &str, pattern: &str) -> Result<(), InvalidValue> {
    if pattern.is_empty() {
        return Err(InvalidValue::with_hint(
            "the pattern is empty",
            format!("remove `{subject}`, or write \"*\" for any"),
        ));
    }
    if pattern.len() > PATTERN_BYTES_MAX {
        let bytes = pattern.len();
        return Err(InvalidValue::new(format!("expected {PATTERN_BYTES_MAX} bytes at most, got {bytes}")));
    }
    if pattern.contains(char::is_control) {
        return Err(InvalidValue::new("the pattern contains a control character"));
    }
    match subject {
        "folder" => check_folder(pattern),
        "parent" if pattern.contains('/') => check_place(pattern),
        _ => Ok(()),
    }
}

fn check_folder(pattern: &str) -> Result<(), InvalidValue> {
    check_place(pattern)?;
    let mut segments = pattern.split('/');
    if let Some(segment) = segments.clone().find(|part| part.contains("**") && *part != "**") {
        return Err(InvalidValue::with_hint(
            format!("`**` stands for whole folders, but {segment:?} has more beside it"),
            format!("write `{}`", pattern.replace(segment, &segment.replace("**", "*"))),
        ));
    }
    if segments.any(|part| part == "." || part == "..") {
        return Err(InvalidValue::with_hint(
            "a working directory has no `.` or `..` in it, so the pattern fits none",
            "write the folder's whole path",
        ));
    }
    Ok(())
}

/// A path that can be one: absolute, in the home folder, or anywhere.
fn check_place(pattern: &str) -> Result<(), InvalidValue> {
    if pattern.starts_with(['/', '*']) || pattern == "~" || pattern.starts_with("~/") {
        return Ok(());
    }
    // `C:\work`, where there are such paths.
    if Path::new(pattern).is_absolute() {
        return Ok(());
    }
    let message = format!("{pattern:?} is a relative path, which fits none");
    let rest = pattern.trim_start_matches(['$', '~', '.']).trim_start_matches("HOME").trim_start_matches('/');
    let hint = match pattern.starts_with('$') {
        true => format!("variables are not expanded here: write \"~/{rest}\", or the whole path"),
        false => format!("write \"**/{rest}\" for any such path, \"~/{rest}\", or the whole path"),
    };
    Err(InvalidValue::with_hint(message, hint))
}

/// `pattern` with the home folder in the place of `~`; unchanged where there is none.
pub(super) fn expanded(subject: &str, pattern: &str, home: Option<&Path>) -> String {
    let is_path = subject == "folder" || (subject == "parent" && pattern.contains('/'));
    let rest = pattern.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/'));
    match (rest, home) {
        (Some(rest), Some(home)) if is_path => {
            format!("{}{rest}", home.to_string_lossy().trim_end_matches('/'))
        }
        _ => pattern.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(subject: &str, pattern: &str) -> String {
        let InvalidValue { message, hint } = check(subject, pattern).unwrap_err();
        format!("{message}; {}", hint.unwrap_or_default())
    }

    #[test]
    fn a_pattern_that_fits_nothing_is_refused() {
        for (subject, pattern, expected) in [
            ("client", "", "empty"),
            ("client", "a\u{7}", "control character"),
            ("folder", "work/**", "\"~/work/**\""),
            ("folder", "$HOME/work", "write \"~/work\""),
            ("folder", "/a/**b", "write `/a/*b`"),
            ("folder", "/a/../b", "`..`"),
            ("parent", "bin/code", "\"**/bin/code\""),
        ] {
            assert!(refusal(subject, pattern).contains(expected), "{}", refusal(subject, pattern));
        }
        assert!(refusal("key", &"x".repeat(PATTERN_BYTES_MAX + 1)).contains("1024 bytes"));
        for (subject, pattern) in
            [("client", "../x"), ("folder", "~"), ("folder", "**/x"), ("parent", "code"), ("folder", "*")]
        {
            assert!(check(subject, pattern).is_ok(), "{pattern}");
        }
    }

    #[test]
    fn the_home_folder_takes_the_place_of_the_tilde_in_paths_only() {
        let home = Some(Path::new("/home/ada"));
        assert_eq!(expanded("folder", "~/w/**", home), "/home/ada/w/**");
        assert_eq!(expanded("folder", "~", home), "/home/ada");
        assert_eq!(expanded("client", "~/w", home), "~/w");
        assert_eq!(expanded("folder", "~/w", None), "~/w");
    }

    #[test]
    fn other_words_lead_to_the_right_one() {
        assert_eq!(hint("cwd"), "did you mean `folder`?");
        assert_eq!(hint("clients"), "did you mean `client`?");
        assert!(hint("colour").ends_with("client, parent, folder, key"));
    }
}
