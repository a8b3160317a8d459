//! The one semantic view that there is, and `SELECT * FROM SEMANTIC_VIEW(...)` of it.

use super::words::Words;
use super::{Plan, SqlError, World};
use crate::result::{Column, ResultSet, StatementType};

/// Its full name.
pub(super) const NAME: [&str; 3] = ["SALES", "PUBLIC", "ORDER_METRICS"];

/// What is said of it.
pub(super) const COMMENT: &str = "orders by customer";

/// Its parts as `DESCRIBE SEMANTIC VIEW` has them: kind, name, parent, property, value.
const PARTS: &[[&str; 5]] = &[
    ["", "", "", "COMMENT", COMMENT],
    ["TABLE", "ORDERS", "", "BASE_TABLE_DATABASE_NAME", "SALES"],
    ["TABLE", "ORDERS", "", "BASE_TABLE_SCHEMA_NAME", "PUBLIC"],
    ["TABLE", "ORDERS", "", "BASE_TABLE_NAME", "ORDERS"],
    ["TABLE", "ORDERS", "", "PRIMARY_KEY", "[\"ID\"]"],
    ["DIMENSION", "CUSTOMER", "ORDERS", "TABLE", "ORDERS"],
    ["DIMENSION", "CUSTOMER", "ORDERS", "EXPRESSION", "orders.customer"],
    ["DIMENSION", "CUSTOMER", "ORDERS", "DATA_TYPE", "VARCHAR(16777216)"],
    ["METRIC", "TOTAL", "ORDERS", "TABLE", "ORDERS"],
    ["METRIC", "TOTAL", "ORDERS", "EXPRESSION", "SUM(orders.amount)"],
    ["METRIC", "TOTAL", "ORDERS", "DATA_TYPE", "NUMBER(24,2)"],
];

pub(super) fn describe(words: &mut Words<'_>) -> Result<Plan, SqlError> {
    let parts = words.parts()?;
    let action = move |world: &mut World<'_>| {
        check(&parts, world)?;
        let cell = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let rows = PARTS.iter().map(|row| row.map(cell).to_vec()).collect();
        let columns = ["object_kind", "object_name", "parent_entity", "property", "property_value"];
        Ok(ResultSet::listed(StatementType::Describe, columns.map(Column::text).into(), rows))
    };
    Ok(Plan::metadata(action))
}

/// What follows `SELECT * FROM SEMANTIC_VIEW(`: whatever is asked for, the same row.
pub(super) fn select(words: &mut Words<'_>) -> Result<Plan, SqlError> {
    let parts = words.parts()?;
    words.skip_rest();
    let action = move |world: &mut World<'_>| {
        check(&parts, world)?;
        let rows = vec![vec![Some("Ada".to_owned()), Some("120.50".to_owned())]];
        let columns = ["CUSTOMER", "TOTAL"].map(Column::text).into();
        Ok(ResultSet::listed(StatementType::Select, columns, rows))
    };
    Ok(Plan { needs_warehouse: true, ..Plan::metadata(action) })
}

fn check(parts: &[String], world: &World<'_>) -> Result<(), SqlError> {
    let (database, schema, name) = world.full_name(parts)?;
    if [database.as_str(), schema.as_str(), name.as_str()] == NAME {
        return Ok(());
    }
    Err(SqlError::unknown_object("Semantic View", &parts.join(".")))
}
