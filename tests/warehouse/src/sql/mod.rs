//! The SQL that the stand-in understands: a few forms of each statement that a test needs, told apart by
//! their first words. Everything else is a compilation error, as it is for the service.

mod bindings;
mod change;
mod describe;
mod error;
mod explain;
mod expression;
mod functions;
mod relations;
mod sample;
mod select;
mod semantic;
mod session;
mod show;
mod tokens;
mod transfer;
mod variables;
mod words;
mod world;

use std::time::Duration;

pub use bindings::{Binding, Bindings};
pub(super) use error::SqlError;
pub use explain::PlanFigures;
use words::Words;
pub(super) use world::World;

use super::result::ResultSet;

/// Reads what follows a statement's first words.
type Parse = fn(&mut Words<'_>) -> Result<Plan, SqlError>;

/// The statements. The first entry whose words begin the text reads the rest.
const STATEMENTS: &[(&[&str], Parse)] = &[
    (&["select", "*", "from", "semantic_view", "("], semantic::select),
    (&["select"], select::select),
    (&["with", "snowgate_sample", "as", "(", "select"], sample::sample),
    (&["show"], show::show),
    (&["describe"], describe::describe),
    (&["desc"], describe::describe),
    (&["explain"], explain::explain),
    (&["use"], session::use_object),
    (&["alter", "session"], session::alter),
    (&["set"], variables::set),
    (&["unset"], variables::unset),
    (&["insert", "into"], change::insert),
    (&["create"], change::create),
    (&["drop", "table"], change::drop_table),
    (&["begin"], session::begin),
    (&["start", "transaction"], session::begin),
    (&["commit"], session::commit),
    (&["rollback"], session::rollback),
    (&["put"], transfer::put),
    (&["get"], transfer::get),
];

/// What a statement has to wait for before it is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// A time: `system$wait`.
    For(Duration),
    /// The test, which releases this name: `held`.
    Release(String),
    /// That its result was asked for so often: `polls`.
    Polls(usize),
}

/// What a statement comes to.
pub(super) enum Outcome {
    Rows(ResultSet),
    /// A file to be moved: the data of the answer. Nothing moves it.
    Transfer(serde_json::Value),
}

/// Carries a statement out.
pub(super) type Action = Box<dyn FnOnce(&mut World<'_>) -> Result<Outcome, SqlError> + Send>;

/// A statement that was understood.
pub(super) struct Plan {
    pub(super) waits: Vec<Wait>,
    /// Whether a warehouse must work for it.
    pub(super) needs_warehouse: bool,
    /// Whether it changes anything, the session included, so that it must not be carried out to be described.
    pub(super) changes: bool,
    pub(super) action: Action,
}

impl Plan {
    /// One that reads metadata.
    fn metadata(action: impl FnOnce(&mut World<'_>) -> Result<ResultSet, SqlError> + Send + 'static) -> Self {
        let action: Action = Box::new(|world| action(world).map(Outcome::Rows));
        Self { waits: Vec::new(), needs_warehouse: false, changes: false, action }
    }

    /// One that changes something and needs no warehouse for it.
    fn change(action: impl FnOnce(&mut World<'_>) -> Result<ResultSet, SqlError> + Send + 'static) -> Self {
        Self { changes: true, ..Self::metadata(action) }
    }
}

/// Reads `sql` with what is bound to its `?`, which must be as many statements as `expected` says; 0: any number.
///
/// # Errors
/// It is not understood, or there are more statements in it, or fewer.
pub(super) fn compile(sql: &str, expected: u64, bindings: &Bindings) -> Result<Plan, SqlError> {
    let mut words = Words::of(sql, bindings)?;
    let count = words.statements();
    if count > 1 && expected != 0 && count != expected {
        return Err(SqlError::statement_count(count, expected));
    }
    let entry = STATEMENTS.iter().find(|(first, _)| words.accept_all(first));
    let Some((_, parse)) = entry else { return Err(words.unexpected()) };
    let plan = parse(&mut words)?;
    words.end()?;
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(sql: &str) -> &'static str {
        compile(sql, 1, &Bindings::default()).err().map_or("", |error| error.code_str())
    }

    #[test]
    fn what_is_not_understood_is_a_compilation_error_with_its_place() {
        let error = compile("select 1,\n  2 from from x", 1, &Bindings::default()).err().expect("an error");
        assert_eq!((error.code.as_str(), error.state.as_str()), ("001003", "42000"));
        assert_eq!(error.position, Some((2, 9)), "{}", error.message);
        assert!(error.message.contains("unexpected 'from'"), "{}", error.message);
        assert_eq!(code("merge into t using s"), "001003");
        assert_eq!(code(""), "001003");
    }

    #[test]
    fn statements_are_counted() {
        assert_eq!(code("select 1; select 2"), "000008");
        assert_eq!(code("select 1; "), "");
        assert_eq!(code("-- a; b\nselect ';' /* ; */"), "");
    }
}
