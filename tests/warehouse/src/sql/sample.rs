//! The statement with which Snowgate looks at a table's values: `WITH snowgate_sample AS (SELECT "A" AS c0, ... FROM t LIMIT n)
//! SELECT count(*), ...`. What follows the bracket is not read: it is known what it asks.

use super::words::Words;
use super::{Plan, SqlError, World};
use crate::result::{Column, ResultSet, StatementType};

/// Distinct values of a column.
const VALUES_MAX: usize = 3;

pub(super) fn sample(words: &mut Words<'_>) -> Result<Plan, SqlError> {
    let names = words.list(|words| {
        let name = words.name()?;
        words.expect("as")?;
        words.name()?;
        Ok(name)
    })?;
    words.expect("from")?;
    let parts = words.parts()?;
    words.expect("limit")?;
    let limit = words.number()?;
    words.expect(")")?;
    words.skip_rest();
    let action = move |world: &mut World<'_>| {
        let (name, relation) = world.relation(&parts)?;
        let mut rows = world.rows(&name, relation);
        rows.truncate(limit);
        let mut cells = vec![Some(rows.len().to_string())];
        for name in &names {
            let at = relation.columns.iter().position(|column| column.name == *name);
            let at = at.ok_or_else(|| SqlError::invalid_identifier(1, 7, name))?;
            let values: Vec<&String> = rows.iter().filter_map(|row| row[at].as_ref()).collect();
            let mut distinct = values.clone();
            distinct.sort();
            distinct.dedup();
            let shown: Vec<&str> = distinct.iter().take(VALUES_MAX).map(|value| value.as_str()).collect();
            let end = |value: Option<&&String>| value.map(|value| (*value).clone());
            cells.extend([
                Some(values.len().to_string()),
                end(distinct.first()),
                end(distinct.last()),
                (!shown.is_empty()).then(|| shown.join("\u{1f}")),
            ]);
        }
        let columns = (0..cells.len()).map(|at| Column::text(&format!("C{at}"))).collect();
        Ok(ResultSet::listed(StatementType::Select, columns, vec![cells]))
    };
    Ok(Plan { needs_warehouse: true, ..Plan::metadata(action) })
}
