//! What a finished query gives: columns, rows, and the state it leaves the session in.

mod statement_type;

use std::sync::Arc;

use serde_json::value::RawValue;
pub use statement_type::StatementType;

use crate::column::Column;
use crate::envelope::{self, Envelope, Fields, time_zone};
use crate::error::{Error, Operation};
use crate::ids::QueryId;
use crate::render::{Renderer, Zone};
use crate::rows::{Links, RemoteRows, Rows};
use crate::session::{Session, SessionContext};

/// A finished query.
#[derive(Debug)]
#[non_exhaustive]
pub struct Answer {
    /// The server's name for it.
    pub query_id: Option<QueryId>,
    /// What kind of statement it was.
    pub statement_type: Option<StatementType>,
    /// The session's context afterwards. For a query that another session ran: this session's, unchanged.
    pub context: SessionContext,
    /// The rows; a statement that gives none still has columns that say what it did.
    pub rows: Rows,
}

impl Answer {
    /// Reads an answer that is a success. Of a query that the session ran itself (`own`), its state is kept.
    pub(crate) fn read(
        session: &Session,
        operation: Operation,
        answer: &Envelope,
        data: &Fields<'_>,
        own: bool,
    ) -> Result<Self, Error> {
        json_only(data)?;
        let parameters = envelope::parameters(data);
        let zone = Zone::named(time_zone(&parameters).or_else(|| session.time_zone()).as_deref());
        if own {
            session.learn(data, parameters);
        }
        let columns: Arc<[Column]> = columns(data).into();
        let query_id = data.text("queryId").and_then(|id| QueryId::parse(&id));
        let links = Links::read(operation, data, session.http().is_secure())?;
        let remote = RemoteRows { links, query_id: query_id.clone(), source: Box::new(session.clone()) };
        let rows = Rows::new(
            session.http(),
            Renderer::new(&columns, &zone),
            columns,
            (total(data), announced(data)),
            &data.raw("rowset").map(|rowset| answer.keep(rowset)).unwrap_or_default(),
            remote,
        );
        let statement_type = data.number("statementTypeId").map(StatementType);
        Ok(Self { query_id, statement_type, context: session.context(), rows })
    }
}

/// Refuses every format but JSON. Only rows can be in another: an answer without them may name any.
fn json_only(data: &Fields<'_>) -> Result<(), Error> {
    let format = data.filled("queryResultFormat").unwrap_or_else(|| "json".into());
    let encoded = data.filled("rowsetBase64").is_some();
    let is_json = format.eq_ignore_ascii_case("json") && !encoded;
    let has_rows = encoded || data.raw("chunks").is_some() || data.number("total") > Some(0);
    if is_json || !has_rows { Ok(()) } else { Err(Error::Format { format }) }
}

fn columns(data: &Fields<'_>) -> Vec<Column> {
    // Some answers spell the name differently.
    let listed: Option<Vec<&RawValue>> = data.read("rowtype").or_else(|| data.read("rowType"));
    listed.unwrap_or_default().into_iter().map(|column| Column::read(column.get())).collect()
}

/// Rows in all, where the server says so.
fn total(data: &Fields<'_>) -> Option<u64> {
    let count = data.number("total").or_else(|| data.number("returned"))?;
    u64::try_from(count).ok()
}

/// Rows that this result delivers, where the server says so: all of them, unless `ROWS_PER_RESULTSET` keeps
/// some back. An answer without a list of rows (of a statement that was only compiled) announces none.
fn announced(data: &Fields<'_>) -> Option<u64> {
    if data.raw("rowset").is_none() && data.raw("chunks").is_none() {
        return None;
    }
    let count = data.number("returned").or_else(|| data.number("total"))?;
    u64::try_from(count).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(json: &str) -> Option<String> {
        match json_only(&Fields::of(json.as_bytes())) {
            Err(Error::Format { format }) => Some(format),
            _ => None,
        }
    }

    #[test]
    fn another_format_is_refused_by_name_if_rows_are_in_it() {
        assert_eq!(
            format(r#"{"queryResultFormat": "arrow", "rowsetBase64": "QQ=="}"#).as_deref(),
            Some("arrow")
        );
        assert_eq!(
            format(r#"{"queryResultFormat": "arrow", "rowsetBase64": "", "chunks": [1]}"#).as_deref(),
            Some("arrow")
        );
        assert_eq!(format(r#"{"queryResultFormat": "arrow", "rowsetBase64": "", "total": 0}"#), None);
        assert_eq!(format(r#"{"queryResultFormat": "json", "rowset": [], "total": 3}"#), None);
        assert_eq!(format(r#"{"rowset": [["1"]], "total": 1}"#), None);
    }
}
