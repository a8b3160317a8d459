//! The double-quoted names of a statement, and the statement with back-ticks in their place.

use std::ops::Range;

use super::tokens::Tokens;

/// A text with double-quoted names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DoubleQuotes {
    /// The text with each name in back-ticks: the same length, unless a name has a quote in it.
    pub(super) as_back_ticks: String,
    /// Whether the text becomes part of the file: it defines something.
    pub(super) are_kept: bool,
}

impl DoubleQuotes {
    /// Those of `sql`; `None` if it has none.
    pub(super) fn of(sql: &str) -> Option<Self> {
        if !sql.contains('"') {
            return None;
        }
        let mut as_back_ticks = String::with_capacity(sql.len());
        let (mut first, mut copied) = (None, 0);
        for (range, token) in Tokens::of(sql).with_ranges() {
            first = first.or_else(|| token.name());
            // An unfinished one is no name, and an error in any quotes.
            if let (true, Some(name)) = (sql[range.start..].starts_with('"'), token.as_name()) {
                as_back_ticks.push_str(&sql[copied..range.start]);
                as_back_ticks.push('`');
                as_back_ticks.push_str(&name.replace('`', "``"));
                as_back_ticks.push('`');
                copied = range.end;
            }
        }
        as_back_ticks.push_str(&sql[copied..]);
        let are_kept = first.is_some_and(|word| ["alter", "create"].contains(&word.as_str()));
        Some(Self { as_back_ticks, are_kept })
    }

    /// Where the query of a new view starts in [`Self::as_back_ticks`]; `None` if it makes no view, or one of a
    /// named database.
    pub(super) fn view_body(&self) -> Option<usize> {
        let text = &self.as_back_ticks;
        let mut tokens = Tokens::of(text).with_ranges();
        let is = |range: &Range<usize>, word: &str| text[range.clone()].eq_ignore_ascii_case(word);
        if !is(&tokens.next()?.0, "create") || !is(&tokens.next()?.0, "view") {
            return None;
        }
        let before_query = |range: &Range<usize>| !is(range, ".");
        tokens
            .map(|(range, _)| range)
            .take_while(before_query)
            .find(|range| is(range, "as"))
            .map(|range| range.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn back_ticks(sql: &str) -> String {
        DoubleQuotes::of(sql).map_or_else(|| sql.to_owned(), |quotes| quotes.as_back_ticks)
    }

    #[test]
    fn only_names_in_double_quotes_are_changed() {
        for (sql, expected) in [
            ("select \"a\".\"b c\" from t", "select `a`.`b c` from t"),
            ("select '\"a\"', [\"b\"], `\"c\"` -- \"d\"", "select '\"a\"', [\"b\"], `\"c\"` -- \"d\""),
            ("select /* \" */ \"a\"\"b`c\"", "select /* \" */ `a\"b``c`"),
            ("select \"\"", "select ``"),
            ("select \"never ends", "select \"never ends"),
            ("select 'it''s', x'00' || \"ä\"", "select 'it''s', x'00' || `ä`"),
        ] {
            assert_eq!(back_ticks(sql), expected);
        }
    }

    #[test]
    fn what_defines_something_is_kept_in_the_file() {
        for (sql, are_kept) in [
            ("-- x\ncreate index i on t(\"a\")", true),
            ("ALTER TABLE t ADD \"x y\"", true),
            ("select \"create\"", false),
            ("insert into \"t\" values (1)", false),
        ] {
            assert_eq!(DoubleQuotes::of(sql).unwrap().are_kept, are_kept, "{sql}");
        }
    }

    #[test]
    fn the_query_of_a_new_view_is_found() {
        let body = |sql: &str| {
            let quotes = DoubleQuotes::of(sql).unwrap();
            quotes.view_body().map(|start| quotes.as_back_ticks[start..].to_owned())
        };
        for sql in [
            "create view v as select \"a\" as b",
            "CREATE VIEW if not exists \"as\"(a, \"b\") /* as */ AS select \"a\" as b",
        ] {
            assert_eq!(body(sql).as_deref(), Some(" select `a` as b"), "{sql}");
        }
        for sql in
            ["create view crm.v as select \"a\"", "create table t as select \"a\"", "select \"a\" as b"]
        {
            assert_eq!(body(sql), None, "{sql}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_copied_to_its_end(sql in "[ab\"'`\\[\\] /*\n.-]{0,40}") {
            let changed = back_ticks(&sql);
            let count = |text: &str| text.chars().filter(|c| !"\"`".contains(*c)).count();
            prop_assert_eq!(count(&changed), count(&sql));
        }
    }
}
