//! Next steps for databases and schemas that there are not: which ones there are.

use std::time::Duration;

use crate::backend::{BackendError, Caps, Catalog, Collector, Cut, ErrorKind, Operation, Request};

/// Names that an error lists, at most.
const NAMED_MAX: u64 = 20;

/// How long a failed statement may take longer for the names' sake.
pub(super) const TIMEOUT: Duration = Duration::from_secs(2);

/// What a statement named, and the server does not have, or does not show to this role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    Database,
    /// A schema of this database, or of the session's. `name`: set where the server only says that something
    /// in it is missing, so that the schema itself may be there.
    Schema {
        database: Option<String>,
        name: Option<String>,
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
            rest.split_once("' does not exist").map(|(name, _)| name.to_owned())
        };
        if named("Database").is_some() {
            return Some(Self::Database);
        }
        if let Some(schema) = named("Schema") {
            let database = schema.rsplit_once('.').map(|(database, _)| database.to_owned());
            return Some(Self::Schema { database, name: None });
        }
        let object = ["Object", "Table", "View"].into_iter().find_map(named)?;
        // Dots in quoted names are left to the person.
        let parts: Vec<&str> = object.split('.').filter(|_| !object.contains('"')).collect();
        let (database, name) = match parts.as_slice() {
            [database, name, _] => (Some((*database).to_owned()), Some((*name).to_owned())),
            [name, _] => (None, Some((*name).to_owned())),
            _ => return None,
        };
        Some(Self::Schema { database, name })
    }

    /// The question for the names that there are, in the place of the failed `request`.
    pub(super) fn question(&self, request: &Request) -> Request {
        let catalog = match self {
            Self::Database => Catalog::Databases,
            Self::Schema { database, .. } => Catalog::Schemas { database: database.clone() },
        };
        let caps = Caps { rows_max: NAMED_MAX, count_rows_max: 1, ..request.caps };
        let row_filter = request.gate.rows_of(&catalog);
        let (operation, earlier) = (Operation::Catalog(catalog), None);
        Request {
            operation,
            caps,
            earlier,
            timeout: TIMEOUT,
            statement: None,
            row_filter,
            cost: None,
            sink: None,
            rows_skipped: 0,
            only_reads_earlier: false,
            ..request.clone()
        }
    }

    /// The next step, from the answer; `None`: the names say nothing about the error.
    pub(super) fn next_step(&self, answer: &Collector) -> Option<String> {
        let column = match self {
            Self::Database => 0,
            Self::Schema { .. } => 1,
        };
        let names: Vec<&str> = answer.rows().filter_map(|mut row| row.nth(column).flatten()).collect();
        let listed = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let more = if answer.cut() == Cut::Nothing { "" } else { " and more" };
        match self {
            Self::Database => {
                Some(format!("databases that this role sees: {listed}{more}; list_databases shows them"))
            }
            // The schema is there, or may be among those that were not listed.
            Self::Schema { name: Some(name), .. }
                if !more.is_empty() || names.iter().any(|known| known.eq_ignore_ascii_case(name)) =>
            {
                None
            }
            Self::Schema { database, .. } => {
                let of = database.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
                Some(format!(
                    "schemas{of} that this role sees: {listed}{more}; a name in two parts is schema.table, one in \
                     three database.schema.table"
                ))
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

    fn schema(database: Option<&str>, name: Option<&str>) -> Missing {
        Missing::Schema { database: database.map(str::to_owned), name: name.map(str::to_owned) }
    }

    #[test]
    fn what_is_missing_is_read_from_the_server_s_words() {
        let said = |what: &str| format!("SQL compilation error:\n{what} does not exist or not authorized.");
        for (what, expected) in [
            ("Database 'NOSUCH'", Some(Missing::Database)),
            ("Schema 'SALES.NOSUCH'", Some(schema(Some("SALES"), None))),
            ("Schema 'NOSUCH'", Some(schema(None, None))),
            ("Object 'D.S.T'", Some(schema(Some("D"), Some("S")))),
            ("Table 'S.T'", Some(schema(None, Some("S")))),
            ("Object 'T'", None),
            ("Object '\"a.b\".T'", None),
        ] {
            assert_eq!(missing(&said(what)), expected, "{what}");
        }
        assert_eq!(missing("Database 'X' is suspended"), None);
        let outage = BackendError::new(ErrorKind::Unavailable, said("Database 'X'"));
        assert_eq!(Missing::of(&outage), None);
    }

    fn answer(rows_max: u64, rows: &[[&str; 2]]) -> Collector {
        let mut answer = Collector::new(Caps { rows_max, bytes_max: 1000, count_rows_max: 1 });
        for cells in rows {
            let mut row = answer.begin_row();
            cells.iter().for_each(|cell| _ = row.text(cell));
            row.end(0);
        }
        answer
    }

    #[test]
    fn the_names_that_there_are_become_the_next_step() {
        let databases = Missing::Database.next_step(&answer(9, &[["SALES", "x"], ["STAGING", "x"]])).unwrap();
        assert!(databases.starts_with("databases that this role sees: SALES, STAGING;"), "{databases}");
        let schemas = answer(9, &[["SALES", "PUBLIC"]]);
        let step = schema(Some("SALES"), None).next_step(&schemas).unwrap();
        assert!(step.starts_with("schemas of SALES that this role sees: PUBLIC;"), "{step}");
        assert!(schema(None, Some("NOSUCH")).next_step(&schemas).is_some());
        assert_eq!(schema(None, Some("public")).next_step(&schemas), None, "it is there");
        let cut = answer(1, &[["SALES", "A"], ["SALES", "B"]]);
        assert_eq!(schema(None, Some("Z")).next_step(&cut), None, "it may be there");
        assert!(schema(None, None).next_step(&cut).unwrap().contains(": A and more;"));
    }
}
