//! Results as text: compact, because a model pays for every character, and unambiguous.
//!
//! A header line, then one line a row, values joined by `|`. NULL is `NULL`; the text "NULL" is quoted, and so is
//! that with quotes around it; `\`, `|` and line breaks inside a value are escaped with `\`. What the catalog says has
//! many missing values, and each `NULL` costs two tokens: there it is nothing, and an empty text is `""`. A last line says how
//! much there is. Where something is missing it is the first line, too: clients cut the end off what is long.

use std::fmt::Write;

use super::kept::Rest;
use crate::backend::{Collector, Completion, Cut, escapes, is_like_null};
use crate::results::KeptRows;
use crate::rows::{Column, ColumnSummary};

/// What is said of a change that was rolled back, behind what it would have changed.
const ROLLED_BACK: &str = ", and rolled back because auto_commit is false: nothing is changed";

/// What returned the rows: it decides how to get those that were cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A statement; `is_rolled_back`: what it changed does not last.
    Statement { is_rolled_back: bool },
    /// A view, read by its name.
    View,
    /// The catalog.
    Catalog,
    /// A search in the catalog.
    Search,
}

/// The text of a result of `source`; `rest`: what is kept of the rows that it does not show.
pub(super) fn render(done: &Completion, source: Source, rest: Option<&Rest>) -> String {
    let rows = &done.rows;
    let mut text = String::with_capacity(usize::try_from(rows.bytes()).unwrap_or(0) + 256);
    if rows.columns().is_empty() {
        return note(done, source, rest);
    }
    let footer = footer(rows, done.affected, source, rest);
    let is_cut = rows.cut() != Cut::Nothing || rows.columns_cut() > 0;
    if is_cut || rows.shortened() > 0 || rows.unread() > 0 {
        text.push_str(&footer);
        text.push('\n');
    }
    join(&mut text, rows.columns().iter().map(|name| Some(name.as_str())));
    let join_row: fn(&mut String, _) =
        if matches!(source, Source::Catalog | Source::Search) { join_sparse } else { join };
    for row in rows.rows() {
        text.push('\n');
        join_row(&mut text, row);
    }
    text.push('\n');
    text.push_str(&footer);
    if let Some(query_id) = &done.query_id {
        // Writing to a string cannot fail.
        let _ = write!(text, " query id {query_id}");
    }
    if let Some(rest) = rest {
        summarize(&mut text, &rest.rows);
    }
    text
}

/// Bytes of a summary: further columns are counted.
const SUMMARY_BYTES_MAX: usize = 2048;
/// A longer name of a column is shortened there, in bytes.
const SUMMARY_NAME_BYTES_MAX: usize = 80;

/// What each column holds, one line a column.
pub(super) fn summarize(text: &mut String, rows: &KeptRows) {
    if rows.summary.is_empty() || rows.summary_rows == 0 {
        return;
    }
    let of = if rows.rows == Some(rows.summary_rows) && rows.is_whole { "all" } else { "the first" };
    // Writing to a string cannot fail.
    let _ = write!(text, "\nsummary of {of} {} rows:\ncolumn|type|NULL|distinct|min|max", rows.summary_rows);
    let ends_at = text.len() + SUMMARY_BYTES_MAX;
    let mut shown = 0;
    for (column, summary) in rows.columns.iter().zip(&rows.summary) {
        if text.len() >= ends_at {
            break;
        }
        text.push('\n');
        text.push_str(&summary_line(column, summary, rows.summary_rows));
        shown += 1;
    }
    if shown < rows.columns.len() {
        let _ = write!(text, "\n({} more columns)", rows.columns.len() - shown);
    }
}

fn summary_line(column: &Column, summary: &ColumnSummary, rows: u64) -> String {
    let name = &column.name[..column.name.floor_char_boundary(SUMMARY_NAME_BYTES_MAX)];
    let about = if summary.is_estimate { "~" } else { "" };
    let mut line = String::new();
    let cells = [
        Some(name),
        Some(column.type_name.as_deref().or(summary.kind.as_deref()).unwrap_or("")),
        Some(&share(summary.nulls, rows)),
        Some(&format!("{about}{}", summary.distinct)),
        summary.min.as_deref(),
        summary.max.as_deref(),
    ];
    join(&mut line, cells.into_iter());
    line
}

/// A part of a whole, in percent.
fn share(part: u64, whole: u64) -> String {
    match part {
        0 => "0%".to_owned(),
        part if part == whole => "100%".to_owned(),
        part if part * 1000 < whole => "<0.1%".to_owned(),
        part => format!("{:.1}%", part as f64 * 100.0 / whole as f64),
    }
}

/// What is said of a result of `source`: how much there is, and what is missing.
pub(super) fn note(done: &Completion, source: Source, rest: Option<&Rest>) -> String {
    if !done.rows.columns().is_empty() {
        return footer(&done.rows, done.affected, source, rest);
    }
    let changed = done.affected.map(|count| counted(count, "row changed", "rows changed"));
    let end = if source == (Source::Statement { is_rolled_back: true }) { ROLLED_BACK } else { "" };
    format!("{}{end}", changed.unwrap_or_else(|| "done".to_owned()))
}

fn join<'a>(text: &mut String, cells: impl Iterator<Item = Option<&'a str>>) {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            text.push('|');
        }
        match cell {
            None => text.push_str("NULL"),
            Some(cell) if is_like_null(cell) => {
                let _ = write!(text, "\"{cell}\"");
            }
            Some(cell) => escape(text, cell),
        }
    }
}

/// A row of the catalog: a missing value is nothing, and what consists of quotes only has two more around it.
fn join_sparse<'a>(text: &mut String, cells: impl Iterator<Item = Option<&'a str>>) {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            text.push('|');
        }
        match cell {
            None => {}
            Some(cell) if cell.bytes().all(|byte| byte == b'"') => {
                let _ = write!(text, "\"{cell}\"");
            }
            Some(cell) => escape(text, cell),
        }
    }
}

fn escape(text: &mut String, cell: &str) {
    if escapes(cell) == 0 {
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
fn footer(rows: &Collector, affected: Option<u64>, source: Source, rest: Option<&Rest>) -> String {
    let is_rolled_back = source == Source::Statement { is_rolled_back: true };
    let shown = rows.row_count() as u64;
    let total = rest.and_then(|rest| rest.rows.rows.filter(|_| rest.rows.is_whole));
    let mut parts = vec![match total.filter(|&total| total != shown) {
        Some(total) => format!("{shown} of {total} rows"),
        None => counted(shown, "row", "rows"),
    }];
    if let Some(affected) = affected {
        let end = if is_rolled_back { ROLLED_BACK } else { ": the statement took effect" };
        parts.push(format!("{}{end}", counted(affected, "row changed", "rows changed")));
    }
    match rest {
        Some(rest) => parts.extend(more(rest, 0, rows)),
        None => parts.extend(cut(rows, (affected.is_none() || is_rolled_back).then_some(source))),
    }
    parts.extend(lacks(rows));
    format!("({})", parts.join("; "))
}

/// What is missing in the rows that are shown.
fn lacks(rows: &Collector) -> Vec<String> {
    let mut parts = Vec::new();
    if rows.columns_cut() > 0 {
        let columns = counted(rows.columns_cut() as u64, "column", "columns");
        let all = rows.columns().len() + rows.columns_cut();
        parts.push(format!(
            "the last {columns} of {all} left out to fit the size limit; select fewer columns"
        ));
    }
    if rows.shortened() > 0 {
        let shortened = counted(rows.shortened(), "value was", "values were");
        parts.push(format!("{shortened} shortened to fit the size limit; select parts with substr()"));
    }
    if rows.unread() > 0 {
        let shortened = counted(rows.unread(), "value was", "values were");
        parts.push(format!("{shortened} shortened to the length, as too long to be read"));
    }
    if rows.malformed() > 0 {
        let (values, have) = (
            counted(rows.malformed(), "value", "values"),
            if rows.malformed() == 1 { "has" } else { "have" },
        );
        parts.push(format!("{values} {have} bytes that are not UTF-8, shown as \u{FFFD}; hex() shows them"));
    }
    parts
}

/// A page of kept rows: those of `rows`, behind the first `offset`.
pub(super) fn page(rows: &Collector, offset: u64, rest: &Rest) -> String {
    let mut text = String::new();
    let footer = page_footer(rows, offset, rest);
    if rows.row_count() > 0 {
        join(&mut text, rows.columns().iter().map(|name| Some(name.as_str())));
        for row in rows.rows() {
            text.push('\n');
            join(&mut text, row);
        }
        text.push('\n');
    }
    text.push_str(&footer);
    text
}

/// Which rows a page has, and how to get those behind it.
pub(super) fn page_footer(rows: &Collector, offset: u64, rest: &Rest) -> String {
    let shown = rows.row_count() as u64;
    let of = rest.rows.rows.map(|total| format!(" of {total}")).unwrap_or_default();
    let mut parts = vec![match shown {
        0 => format!("no rows behind row {offset}{of}"),
        shown => format!("rows {}-{}{of}", offset + 1, offset + shown),
    }];
    if shown > 0 {
        parts.extend(more(rest, offset, rows));
    }
    parts.extend(lacks(rows));
    format!("({})", parts.join("; "))
}

/// How to get the rows behind those of `shown`, which are behind the first `offset`; and why not all can be had.
fn more(rest: &Rest, offset: u64, shown: &Collector) -> Vec<String> {
    let Rest { handle, rows, can_export } = rest;
    let next = offset + shown.row_count() as u64;
    let mut parts = Vec::new();
    if shown.cut_by_bytes() {
        parts.push("the size limit was reached".to_owned());
    }
    if rows.rows.is_none_or(|total| next < total) {
        parts.push(format!("more: get_result {{\"handle\":\"{handle}\",\"offset\":{next}}}"));
    }
    if shown.columns_cut() > 0 {
        parts.push(format!(
            "further columns: get_result {{\"handle\":\"{handle}\",\"columns\":\"NAME, ...\"}}"
        ));
    }
    if !rows.is_whole {
        let why = rows.problem.as_deref().map(|why| format!(", because {why}")).unwrap_or_default();
        let kept = rows.rows.unwrap_or(next);
        let all = if *can_export { "; export_result with the query writes all" } else { "" };
        parts.push(format!("only the first {kept} rows are kept{why}{all}"));
    }
    parts
}

/// What was cut, and how to get it, where it may be asked for again.
fn cut(rows: &Collector, ask_again: Option<Source>) -> Option<String> {
    let (count, at_least) = match rows.cut() {
        Cut::Nothing => return None,
        Cut::AtLeast(0) => {
            let remedy = match ask_again {
                Some(Source::Catalog) => "",
                Some(Source::Search) => "; narrow `pattern`, `kinds` or `database`",
                _ => "; raise `limit`",
            };
            return Some(format!("there may be more: the rest took too long to count{remedy}"));
        }
        Cut::Rows(count) => (count, ""),
        Cut::AtLeast(count) => (count, "at least "),
    };
    let more = format!("{at_least}{} cut", counted(count, "more row", "more rows"));
    let Some(source) = ask_again else { return Some(more) };
    let remedy = match (source, rows.cut_by_bytes()) {
        (Source::Statement { .. }, false) => "raise `limit`, or page with ORDER BY ... LIMIT ... OFFSET",
        (Source::Statement { .. }, true) => {
            "the size limit was reached; select fewer columns, or page with ORDER BY ... LIMIT ... OFFSET"
        }
        (Source::View, false) => {
            "raise `limit`, or page with execute_query and ORDER BY ... LIMIT ... OFFSET"
        }
        (Source::View, true) => "the size limit was reached; select fewer columns with execute_query",
        (Source::Search, _) => "raise `limit`, or narrow `pattern`, `kinds` or `database`",
        (Source::Catalog, _) => {
            "ask for less with `schema` or `like`, or query the catalog with execute_query"
        }
    };
    Some(format!("{more}: {remedy}"))
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Caps;
    use crate::rows::CellKind;

    const STATEMENT: Source = Source::Statement { is_rolled_back: false };
    const ROLLED: Source = Source::Statement { is_rolled_back: true };

    fn completion(rows_max: u64, rows: &[&[Option<&str>]]) -> Completion {
        let mut collector = Collector::new(Caps { rows_max, bytes_max: 1000, count_rows_max: 5 });
        collector.set_columns(vec!["a".into(), "b".into()]);
        for row in rows {
            collector.push(row.iter().map(|cell| cell.map(str::to_owned)).collect());
        }
        Completion::of_rows(collector)
    }

    #[test]
    fn values_cannot_be_mistaken_for_structure() {
        let text =
            render(&completion(9, &[&[None, Some("NULL")], &[Some("x|y\nz\\"), Some("")]]), STATEMENT, None);
        assert_eq!(text, "a|b\nNULL|\"NULL\"\nx\\|y\\nz\\\\|\n(2 rows)");
    }

    #[test]
    fn a_missing_value_looks_like_no_text() {
        let texts = ["NULL", "\"NULL\"", "\"\"NULL\"\"", "", "\"\"", "null", "\"NULL", "'NULL'"];
        let cells: Vec<Option<&str>> = [None].into_iter().chain(texts.map(Some)).collect();
        let rows: Vec<[Option<&str>; 2]> = cells.iter().map(|cell| [*cell, Some("x")]).collect();
        let rows: Vec<&[Option<&str>]> = rows.iter().map(|row| &row[..]).collect();
        let text = render(&completion(99, &rows), STATEMENT, None);
        let shown: Vec<&str> = text.lines().skip(1).take(rows.len()).collect();
        assert_eq!(shown[..3], ["NULL|x", "\"NULL\"|x", "\"\"NULL\"\"|x"]);
        assert_eq!(shown.iter().collect::<std::collections::BTreeSet<_>>().len(), rows.len(), "{shown:?}");
    }

    #[test]
    fn a_missing_value_of_the_catalog_is_nothing_and_looks_like_no_text() {
        let texts = ["", "\"", "\"\"", "NULL", "\"NULL\"", "|", " "];
        let cells: Vec<Option<&str>> = [None].into_iter().chain(texts.map(Some)).collect();
        let rows: Vec<[Option<&str>; 2]> = cells.iter().map(|cell| [*cell, Some("x")]).collect();
        let rows: Vec<&[Option<&str>]> = rows.iter().map(|row| &row[..]).collect();
        for source in [Source::Catalog, Source::Search] {
            let text = render(&completion(99, &rows), source, None);
            let shown: Vec<&str> = text.lines().skip(1).take(rows.len()).collect();
            assert_eq!(
                shown,
                ["|x", "\"\"|x", "\"\"\"|x", "\"\"\"\"|x", "NULL|x", "\"NULL\"|x", "\\||x", " |x"]
            );
        }
    }

    #[test]
    fn what_is_not_utf8_is_marked() {
        let mut done = completion(9, &[]);
        let mut row = done.rows.begin_row();
        row.text_of(CellKind::Malformed, "a\u{FFFD}");
        row.text("\u{FFFD}");
        row.end(0);
        let text = render(&done, STATEMENT, None);
        let footer = "(1 row; 1 value has bytes that are not UTF-8, shown as \u{FFFD}; hex() shows them)";
        assert_eq!(text, format!("a|b\na\u{FFFD}|\u{FFFD}\n{footer}"));
    }

    #[test]
    fn what_is_missing_is_said_before_the_rows_too() {
        let row: &[Option<&str>] = &[Some("1"), Some("2")];
        for (source, words) in [
            (STATEMENT, "raise `limit`, or page with ORDER BY"),
            (Source::View, "page with execute_query"),
            (Source::Catalog, "`schema` or `like`"),
        ] {
            let text = render(&completion(1, &[row, row]), source, None);
            let lines: Vec<&str> = text.lines().collect();
            assert!(lines[0].starts_with("(1 row; 1 more row cut") && lines[0].contains(words), "{text}");
            assert_eq!((lines[1], lines[0]), ("a|b", lines[3]), "{text}");
        }
        let mut done = completion(9, &[]);
        done.rows.push_shortened(vec![Some("xy... (999 bytes)".into()), None], 1);
        let text = render(&done, STATEMENT, None);
        assert!(text.starts_with("(1 row; 1 value was shortened") && text.ends_with("substr())"), "{text}");
        let mut done = completion(9, &[]);
        let mut row = done.rows.begin_row();
        row.text("... (9000000 bytes; a value over 8 MiB is not read)");
        row.null();
        row.note_unread(1);
        row.end(0);
        let text = render(&done, STATEMENT, None);
        let note = "(1 row; 1 value was shortened to the length, as too long to be read)";
        assert!(text.starts_with(note) && text.ends_with(note), "{text}");
    }

    #[test]
    fn a_result_is_as_long_as_was_counted() {
        let cells = ["NULL", "\"NULL\"", "", "a|b", "\\\r\n", "plain \u{e4}"];
        let rows: Vec<[Option<&str>; 2]> = cells.iter().map(|cell| [Some(*cell), None]).collect();
        let rows: Vec<&[Option<&str>]> = rows.iter().map(|row| &row[..]).collect();
        let done = completion(99, &rows);
        let text = render(&done, STATEMENT, None);
        assert_eq!(text.len() as u64, done.rows.bytes() + "(6 rows)".len() as u64, "{text}");
    }

    #[test]
    fn columns_that_are_left_out_are_counted_before_the_rows_too() {
        let mut done = completion(9, &[]);
        done.rows = Collector::new(Caps { rows_max: 9, bytes_max: 60, count_rows_max: 9 });
        done.rows.set_columns(["a", "b", "c", "d"].map(str::to_owned).into());
        done.rows.push(["1", "2", "3", "4"].map(|cell| Some(cell.to_owned())).into());
        let note = "(1 row; the last 2 columns of 4 left out to fit the size limit; select fewer columns)";
        assert_eq!(render(&done, STATEMENT, None), format!("{note}\na|b\n1|2\n{note}"));
    }

    #[test]
    fn an_empty_result_keeps_its_columns() {
        assert_eq!(render(&completion(9, &[]), STATEMENT, None), "a|b\n(0 rows)");
    }

    #[test]
    fn what_was_cut_is_counted_and_the_way_to_it_named() {
        let row: &[Option<&str>] = &[Some("1"), Some("2")];
        let text = render(&completion(1, &[row, row, row]), STATEMENT, None);
        assert!(
            text.ends_with(
                "(1 row; 2 more rows cut: raise `limit`, or page with ORDER BY ... LIMIT ... OFFSET)"
            ),
            "{text}"
        );
        let text = render(&completion(1, &[row; 9]), STATEMENT, None);
        assert!(text.contains("at least 8 more rows cut"), "{text}");
    }

    #[test]
    fn a_change_that_returns_rows_is_not_to_be_run_again_for_the_rest() {
        let row: &[Option<&str>] = &[Some("1"), Some("2")];
        let mut done = completion(1, &[row, row]);
        done.affected = Some(2);
        let text = render(&done, STATEMENT, None);
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
        assert_eq!(render(&done, STATEMENT, None), "1 row changed");
    }

    #[test]
    fn a_change_that_was_rolled_back_says_so() {
        let mut done = completion(9, &[&[Some("1"), Some("2")]]);
        assert!(render(&done, ROLLED, None).ends_with("(1 row)"), "it changed nothing");
        done.affected = Some(1);
        let footer =
            "(1 row; 1 row changed, and rolled back because auto_commit is false: nothing is changed)";
        assert!(render(&done, ROLLED, None).ends_with(footer), "{}", render(&done, ROLLED, None));
        done.rows = Collector::new(Caps { rows_max: 1, bytes_max: 1, count_rows_max: 1 });
        let text = "1 row changed, and rolled back because auto_commit is false: nothing is changed";
        assert_eq!(render(&done, ROLLED, None), text);
        done.affected = None;
        assert!(render(&done, ROLLED, None).starts_with("done, and rolled back"));
    }
}
