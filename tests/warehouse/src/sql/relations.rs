//! `SELECT` from a table or view.

use super::expression::Expression;
use super::tokens::Token;
use super::words::Words;
use super::{Plan, SqlError, World};
use crate::catalog::{Relation, Row};
use crate::result::{Column, ResultSet, StatementType};

/// What is asked of each row.
#[derive(Clone, Debug)]
pub(super) enum Items {
    All,
    Count,
    Names(Vec<String>),
}

/// Which rows.
#[derive(Debug, Default)]
struct Rest {
    /// Columns, and the texts that they must equal.
    equal: Vec<(String, Option<String>)>,
    limit: Option<usize>,
}

impl Items {
    /// Reads the list, if it is one that only a relation can give.
    pub(super) fn read(words: &mut Words<'_>) -> Result<Option<Self>, SqlError> {
        if words.accept("*") {
            return Ok(Some(Self::All));
        }
        if words.accept_all(&["count", "(", "*", ")"]) {
            return Ok(Some(Self::Count));
        }
        let constant = ["null", "true", "false"].iter().any(|word| words.is(word));
        let named = match words.peek() {
            Some(Token::Quoted(_)) => true,
            Some(Token::Word(word)) => !constant && !word.starts_with('$') && !words.is_call(),
            _ => false,
        };
        if named { words.list(Words::name).map(|names| Some(Self::Names(names))) } else { Ok(None) }
    }

    fn columns(&self, relation: &Relation) -> Result<Vec<(Column, usize)>, SqlError> {
        let at = |index: usize| (Column::of(&relation.columns[index]), index);
        match self {
            Self::Count => Ok(Vec::new()),
            Self::All => Ok((0..relation.columns.len()).map(at).collect()),
            Self::Names(names) => names.iter().map(|name| index(relation, name).map(at)).collect(),
        }
    }
}

pub(super) fn from_relation(items: Items, words: &mut Words<'_>) -> Result<Plan, SqlError> {
    let parts = words.parts()?;
    let rest = Rest::read(words)?;
    let action = move |world: &mut World<'_>| {
        let (name, relation) = world.relation(&parts)?;
        let rows = rest.of(world.rows(&name, relation), relation)?;
        if matches!(items, Items::Count) {
            let count = vec![Some(rows.len().to_string())];
            return Ok(ResultSet::listed(
                StatementType::Select,
                vec![Column::new("COUNT(*)", "fixed")],
                vec![count],
            ));
        }
        let (columns, indexes): (Vec<Column>, Vec<usize>) = items.columns(relation)?.into_iter().unzip();
        let rows = rows.iter().map(|row| indexes.iter().map(|&index| row[index].clone()).collect()).collect();
        Ok(ResultSet::listed(StatementType::Select, columns, rows))
    };
    Ok(Plan { needs_warehouse: true, ..Plan::metadata(action) })
}

impl Rest {
    fn read(words: &mut Words<'_>) -> Result<Self, SqlError> {
        let mut rest = Self::default();
        if words.accept("where") {
            loop {
                let name = words.name()?;
                words.expect("=")?;
                rest.equal.push((name, Expression::read(words)?.literal_text()));
                if !words.accept("and") {
                    break;
                }
            }
        }
        if words.accept("limit") {
            rest.limit = Some(words.number()?);
        }
        Ok(rest)
    }

    fn of(&self, mut rows: Vec<Row>, relation: &Relation) -> Result<Vec<Row>, SqlError> {
        for (name, value) in &self.equal {
            let index = index(relation, name)?;
            // NULL equals nothing.
            rows.retain(|row| value.is_some() && row[index] == *value);
        }
        rows.truncate(self.limit.unwrap_or(usize::MAX));
        Ok(rows)
    }
}

fn index(relation: &Relation, name: &str) -> Result<usize, SqlError> {
    let found = relation.columns.iter().position(|column| column.name == name);
    found.ok_or_else(|| SqlError::invalid_identifier(1, 7, name))
}
