//! `SELECT`, in a few forms: of values, of a relation's columns, of generated rows, of an earlier result.

use super::expression::{Expression, Typed};
use super::functions::Call;
use super::relations::{Items, from_relation};
use super::tokens::Token;
use super::words::Words;
use super::{Outcome, Plan, SqlError, World};
use crate::result::{Column, Encoding, KeyForm, Paging, ResultSet, Rows, StatementType};

/// A value of the list, and what it is called.
#[derive(Clone, Debug)]
pub(super) struct Item {
    expression: Expression,
    name: String,
}

pub(super) fn select(words: &mut Words<'_>) -> Result<Plan, SqlError> {
    if let Some(plan) = of_relation(words)? {
        return Ok(plan);
    }
    let items = words.list(item)?;
    if words.accept("from") {
        return from_function(words);
    }
    values(items)
}

fn item(words: &mut Words<'_>) -> Result<Item, SqlError> {
    let start = words.here();
    let expression = Expression::read(words)?;
    let shown = words.since(start).to_uppercase();
    let named = words.accept("as") || (matches!(words.peek(), Some(Token::Word(_))) && !words.is("from"));
    let name = if named { words.name()? } else { shown };
    Ok(Item { expression, name })
}

/// A list that only a relation can give: `*`, `count(*)`, or names.
fn of_relation(words: &mut Words<'_>) -> Result<Option<Plan>, SqlError> {
    let Some(items) = Items::read(words)? else { return Ok(None) };
    words.expect("from")?;
    if words.is("table") {
        return from_function(words).map(Some);
    }
    from_relation(items, words).map(Some)
}

/// One row of values.
fn values(items: Vec<Item>) -> Result<Plan, SqlError> {
    let mut waits = Vec::new();
    for item in &items {
        waits.extend(item.expression.waits()?);
    }
    // Time passes in a warehouse.
    let needs_warehouse = !waits.is_empty();
    let action = move |world: &mut World<'_>| {
        let values: Vec<Typed> =
            items.iter().map(|item| item.expression.value(&item.name, world)).collect::<Result<_, _>>()?;
        let (columns, row) = values.into_iter().unzip();
        Ok(ResultSet::listed(StatementType::Select, columns, vec![row]))
    };
    Ok(Plan { waits, needs_warehouse, ..Plan::metadata(action) })
}

/// `table(generator(...))`, `table(result_scan(...))`.
fn from_function(words: &mut Words<'_>) -> Result<Plan, SqlError> {
    words.expect("table")?;
    words.expect("(")?;
    let Expression::Call(call) = Expression::read(words)? else { return Err(words.unexpected()) };
    words.expect(")")?;
    match call.name.as_str() {
        "GENERATOR" => generator(&call),
        "RESULT_SCAN" => result_scan(&call),
        _ => Err(SqlError::unknown_function(&call.name)),
    }
}

/// `generator(rowcount => N [, chunks => K, inline => ROWS, text => CHARACTERS, encoding => 'gzip' |
/// 'bare_gzip' | 'plain', key => 'headers' | 'qrmk' | 'both'])`: the column `N` from 0, and a column `TEXT`
/// if it has characters.
fn generator(call: &Call) -> Result<Plan, SqlError> {
    let number = |name, usual| match call.named(name) {
        Some(text) => text.parse().map_err(|_| SqlError::arguments(&call.name)),
        None => Ok(usual),
    };
    let (count, text, chunks) = (number("ROWCOUNT", 0)?, number("TEXT", 0)?, number("CHUNKS", 0)?);
    let inline = if chunks == 0 { count } else { number("INLINE", 0)?.min(count) };
    let encoding = match call.named("ENCODING").as_deref() {
        None | Some("gzip") => Encoding::Gzip,
        Some("bare_gzip") => Encoding::UnlabelledGzip,
        Some("plain") => Encoding::Plain,
        Some(_) => return Err(SqlError::arguments(&call.name)),
    };
    let key = match call.named("KEY").as_deref() {
        None | Some("headers") => KeyForm::Headers,
        Some("qrmk") => KeyForm::Qrmk,
        Some("both") => KeyForm::Both,
        Some(_) => return Err(SqlError::arguments(&call.name)),
    };
    let mut columns = vec![Column::new("N", "fixed")];
    if text > 0 {
        columns.push(Column::text("TEXT"));
    }
    let result = ResultSet {
        statement_type: StatementType::Select,
        columns,
        rows: Rows::Counted { count, text }.into(),
        paging: Paging { inline, chunks, encoding, key },
    };
    Ok(Plan { needs_warehouse: true, ..Plan::metadata(move |_| Ok(result)) })
}

/// `result_scan('ID')`, `result_scan(last_query_id())`.
fn result_scan(call: &Call) -> Result<Plan, SqlError> {
    let argument = call.arguments.first().ok_or_else(|| SqlError::arguments(&call.name))?.clone();
    let action = move |world: &mut World<'_>| {
        let id = argument.value.value("", world)?.1.unwrap_or_default();
        match world.queries.outcome(&id) {
            Some(Ok(Outcome::Rows(result))) => {
                Ok(ResultSet { statement_type: StatementType::Select, ..result.clone() })
            }
            Some(Err(error)) => Err(error.clone()),
            _ => Err(SqlError::new("000709", "02000", format!("Statement {id} not found"))),
        }
    };
    Ok(Plan::metadata(action))
}
