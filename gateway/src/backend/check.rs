//! Whether a backend can be used: a log-in, a connection, the context, and one statement. For a person who sets it up.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use super::{
    Backend, BackendError, BoxFuture, Caps, Context, ErrorKind, OpenGate, Operation, Ownership, Parameters,
    Request, RequestOrigin, Transaction, WriteJournal,
};

/// How long the statement may run. A warehouse that sleeps needs some seconds, and `select 1` needs none.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);

const CAPS: Caps = Caps { rows_max: 1, bytes_max: 4_096, count_rows_max: 1 };

/// Nothing is changed, so nothing is recorded.
#[derive(Debug)]
struct NoWrites;

impl WriteJournal for NoWrites {
    fn begin<'a>(&'a self, _: Option<&'a str>) -> BoxFuture<'a, Result<(), BackendError>> {
        let message = "the check of the connection would have changed something";
        Box::pin(ready(Err(BackendError::new(ErrorKind::Refused, message))))
    }

    fn record_query_id<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(ready(()))
    }
}

/// Opens a connection, switches it to `context` and runs `select 1`.
///
/// # Errors
/// The first thing that does not work: the log-in, a name of the context, the statement.
pub async fn check_connection(backend: &dyn Backend, context: &Context) -> Result<(), BackendError> {
    let context = backend.resolve(context).await?;
    let mut connection = backend.connect().await?;
    for operation in [Operation::UseContext, statement("select 1", Parameters::default())] {
        connection.run(request(&context, operation)).await?;
    }
    Ok(())
}

/// Opens a connection and has it prepare `sql` in `context`, without running it.
///
/// # Errors
/// What does not work, or what the backend says of the statement.
pub async fn check_statement(
    backend: &dyn Backend,
    context: &Context,
    sql: &str,
    parameters: Parameters,
) -> Result<(), BackendError> {
    let context = backend.resolve(context).await?;
    let mut connection = backend.connect().await?;
    // The statement begins a line, so that what is said of places in it fits.
    let operation = statement(&format!("EXPLAIN\n{sql}"), parameters);
    connection.run(request(&context, operation)).await.map(drop)
}

fn statement(sql: &str, parameters: Parameters) -> Operation {
    Operation::Statement { sql: sql.to_owned(), transaction: Transaction::None, parameters }
}

fn request(context: &Context, operation: Operation) -> Request {
    Request {
        context: context.clone(),
        operation,
        caps: CAPS,
        timeout: STATEMENT_TIMEOUT,
        origin: RequestOrigin { client: Some("snowgate setup".to_owned()), ..RequestOrigin::default() },
        earlier: None,
        journal: Arc::new(NoWrites),
        statement: None,
        ownership: Ownership::Shared,
        gate: Arc::new(OpenGate),
        row_filter: None,
        wall: None,
        is_running: None,
        cost: None,
        sink: None,
        rows_skipped: 0,
        only_reads_earlier: false,
    }
}
