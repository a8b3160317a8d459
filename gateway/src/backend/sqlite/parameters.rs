//! Binding the values of a statement's parameters: by their names, and never into its text.

use rusqlite::Statement;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};

use super::statement::{Failure, Runner, plain};
use crate::backend::{Parameter, ParameterKind, ParameterValue};

impl Runner<'_> {
    /// What is bound to each parameter of `statement`, in its order.
    ///
    /// # Errors
    /// One is not declared, or is of another form than `:name`.
    pub(super) fn find_parameters(&self, statement: &Statement<'_>) -> Result<Vec<&ParameterValue>, Failure> {
        let find = |at: usize| {
            let name = statement.parameter_name(at).and_then(|name| name.strip_prefix(':'))?;
            self.parameters.iter().find(|parameter| &*parameter.name == name).map(|found| &found.value)
        };
        (1..=statement.parameter_count()).map(|at| find(at).ok_or_else(|| unbound(self.parameters))).collect()
    }

    /// Binds the values.
    ///
    /// # Errors
    /// Those of [`Runner::find_parameters`], or SQLite has no room for a value.
    pub(super) fn bind(&self, statement: &mut Statement<'_>) -> Result<(), Failure> {
        for (at, value) in self.find_parameters(statement)?.into_iter().enumerate() {
            statement.raw_bind_parameter(at + 1, bound(value)).map_err(|error| self.failure(&error))?;
        }
        Ok(())
    }
}

/// What is bound for `value`: SQLite has no booleans, dates and time stamps, which files have as 0 and 1 and as text.
fn bound(value: &ParameterValue) -> ToSqlOutput<'_> {
    let Some(written) = value.written() else { return ToSqlOutput::Owned(Value::Null) };
    let text = ToSqlOutput::Borrowed(ValueRef::Text(written.as_bytes()));
    let number = match value.kind() {
        ParameterKind::Text | ParameterKind::Date | ParameterKind::Timestamp => return text,
        ParameterKind::Boolean => Some(Value::Integer(i64::from(written == "true"))),
        ParameterKind::Integer | ParameterKind::Number => {
            let whole = written.parse().map(Value::Integer);
            whole.or_else(|_| written.parse().map(Value::Real)).ok()
        }
    };
    number.map_or(text, ToSqlOutput::Owned)
}

/// A parameter has no value: those of a client's own statement never have one.
fn unbound(parameters: &[Parameter]) -> Failure {
    if parameters.is_empty() {
        let next_step = "write the values into the statement; ?, :name, @name and $name cannot be bound";
        return plain("the statement has parameters", next_step).into();
    }
    let next_step = "write `:name` for each declared parameter; ?, @name and $name cannot be bound";
    plain("the statement has a parameter that is not declared", next_step).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rusqlite::Connection;
    use sql_gate::{Dialect, placeholders};

    use super::*;

    /// The parameters that SQLite finds, each once.
    fn of_sqlite(sql: &str) -> Option<Vec<String>> {
        let connection = Connection::open_in_memory().unwrap();
        let statement = connection.prepare(sql).ok()?;
        let name = |at: usize| statement.parameter_name(at).unwrap_or("?").to_owned();
        Some((1..=statement.parameter_count()).map(name).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn a_text_has_the_parameters_that_sqlite_finds_in_it(
            pieces in prop::collection::vec(prop::sample::select(vec![
                ":a", ":b", "::", ":a::b", ":a(x)", "'", "''", "\"", "`", "[", "]", "--", "\n", "/*", "*/", " ", "1", "x", ",",
                "+", "(", ")", ":", "?", "@a", "$a", "x'00'", "\u{e9}", ";", "'a:b'", "\\",
            ]), 0..10),
        ) {
            let sql = format!("select {}", pieces.concat());
            let Some(found) = of_sqlite(&sql) else { return Ok(()) };
            // Stricter where it refuses: what cannot be bound, or has no end.
            if let Ok(read) = placeholders(&sql, Dialect::Sqlite) {
                let mut names: Vec<String> = Vec::new();
                for place in read {
                    let name = format!(":{}", place.name);
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
                prop_assert_eq!(names, found, "{}", sql);
            }
        }
    }

    #[test]
    fn each_kind_is_bound_in_the_type_that_files_have_it_in() {
        use ParameterKind::*;
        let connection = Connection::open_in_memory().unwrap();
        for (kind, written, expected) in [
            (Text, "7", "text"),
            (Integer, "7", "integer"),
            (Number, "7", "integer"),
            (Number, "7.0", "real"),
            (Number, "99999999999999999999", "real"),
            (Boolean, "true", "integer"),
            (Date, "2026-01-31", "text"),
            (Timestamp, "2026-01-31", "text"),
        ] {
            let value = kind.read(written, Dialect::Sqlite).unwrap();
            let found: String =
                connection.query_row("select typeof(?1)", [bound(&value)], |row| row.get(0)).unwrap();
            assert_eq!(found, expected, "{written}");
        }
        let found: String =
            connection.query_row("select typeof(?1)", [bound(&Text.null())], |row| row.get(0)).unwrap();
        assert_eq!(found, "null");
    }
}
