//! Next steps for databases and schemas that there are not: which ones there are.

use std::time::Duration;

use crate::backend::{BackendError, Caps, Catalog, Collector, ErrorKind, Operation, Request};

/// Names that an error lists, at most.
const NAMED_MAX: u64 = 20;

/// How long a failed statement may take longer for the names' sake.
pub(super) const TIMEOUT: Duration = Duration::from_secs(2);

/// What a statement named, and the server does not have, or does not show to this role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    Database,
    /// A schema of this database, or of the session's.
    Schema {
        database: Option<String>,
    },
}

impl Missing {
    /// What is missing according to `error`, in the server's own words.
    pub(super) fn of(error: &BackendError) -> Option<Self> {
        if error.kind != ErrorKind::Statement {
            return None;
        }
        let named = |kind: &str| {
            let rest = error.message.split_once(kind)?.1.strip_prefix(" '")?;
            rest.split_once("' does not exist").map(|(name, _)| name)
        };
        if named("Database").is_some() {
            return Some(Self::Database);
        }
        let database = named("Schema")?.rsplit_once('.').map(|(database, _)| database.to_owned());
        Some(Self::Schema { database })
    }

    /// The question for the names that there are, in the place of the failed `request`.
    pub(super) fn question(&self, request: &Request) -> Request {
        let catalog = match self {
            Self::Database => Catalog::Databases,
            Self::Schema { database } => Catalog::Schemas { database: database.clone() },
        };
        let caps = Caps { rows_max: NAMED_MAX, count_rows_max: 1, ..request.caps };
        let (operation, earlier) = (Operation::Catalog(catalog), None);
        Request { operation, caps, earlier, timeout: TIMEOUT, ..request.clone() }
    }

    /// The next step, from the `rows` of the answer.
    pub(super) fn next_step(&self, rows: &Collector) -> String {
        let column = match self {
            Self::Database => 0,
            Self::Schema { .. } => 1,
        };
        let names: Vec<&str> = rows.rows().filter_map(|mut row| row.nth(column).flatten()).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        match self {
            Self::Database => format!("databases that this role sees: {names}; list_databases shows all"),
            Self::Schema { database } => {
                let of = database.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
                format!(
                    "schemas{of} that this role sees: {names}; a name in two parts is schema.table, one in three \
                     database.schema.table"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(message: &str) -> Option<Missing> {
        Missing::of(&BackendError::new(ErrorKind::Statement, message))
    }

    #[test]
    fn what_is_missing_is_read_from_the_server_s_words() {
        let said = |what: &str| format!("SQL compilation error:\n{what} does not exist or not authorized.");
        assert_eq!(missing(&said("Database 'NOSUCH'")), Some(Missing::Database));
        let of_sales = Missing::Schema { database: Some("SALES".to_owned()) };
        assert_eq!(missing(&said("Schema 'SALES.NOSUCH'")), Some(of_sales));
        assert_eq!(missing(&said("Schema 'NOSUCH'")), Some(Missing::Schema { database: None }));
        for other in [said("Object 'T'"), "Database 'X' is suspended".to_owned(), String::new()] {
            assert_eq!(missing(&other), None, "{other}");
        }
        let outage = BackendError::new(ErrorKind::Unavailable, said("Database 'X'"));
        assert_eq!(Missing::of(&outage), None);
    }

    #[test]
    fn the_names_that_there_are_become_the_next_step() {
        let rows = |rows: &[[&str; 2]]| {
            let mut collector = Collector::new(Caps { rows_max: 10, bytes_max: 1000, count_rows_max: 10 });
            for cells in rows {
                let mut row = collector.begin_row();
                cells.iter().for_each(|cell| row.text(cell));
                row.end(0);
            }
            collector
        };
        let step = Missing::Database.next_step(&rows(&[["SALES", "x"], ["STAGING", "x"]]));
        assert!(step.starts_with("databases that this role sees: SALES, STAGING;"), "{step}");
        let schema = Missing::Schema { database: Some("SALES".to_owned()) };
        let step = schema.next_step(&rows(&[["SALES", "PUBLIC"]]));
        assert!(step.contains("of SALES that this role sees: PUBLIC;"), "{step}");
        assert!(schema.next_step(&rows(&[])).contains("none"));
    }
}
