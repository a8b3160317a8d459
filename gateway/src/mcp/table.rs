//! Results as text: compact, because a model pays for every character, and unambiguous.
//!
//! A header line, then one line a row, values joined by `|`. NULL is `NULL`; the text "NULL" is quoted; `\`,
//! `|` and line breaks inside a value are escaped with `\`.

use std::fmt::Write;

use crate::backend::{Collector, Completion, Cut};

/// What is said of a change that was rolled back, behind what it would have changed.
const ROLLED_BACK: &str = ", and rolled back because auto_commit is false: nothing is changed";

/// The text of a result; `is_rolled_back`: what the statement changed does not last.
pub(super) fn render(done: &Completion, is_rolled_back: bool) -> String {
    let rows = &done.rows;
    let mut text = String::with_capacity(usize::try_from(rows.bytes()).unwrap_or(0) + 128);
    if rows.columns().is_empty() {
        text.push_str(
            &done
                .affected
                .map_or_else(|| "done".to_owned(), |count| counted(count, "row changed", "rows changed")),
        );
        if is_rolled_back {
            text.push_str(ROLLED_BACK);
        }
        return text;
    }
    join(&mut text, rows.columns().iter().map(|name| Some(name.as_str())));
    for row in rows.rows() {
        text.push('\n');
        join(&mut text, row);
    }
    text.push('\n');
    text.push_str(&footer(rows, done.affected, is_rolled_back));
    if let Some(query_id) = &done.query_id {
        // Writing to a string cannot fail.
        let _ = write!(text, " query id {query_id}");
    }
    text
}

fn join<'a>(text: &mut String, cells: impl Iterator<Item = Option<&'a str>>) {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            text.push('|');
        }
        match cell {
            None => text.push_str("NULL"),
            Some("NULL") => text.push_str("\"NULL\""),
            Some(cell) => escape(text, cell),
        }
    }
}

fn escape(text: &mut String, cell: &str) {
    if !cell.contains(['\\', '|', '\n', '\r']) {
        return text.push_str(cell);
    }
    for char in cell.chars() {
        match char {
            '\\' => text.push_str("\\\\"),
            '|' => text.push_str("\\|"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            other => text.push(other),
        }
    }
}

/// How many rows there are, what was left out, and how to get it. `affected`: the rows that the statement
/// changed, if it is one that returns rows of those: then it is not to be run again for the sake of the rest.
fn footer(rows: &Collector, affected: Option<u64>, is_rolled_back: bool) -> String {
    let mut parts = vec![counted(rows.row_count() as u64, "row", "rows")];
    if let Some(affected) = affected {
        let end = if is_rolled_back { ROLLED_BACK } else { ": the statement took effect" };
        parts.push(format!("{}{end}", counted(affected, "row changed", "rows changed")));
    }
    parts.extend(cut(rows, affected.is_none() || is_rolled_back));
    if rows.shortened() > 0 {
        let shortened = counted(rows.shortened(), "value was", "values were");
        parts.push(format!("{shortened} shortened to fit the size limit; select parts with substr()"));
    }
    format!("({})", parts.join("; "))
}

/// What was cut, and how to get it where asking again does no harm.
fn cut(rows: &Collector, ask_again: bool) -> Option<String> {
    let (count, at_least) = match rows.cut() {
        Cut::Nothing => return None,
        Cut::AtLeast(0) => {
            return Some("there may be more: the rest took too long to count; raise `limit`".to_owned());
        }
        Cut::Rows(count) => (count, ""),
        Cut::AtLeast(count) => (count, "at least "),
    };
    let more = format!("{at_least}{} cut", counted(count, "more row", "more rows"));
    Some(match (ask_again, rows.cut_by_bytes()) {
        (false, _) => more,
        (true, false) => format!("{more}: raise `limit`, or page with ORDER BY ... LIMIT ... OFFSET"),
        (true, true) => format!(
            "{more}: the size limit was reached; select fewer columns, or page with ORDER BY ... LIMIT ... OFFSET"
        ),
    })
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Caps;

    fn completion(rows_max: u64, rows: &[&[Option<&str>]]) -> Completion {
        let mut collector = Collector::new(Caps { rows_max, bytes_max: 1000, count_rows_max: 5 });
        collector.set_columns(vec!["a".into(), "b".into()]);
        for row in rows {
            collector.push(row.iter().map(|cell| cell.map(str::to_owned)).collect());
        }
        Completion { rows: collector, affected: None, query_id: None, context: None }
    }

    #[test]
    fn values_cannot_be_mistaken_for_structure() {
        let text = render(&completion(9, &[&[None, Some("NULL")], &[Some("x|y\nz\\"), Some("")]]), false);
        assert_eq!(text, "a|b\nNULL|\"NULL\"\nx\\|y\\nz\\\\|\n(2 rows)");
    }

    #[test]
    fn an_empty_result_keeps_its_columns() {
        assert_eq!(render(&completion(9, &[]), false), "a|b\n(0 rows)");
    }

    #[test]
    fn what_was_cut_is_counted_and_the_way_to_it_named() {
        let row: &[Option<&str>] = &[Some("1"), Some("2")];
        let text = render(&completion(1, &[row, row, row]), false);
        assert!(
            text.ends_with(
                "(1 row; 2 more rows cut: raise `limit`, or page with ORDER BY ... LIMIT ... OFFSET)"
            ),
            "{text}"
        );
        let text = render(&completion(1, &[row; 9]), false);
        assert!(text.contains("at least 8 more rows cut"), "{text}");
    }

    #[test]
    fn a_change_that_returns_rows_is_not_to_be_run_again_for_the_rest() {
        let row: &[Option<&str>] = &[Some("1"), Some("2")];
        let mut done = completion(1, &[row, row]);
        done.affected = Some(2);
        let text = render(&done, false);
        assert!(
            text.ends_with("(1 row; 2 rows changed: the statement took effect; 1 more row cut)"),
            "{text}"
        );
    }

    #[test]
    fn a_change_says_how_much_it_changed() {
        let mut done = completion(9, &[]);
        done.rows = Collector::new(Caps { rows_max: 1, bytes_max: 1, count_rows_max: 1 });
        done.affected = Some(1);
        assert_eq!(render(&done, false), "1 row changed");
    }

    #[test]
    fn a_change_that_was_rolled_back_says_so() {
        let mut done = completion(9, &[&[Some("1"), Some("2")]]);
        assert!(render(&done, true).ends_with("(1 row)"), "it changed nothing");
        done.affected = Some(1);
        let footer =
            "(1 row; 1 row changed, and rolled back because auto_commit is false: nothing is changed)";
        assert!(render(&done, true).ends_with(footer), "{}", render(&done, true));
        done.rows = Collector::new(Caps { rows_max: 1, bytes_max: 1, count_rows_max: 1 });
        let text = "1 row changed, and rolled back because auto_commit is false: nothing is changed";
        assert_eq!(render(&done, true), text);
        done.affected = None;
        assert!(render(&done, true).starts_with("done, and rolled back"));
    }
}
