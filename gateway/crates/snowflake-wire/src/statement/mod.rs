//! Statements, as they are submitted.

mod binding;
mod file_transfer;
mod parameter;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

pub use binding::Binding;
use bytes::Bytes;
use file_transfer::requested_transfer;
pub use parameter::ParameterValue;
use serde::Serialize;
pub use snowflake_tokens::{Reading, Token, Tokens};

use crate::error::Error;
use crate::query_context::QueryContextDto;

/// One SQL statement and how it is to run. No formatter shows its text or its parameters.
///
/// `MULTI_STATEMENT_COUNT` is always 1: a text of several statements is an error of the server (`000008`).
#[derive(Clone)]
pub struct Statement {
    sql: String,
    parameters: BTreeMap<String, ParameterValue>,
    bindings: Vec<Binding>,
    detached: bool,
    describe_only: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    sql_text: &'a str,
    async_exec: bool,
    sequence_id: u64,
    is_internal: bool,
    describe_only: bool,
    parameters: &'a BTreeMap<String, ParameterValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bindings: Option<BTreeMap<String, &'a Binding>>,
    #[serde(rename = "queryContextDTO", skip_serializing_if = "Option::is_none")]
    query_context: Option<&'a QueryContextDto>,
}

impl Statement {
    /// A statement with the session's parameters.
    pub fn new(sql: impl Into<String>) -> Self {
        let one_only = ("MULTI_STATEMENT_COUNT".to_owned(), ParameterValue::Number(1));
        Self {
            sql: sql.into(),
            parameters: [one_only].into(),
            bindings: Vec::new(),
            detached: false,
            describe_only: false,
        }
    }

    /// Binds these values to its `?`, in the order of the text.
    #[must_use]
    pub fn bind(mut self, bindings: Vec<Binding>) -> Self {
        self.bindings = bindings;
        self
    }

    /// Sets a session parameter for this statement alone.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<ParameterValue>) -> Self {
        self.parameters.insert(name.into(), value.into());
        self
    }

    /// Tags it in the query history: `QUERY_TAG`, of which the server keeps 2000 characters.
    #[must_use]
    pub fn tag(self, tag: impl Into<String>) -> Self {
        self.parameter("QUERY_TAG", tag.into())
    }

    /// Has the server stop it after `timeout`, rounded up to seconds: `STATEMENT_TIMEOUT_IN_SECONDS`. The
    /// account's or warehouse's own time-out may be shorter.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        let seconds = timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0);
        self.parameter("STATEMENT_TIMEOUT_IN_SECONDS", i64::try_from(seconds.max(1)).unwrap_or(i64::MAX))
    }

    /// Has the server answer at once with the query's id (`asyncExec`), where it otherwise holds the answer
    /// until the statement is done, 45 s at most. It costs a round trip. Closing the session aborts the query
    /// all the same: Snowflake's Python connector leaves a session open whose detached queries run
    /// (`_all_async_queries_finished`).
    #[must_use]
    pub fn detached(mut self) -> Self {
        self.detached = true;
        self
    }

    /// Only compiles it: the answer has columns and no rows.
    #[must_use]
    pub fn describe_only(mut self) -> Self {
        self.describe_only = true;
        self
    }

    /// The request's body, as the session's statement `number`, with what it carries back to the server.
    ///
    /// # Errors
    /// The statement moves files.
    pub(crate) fn body(&self, number: u64, query_context: Option<&QueryContextDto>) -> Result<Bytes, Error> {
        if let Some(transfer) = requested_transfer(&self.sql) {
            return Err(Error::FileTransfer(transfer));
        }
        let body = Body {
            sql_text: &self.sql,
            async_exec: self.detached,
            sequence_id: number,
            is_internal: false,
            describe_only: self.describe_only,
            parameters: &self.parameters,
            bindings: binding::by_position(&self.bindings),
            query_context,
        };
        let mut json = Vec::with_capacity(self.sql.len() + 512);
        serde_json::to_writer(&mut json, &body)
            .expect("texts, numbers and maps of them always have a JSON form");
        Ok(json.into())
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.parameters.keys().collect();
        f.debug_struct("Statement")
            .field("bytes", &self.sql.len())
            .field("parameters", &names)
            .field("bindings", &self.bindings.len())
            .field("detached", &self.detached)
            .field("describe_only", &self.describe_only)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn body(statement: &Statement) -> Value {
        serde_json::from_slice(&statement.body(7, None).unwrap()).unwrap()
    }

    #[test]
    fn a_statement_is_one_statement() {
        assert_eq!(
            body(&Statement::new("select 'ä'")),
            json!({
                "sqlText": "select 'ä'", "asyncExec": false, "sequenceId": 7, "isInternal": false,
                "describeOnly": false, "parameters": {"MULTI_STATEMENT_COUNT": 1},
            })
        );
    }

    #[test]
    fn what_is_set_is_sent() {
        let statement = Statement::new("select 1")
            .tag("{\"a\": 1}")
            .timeout(Duration::from_millis(1500))
            .parameter("ROWS_PER_RESULTSET", 10)
            .parameter("AUTOCOMMIT", false)
            .detached()
            .describe_only();
        let body = body(&statement);
        assert_eq!((&body["asyncExec"], &body["describeOnly"]), (&json!(true), &json!(true)));
        assert_eq!(
            body["parameters"],
            json!({
                "MULTI_STATEMENT_COUNT": 1, "QUERY_TAG": "{\"a\": 1}", "STATEMENT_TIMEOUT_IN_SECONDS": 2,
                "ROWS_PER_RESULTSET": 10, "AUTOCOMMIT": false,
            })
        );
    }

    #[test]
    fn values_are_bound_by_their_position_and_are_no_part_of_the_text() {
        let bindings = vec![
            Binding::text(Some("'; drop table t --".to_owned())),
            Binding::fixed(Some("-12.50".to_owned())),
            Binding::real(Some("1e-3".to_owned())),
            Binding::boolean(Some(true)),
            Binding::date(Some(-1)),
            Binding::timestamp_ntz(Some(1_500_000_000_123_456_789)),
            Binding::text(None),
        ];
        let statement = Statement::new("select ?, ?, ?, ?, ?, ?, ?").bind(bindings);
        let body = body(&statement);
        assert_eq!(body["sqlText"], "select ?, ?, ?, ?, ?, ?, ?");
        assert_eq!(
            body["bindings"],
            json!({
                "1": {"type": "TEXT", "value": "'; drop table t --"},
                "2": {"type": "FIXED", "value": "-12.50"},
                "3": {"type": "REAL", "value": "1e-3"},
                "4": {"type": "BOOLEAN", "value": "true"},
                "5": {"type": "DATE", "value": "-86400000"},
                "6": {"type": "TIMESTAMP_NTZ", "value": "1500000000123456789"},
                "7": {"type": "TEXT", "value": null},
            })
        );
        assert!(!format!("{statement:?}").contains("drop"));
    }

    #[test]
    fn no_formatter_shows_text_or_values() {
        let shown = format!("{:?}", Statement::new("select secret_thing").tag("secret_tag"));
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn a_file_transfer_is_refused_before_it_is_sent() {
        use crate::error::FileTransfer;

        let put = Statement::new(" -- harmless\n PUT file:///etc/passwd @~");
        assert!(matches!(put.body(1, None), Err(Error::FileTransfer(FileTransfer::Put))));
    }
}
