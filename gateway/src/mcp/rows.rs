//! Results as JSON, for programs: values with their types, and what is missing as fields.
//!
//! The text is one document of which each row is a line of its own, so that what makes another format of it need not
//! hold it parsed. What is said of the rows stands before them:
//!
//! ```json
//! {"columns":[{"name":"id","type":"integer"}],"row_count":2,"truncated":false,"rows":[
//! [1],
//! [null]
//! ]}
//! ```
//!
//! How a value is written: `rows/json`.

use serde_json::{Value, json};

use super::kept::Rest;
use super::table::{self, Source};
use crate::backend::{CellKind, Collector, Completion, Cut};
use crate::rows::write_json_value;

/// How the text of bytes ends of which not all are shown.
const BYTES_CUT: &str = " bytes)";

/// The document of a result of `source`; `definition`: the SQL of the view that its rows describe.
pub(super) fn render(
    done: &Completion,
    source: Source,
    definition: Option<&str>,
    rest: Option<&Rest>,
) -> String {
    let rows = &done.rows;
    let mut text = String::with_capacity(usize::try_from(rows.bytes()).unwrap_or(0) * 3 / 2 + 512);
    text.push_str("{\"columns\":");
    text.push_str(&columns(rows).to_string());
    for (name, value) in about(done, source, definition, rest) {
        text.push_str(&format!(",\"{name}\":{value}"));
    }
    write_rows(&mut text, rows);
    text
}

fn write_rows(text: &mut String, rows: &Collector) {
    text.push_str(",\"rows\":[");
    for (at, row) in rows.typed_rows().enumerate() {
        text.push_str(if at == 0 { "\n[" } else { ",\n[" });
        for (at, (kind, cell)) in row.enumerate() {
            if at > 0 {
                text.push(',');
            }
            write_json_value(text, kind, cell);
        }
        text.push(']');
    }
    text.push_str(if rows.row_count() == 0 { "]}" } else { "\n]}" });
}

/// A page of kept rows, those behind the first `offset`.
pub(super) fn page(done: &Completion, offset: u64, rest: &Rest) -> String {
    let mut text = String::from("{\"columns\":");
    text.push_str(&columns(&done.rows).to_string());
    let about = [
        ("row_count", json!(done.rows.row_count())),
        ("offset", json!(offset)),
        ("handle", json!(rest.handle.as_str())),
        ("rows_kept", json!(rest.rows.rows)),
        ("rows_kept_all", json!(rest.rows.is_whole)),
        ("note", json!(table::page_footer(&done.rows, offset, rest))),
    ];
    for (name, value) in about {
        text.push_str(&format!(",\"{name}\":{value}"));
    }
    write_rows(&mut text, &done.rows);
    text
}

/// What is said of the rows.
fn about(
    done: &Completion,
    source: Source,
    definition: Option<&str>,
    rest: Option<&Rest>,
) -> Vec<(&'static str, Value)> {
    let rows = &done.rows;
    let shortened = rows.shortened() + rows.unread() + bytes_cut(rows);
    let is_truncated = rows.cut() != Cut::Nothing || rows.columns_cut() > 0 || shortened > 0;
    let mut about = vec![("row_count", json!(rows.row_count())), ("truncated", json!(is_truncated))];
    match rows.cut() {
        Cut::Nothing => {}
        Cut::Rows(more) => about.push(("more_rows", json!(more))),
        Cut::AtLeast(more) => about.extend([("more_rows", json!(more)), ("more_rows_at_least", json!(true))]),
    }
    let counts = [
        ("columns_left_out", rows.columns_cut() as u64),
        ("values_shortened", shortened),
        ("values_not_utf8", rows.malformed()),
    ];
    about
        .extend(counts.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name, json!(count))));
    if let Some(changed) = done.affected {
        about.push(("rows_changed", json!(changed)));
    }
    if source == (Source::Statement { is_rolled_back: true }) {
        about.push(("rolled_back", json!(true)));
    }
    if let Some(query_id) = &done.query_id {
        about.push(("query_id", json!(query_id)));
    }
    if let Some(definition) = definition {
        about.push(("definition", json!(definition)));
    }
    if let Some(rest) = rest {
        about.extend([("handle", json!(rest.handle.as_str())), ("rows_kept", json!(rest.rows.rows))]);
        about.push(("rows_kept_all", json!(rest.rows.is_whole)));
    }
    about.push(("note", json!(table::note(done, source, rest))));
    about
}

/// Values of bytes of which not all are shown: nothing else says so.
fn bytes_cut(rows: &Collector) -> u64 {
    let cells = rows.typed_rows().flatten();
    cells.filter(|(kind, cell)| *kind == CellKind::Bytes && cell.ends_with(BYTES_CUT)).count() as u64
}

fn columns(rows: &Collector) -> Value {
    let kinds = kinds(rows);
    let column = |(at, name): (usize, &String)| {
        let known = rows.column_type(at).map(|of| of.name.as_str());
        json!({"name": name, "type": known.or_else(|| kinds[at].and_then(type_name))})
    };
    rows.columns().iter().enumerate().map(column).collect()
}

/// What the values of each column have in common, NULL aside; `None`: there are none.
fn kinds(rows: &Collector) -> Vec<Option<Common>> {
    let mut kinds = vec![None; rows.columns().len()];
    for row in rows.typed_rows() {
        for (common, (kind, cell)) in kinds.iter_mut().zip(row) {
            let seen = match kind {
                CellKind::Null => continue,
                CellKind::Number if !cell.contains('.') => Common::Integer,
                CellKind::Malformed => Common::Kind(CellKind::Text),
                other => Common::Kind(other),
            };
            *common = match common {
                None => Some(seen),
                Some(before) if *before == seen => continue,
                Some(before) if before.is_number() && seen.is_number() => {
                    Some(Common::Kind(CellKind::Number))
                }
                Some(_) => Some(Common::Mixed),
            };
        }
    }
    kinds
}

/// What the values of a column are of which the backend says nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Common {
    Integer,
    Kind(CellKind),
    Mixed,
}

impl Common {
    fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Kind(CellKind::Number | CellKind::Real))
    }
}

/// The words of SQLite's `typeof`, and of what they have in common.
fn type_name(common: Common) -> Option<&'static str> {
    match common {
        Common::Integer => Some("integer"),
        Common::Mixed => Some("any"),
        Common::Kind(CellKind::Null) => None,
        Common::Kind(CellKind::Text | CellKind::Malformed) => Some("text"),
        Common::Kind(CellKind::Number) => Some("numeric"),
        Common::Kind(CellKind::Real) => Some("real"),
        Common::Kind(CellKind::Boolean) => Some("boolean"),
        Common::Kind(CellKind::Bytes) => Some("blob"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Caps, ColumnType};

    const STATEMENT: Source = Source::Statement { is_rolled_back: false };

    fn completion(rows: Collector) -> Completion {
        Completion::of_rows(rows)
    }

    fn collector(rows_max: u64, columns: &[&str]) -> Collector {
        let mut rows = Collector::new(Caps { rows_max, bytes_max: 10_000, count_rows_max: 5 });
        rows.set_columns(columns.iter().map(|name| (*name).to_owned()).collect());
        rows
    }

    fn read(done: &Completion, source: Source) -> Value {
        serde_json::from_str(&render(done, source, None, None)).unwrap()
    }

    #[test]
    fn values_keep_their_types_and_each_row_is_a_line() {
        let mut rows = collector(9, &["a", "b", "c"]);
        for number in [1, 2] {
            let mut row = rows.begin_row();
            row.format(CellKind::Number, format_args!("{number}"));
            row.text("x\ny\"|\u{1}");
            row.null();
            row.end(0);
        }
        let text = render(&completion(rows), STATEMENT, None, None);
        assert_eq!(text.lines().count(), 4, "{text}");
        assert_eq!(text.lines().nth(1), Some("[1,\"x\\ny\\\"|\\u0001\",null],"));
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["rows"][1], json!([2, "x\ny\"|\u{1}", null]));
        let types: Vec<&Value> = (0..3).map(|at| &read["columns"][at]["type"]).collect();
        assert_eq!(types, [&json!("integer"), &json!("text"), &Value::Null]);
        assert_eq!((&read["row_count"], &read["truncated"]), (&json!(2), &json!(false)));
    }

    #[test]
    fn the_backends_types_are_said_and_decide() {
        let mut rows = collector(9, &["n", "b", "t"]);
        let of = |name: &str, kind| Some(ColumnType { name: name.to_owned(), kind });
        rows.set_types(vec![
            of("NUMBER(38,0)", CellKind::Number),
            of("BOOLEAN", CellKind::Boolean),
            of("VARCHAR(16)", CellKind::Text),
        ]);
        rows.push(vec![Some("5".into()), Some("true".into()), Some("5".into())]);
        let read = read(&completion(rows), STATEMENT);
        assert_eq!(read["rows"], json!([[5, true, "5"]]));
        assert_eq!(read["columns"][0], json!({"name": "n", "type": "NUMBER(38,0)"}));
    }

    #[test]
    fn what_is_missing_is_said_in_fields() {
        let mut rows = collector(1, &["a"]);
        for _ in 0..3 {
            rows.push(vec![Some("1".into())]);
        }
        let cut = read(&completion(rows), STATEMENT);
        assert_eq!((&cut["truncated"], &cut["more_rows"]), (&json!(true), &json!(2)));
        assert_eq!(cut.get("more_rows_at_least"), None);
        let mut rows = collector(1, &["a"]);
        for _ in 0..9 {
            rows.push(vec![Some("1".into())]);
        }
        assert_eq!(read(&completion(rows), STATEMENT)["more_rows_at_least"], true);
        let mut rows = collector(9, &["a"]);
        rows.push_shortened(vec![Some("xy... (999 bytes)".into())], 1);
        let cut = read(&completion(rows), STATEMENT);
        assert_eq!((&cut["truncated"], &cut["values_shortened"]), (&json!(true), &json!(1)));
    }

    #[test]
    fn bytes_are_digits_and_those_that_are_cut_are_counted() {
        let mut rows = collector(9, &["a", "b"]);
        let mut row = rows.begin_row();
        row.format(CellKind::Bytes, format_args!("X'00FF'"));
        row.format(CellKind::Bytes, format_args!("X'00..' (1000 bytes)"));
        row.end(0);
        let read = read(&completion(rows), STATEMENT);
        assert_eq!(read["rows"], json!([["00FF", "X'00..' (1000 bytes)"]]));
        assert_eq!((&read["truncated"], &read["values_shortened"]), (&json!(true), &json!(1)));
    }

    #[test]
    fn a_change_says_what_it_changed_and_has_no_rows() {
        let mut done = completion(Collector::new(Caps { rows_max: 1, bytes_max: 1, count_rows_max: 1 }));
        done.affected = Some(3);
        let read = read(&done, Source::Statement { is_rolled_back: true });
        assert_eq!((&read["rows_changed"], &read["rolled_back"]), (&json!(3), &json!(true)));
        assert_eq!((&read["columns"], &read["rows"]), (&json!([]), &json!([])));
        assert!(read["note"].as_str().unwrap().starts_with("3 rows changed, and rolled back"), "{read}");
    }
}
