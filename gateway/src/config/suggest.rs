//! "Did you mean": finds the name nearest to a misspelt one.

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys;

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
}
