//! The rows of a result, listed or made on the fly.

use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;

use super::{Column, Paging};
use crate::catalog::Row;

/// The kinds of statements, as the service numbers them.
///
/// Source: the statement types of the official JDBC and Go drivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum StatementType {
    Select = 0x1000,
    Insert = 0x3100,
    AlterSession = 0x4100,
    Use = 0x4300,
    Show = 0x4400,
    Describe = 0x4500,
    Begin = 0x5100,
    Commit = 0x5200,
    Rollback = 0x5300,
    Define = 0x6000,
}

/// Rows.
#[derive(Clone, Debug)]
pub(crate) enum Rows {
    /// As they are.
    Listed(Vec<Row>),
    /// The numbers from 0, each with a text of so many characters beside it if that is not 0.
    Counted { count: usize, text: usize },
}

/// What a query gives.
#[derive(Clone, Debug)]
pub(crate) struct ResultSet {
    pub(crate) statement_type: StatementType,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Arc<Rows>,
    pub(crate) paging: Paging,
}

impl ResultSet {
    /// A result whose rows all stand in the answer.
    pub(crate) fn listed(statement_type: StatementType, columns: Vec<Column>, rows: Vec<Row>) -> Self {
        let paging = Paging::inline(rows.len());
        Self { statement_type, columns, rows: Arc::new(Rows::Listed(rows)), paging }
    }

    /// One row of one text: what a statement gives that has nothing else to say.
    pub(crate) fn status(statement_type: StatementType, text: &str) -> Self {
        Self::listed(statement_type, vec![Column::text("status")], vec![vec![Some(text.to_owned())]])
    }
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Listed(rows) => rows.len(),
            Self::Counted { count, .. } => *count,
        }
    }

    /// The rows of `range`, each as JSON, with commas between and no brackets around.
    pub(crate) fn json(&self, range: Range<usize>) -> String {
        match self {
            Self::Listed(rows) => {
                let texts: Vec<String> =
                    rows[range].iter().map(|row| serde_json::Value::from(row.clone()).to_string()).collect();
                texts.join(",")
            }
            Self::Counted { text, .. } => counted(range, *text),
        }
    }
}

fn counted(range: Range<usize>, text: usize) -> String {
    let filler = "x".repeat(text);
    let mut json = String::with_capacity(range.len() * (text + 16));
    for number in range {
        if !json.is_empty() {
            json.push(',');
        }
        // Writing to a string cannot fail.
        let _ = if text == 0 {
            write!(json, "[\"{number}\"]")
        } else {
            write!(json, "[\"{number}\",\"{filler}\"]")
        };
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_json_without_brackets() {
        let rows =
            Rows::Listed(vec![vec![Some("a\"".into()), None], vec![Some("ü".into()), Some(String::new())]]);
        assert_eq!(rows.json(0..2), "[\"a\\\"\",null],[\"ü\",\"\"]");
        assert_eq!(Rows::Counted { count: 9, text: 0 }.json(3..5), "[\"3\"],[\"4\"]");
        assert_eq!(Rows::Counted { count: 9, text: 2 }.json(8..9), "[\"8\",\"xx\"]");
        assert_eq!(rows.json(0..0), "");
    }
}
