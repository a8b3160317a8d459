//! What the values of a table's columns are like: one statement that looks at its first rows, and what it returns. Pure.
//!
//! The statement has a row of four cells for each column: values that are not NULL, the least, the greatest, and a few
//! distinct ones. Its text is made of stored names in quotes alone.

use sql_gate::Dialect;

use super::describe_table::{quoted, rebuilt};
use crate::backend::{Cell, Collector, Completion};

/// Rows that are looked at, at most.
pub(super) const ROWS_MAX: u64 = 10_000;

/// Columns that are looked at, at most.
const COLUMNS_MAX: usize = 100;

/// Distinct values that are shown of a column, at most.
const VALUES_MAX: usize = 3;

/// A value is cut to this many characters.
const VALUE_CHARS_MAX: usize = 40;

/// The name of the rows that are looked at: none that a view in a file is likely to use.
const ROWS: &str = "snowgate_sample";

/// Stands between values.
const SEPARATOR: char = '\u{1f}';

/// What is asked of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// Everything.
    All,
    /// Not its range: values have no order.
    Values,
    /// Only how many there are.
    Count,
}

/// The statement that looks at `columns`, as they are described, of the table `name`; `None`: there are none.
pub(super) fn statement(name: &str, columns: &Collector, dialect: Dialect) -> Option<String> {
    let described: Vec<(String, Look)> = columns
        .rows()
        .take(COLUMNS_MAX)
        .filter_map(|mut row| {
            let column = row.next()??;
            Some((quoted(column), look(row.next().flatten().unwrap_or_default(), dialect)))
        })
        .collect();
    if described.is_empty() {
        return None;
    }
    let named: Vec<String> =
        described.iter().enumerate().map(|(at, (column, _))| format!("{column} AS c{at}")).collect();
    let mut cells = vec!["count(*)".to_owned()];
    for (at, (_, look)) in described.iter().enumerate() {
        let column = format!("c{at}");
        cells.extend(match dialect {
            Dialect::Sqlite => sqlite_cells(&column),
            Dialect::Snowflake => snowflake_cells(&column, *look),
        });
    }
    let hint = if dialect == Dialect::Sqlite { "MATERIALIZED " } else { "" };
    Some(format!(
        "WITH {ROWS} AS {hint}(SELECT {} FROM {name} LIMIT {ROWS_MAX}) SELECT {} FROM {ROWS}",
        named.join(", "),
        cells.join(", ")
    ))
}

/// What can be asked of a column of this type.
fn look(data_type: &str, dialect: Dialect) -> Look {
    const ORDERED: [&str; 12] = [
        "NUMBER", "DECIMAL", "INT", "FLOAT", "DOUBLE", "REAL", "DECFLOAT", "VARCHAR", "TEXT", "DATE", "TIME",
        "CHAR",
    ];
    const LOOSE: [&str; 5] = ["BOOLEAN", "VARIANT", "OBJECT", "ARRAY", "MAP"];
    let begins = |names: &[&str]| names.iter().any(|name| data_type.to_ascii_uppercase().starts_with(name));
    match dialect {
        Dialect::Sqlite => Look::All,
        Dialect::Snowflake if begins(&ORDERED) => Look::All,
        Dialect::Snowflake if begins(&LOOSE) => Look::Values,
        Dialect::Snowflake => Look::Count,
    }
}

fn sqlite_cells(column: &str) -> [String; 4] {
    let end = |function: &str| {
        format!(
            "iif(typeof({function}({column})) = 'blob', NULL, substr({function}({column}), 1, {VALUE_CHARS_MAX}))"
        )
    };
    let values = format!(
        "(SELECT group_concat(v, char({})) FROM (SELECT DISTINCT iif(typeof({column}) = 'blob', length({column}) || \
         ' bytes', substr({column}, 1, {VALUE_CHARS_MAX})) AS v FROM {ROWS} WHERE {column} IS NOT NULL LIMIT {VALUES_MAX}))",
        u32::from(SEPARATOR)
    );
    [format!("count({column})"), end("min"), end("max"), values]
}

fn snowflake_cells(column: &str, look: Look) -> [String; 4] {
    let null = || "NULL".to_owned();
    let end = |function: &str| match look {
        Look::All => format!("LEFT(TO_VARCHAR({function}({column})), {VALUE_CHARS_MAX})"),
        Look::Values | Look::Count => null(),
    };
    let text = match look {
        Look::Values => format!("TO_JSON(TO_VARIANT({column}))"),
        Look::All | Look::Count => format!("TO_VARCHAR({column})"),
    };
    let values = match look {
        Look::Count => null(),
        Look::All | Look::Values => format!(
            "ARRAY_TO_STRING(ARRAY_SLICE(ARRAY_UNIQUE_AGG(LEFT({text}, {VALUE_CHARS_MAX})), 0, {VALUES_MAX}), CHR({}))",
            u32::from(SEPARATOR)
        ),
    };
    [format!("COUNT({column})"), end("MIN"), end("MAX"), values]
}

/// What the statement returned.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sample {
    rows: u64,
    columns: Vec<SampledColumn>,
    /// Columns that were not looked at.
    left_out: usize,
}

#[derive(Debug, PartialEq, Eq)]
struct SampledColumn {
    nulls: u64,
    least: Cell,
    greatest: Cell,
    values: Vec<String>,
}

impl Sample {
    /// Reads the row, of a table with so many columns; `None`: it is none.
    pub(super) fn of(rows: &Collector, columns: usize) -> Option<Self> {
        let mut row = rows.rows().next()?;
        let count: u64 = row.next()??.parse().ok()?;
        let cells: Vec<Option<&str>> = row.collect();
        let sampled = cells.chunks_exact(4).map(|cells| SampledColumn {
            nulls: count.saturating_sub(cells[0].and_then(|cell| cell.parse().ok()).unwrap_or(0)),
            least: cells[1].map(str::to_owned),
            greatest: cells[2].map(str::to_owned),
            values: cells[3]
                .into_iter()
                .flat_map(|values| values.split(SEPARATOR))
                .map(str::to_owned)
                .collect(),
        });
        let sampled: Vec<SampledColumn> = sampled.collect();
        Some(Self { rows: count, left_out: columns.saturating_sub(sampled.len()), columns: sampled })
    }

    /// Of which rows it is.
    pub(super) fn said(&self) -> String {
        let rows = match self.rows {
            ROWS_MAX.. => format!("values: of {ROWS_MAX} rows, not all"),
            1 => "values: of the only row".to_owned(),
            rows => format!("values: of all {rows} rows"),
        };
        match self.left_out {
            0 => rows,
            left => format!("{rows}; without the last {left} columns"),
        }
    }

    /// The described columns, with what is known of their values.
    pub(super) fn beside(&self, described: Completion) -> Completion {
        let mut columns = described.rows.columns().to_vec();
        columns.extend(["nulls", "min", "max", "values"].map(str::to_owned));
        let mut sampled = self.columns.iter();
        let rows = described.rows.to_rows().into_iter().map(|mut row| {
            row.extend(sampled.next().map_or_else(|| vec![None; 4], |column| self.cells(column)));
            row
        });
        let rows = rebuilt(&described.rows, columns, rows);
        Completion { rows, ..described }
    }

    fn cells(&self, column: &SampledColumn) -> Vec<Cell> {
        let values = (!column.values.is_empty()).then(|| column.values.join(", "));
        vec![Some(share(column.nulls, self.rows)), column.least.clone(), column.greatest.clone(), values]
    }
}

/// "12%"
fn share(part: u64, whole: u64) -> String {
    match (part, whole) {
        (0, _) | (_, 0) => "0%".to_owned(),
        (part, whole) if part < whole && part * 100 / whole == 0 => "<1%".to_owned(),
        (part, whole) => format!("{}%", part * 100 / whole),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Caps;

    fn collector(rows: &[&[Option<&str>]]) -> Collector {
        let mut collector = Collector::new(Caps { rows_max: 999, bytes_max: 1 << 20, count_rows_max: 0 });
        collector.set_columns(vec!["x".to_owned(); rows.first().map_or(0, |row| row.len())]);
        for row in rows {
            collector.push(row.iter().map(|cell| cell.map(str::to_owned)).collect());
        }
        collector
    }

    #[test]
    fn names_are_quoted_and_nothing_else_is_text_of_the_table() {
        let columns = collector(&[&[Some("a\"; drop table t; --"), Some("TEXT")]]);
        for dialect in [Dialect::Sqlite, Dialect::Snowflake] {
            let sql = statement("\"d\".\"t\"", &columns, dialect).unwrap();
            assert!(
                sql.contains("(SELECT \"a\"\"; drop table t; --\" AS c0 FROM \"d\".\"t\" LIMIT 10000)"),
                "{sql}"
            );
            let read = sql_gate::read(&sql, dialect);
            assert_eq!(
                (read.class, read.not_understood, read.is_chain),
                (sql_gate::Class::Read, None, false),
                "{sql}"
            );
        }
        assert_eq!(statement("t", &collector(&[]), Dialect::Sqlite), None);
    }

    #[test]
    fn a_type_without_order_has_no_range() {
        let columns = collector(&[&[Some("A"), Some("VARIANT")], &[Some("B"), Some("GEOGRAPHY")]]);
        let sql = statement("T", &columns, Dialect::Snowflake).unwrap();
        assert!(!sql.contains("MIN(") && sql.contains("TO_JSON(TO_VARIANT(c0))"), "{sql}");
        assert!(sql.contains("COUNT(c1), NULL, NULL, NULL"), "{sql}");
    }

    #[test]
    fn what_is_returned_is_said_of_each_column() {
        let row =
            [Some("200"), Some("199"), Some("1"), Some("9"), Some("1\u{1f}9"), Some("0"), None, None, None];
        let sample = Sample::of(&collector(&[&row]), 3).unwrap();
        assert_eq!(sample.said(), "values: of all 200 rows; without the last 1 columns");
        let text = |value: &str| Some(value.to_owned());
        assert_eq!(sample.cells(&sample.columns[0]), [text("<1%"), text("1"), text("9"), text("1, 9")]);
        assert_eq!(sample.cells(&sample.columns[1]), [text("100%"), None, None, None]);
        assert_eq!(Sample::of(&collector(&[]), 1), None);
    }

    #[test]
    fn columns_are_bounded() {
        let row: &[Option<&str>] = &[Some("a"), Some("INT")];
        let sql = statement("t", &collector(&vec![row; 300]), Dialect::Sqlite).unwrap();
        assert!(sql.contains("count(c99)") && !sql.contains("count(c100)"));
    }
}
