//! `DESCRIBE TABLE`, `DESCRIBE VIEW`, `DESCRIBE SEMANTIC VIEW`.

use super::words::Words;
use super::{Plan, SqlError, World};
use crate::catalog::{ColumnDefinition, Row};
use crate::result::{Column, ResultSet, StatementType};

const COLUMNS: [&str; 11] = [
    "name",
    "type",
    "kind",
    "null?",
    "default",
    "primary key",
    "unique key",
    "check",
    "expression",
    "comment",
    "policy name",
];

pub(super) fn describe(words: &mut Words<'_>) -> Result<Plan, SqlError> {
    if words.accept_all(&["semantic", "view"]) {
        return super::semantic::describe(words);
    }
    let view = words.accept("view");
    if !view {
        words.expect("table")?;
    }
    let parts = words.parts()?;
    let action = move |world: &mut World<'_>| {
        let (_, relation) = world.relation(&parts)?;
        // A view may be described as a table, but no table as a view.
        if view && !relation.is_view() {
            return Err(SqlError::unknown_object("View", &parts.join(".")));
        }
        let rows = relation.columns.iter().map(row).collect();
        Ok(ResultSet::listed(StatementType::Describe, COLUMNS.map(Column::text).into(), rows))
    };
    Ok(Plan::metadata(action))
}

fn row(column: &ColumnDefinition) -> Row {
    let yes = |yes: bool| Some(if yes { "Y" } else { "N" }.to_owned());
    let mut row = vec![None; COLUMNS.len()];
    row[0] = Some(column.name.clone());
    row[1] = Some(column.data_type.clone());
    row[2] = Some("COLUMN".into());
    row[3] = yes(column.nullable);
    row[5] = yes(column.key);
    row[6] = yes(false);
    row[9] = Some(column.comment.clone()).filter(|comment| !comment.is_empty());
    row
}
