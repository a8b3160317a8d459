//! Statements that change what there is: rows and tables.

use super::expression::Expression;
use super::tokens::Token;
use super::words::Words;
use super::{Outcome, Plan, SqlError, World};
use crate::catalog::{ColumnDefinition, Relation, RelationKind, Row};
use crate::result::{Column, ResultSet, StatementType};

/// `INSERT INTO table [(columns)] VALUES (...), ...`. Nothing keeps a key out that is there already: a
/// statement that is carried out twice leaves two rows.
pub(super) fn insert(words: &mut Words<'_>) -> Result<Plan, SqlError> {
    let into = words.parts()?;
    if words.accept("(") {
        words.list(Words::name)?;
        words.expect(")")?;
    }
    words.expect("values")?;
    let rows = words.list(|words| {
        words.expect("(")?;
        let row = words.list(Expression::read)?;
        words.expect(")")?;
        Ok(row)
    })?;
    let mut waits = Vec::new();
    for expression in rows.iter().flatten() {
        waits.extend(expression.waits()?);
    }
    let action = move |world: &mut World<'_>| insert_rows(world, &into, &rows).map(Outcome::Rows);
    Ok(Plan { waits, needs_warehouse: true, changes: true, action: Box::new(action) })
}

fn insert_rows(
    world: &mut World<'_>,
    into: &[String],
    rows: &[Vec<Expression>],
) -> Result<ResultSet, SqlError> {
    let (name, relation) = world.relation(into)?;
    let width = relation.columns.len();
    if let Some(row) = rows.iter().find(|row| row.len() != width) {
        let message = format!(
            "SQL compilation error:\nInsert value list does not match column list expecting {width} but got {}",
            row.len()
        );
        return Err(SqlError::new("002020", "21S01", message));
    }
    let value = |expression: &Expression| expression.value("", world).map(|(_, value)| value);
    let values: Vec<Row> =
        rows.iter().map(|row| row.iter().map(value).collect()).collect::<Result<_, _>>()?;
    let count = values.len().to_string();
    world.insert(&name, values);
    let column = Column::new("number of rows inserted", "fixed");
    Ok(ResultSet::listed(StatementType::Insert, vec![column], vec![vec![Some(count)]]))
}

/// `CREATE [OR REPLACE] [TEMPORARY | TEMP] TABLE [IF NOT EXISTS] name (column type, ...)`.
pub(super) fn create(words: &mut Words<'_>) -> Result<Plan, SqlError> {
    let replace = words.accept_all(&["or", "replace"]);
    let temporary = words.accept("temporary") || words.accept("temp");
    words.expect("table")?;
    let keep = words.accept_all(&["if", "not", "exists"]);
    let parts = words.parts()?;
    words.expect("(")?;
    let columns = words.list(column)?;
    words.expect(")")?;
    let kind = if temporary { RelationKind::Temporary } else { RelationKind::Table };
    let table = Relation { kind, ..Relation::table(columns, Vec::new()) };
    Ok(Plan::change(move |world| create_table(world, &parts, table, replace, keep)))
}

/// A column's name and type, with `NOT NULL` and `PRIMARY KEY`.
fn column(words: &mut Words<'_>) -> Result<ColumnDefinition, SqlError> {
    let name = words.name()?;
    let start = words.here();
    words.name()?;
    if words.accept("(") {
        words.list(Words::next)?;
        words.expect(")")?;
    }
    let data_type = full_type(words.since(start));
    let mut column = ColumnDefinition::new(&name, &data_type);
    loop {
        if words.accept_all(&["not", "null"]) {
            column.nullable = false;
        } else if words.accept_all(&["primary", "key"]) {
            column = column.as_key();
        } else if let Some(Token::Word(_)) = words.peek() {
            return Err(words.unexpected());
        } else {
            return Ok(column);
        }
    }
}

/// A type as `DESCRIBE` shows it: its usual name, with its numbers.
fn full_type(written: &str) -> String {
    let upper = written.to_uppercase();
    match upper.as_str() {
        "INT" | "INTEGER" | "BIGINT" | "NUMBER" => "NUMBER(38,0)".into(),
        "STRING" | "TEXT" | "VARCHAR" => "VARCHAR(16777216)".into(),
        "TIMESTAMP" | "TIMESTAMP_NTZ" => "TIMESTAMP_NTZ(9)".into(),
        _ => upper.replace(' ', ""),
    }
}

fn create_table(
    world: &mut World<'_>,
    parts: &[String],
    table: Relation,
    replace: bool,
    keep: bool,
) -> Result<ResultSet, SqlError> {
    let name = world.full_name(parts)?;
    // As in the service: what defines something commits what was open.
    world.commit();
    let temporary = table.kind == RelationKind::Temporary;
    let schema = world.catalog.schema_mut(&name.0, &name.1)?;
    let exists = if temporary {
        world.session.temporary.contains_key(&name)
    } else {
        schema.relations.contains_key(&name.2)
    };
    if exists && keep {
        let text = format!("{} already exists, statement succeeded.", name.2);
        return Ok(ResultSet::status(StatementType::Define, &text));
    }
    if exists && !replace {
        return Err(SqlError::object_exists(&parts.join(".")));
    }
    let text = format!("Table {} successfully created.", name.2);
    if temporary {
        world.session.temporary.insert(name, table);
    } else {
        schema.relations.insert(name.2, table);
    }
    Ok(ResultSet::status(StatementType::Define, &text))
}

pub(super) fn drop_table(words: &mut Words<'_>) -> Result<Plan, SqlError> {
    let keep = words.accept_all(&["if", "exists"]);
    let parts = words.parts()?;
    Ok(Plan::change(move |world| {
        let name = world.full_name(&parts)?;
        world.commit();
        let gone = world.session.temporary.remove(&name).is_some()
            || world.catalog.schema_mut(&name.0, &name.1)?.relations.remove(&name.2).is_some();
        if !gone && !keep {
            return Err(SqlError::unknown_object("Table", &parts.join(".")));
        }
        Ok(ResultSet::status(StatementType::Define, &format!("{} successfully dropped.", name.2)))
    }))
}
