//! Statements that change the session: its context, its parameters, its transaction.

use serde_json::Value;

use super::tokens::Token;
use super::words::Words;
use super::{Plan, SqlError, World};
use crate::result::{ResultSet, StatementType};

const DONE: &str = "Statement executed successfully.";

pub(super) fn use_object(words: &mut Words<'_>) -> Result<Plan, SqlError> {
    if words.accept_all(&["secondary", "roles"]) {
        let roles = words.name()?;
        return Ok(used(move |world| {
            world.session.secondary_roles = Some(roles);
            Ok(())
        }));
    }
    if words.accept("role") {
        let name = words.name()?;
        return Ok(used(move |world| use_role(world, name)));
    }
    if words.accept("warehouse") {
        let name = words.name()?;
        return Ok(used(move |world| use_warehouse(world, name)));
    }
    let schema = words.accept("schema");
    if !schema {
        words.accept("database");
    }
    let parts = words.parts()?;
    Ok(used(move |world| match parts.as_slice() {
        [name] if schema => use_schema(world, None, name),
        [name] => use_database(world, name),
        [database, name] => use_schema(world, Some(database), name),
        _ => Err(SqlError::cannot_be_used()),
    }))
}

fn used(change: impl FnOnce(&mut World<'_>) -> Result<(), SqlError> + Send + 'static) -> Plan {
    Plan::change(move |world| {
        change(world)?;
        Ok(ResultSet::status(StatementType::Use, DONE))
    })
}

fn use_role(world: &mut World<'_>, name: String) -> Result<(), SqlError> {
    if !world.catalog.roles.contains(&name) {
        return Err(SqlError::cannot_be_used());
    }
    world.session.context.role = Some(name);
    Ok(())
}

fn use_warehouse(world: &mut World<'_>, name: String) -> Result<(), SqlError> {
    if !world.catalog.warehouses.contains(&name) {
        return Err(SqlError::cannot_be_used());
    }
    world.session.context.warehouse = Some(name);
    Ok(())
}

/// A database brings its schema `PUBLIC` with it, if it has one.
fn use_database(world: &mut World<'_>, name: &str) -> Result<(), SqlError> {
    let database = world.catalog.databases.get(name).ok_or_else(SqlError::cannot_be_used)?;
    let context = &mut world.session.context;
    context.schema = database.schemas.contains_key("PUBLIC").then(|| "PUBLIC".into());
    context.database = Some(name.to_owned());
    Ok(())
}

fn use_schema(world: &mut World<'_>, database: Option<&String>, name: &str) -> Result<(), SqlError> {
    let context = &mut world.session.context;
    let database = database.or(context.database.as_ref()).ok_or_else(SqlError::no_database)?.clone();
    world.catalog.schema(&database, name).map_err(|_| SqlError::cannot_be_used())?;
    context.database = Some(database);
    context.schema = Some(name.to_owned());
    Ok(())
}

/// `ALTER SESSION SET NAME = VALUE ...`, `ALTER SESSION UNSET NAME, ...`.
pub(super) fn alter(words: &mut Words<'_>) -> Result<Plan, SqlError> {
    let done = ResultSet::status(StatementType::AlterSession, DONE);
    if words.accept("unset") {
        let names = words.list(Words::name)?;
        return Ok(Plan::change(move |world| {
            names.iter().for_each(|name| drop(world.session.parameters.remove(name)));
            Ok(done)
        }));
    }
    words.expect("set")?;
    let mut settings = vec![setting(words)?];
    while words.peek().is_some() && !words.is(";") {
        words.accept(",");
        settings.push(setting(words)?);
    }
    Ok(Plan::change(move |world| {
        world.session.parameters.extend(settings);
        Ok(done)
    }))
}

fn setting(words: &mut Words<'_>) -> Result<(String, Value), SqlError> {
    let name = words.name()?;
    words.expect("=")?;
    let value = match words.next()? {
        Token::Text(text) | Token::Word(text) => match text.to_lowercase().as_str() {
            "true" => true.into(),
            "false" => false.into(),
            _ => text.into(),
        },
        Token::Number(number) => number.parse::<i64>().map_or_else(|_| number.clone().into(), Value::from),
        _ => return Err(words.unexpected()),
    };
    Ok((name, value))
}

pub(super) fn begin(words: &mut Words<'_>) -> Result<Plan, SqlError> {
    let _ = words.accept("transaction") || words.accept("work");
    Ok(Plan::change(|world| {
        world.session.transaction.get_or_insert_default();
        Ok(ResultSet::status(StatementType::Begin, DONE))
    }))
}

pub(super) fn commit(words: &mut Words<'_>) -> Result<Plan, SqlError> {
    words.accept("work");
    Ok(Plan::change(|world| {
        world.commit();
        Ok(ResultSet::status(StatementType::Commit, DONE))
    }))
}

pub(super) fn rollback(words: &mut Words<'_>) -> Result<Plan, SqlError> {
    words.accept("work");
    Ok(Plan::change(|world| {
        world.session.transaction = None;
        Ok(ResultSet::status(StatementType::Rollback, DONE))
    }))
}
