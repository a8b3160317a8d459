//! Reading a result's rows within the request's caps.

use snowflake_wire::{Answer, Error, StatementType};
use tokio::task::{consume_budget, spawn_blocking};

use super::decisions::{Consequence, after_download};
use super::types::type_of;
use super::{Run, RunError, stopped};
use crate::backend::delivery::Delivery;
use crate::backend::shorten;
use crate::backend::snowflake::catalog::{SHOW_ROWS_MAX, Shown, pick};
use crate::backend::snowflake::failure::of_connection;
use crate::backend::{BackendError, Caps, Cell, Collector, Completion, Flow, Held, RowFilter};

impl Run<'_> {
    /// Reads rows within the caps; no more is downloaded than that needs.
    pub(super) async fn collect(&self, mut answer: Answer, shown: Shown) -> Result<Completion, RunError> {
        let query_id = answer.query_id.as_ref().map(ToString::to_string);
        let filter = self.request.row_filter.as_deref();
        // Of filtered rows the server does not know how many there are.
        let (total, mut read) = (answer.rows.total().filter(|_| filter.is_none()), self.request.rows_skipped);
        if read > 0 {
            self.skip(&mut answer, read).await?;
        }
        let mut delivery =
            Delivery::new(Collector::new(caps(self.request.caps, total)), self.request.sink.clone());
        if answer.statement_type.is_some_and(StatementType::changes_rows) {
            let affected = sum(&mut answer).await.map_err(|error| self.failed_download(error))?;
            return Ok(Completion {
                rows: delivery.rows,
                affected: Some(affected),
                query_id,
                context: None,
                held: Held::default(),
                overflow: None,
            });
        }
        let names: Vec<String> = answer.rows.columns().iter().map(|column| column.name.clone()).collect();
        let shown = shown.of(&names);
        let columns = answer.rows.columns();
        let types = shown.iter().map(|(at, _)| columns.get(*at).map(type_of)).collect();
        delivery.set_columns(shown.iter().map(|(_, name)| name.clone()).collect(), types)?;
        // Whether the result has all that it shows.
        let mut is_over = false;
        let is_whole = loop {
            let next = tokio::select! {
                biased;
                // A statement that may have changed something is done: reporting it as stopped would be
                // wrong.
                () = self.stop.stopped(), if !self.writes() => return Err(stopped().into()),
                // For the sake of a summary nothing is downloaded.
                next = async { if is_over { answer.rows.next_here() } else { answer.rows.next().await } } => next,
            };
            let Some(row) = next.map_err(|error| self.failed_download(error))? else { break !is_over };
            read += 1;
            // Many rows may have arrived already, and this worker thread serves other tasks, too.
            consume_budget().await;
            let row = pick(&shown, row);
            if filter.is_some_and(|filter| !keeps(filter, &shown, &row)) {
                continue;
            }
            let (flow, is_full) = deliver(&mut delivery, row)?;
            if is_full {
                delivery = apart(delivery, Delivery::hand_on).await?;
            }
            match (flow, delivery.reads_on()) {
                (Flow::More, _) => {}
                // How many there are in all need not be counted.
                (_, Some(time_max)) => is_over = time_max.is_some() && total.is_some(),
                // The server has said how many there are.
                (Flow::CountOnly | Flow::Stop, None) if total.is_some() => break false,
                (Flow::CountOnly, None) => {}
                (Flow::Stop, None) => break false,
            }
        };
        let rows = &mut delivery.rows;
        if filter.is_some() && read >= SHOW_ROWS_MAX {
            // There may be more that SHOW does not return.
            rows.stop_counting();
        }
        if let Some(rest) = total.and_then(|total| total.checked_sub(read)).filter(|rest| *rest > 0) {
            rows.count(rest);
        }
        let delivery = apart(delivery, move |delivery| delivery.finish(is_whole)).await?;
        let overflow = delivery.overflow();
        Ok(Completion {
            rows: delivery.rows,
            affected: None,
            query_id,
            context: None,
            held: Held::default(),
            overflow,
        })
    }

    /// Leaves out the first `rows` rows.
    async fn skip(&self, answer: &mut Answer, rows: u64) -> Result<(), RunError> {
        tokio::select! {
            biased;
            () = self.stop.stopped(), if !self.writes() => Err(stopped().into()),
            done = answer.rows.skip(rows) => done.map_err(|error| self.failed_download(error)),
        }
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

/// Adds a row. Also returns whether rows are to be handed on.
fn deliver(delivery: &mut Delivery, mut row: Vec<Cell>) -> Result<(Flow, bool), BackendError> {
    let whole = delivery.reads_on().map(|_| row.clone());
    row.truncate(delivery.rows.columns_kept());
    let (row, shortened) = shorten(row, delivery.rows.room());
    let flow = delivery.rows.push_shortened(row, shortened);
    let Some(whole) = whole else { return Ok((flow, false)) };
    if !delivery.wants_row(shortened == 0)? {
        return Ok((flow, false));
    }
    for (at, cell) in whole.into_iter().enumerate() {
        let kind = delivery.rows.column_type(at).map(|of| of.kind).unwrap_or_default();
        match cell {
            Some(text) => delivery.row().cell(kind, &text),
            None => delivery.row().null(),
        }
    }
    Ok((flow, delivery.end_row()))
}

/// Does `work` where it may wait for a disk.
async fn apart(
    mut delivery: Delivery,
    work: impl FnOnce(&mut Delivery) -> Result<(), BackendError> + Send + 'static,
) -> Result<Delivery, BackendError> {
    if !delivery.has_begun() && !delivery.is_cut() {
        return Ok(delivery);
    }
    let done = spawn_blocking(move || work(&mut delivery).map(|()| delivery)).await;
    // It is never aborted, and a panic in there is one here.
    done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
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
