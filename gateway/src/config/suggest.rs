//! "Did you mean": finds the name nearest to a misspelt one.

use super::keys::{self, KEYS, PROFILES, SECTIONS};

/// One edit per this many characters still counts as a misspelling.
const LENGTH_PER_EDIT: usize = 3;

/// The candidate nearest to `word`, if one is near enough. Case, the order of the parts (`max_rows`) and a
/// missing unit (`drain_timeout`) are ignored.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(edits, candidate)| *edits <= edits_max(word, candidate))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

fn edits_max(word: &str, candidate: &str) -> usize {
    word.chars().count().max(candidate.chars().count()) / LENGTH_PER_EDIT
}

fn distance(word: &str, candidate: &str) -> usize {
    let (word, candidate) = (plain(word), plain(candidate));
    if word.len() > LENGTH_PER_EDIT && candidate.starts_with(&format!("{word}_")) {
        return 1;
    }
    let in_order = strsim::damerau_levenshtein(&word, &candidate);
    let shuffled = strsim::damerau_levenshtein(&sorted(&word), &sorted(&candidate));
    in_order.min(shuffled.saturating_add(1))
}

fn plain(word: &str) -> String {
    word.to_ascii_lowercase().replace(['-', ' '], "_")
}

fn sorted(word: &str) -> String {
    let mut parts: Vec<&str> = word.split('_').collect();
    parts.sort_unstable();
    parts.join("_")
}

/// A hint about an unknown key in `section`.
pub(super) fn for_key(section: &str, name: &str) -> String {
    let valid = keys::names(section);
    if let Some(near) = nearest(name, valid.iter().copied()) {
        return format!("did you mean `{near}`?");
    }
    match KEYS.iter().find(|key| key.name == name) {
        Some(key) => format!("`{name}` belongs in [{}]", key.section),
        None => format!("valid keys in [{section}]: {}", valid.join(", ")),
    }
}

/// A hint about an unknown table, or an unknown key outside any table.
pub(super) fn for_section(name: &str) -> String {
    if let Some(key) = KEYS.iter().find(|key| key.name == name) {
        return format!("`{name}` belongs in [{}]", key.section);
    }
    let sections: Vec<&str> = SECTIONS.iter().map(|section| section.name).chain([PROFILES]).collect();
    match nearest(name, sections.iter().copied()) {
        Some(near) => format!("did you mean [{near}]?"),
        None => format!("valid tables: {}", sections.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_names_are_recognised() {
        let near = |word| nearest(word, keys::names("gateway"));
        assert_eq!(near("drain_timeut_ms"), Some("drain_timeout_ms"));
        assert_eq!(near("drain_timeout"), Some("drain_timeout_ms"));
        assert_eq!(near("max_sessions"), Some("sessions_max"));
        assert_eq!(near("Log-Level"), Some("log_level"));
        assert_eq!(near("idle_exit"), Some("idle_exit_minutes"));
        assert_eq!(near("colour"), None);
    }

    #[test]
    fn for_a_key_in_the_wrong_table_the_right_one_is_named() {
        assert_eq!(for_key("pool", "rows_max"), "`rows_max` belongs in [limits]");
        assert_eq!(for_section("log_level"), "`log_level` belongs in [gateway]");
        assert_eq!(for_section("limit"), "did you mean [limits]?");
    }

    #[test]
    fn if_no_name_is_near_all_names_are_listed() {
        assert_eq!(for_key("backend", "colour"), "valid keys in [backend]: kind");
        assert!(for_section("colour").starts_with("valid tables: gateway, "));
    }
}
