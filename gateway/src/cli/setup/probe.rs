//! Tests a connection before its config is written: from the name of the host to `select 1`, by the gateway's own code.

use anyhow::{Context as _, Result};

use super::SetupError;
use super::answers::Backend as Kind;
use crate::backend::{BackendError, Context, ErrorKind, check_connection};
use crate::cli::log_in_talk::log_in;
use crate::cli::login::NotLoggedIn;
use crate::cli::person::Person;
use crate::config::{Config, ConnectionConfig, SqliteConfig};
use crate::link::{LogInAsked, LogInView};
use crate::shared::open_backend;

/// Logs in, with the help of `person` if there is one, and runs `select 1`; returns who is logged in where.
///
/// # Errors
/// What does not work, with the next step.
pub(super) fn test(
    config: &Config,
    database: Option<&str>,
    person: Option<&mut (dyn Person + '_)>,
    tell: &mut dyn FnMut(&str),
) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.context("cannot start the test")?;
    let (kind, connection) = match &config.snowflake {
        Some(account) => (Kind::Snowflake, ConnectionConfig::Snowflake(Box::new(account.clone()))),
        None => match without_making(&config.sqlite) {
            Some(sqlite) => (Kind::Sqlite, ConnectionConfig::Sqlite(sqlite)),
            None => return Ok(format!("no files yet in {}", config.sqlite.folder.display())),
        },
    };
    let backend = open_backend(&connection)?;
    if kind == Kind::Snowflake {
        let mut asks = |asked: &LogInAsked| {
            let done = runtime.block_on(backend.log_in(asked.request()));
            Ok(Some(LogInView::of("snowflake", Some(backend.as_ref()), done)))
        };
        let view = log_in(&mut asks, &LogInAsked::default(), person, tell)?;
        if let Some(view) = view.filter(|view| !view.logged_in) {
            return Err(NotLoggedIn::of("the test of the connection failed: not logged in", view).into());
        }
    }
    let context = context(config, database);
    let done: Result<(), BackendError> = runtime.block_on(async {
        let done = check_connection(backend.as_ref(), &context).await;
        backend.close().await;
        done
    });
    done.map_err(|error| match error.kind {
        ErrorKind::Statement | ErrorKind::NoContext => {
            let message = format!("the test of the connection failed: {context} cannot be used: {error}");
            SetupError::refused(
                message,
                "correct role, warehouse or database (`snowgate setup sql` prints what a role needs)",
            )
            .into()
        }
        _ => anyhow::Error::new(error).context("the test of the connection failed"),
    })?;
    Ok(backend.status().target.unwrap_or_else(|| backend.kind().to_owned()))
}

/// The same files without what a gateway makes at its start: nothing is to be left of a set-up that is ended. `None`: there are
/// no files before that.
pub(in crate::cli) fn without_making(sqlite: &SqliteConfig) -> Option<SqliteConfig> {
    let sample_folder = sqlite.sample_folder.clone().filter(|folder| folder.is_dir());
    let has_files = std::fs::read_dir(&sqlite.folder).is_ok_and(|mut files| files.next().is_some());
    if sqlite.creates_folder && sample_folder.is_none() && !has_files {
        return None;
    }
    Some(SqliteConfig { sample_folder, creates_folder: false, ..sqlite.clone() })
}

/// Where the session of a client would start.
fn context(config: &Config, database: Option<&str>) -> Context {
    let account = config.snowflake.as_ref();
    let of =
        |pick: fn(&crate::backend::snowflake::SnowflakeSettings) -> Option<String>| account.and_then(pick);
    Context {
        role: of(|account| account.role.clone()),
        warehouse: of(|account| account.warehouse.clone()),
        database: database.map(str::to_owned).or_else(|| of(|account| account.database.clone())),
        schema: of(|account| account.schema.clone()),
        secondary_roles: None,
    }
}
