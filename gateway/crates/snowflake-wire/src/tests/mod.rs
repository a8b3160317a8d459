//! The client against a server over real sockets.

mod aborting;
mod chunks;
mod log_in;
mod renewal;
mod retries;
mod secrets;
mod statements;

use crate::{Answer, Error, Progress, Rows};

/// All rows of a result of one column.
async fn column(rows: &mut Rows) -> Result<Vec<String>, Error> {
    let mut cells = Vec::new();
    while let Some(mut row) = rows.next().await? {
        cells.push(row.pop().flatten().unwrap_or_else(|| "NULL".into()));
    }
    Ok(cells)
}

/// The answer of a query that is done.
fn done(progress: Progress) -> Answer {
    match progress {
        Progress::Done(answer) => *answer,
        Progress::Running(running) => panic!("{} still runs", running.query_id()),
    }
}
