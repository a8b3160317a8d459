//! A backend that answers at once, and requests to it: what is left is the pool.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use snowgate::backend::{
    Backend, BackendError, BoxFuture, Cancel, Caps, Collector, Completion, Connection, Context, Held,
    OpenGate, Operation, Ownership, Parameters, Registry, Request, RequestOrigin, Transaction, WriteJournal,
};
use snowgate::config::{Config, Environment, Paths};
use snowgate::multiplexer::{Multiplexer, Pool};
use sql_gate::Dialect;

/// The connection's name.
const NAME: &str = "instant";

const CAPS: Caps = Caps { rows_max: 1, bytes_max: 1_024, count_rows_max: 0 };

/// No variable is set.
struct NoVariables;

impl Environment for NoVariables {
    fn get(&self, _: &str) -> Option<String> {
        None
    }

    fn names_with(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

#[derive(Clone, Copy, Debug)]
struct Instant;

impl Backend for Instant {
    fn kind(&self) -> &'static str {
        NAME
    }

    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn resolve<'a>(&'a self, wanted: &'a Context) -> BoxFuture<'a, Result<Context, BackendError>> {
        Box::pin(std::future::ready(Ok(wanted.clone())))
    }

    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Connection>, BackendError>> {
        Box::pin(std::future::ready(Ok(Box::new(Self) as Box<dyn Connection>)))
    }
}

impl Connection for Instant {
    fn run(&mut self, _: Request) -> BoxFuture<'_, Result<Completion, BackendError>> {
        // A turn of the runtime, as an answer from elsewhere takes at least.
        Box::pin(async {
            tokio::task::yield_now().await;
            let rows = Collector::new(CAPS);
            Ok(Completion {
                rows,
                affected: None,
                query_id: None,
                context: None,
                held: Held::default(),
                overflow: None,
            })
        })
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        Arc::new(Self)
    }

    fn is_usable(&self) -> bool {
        true
    }
}

impl Cancel for Instant {
    fn cancel(&self) {}
}

impl WriteJournal for Instant {
    fn begin<'a>(&'a self, _: Option<&'a str>) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn record_query_id<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// A pool of so many connections with these further lines of the config.
pub(crate) async fn pool(connections: usize, more: &str) -> Result<Arc<Pool>> {
    let home = tempfile::tempdir().context("a temporary folder")?;
    let paths = Paths::below(home.path()).with_system_file(None);
    let text = format!("[pool]\nconnections_max = {connections}\nconnections_min = 0\n{more}");
    std::fs::write(&paths.config_file, text).context("writing the config file")?;
    let config = Config::load(&paths, &NoVariables).context("the config")?;
    let registry = Registry::default();
    registry.define(NAME, || Ok(Arc::new(Instant)));
    let pool = Multiplexer::new(registry, config.pool).pool(NAME).await;
    pool.map_err(|error| anyhow::anyhow!("the pool: {}", error.message))
}

/// Request `number` of `session`.
pub(crate) fn request(session: &str, number: u64) -> Request {
    Request {
        context: Context::default(),
        operation: Operation::Statement {
            sql: "select 1".to_owned(),
            transaction: Transaction::None,
            parameters: Parameters::default(),
        },
        caps: CAPS,
        timeout: Duration::from_secs(600),
        origin: RequestOrigin {
            client: None,
            session: session.to_owned(),
            number,
            found_by: Default::default(),
        },
        earlier: None,
        journal: Arc::new(Instant),
        statement: None,
        ownership: Ownership::Shared,
        is_running: None,
        gate: Arc::new(OpenGate),
        row_filter: None,
        wall: None,
        cost: None,
        sink: None,
        rows_skipped: 0,
        only_reads_earlier: false,
    }
}
