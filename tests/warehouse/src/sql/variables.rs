//! Variables of a session: `SET`, `UNSET`.

use super::expression::Expression;
use super::words::Words;
use super::{Outcome, Plan, SqlError, World};
use crate::result::{ResultSet, StatementType};

const DONE: &str = "Statement executed successfully.";

/// `SET name = value`, `SET (name, ...) = (value, ...)`.
pub(super) fn set(words: &mut Words<'_>) -> Result<Plan, SqlError> {
    let (names, values) = if words.accept("(") {
        let names = words.list(Words::name)?;
        words.expect(")")?;
        words.expect("=")?;
        words.expect("(")?;
        let values = words.list(Expression::read)?;
        words.expect(")")?;
        (names, values)
    } else {
        let name = words.name()?;
        words.expect("=")?;
        (vec![name], vec![Expression::read(words)?])
    };
    let mut waits = Vec::new();
    for value in &values {
        waits.extend(value.waits()?);
    }
    let action = move |world: &mut World<'_>| {
        for (name, value) in names.into_iter().zip(&values) {
            let value = value.value("", world)?.1;
            world.session.variables.insert(name, value);
        }
        Ok(Outcome::Rows(ResultSet::status(StatementType::AlterSession, DONE)))
    };
    Ok(Plan { waits, needs_warehouse: false, changes: true, action: Box::new(action) })
}

/// `UNSET name`, `UNSET (name, ...)`.
pub(super) fn unset(words: &mut Words<'_>) -> Result<Plan, SqlError> {
    let names = if words.accept("(") {
        let names = words.list(Words::name)?;
        words.expect(")")?;
        names
    } else {
        vec![words.name()?]
    };
    Ok(Plan::change(move |world| {
        world.session.variables.retain(|name, _| !names.contains(name));
        Ok(ResultSet::status(StatementType::AlterSession, DONE))
    }))
}
