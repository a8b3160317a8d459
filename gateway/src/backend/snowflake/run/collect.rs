//! Reading a result's rows within the request's caps.

use snowflake_wire::{Answer, Error, StatementType};
use tokio::task::consume_budget;

use super::decisions::{Consequence, after_download};
use super::types::type_of;
use super::{Run, RunError, stopped};
use crate::backend::snowflake::catalog::{SHOW_ROWS_MAX, Shown, pick};
use crate::backend::snowflake::failure::of_connection;
use crate::backend::snowflake::shorten::shorten;
use crate::backend::{Caps, Cell, Collector, Completion, Flow, Held, RowFilter};

impl Run<'_> {
    /// Reads rows within the caps; no more is downloaded than that needs.
    pub(super) async fn collect(&self, mut answer: Answer, shown: Shown) -> Result<Completion, RunError> {
        let query_id = answer.query_id.as_ref().map(ToString::to_string);
        let filter = self.request.row_filter.as_deref();
        // Of filtered rows the server does not know how many there are.
        let (total, mut read) = (answer.rows.total().filter(|_| filter.is_none()), 0);
        let mut rows = Collector::new(caps(self.request.caps, total));
        if answer.statement_type.is_some_and(StatementType::changes_rows) {
            let affected = sum(&mut answer).await.map_err(|error| self.failed_download(error))?;
            return Ok(Completion {
                rows,
                affected: Some(affected),
                query_id,
                context: None,
                held: Held::default(),
            });
        }
        let names: Vec<String> = answer.rows.columns().iter().map(|column| column.name.clone()).collect();
        let shown = shown.of(&names);
        rows.set_columns(shown.iter().map(|(_, name)| name.clone()).collect());
        let columns = answer.rows.columns();
        rows.set_types(shown.iter().map(|(at, _)| columns.get(*at).map(type_of)).collect());
        loop {
            let next = tokio::select! {
                biased;
                // A statement that may have changed something is done: reporting it as stopped would be
                // wrong.
                () = self.stop.stopped(), if !self.writes() => return Err(stopped().into()),
                next = answer.rows.next() => next,
            };
            let Some(row) = next.map_err(|error| self.failed_download(error))? else { break };
            read += 1;
            // Many rows may have arrived already, and this worker thread serves other tasks, too.
            consume_budget().await;
            let mut row = pick(&shown, row);
            if filter.is_some_and(|filter| !keeps(filter, &shown, &row)) {
                continue;
            }
            row.truncate(rows.columns_kept());
            let (row, shortened) = shorten(row, rows.room());
            match rows.push_shortened(row, shortened) {
                Flow::More => {}
                // The server has said how many there are.
                Flow::CountOnly | Flow::Stop if total.is_some() => break,
                Flow::CountOnly => {}
                Flow::Stop => break,
            }
        }
        if filter.is_some() && read >= SHOW_ROWS_MAX {
            // There may be more that SHOW does not return.
            rows.stop_counting();
        }
        if let Some(rest) = total.and_then(|total| total.checked_sub(read)).filter(|rest| *rest > 0) {
            rows.count(rest);
        }
        Ok(Completion { rows, affected: None, query_id, context: None, held: Held::default() })
    }

    /// The statement was executed, and its rows cannot be read.
    fn failed_download(&self, error: Error) -> RunError {
        if after_download(&error, self.facts()) == Consequence::NewSession {
            return RunError::SessionLost(error);
        }
        let mut error = of_connection(&error);
        if self.writes() && (self.autocommit || self.in_transaction) {
            error.message =
                format!("the statement was executed, but its rows cannot be read: {}", error.message);
        } else if self.writes() {
            error.message = format!("the transaction was not committed: {}", error.message);
        }
        error.into()
    }
}

/// Whether the client may see a row of a list of objects.
fn keeps(filter: &dyn RowFilter, shown: &[(usize, String)], row: &[Cell]) -> bool {
    let columns: Vec<String> = shown.iter().map(|(_, name)| name.clone()).collect();
    let cells: Vec<Option<&str>> = row.iter().map(Option::as_deref).collect();
    filter.keeps(&columns, &cells)
}

/// Counting costs nothing where the server says how many rows there are.
fn caps(caps: Caps, total: Option<u64>) -> Caps {
    Caps { count_rows_max: if total.is_some() { u64::MAX } else { caps.count_rows_max }, ..caps }
}

/// The number of rows that a statement changed: the sum of the counts in its one row.
async fn sum(answer: &mut Answer) -> Result<u64, Error> {
    let row = answer.rows.next().await?;
    let counts = row.unwrap_or_default().into_iter().flatten();
    Ok(counts.filter_map(|count| count.parse::<u64>().ok()).sum())
}
