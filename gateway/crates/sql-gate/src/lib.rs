//! What a SQL statement is and what it touches: text in; class, objects and refusal out.
//!
//! The only place of Snowgate that knows a SQL parser. Pure: no clock, no runtime, no I/O.
//!
//! How a Snowflake statement is read (`frame`):
//!
//! 1. `tokens` makes `tokens::Tok`s of the text, with where each stands. Where the text can be read in more than one
//!    way that matters, each way is read and the gravest counts (`frame`).
//! 2. `scan` passes once over all of them, whatever the statement is: functions that act (`s.nextval`, `SYSTEM$...`) or
//!    look at others' results (`LAST_QUERY_ID`), `IDENTIFIER` of what is not known, what is not repeatable. So neither
//!    `heads` nor `query` has to look for these.
//! 3. `frame` refuses several statements and takes a chain (`->>`) apart. Each part goes to `heads::read`, which returns
//!    `false` for what is a query or DML; that goes to `query::read`.
//! 4. `query` has `caps` checked, mends what the parser does not know, parses, and visits the tree on a stack that is
//!    large enough (`stack`).
//!
//! Inside the crate a part of a text is `&[Tok]`, and what is found is written into a `&mut Statement` that begins as
//! `Statement::blank`. `heads` calls `query::read` with the tokens of a query inside (`CREATE VIEW v AS` *query*,
//! `EXPLAIN` *query*), in parentheses or not, then sets its own class with `Statement::raise`: a class only ever gets
//! graver. `not_understood` keeps the first reason (`Statement::miss`).

mod caps;
mod class;
mod frame;
mod heads;
mod metadata;
mod names;
mod normal;
mod pattern;
mod placeholders;
mod policy;
mod query;
mod rules;
mod scan;
mod stack;
mod statement;
mod tokens;

pub use class::{Class, ClassSet};
pub use names::{Access, NameContext, Object, ObjectKind, ObjectName};
pub use normal::{PATTERN_BYTES_MAX, pattern};
pub use placeholders::{Misplaced, Placeholder, placeholders, with_question_marks};
pub use policy::{Policy, Verdict};
pub use rules::{Denial, NameRules, PatternError};
pub use statement::{ContextChange, Dialect, Listing, Refusal, SecondaryRoles, StateChange, Statement};

/// Reads `sql`, one statement of `dialect`. Never fails: what is not understood is in the result.
pub fn read(sql: &str, dialect: Dialect) -> Statement {
    match dialect {
        Dialect::Snowflake => frame::read(sql),
        Dialect::Sqlite => heads::read_sqlite(sql),
    }
}
