//! Names in a plan. Where a profile has lists, a plan of a view would name what lies behind it, which the profile may deny: only names that stand
//! in the client's own statement are shown then.

use std::collections::BTreeSet;

/// Stands for a name that is not shown.
const HIDDEN: &str = "(not shown)";

/// The words of SQLite's plans beside names (`EXPLAIN QUERY PLAN`, <https://www.sqlite.org/eqp.html>).
const WORDS: &[&str] = &[
    "ALL",
    "AND",
    "AUTOMATIC",
    "B",
    "BLOOM",
    "BY",
    "CO",
    "COMPOUND",
    "CONSTANT",
    "CORRELATED",
    "COVERING",
    "DISTINCT",
    "EXCEPT",
    "EXISTS",
    "EXPRESSION",
    "FILTER",
    "FIRST",
    "FOR",
    "FULL",
    "GROUP",
    "IN",
    "INDEX",
    "INTEGER",
    "INTERSECT",
    "JOIN",
    "KEY",
    "LAST",
    "LEFT",
    "LIST",
    "MATERIALIZE",
    "MAX",
    "MERGE",
    "MIN",
    "MOST",
    "MULTI",
    "NOT",
    "OF",
    "ON",
    "OPERATOR",
    "OR",
    "ORDER",
    "PART",
    "PARTIAL",
    "PRIMARY",
    "QUERY",
    "RECURSIVE",
    "RIGHT",
    "ROUTINE",
    "ROW",
    "ROWS",
    "SCALAR",
    "SCAN",
    "SEARCH",
    "SETUP",
    "STEP",
    "SUBQUERY",
    "TABLE",
    "TEMP",
    "TERM",
    "TERMS",
    "TREE",
    "UNION",
    "USE",
    "USING",
    "VALUES",
    "VIRTUAL",
    "rowid",
    "subquery",
];

/// Which names may be shown.
#[derive(Clone, Debug)]
pub(super) enum PlanNames {
    /// All.
    All,
    /// Those of the client's statement, in lower case.
    Of(BTreeSet<String>),
}

impl PlanNames {
    /// Those of a statement with this pattern, in which nothing of a literal is left.
    pub(super) fn of(pattern: &str) -> Self {
        Self::Of(words(pattern).filter(|word| is_word(word)).map(str::to_lowercase).collect())
    }

    /// Whether all may be shown.
    pub(super) fn are_all(&self) -> bool {
        matches!(self, Self::All)
    }

    /// A step of SQLite's plan with those names only that may be shown.
    pub(super) fn shown(&self, step: &str) -> String {
        let Self::Of(known) = self else { return step.to_owned() };
        let may_show = |word: &str| {
            let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
            is_number || WORDS.contains(&word) || known.contains(&word.to_lowercase())
        };
        words(step).map(|word| if !is_word(word) || may_show(word) { word } else { HIDDEN }).collect()
    }

    /// Names of objects, separated by commas, those only that may be shown.
    pub(super) fn shown_objects(&self, objects: &str) -> String {
        let Self::Of(known) = self else { return objects.to_owned() };
        let name = |object: &str| words(object).rfind(|word| is_word(word)).map(str::to_lowercase);
        let shown = |object: &'_ str| {
            if name(object).is_some_and(|name| known.contains(&name)) {
                object.trim().to_owned()
            } else {
                HIDDEN.to_owned()
            }
        };
        objects.split(',').map(shown).collect::<Vec<_>>().join(", ")
    }
}

/// The words of `text` and what stands between them, in order.
fn words(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = is_letter(first);
        let end = rest.find(|char| is_letter(char) != is_word).unwrap_or(rest.len());
        let (part, further) = rest.split_at(end);
        parts.push(part);
        rest = further;
    }
    parts.into_iter()
}

fn is_letter(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | '$')
}

fn is_word(part: &str) -> bool {
    part.chars().next().is_some_and(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_statement_are_shown() {
        let names = PlanNames::of("select o.id from Orders o join pub_v on o.id = pub_v.id where o.id = ?");
        for (step, shown) in [
            ("SCAN orders", "SCAN orders"),
            ("SEARCH o USING INTEGER PRIMARY KEY (rowid=?)", "SEARCH o USING INTEGER PRIMARY KEY (rowid=?)"),
            (
                "SEARCH secret USING COVERING INDEX by_salary (salary>?)",
                "SEARCH (not shown) USING COVERING INDEX (not shown) ((not shown)>?)",
            ),
            ("MATERIALIZE pub_v", "MATERIALIZE pub_v"),
            ("USE TEMP B-TREE FOR LAST 2 TERMS OF ORDER BY", "USE TEMP B-TREE FOR LAST 2 TERMS OF ORDER BY"),
            ("CO-ROUTINE gehälter", "CO-ROUTINE (not shown)"),
        ] {
            assert_eq!(names.shown(step), shown);
            assert_eq!(PlanNames::All.shown(step), step);
        }
        assert_eq!(
            names.shown_objects("SALES.PUBLIC.ORDERS, HR.PUBLIC.SALARIES"),
            "SALES.PUBLIC.ORDERS, (not shown)"
        );
    }
}
