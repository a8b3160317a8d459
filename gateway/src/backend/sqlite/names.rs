//! Names: valid database names, quoting, and finding similar names.

/// Longest database name, in bytes.
pub(super) const NAME_BYTES_MAX: usize = 128;
/// The most names suggested for a misspelled one.
const NEAREST_MAX: usize = 3;
/// The longest name that hints are about, in bytes: comparing takes the product of two lengths.
const COMPARED_BYTES_MAX: usize = 255;
/// The most names that one is compared with.
const COMPARED_NAMES_MAX: usize = 2000;
/// How similar two names must be (Jaro-Winkler, 0 to 1) for one to be suggested for the other.
const SIMILARITY_MIN: f64 = 0.7;

/// The rule that [`objection`] checks, as text.
pub(crate) const DATABASE_NAME: &str =
    "a name of 1 to 128 bytes without control characters, other than `main` and `temp`";

/// Why `name` is not a valid database name; `None` if it is. The rule applies to names in config.toml and of
/// files.
pub(crate) fn objection(name: &str) -> Option<&'static str> {
    if name.trim().is_empty() {
        return Some("it is empty");
    }
    if name.len() > NAME_BYTES_MAX {
        return Some("it is longer than 128 bytes");
    }
    if ["main", "temp"].iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
        return Some("it is reserved by SQLite");
    }
    if name.chars().any(char::is_control) {
        return Some("it contains a control character");
    }
    None
}

/// Whether `name` must be quoted in SQL: it is no word, or one that begins with a digit.
pub(super) fn needs_quotes(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii();
    name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(is_part)
}

/// `name` as an SQL identifier.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The names in `known` most similar to `wanted`, best first; empty if none is similar enough, or if `wanted`
/// is longer than any name should be.
pub(super) fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    if wanted.len() > COMPARED_BYTES_MAX {
        return Vec::new();
    }
    let wanted = wanted.to_lowercase();
    let mut scored: Vec<(f64, &str)> = known
        .into_iter()
        .filter(|name| name.len() <= COMPARED_BYTES_MAX)
        .take(COMPARED_NAMES_MAX)
        .map(|name| (strsim::jaro_winkler(&wanted, &name.to_lowercase()), name))
        .filter(|(score, _)| *score >= SIMILARITY_MIN)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    scored.dedup_by(|a, b| a.1 == b.1);
    scored.into_iter().take(NEAREST_MAX).map(|(_, name)| name).collect()
}

/// "did you mean a, b or c? " for a misspelled name, with its trailing space; empty if no name is similar
/// enough.
pub(super) fn did_you_mean<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(wanted, known).as_slice() {
        [] => String::new(),
        [only] => format!("did you mean {only}? "),
        [first @ .., last] => format!("did you mean {} or {last}? ", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_are_valid_and_others_have_an_objection() {
        for fine in
            ["sales", "my-db", "two words", "2024", "übersicht", "a.b", "it's", "x [2024]", "a\"b", "`"]
        {
            assert_eq!(objection(fine), None, "{fine}");
        }
        for odd in ["", " ", "MAIN", "temp", "a\nb", &"x".repeat(129)] {
            assert!(objection(odd).is_some(), "{odd:?}");
        }
    }

    #[test]
    fn words_need_no_quotes() {
        for (name, needs) in
            [("sales_2024", false), ("übersicht", false), ("2024", true), ("it's", true), ("a.b", true)]
        {
            assert_eq!(needs_quotes(name), needs, "{name}");
        }
    }

    #[test]
    fn quoting_doubles_quotes() {
        assert_eq!(quoted("a\"; DROP TABLE b; --"), "\"a\"\"; DROP TABLE b; --\"");
    }

    #[test]
    fn the_nearest_names_come_first_and_others_are_left_out() {
        let known = ["CUSTOMER", "ORDERS", "LINEITEM"];
        assert_eq!(nearest("custmer", known), ["CUSTOMER"]);
        assert!(nearest("zzz", known).is_empty());
        assert_eq!(did_you_mean("order", known), "did you mean ORDERS? ");
        assert_eq!(did_you_mean("zzz", known), "");
    }

    #[test]
    fn names_that_are_too_long_are_not_compared() {
        let long = "x".repeat(COMPARED_BYTES_MAX + 1);
        assert!(nearest(&long, [long.as_str()]).is_empty());
        assert_eq!(nearest("x", [long.as_str(), "xx"]), ["xx"]);
        assert_eq!(nearest("x", std::iter::repeat_n("y", COMPARED_NAMES_MAX).chain(["x"])), [""; 0]);
    }
}
