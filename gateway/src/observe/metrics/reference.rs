//! The page about metrics: `docs/metrics.md` is what `snowgate metrics reference` prints.

use super::families::all;
use crate::telemetry::metrics::{DESCRIPTIONS, Description};

const INTRODUCTION: &str = include_str!("reference_head.md");
const END: &str = include_str!("reference_end.md");

/// The page, in Markdown.
pub fn metrics_reference() -> String {
    let mut text = INTRODUCTION.to_owned();
    let counted = DESCRIPTIONS.iter();
    let read = all().map(|family| &family.description);
    text.push_str("\n## All families\n\n| name | kind | labels | what it says |\n|---|---|---|---|\n");
    counted.chain(read).for_each(|family| text.push_str(&row(family)));
    text.push('\n');
    text.push_str(END);
    text
}

fn row(family: &Description) -> String {
    let labels: Vec<_> = family.labels.iter().map(|label| format!("`{label}`")).collect();
    let help = family.help.replace('|', "\\|");
    format!("| `{}` | {} | {} | {help} |\n", family.full_name(), family.kind.name(), labels.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_current() {
        let page = include_str!("../../../../docs/metrics.md");
        assert!(page == metrics_reference(), "run `snowgate metrics reference > docs/metrics.md`");
    }

    #[test]
    fn no_name_is_there_twice_and_each_has_its_unit() {
        let mut names: Vec<_> = DESCRIPTIONS.iter().chain(all().map(|family| &family.description)).collect();
        names.sort_by_key(|family| family.name);
        for pair in names.windows(2) {
            assert_ne!(pair[0].name, pair[1].name);
        }
        for family in names {
            assert!(!family.help.ends_with('.') && !family.help.is_empty(), "{}", family.name);
            assert!(!family.name.contains("_ms") && !family.name.ends_with("_total"), "{}", family.name);
        }
    }
}
