//! Functions: those of the service that a client asks for, and a few of the stand-in's own.

use std::time::Duration;

use super::expression::{Expression, Typed};
use super::{SqlError, Wait, World};
use crate::catalog::definition;
use crate::result::Column;

/// A function and what it is called with.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// In upper case.
    pub(super) name: String,
    pub(super) arguments: Vec<Argument>,
}

/// `value`, or `NAME => value`.
#[derive(Clone, Debug)]
pub(super) struct Argument {
    /// In upper case.
    pub(super) name: Option<String>,
    pub(super) value: Expression,
}

impl Call {
    /// The argument of this name.
    pub(super) fn named(&self, name: &str) -> Option<String> {
        let argument = self.arguments.iter().find(|argument| argument.name.as_deref() == Some(name))?;
        argument.value.literal_text()
    }

    /// The argument at `index`; a number as text.
    pub(super) fn text(&self, index: usize) -> Result<String, SqlError> {
        self.optional(index).ok_or_else(|| SqlError::arguments(&self.name))
    }

    fn optional(&self, index: usize) -> Option<String> {
        self.arguments.get(index)?.value.literal_text()
    }

    fn number<T: std::str::FromStr>(&self, index: usize) -> Result<T, SqlError> {
        self.text(index)?.parse().map_err(|_| SqlError::arguments(&self.name))
    }

    /// What a statement with this call waits for.
    pub(super) fn waits(&self) -> Result<Vec<Wait>, SqlError> {
        Ok(match self.name.as_str() {
            // As in the service: an amount, and a unit that is seconds unless said.
            "SYSTEM$WAIT" => {
                let amount: u64 = self.number(0)?;
                let unit = self.optional(1).unwrap_or_else(|| "SECONDS".into());
                let milliseconds = unit.to_uppercase().starts_with("MILLI");
                let time = if milliseconds { Duration::from_millis } else { Duration::from_secs };
                vec![Wait::For(time(amount))]
            }
            "HELD" => vec![Wait::Release(self.text(0)?)],
            "POLLS" => vec![Wait::Polls(self.number(0)?)],
            _ => Vec::new(),
        })
    }

    /// The value, as a column called `name`.
    pub(super) fn value(&self, name: &str, world: &World<'_>) -> Result<Typed, SqlError> {
        let context = &world.session.context;
        let text = |value: Option<String>| Ok((Column::text(name), value));
        match self.name.as_str() {
            "CURRENT_DATABASE" => text(context.database.clone()),
            "CURRENT_SCHEMA" => text(context.schema.clone()),
            "CURRENT_WAREHOUSE" => text(context.warehouse.clone()),
            "CURRENT_ROLE" => text(context.role.clone()),
            "CURRENT_SECONDARY_ROLES" => text(world.session.secondary_roles.clone()),
            "CURRENT_TRANSACTION" => {
                text(world.session.transaction.as_ref().map(|_| world.session.id.to_string()))
            }
            "SYS_CONTEXT" => match &world.session.standing {
                Some(standing) => text(standing.property(&self.text(0)?, &self.text(1)?)),
                None => Err(SqlError::unknown_function(&self.name)),
            },
            "CURRENT_USER" => text(Some(world.session.user.clone())),
            "CURRENT_ACCOUNT" => text(Some(world.session.account.clone())),
            "CURRENT_SESSION" => text(Some(world.session.id.to_string())),
            "CURRENT_VERSION" => text(Some(crate::SERVER_VERSION.into())),
            "LAST_QUERY_ID" => text(world.queries.last_of(world.session.id)),
            "SYSTEM$WAIT" => text(Some(format!("waited {} {}", self.text(0)?, self.unit()))),
            "HELD" => text(Some(self.text(0)?)),
            "POLLS" => Ok((Column::new(name, "fixed"), Some(self.text(0)?))),
            "CELL" => self.cell(name),
            "FAIL" => Err(self.failure()?),
            "GET_DDL" => text(Some(self.definition(world)?)),
            _ => Err(SqlError::unknown_function(&self.name)),
        }
    }

    fn unit(&self) -> String {
        self.optional(1).map_or_else(|| "seconds".into(), |unit| unit.to_lowercase())
    }

    /// `cell(TYPE, VALUE [, SCALE])`: a value of any type on the wire, also of one that there is not.
    fn cell(&self, name: &str) -> Result<Typed, SqlError> {
        let mut column = Column::new(name, &self.text(0)?);
        if self.arguments.len() > 2 {
            column = column.with_scale(self.number(2)?);
        }
        Ok((column, self.optional(1)))
    }

    /// `fail(CODE, SQLSTATE, MESSAGE [, LINE, COLUMN])`: any error.
    fn failure(&self) -> Result<SqlError, SqlError> {
        let error = SqlError::new(&self.text(0)?, &self.text(1)?, self.text(2)?);
        let position = if self.arguments.len() > 4 { Some((self.number(3)?, self.number(4)?)) } else { None };
        Ok(SqlError { position, ..error })
    }

    fn definition(&self, world: &World<'_>) -> Result<String, SqlError> {
        let wanted = self.text(1)?;
        let parts = super::words::Words::of(&wanted, &super::Bindings::default())?.parts()?;
        let ((_, _, name), relation) = world.relation(&parts)?;
        if self.text(0)?.eq_ignore_ascii_case("view") != relation.is_view() {
            return Err(SqlError::unknown_object("Object", &wanted));
        }
        Ok(definition(&name, relation))
    }
}
