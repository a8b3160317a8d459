//! What to do about an unknown key or table.

use super::keys::{self, CONNECTIONS, KEYS, PROFILES, ROLES, SECTIONS};
use super::suggest::nearest;

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
    let sections: Vec<&str> =
        SECTIONS.iter().map(|section| section.name).chain([CONNECTIONS, PROFILES, ROLES]).collect();
    match nearest(name, sections.iter().copied()) {
        Some(near) => format!("did you mean [{near}]?"),
        None => format!("valid tables: {}", sections.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
